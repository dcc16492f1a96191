"""The pre-pass over a CSV file, which makes it safe and countable before DuckDB reads it.

Design note. Findings must name the physical line, a truncated file must be refused, and one stray
quotation mark must not swallow its neighbours; a fast CSV reader promises none of this. So each
file is swept once in blocks of bytes. Nearly every file turns out plain (see connectors.blocks) and
is read as it is; any other is rewritten. Work is done a block at a time by bytes methods, and only
blocks that are not plain are looked at line by line. Memory is a few blocks, whatever the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connectors.blocks import BLOCK, Plainness, blocks
from connectors.header import Header
from connectors.rewrite import refuse_cut, rewrite
from roster.errors import BadInput


@dataclass(frozen=True)
class Swept:
    """A plain file, ready for DuckDB. `skip`: its lines before the first record.

    `shifts`: (record, physical line) wherever lines and records stop running in step; the first
    is always there. `notes`: a CSV file of what the rewriting found (see connectors.rewrite), or
    None. `foreign`: the first line that is not UTF-8, or None.
    """

    path: Path
    line_end: str
    skip: int
    records: int
    shifts: tuple[tuple[int, int], ...]
    notes: Path | None
    foreign: int | None


@dataclass(frozen=True)
class _Survey:
    plain: bool
    lines: int
    foreign: int | None


def sweep(path: Path, header: Header, scratch: Path) -> Swept:
    """Sweep the file at `path`; a rewritten one goes into the folder `scratch`.

    BadInput where the file is truncated, is no text, or has a giant line.
    """
    survey = _Survey(plain=False, lines=0, foreign=None)
    if header.encoding.startswith("utf-8"):
        survey = _survey(path, header)
    if survey.plain:
        return Swept(path, header.line_end, 1, survey.lines - 1, ((0, 2),), None, survey.foreign)
    target, notes = scratch / "plain.csv", scratch / "notes.csv"
    records, shifts = rewrite(path, header, target, notes)
    return Swept(target, "\n", 0, records, tuple(shifts), notes, survey.foreign)


def _survey(path: Path, header: Header) -> _Survey:
    """Is the file plain, and where does it stop being UTF-8? Looks at every byte in any case."""
    end = b"\r" if header.line_end == "\r" else b"\n"
    plain = header.line == 1 and header.line_end != "\r"
    plainness = Plainness(header, header.line_end.encode())
    lines, foreign, last = 0, None, b""
    with path.open("rb") as stream:
        for line, block in blocks(_chunks(stream), header.file, end):
            if foreign is None and not block.isascii():
                foreign = _foreign(header.file, block, line, end)
            plain = plain and foreign is None and plainness.of(block)
            lines = line - 1 + block.count(end) + (not block.endswith(end))
            last = block
    if plain and lines > 1 and not last.endswith(end):
        refuse_cut(header, lines, last.rsplit(end, 1)[-1])
    return _Survey(plain, lines, foreign)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(BLOCK):
        yield chunk


def _foreign(file: str, block: bytes, line: int, end: bytes) -> int | None:
    """The line of the first byte that is not UTF-8, or None."""
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + block.count(end, 0, error.start)
        if error.reason == "unexpected end of data":
            raise BadInput(
                f"{file}:{at}: the file ends in the middle of a character; it is truncated,"
                " upload it again"
            ) from error
        return at
    return None
