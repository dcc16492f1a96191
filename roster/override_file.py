"""The file of overrides as it is written by hand: CSV, one correction a line.

    table,key,column,value,expires,reason
    users,U1,email,ada@contoso.edu,2027-01-31,mistyped in the SIS
    enrollments,C1/U7,add,student,2026-12-24,trial lessons
    enrollments,C1/U3,drop,,,moved away; the SIS still lists her

`expires` (the last day on which the line is used) and `reason` may be left out. Such a file has
some dozen lines: it is read line by line, in whatever encoding a spreadsheet saved it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roster.errors import BadInput

COLUMNS = ("table", "key", "column", "value", "expires", "reason")
_NEEDED = COLUMNS[:4]
MOST_LINES = 10_000


@dataclass(frozen=True)
class OverrideLine:
    """A line, its texts without white space around them.

    `line`: where it begins in the file, from 1. `fits`: whether it has the values that the header
    promises; expires and reason may be missing at its end.
    """

    line: int
    table: str
    key: str
    column: str
    value: str
    expires: str
    fits: bool


def read_override_file(path: Path) -> list[OverrideLine]:
    """The lines of a file.

    Raises BadInput where the file is missing or is no such table at all: then no run may go on
    without the corrections.
    """
    try:
        text = _decoded(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(
            f"{path.name}: there is no such file of overrides; upload it, or take it out of the"
            " settings"
        ) from None
    records = _records(path.name, text)
    if len(records) > MOST_LINES:
        raise BadInput(
            f"{path.name}: more than {MOST_LINES} lines; correct that much in the source itself"
        )
    places = _places(path.name, records[0][1] if records else [])
    return [_line(number, values, places) for number, values in records[1:]]


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _records(name: str, text: str) -> list[tuple[int, list[str]]]:
    """(first line, values) of every record that has any."""
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    found: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for values in reader:
            texts = [value.strip() for value in values]
            if any(texts):
                found.append((line, texts))
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{name}:{line}: not CSV: {error}") from error
    return found


def _places(name: str, header: Sequence[str]) -> dict[str, int]:
    names = [text.lower() for text in header]
    if missing := [column for column in _NEEDED if column not in names]:
        raise BadInput(
            f"{name}:1: the header has no {', '.join(missing)}; write {', '.join(_NEEDED)}, and"
            " expires and reason after them if you like"
        )
    if unknown := [column for column in names if column not in COLUMNS]:
        raise BadInput(
            f"{name}:1: the header has {', '.join(map(repr, unknown))}, which is not known;"
            f" allowed: {', '.join(COLUMNS)}"
        )
    return {column: names.index(column) for column in names}


def _line(number: int, values: Sequence[str], places: Mapping[str, int]) -> OverrideLine:
    def text(column: str) -> str:
        place = places.get(column, len(values))
        return values[place] if place < len(values) else ""

    least = max(places[column] for column in _NEEDED)
    return OverrideLine(
        number,
        text("table").lower(),
        text("key"),
        text("column").lower(),
        text("value"),
        text("expires"),
        least < len(values) <= len(places),
    )
