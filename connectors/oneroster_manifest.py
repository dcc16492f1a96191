"""manifest.csv of a OneRoster package: which files it has, and which are whole or changes only.

https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence, Set
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


@dataclass(frozen=True)
class Manifest:
    """What a manifest says. `states`: lower-case name of a file → (absent, bulk or delta, line)."""

    file: DropFile
    states: Mapping[str, tuple[str, int]]
    version: str
    version_line: int

    def is_delta(self, stem: str) -> bool:
        """Whether a file holds changes only."""
        return self.states.get(stem, ("", 1))[0] == "delta"

    def changes(self, used: Set[str]) -> list[str]:
        """Which of the files that are used hold changes only, in order."""
        return [stem for stem in self.states if stem in used and self.is_delta(stem)]


def load_manifest(file: DropFile, header: Header) -> Manifest:
    """Reads a manifest. BadInput where its columns are missing or a state is none."""
    properties = read_manifest(file, header)
    return Manifest(file, _states(file, properties), *properties.get(VERSION, ("", 1)))


def check_manifest(
    manifest: Manifest, form: CsvFormat, files: Sequence[DropFile], *, changes: bool
) -> list[Notice]:
    """Files that are there although the manifest says they are absent; a version that is not true.

    `changes`: the package has files of changes. BadInput where a roster file that it promises is
    missing, or where it says of none of both, in a package of changes, which it is: changes that
    were taken for the whole would make everyone leave who is not in them.
    """
    file, states = manifest.file, manifest.states
    stems = {other.stem: other for other in files}
    used = {spec.name.lower(): spec.name for spec in form.files if spec.feeds}
    for stem, (state, line) in states.items():
        if state != "absent" and stem in used and stem not in stems:
            raise BadInput(
                f"{file.name}:{line}: {used[stem]}.csv is announced as {state} and is not in the"
                " package; deliver all files again"
            )
    unsaid = [
        stem for stem in stems if stem in used and states.get(stem, ("absent", 1))[0] == "absent"
    ]
    if changes and unsaid:
        raise BadInput(
            f"{file.name}: does not say whether {stems[unsaid[0]].name} is whole (bulk) or changes"
            " only (delta); name each file of the package"
        )
    notices = [
        Notice(stems[stem], "csv.unannounced")
        for stem, (state, _) in states.items()
        if state == "absent" and stem in stems
    ]
    version, line = manifest.version, manifest.version_line
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
