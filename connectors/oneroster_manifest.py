"""manifest.csv of a OneRoster package: which files it has, and which are whole or changes only.

https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.drop import DropFile
from connectors.formats import CsvFormat, header_key
from connectors.header import Header
from roster.errors import BadInput

VERSION = "oneroster.version"
# What the files may be called, by the name of their format; 1.2.1 still writes 1.2.
_VERSIONS = {"oneroster-1.1": ("1.0", "1.1"), "oneroster-1.2": ("1.2", "1.2.1")}
_STATES = ("absent", "bulk", "delta")
_FILE = "file."


@dataclass(frozen=True)
class Notice:
    """A finding about a file as a whole: its rule, the physical line, and the value there."""

    file: DropFile
    rule: str
    line: int = 1
    value: str = ""


def check_manifest(
    file: DropFile, header: Header, form: CsvFormat, files: Sequence[DropFile]
) -> list[Notice]:
    """Files that are there although the manifest says they are absent; a version that is not true.

    BadInput where a roster file that it promises is missing, a state is none, or a file holds
    changes only: taken for the whole, such a file would make everyone leave who is not in it.
    """
    properties = read_manifest(file, header)
    states = _states(file, properties)
    stems = {other.stem: other for other in files}
    used = {spec.name.lower(): spec.name for spec in form.files if spec.feeds}
    delta = [used[stem] for stem, (state, _) in states.items() if state == "delta" and stem in used]
    if delta:
        names = ", ".join(f"{name}.csv" for name in delta)
        raise BadInput(
            f"{file.name}: {names}: changes only (delta). A delta is not applied, and must never"
            " be read as the whole roster; export these files in full (bulk) and deliver the"
            " package again"
        )
    for stem, (state, line) in states.items():
        if state == "bulk" and stem in used and stem not in stems:
            raise BadInput(
                f"{file.name}:{line}: {used[stem]}.csv is announced as bulk and is not in the"
                " package; deliver all files again"
            )
    notices = [
        Notice(stems[stem], "csv.unannounced")
        for stem, (state, _) in states.items()
        if state == "absent" and stem in stems
    ]
    version, line = properties.get(VERSION, ("", 1))
    if version and version not in _VERSIONS.get(form.name, (version,)):
        notices.append(Notice(file, "csv.version", line, version))
    return notices


def read_manifest(file: DropFile, header: Header) -> dict[str, tuple[str, int]]:
    """Lower-case property → (value as it stands, physical line). BadInput without its columns.

    One published table has the names of 1.2's own files with an asterisk, which is left out.
    """
    places = {header_key(name): place for place, name in enumerate(header.names)}
    missing = [name for name in ("propertyName", "value") if header_key(name) not in places]
    if missing:
        raise BadInput(
            f"{file.name}:{header.line}: the column {missing[0]} is missing; expected the columns"
            " propertyName, value"
        )
    properties: dict[str, tuple[str, int]] = {}
    for cells, line in manifest_rows(file, header):
        cells = [cell.strip() for cell in cells] + [""] * len(header.names)
        name = cells[places["propertyname"]].lower().rstrip("*")
        properties[name] = (cells[places["value"]], line)
    return properties


def manifest_rows(file: DropFile, header: Header) -> list[tuple[list[str], int]]:
    """The cells of each line that has some, its header included, and its physical line."""
    with file.path.open(encoding=header.encoding, errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=header.delimiter)
        try:
            return [(cells, reader.line_num) for cells in reader if any(cells)]
        except csv.Error as error:
            raise BadInput(
                f"{file.name}:{reader.line_num}: the manifest is no CSV table ({error});"
                " export it again"
            ) from error


def _states(
    file: DropFile, properties: Mapping[str, tuple[str, int]]
) -> dict[str, tuple[str, int]]:
    """Lower-case name of a file → (absent, bulk or delta, the line that says so)."""
    states: dict[str, tuple[str, int]] = {}
    for name, (value, line) in properties.items():
        if not name.startswith(_FILE):
            continue
        if value.lower() not in _STATES:
            raise BadInput(
                f"{file.name}:{line}: {name} is neither absent nor bulk nor delta;"
                " allowed: absent, bulk, delta"
            )
        states[name.removeprefix(_FILE)] = (value.lower(), line)
    return states
