"""manifest.csv of a OneRoster package: which files it has, and which are whole or changes only.

https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from connectors.drop import DropFile
from connectors.formats import CsvFormat, header_key
from connectors.header import Header
from roster.errors import BadInput

_STATES = ("absent", "bulk", "delta")
_FILE = "file."


def check_manifest(
    file: DropFile, header: Header, form: CsvFormat, files: Sequence[DropFile]
) -> list[DropFile]:
    """The files that are there although the manifest says they are absent.

    BadInput where a roster file that it promises is missing, a state is none, or a file holds
    changes only: taken for the whole, such a file would make everyone leave who is not in it.
    """
    states = _states(file, header)
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
    return [
        stems[stem] for stem, (state, _) in states.items() if state == "absent" and stem in stems
    ]


def _states(file: DropFile, header: Header) -> dict[str, tuple[str, int]]:
    """Lower-case name of a file → (absent, bulk or delta, the line that says so)."""
    places = {header_key(name): place for place, name in enumerate(header.names)}
    missing = [name for name in ("propertyName", "value") if header_key(name) not in places]
    if missing:
        raise BadInput(
            f"{file.name}:{header.line}: the column {missing[0]} is missing; expected the columns"
            " propertyName, value"
        )
    states: dict[str, tuple[str, int]] = {}
    with file.path.open(encoding=header.encoding, errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=header.delimiter)
        for cells in reader:
            cells = [cell.strip() for cell in cells] + [""] * len(header.names)
            name = cells[places["propertyname"]].lower().rstrip("*")
            value = cells[places["value"]].lower()
            if not name.startswith(_FILE):
                continue
            if value not in _STATES:
                raise BadInput(
                    f"{file.name}:{reader.line_num}: {name} is neither absent nor bulk nor delta;"
                    " allowed: absent, bulk, delta"
                )
            states[name.removeprefix(_FILE)] = (value, reader.line_num)
    return states
