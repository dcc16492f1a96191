"""A CSV file written anew in plain form: UTF-8, one record a line, and notes of what was changed.

Line numbers stay those of the file that was delivered: wherever the count of lines departs from
the count of records, a shift is noted.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from connectors.blocks import BLOCK, Plainness, blocks
from connectors.header import Header
from connectors.record import Flaw, Record, flat, read_record, write_record
from roster.errors import BadInput

LONGEST_VALUE_LINES = 100
LONGEST_VALUE = 64 * 1024
_NOTED = 2000
_WINDOWS_1252 = "rollcall.windows-1252"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: bytes that are not UTF-8 are taken for Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("windows-1252"), error.end


codecs.register_error(_WINDOWS_1252, _as_windows_1252)


class _Notes(Protocol):
    def writerow(self, row: tuple[int, str, int, str, str], /) -> object: ...


def rewrite(
    path: Path, header: Header, target: Path, notes: Path
) -> tuple[int, list[tuple[int, int]]]:
    """Write `target` in plain form, without header; the number of records, and the shifts.

    `notes`: gets CSV rows (line, rule, column index, value, text of the record) for line breaks in
    values and for lines with a stray quotation mark, which `target` then lacks. BadInput where
    the file is truncated or cannot be decoded.
    """
    codec = "utf-8-sig" if header.encoding == "utf-8" else header.encoding
    errors = _WINDOWS_1252 if codec == "utf-8-sig" else "strict"
    with (
        path.open(encoding=codec, errors=errors, newline=None) as text,
        target.open("wb") as plain,
        notes.open("w", encoding="utf-8", newline="") as noted,
    ):
        rewriting = _Rewriting(header, plain, csv.writer(noted))
        try:
            for line, block in blocks(_encoded(text), header.file, b"\n"):
                rewriting.add(line, block)
        except UnicodeError as error:
            raise BadInput(
                f"{header.file}: bytes that are neither {header.encoding} nor Windows-1252; the"
                " file is damaged or truncated; save it as UTF-8"
            ) from error
        rewriting.finish()
        return rewriting.records, rewriting.shifts


def _encoded(text: TextIO) -> Iterator[bytes]:
    while characters := text.read(BLOCK):
        yield characters.encode()


class _Rewriting:
    def __init__(self, header: Header, plain: BinaryIO, notes: _Notes) -> None:
        self._header = header
        self._delimiter = header.delimiter.encode()
        self._plain = plain
        self._notes = notes
        self._plainness = Plainness(header, b"\n")
        self._open: list[bytes] = []
        self._open_line = 0
        self._marks = 0
        self._unended: tuple[int, bytes] | None = None
        self.records = 0
        self.shifts = [(0, header.line + 1)]

    def add(self, line: int, block: bytes) -> None:
        """Take a block of whole lines, the first of which is the physical line `line`."""
        if not block.endswith(b"\n"):
            self._unended = (line + block.count(b"\n"), block.rsplit(b"\n", 1)[-1])
            block += b"\n"
        self._marks += block.count(b'"')
        if not self._open and line > self._header.line and self._plainness.of(block):
            self._write(line, block)
        else:
            for number, text in enumerate(block.split(b"\n")[:-1], start=line):
                if number > self._header.line:
                    self._line(number, text)

    def finish(self) -> None:
        """Refuse a file that ends in the middle of a value or record."""
        while self._open and self._marks % 2 == 0:
            self._reread()
        if self._open:
            raise BadInput(
                f"{self._header.file}:{self._open_line}: a quotation mark opens a value that the"
                " file's end cuts off; the file is truncated, or the mark is stray: close the"
                " value, or export the file again"
            )
        if self._unended is not None and self._unended[0] > self._header.line:
            refuse_cut(self._header, *self._unended)

    def _line(self, number: int, text: bytes) -> None:
        if self._open:
            self._continue(text)
        elif text.strip():
            record = read_record(text, self._delimiter) if b'"' in text else None
            if record is None:
                self._write(number, text + b"\n")
            elif record.flaw is None:
                self._write(number, write_record(record.values, self._delimiter) + b"\n")
            elif record.flaw is Flaw.OPEN:
                self._open, self._open_line = [text], number
            else:
                self._give_up(number, text, record)

    def _continue(self, text: bytes) -> None:
        """A further line of a record whose last value is still open."""
        self._open.append(text)
        joined = b"\n".join(self._open)
        short = len(self._open) < LONGEST_VALUE_LINES and len(joined) < LONGEST_VALUE
        if short and b'"' not in text:
            return
        record = read_record(joined, self._delimiter)
        if short and record.flaw is Flaw.OPEN:
            return
        if record.flaw is None and self._fits(record):
            self._open = []
            plain = write_record(record.values, self._delimiter)
            self._note_breaks(record, plain)
            self._write(self._open_line, plain + b"\n")
            return
        self._reread()

    def _reread(self) -> None:
        """The mark that opened the value was stray: give its line up, and read the others anew."""
        (stray, *others), self._open = self._open, []
        first = self._open_line
        self._give_up(first, stray, read_record(stray, self._delimiter))
        for number, text in enumerate(others, start=first + 1):
            self._line(number, text)

    def _fits(self, record: Record) -> bool:
        width = len(self._header.names)
        return len(record.values) >= width and not any(record.values[width:])

    def _note_breaks(self, record: Record, plain: bytes) -> None:
        broken = [place for place, value in enumerate(record.values) if b"\n" in value]
        value = flat(record.values[broken[0]])
        self._note("csv.line_break", self._open_line, broken[0], value, plain)

    def _give_up(self, number: int, text: bytes, record: Record) -> None:
        self._note("csv.quote", number, len(record.values), text, text)

    def _note(self, rule: str, line: int, column: int, value: bytes, text: bytes) -> None:
        shown = value[:_NOTED].decode(errors="ignore")
        self._notes.writerow((line, rule, column, shown, text[:_NOTED].decode(errors="ignore")))

    def _write(self, line: int, lines: bytes) -> None:
        record, first = self.shifts[-1]
        if line != first + (self.records - record):
            if record == self.records:
                self.shifts.pop()
            self.shifts.append((self.records, line))
        self._plain.write(lines)
        self.records += lines.count(b"\n")


def refuse_cut(header: Header, line: int, text: bytes) -> None:
    """A last line without line end is fine, unless values are missing from it too."""
    found = len(read_record(text, header.delimiter.encode()).values)
    if text.strip() and found < len(header.names):
        raise BadInput(
            f"{header.file}:{line}: the file ends in the middle of a record ({found} of"
            f" {len(header.names)} values, and no line end); it is truncated, upload it again"
        )
