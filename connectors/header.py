"""The first lines of a CSV file: its encoding, its delimiter and the names of its columns."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path

from roster.errors import BadInput

LONGEST_LINE = 1024**2
_DELIMITERS = (",", ";", "\t")
_BOMS = (
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Header:
    """What the first lines say. `line`: the physical line of the column names, from 1.

    `names`: the columns as they are spelt, up to the last that has a name ("" = unnamed between).
    `encoding`: of Python's codecs; UTF-8 is a guess until the whole file was read.
    `line_end`: the first one, as it is in the file.
    """

    file: str
    encoding: str
    delimiter: str
    line_end: str
    line: int
    names: tuple[str, ...]


def read_header(file: str, path: Path) -> Header:
    """Read the header of the file at `path`, called `file` in messages. BadInput if none is there.

    At most a little over LONGEST_LINE bytes are read.
    """
    with path.open("rb") as stream:
        start = stream.read(2 * LONGEST_LINE + 4)
    if not start:
        raise BadInput(f"{file}:1: the file is empty; expected a line of column names")
    encoding = _encoding(file, start)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
    for number, (line, line_end) in enumerate(_lines(text), start=1):
        if len(line) > LONGEST_LINE:
            raise BadInput(too_long(file, number))
        if line.strip():
            delimiter = _delimiter(line)
            return Header(file, encoding, delimiter, line_end, number, _names(line, delimiter))
    raise BadInput(f"{file}:1: only blank lines; expected a line of column names")


def too_long(file: str, line: int) -> str:
    """The message for a line that no real export has."""
    return (
        f"{file}:{line}: the line is longer than {LONGEST_LINE:,} bytes; this is no CSV table, or"
        " its line ends are lost; export it again"
    )


def _encoding(file: str, start: bytes) -> str:
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            if encoding:
                return encoding
            raise BadInput(f"{file}:1: the file is UTF-32; save it as UTF-8")
    # Without a byte order mark: the names of columns are ASCII, so every other byte is zero.
    sample = start[:256]
    for encoding, zeros in (("utf-16-be", sample[0::2]), ("utf-16-le", sample[1::2])):
        if zeros and not any(zeros):
            return encoding
    if b"\0" in sample:
        raise BadInput(f"{file}:1: zero bytes, so this is no text file; export it as CSV again")
    return "utf-8"


def _lines(text: str) -> list[tuple[str, str]]:
    """The first lines up to the first that is not blank, each with its line end."""
    lines: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        end = _LINE_END.search(text, place)
        line = text[place : end.start() if end else len(text)]
        lines.append((line, end.group() if end else "\n"))
        if line.strip():
            break
        place = end.end() if end else len(text)
    return lines


def _delimiter(line: str) -> str:
    bare = re.sub(r'"[^"]*"', "", line)
    return max(_DELIMITERS, key=bare.count)


def _names(line: str, delimiter: str) -> tuple[str, ...]:
    (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    names = [cell.strip(" \t\u00a0\ufeff\"'") for cell in cells]
    while names and not names[-1]:
        names.pop()
    return tuple(names)
