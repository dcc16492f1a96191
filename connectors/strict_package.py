"""A OneRoster package as a whole, held to the letter: its files, its manifest, its headers.

What stands in the rows is held to it by `connectors.strict_rows`.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from connectors.drop import DropFile
from connectors.formats import header_key
from connectors.header import Header
from connectors.oneroster_binding import BINDING, STATES, VERSIONS, BoundColumn, BoundFile
from connectors.oneroster_manifest import manifest_rows

MANIFEST = "manifest"
_HEADER = ("propertyName", "value")
_OPTIONAL = ("source.systemName", "source.systemCode")
_EXTENSION = re.compile(r"metadata\..+")


@dataclass(frozen=True)
class Breach:
    """A place where a package breaks a clause. `line`: physical, from 1; None: the whole file."""

    clause: str
    file: str
    line: int | None = None
    column: str = ""
    value: str = ""


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest, as they stand: property, value, physical line."""

    rows: tuple[tuple[str, str, int], ...] = ()

    def value(self, name: str) -> str:
        """The value of a property, "" where there is none."""
        return next((value for key, value, _ in self.rows if key == name), "")

    def state(self, file: str) -> str:
        """absent, bulk or delta; a file that is not announced counts as bulk."""
        state = self.value(f"file.{file}").lower()
        return state if state in STATES else "bulk"


def check_names(path: Path, version: str) -> Iterator[Breach]:
    """Hold the names of the files in a folder or zip to the standard."""
    known = {name.lower(): name for name in (*BINDING[version], MANIFEST)}
    package, names = _delivered(path)
    folders = {str(PurePosixPath(name).parent) for name in names} - {"."}
    for folder in sorted(folders):
        yield Breach("oneroster.package.root", package, value=folder)
    for name in sorted(PurePosixPath(name).name for name in names):
        stem = name.lower().removesuffix(".csv")
        if stem not in known or not name.lower().endswith(".csv"):
            yield Breach("oneroster.package.unknown_file", name)
        elif name != f"{known[stem]}.csv":
            yield Breach("oneroster.package.name", name, value=f"{known[stem]}.csv")


def _delivered(path: Path) -> tuple[str, list[str]]:
    """What the package is called, and the names in it; of a zip with their folders."""
    if path.is_dir():
        files = sorted(child for child in path.iterdir() if child.is_file())
        zips = [file for file in files if file.suffix.lower() == ".zip"]
        if not zips:
            return path.name, [file.name for file in files if not file.name.startswith(".")]
        path = zips[0]
    with zipfile.ZipFile(path) as archive:
        return path.name, [entry.filename for entry in archive.infolist() if not entry.is_dir()]


def read_rows(file: DropFile, header: Header) -> Manifest:
    """The rows of the manifest after its header."""
    rows = [([*cells, ""][:2], line) for cells, line in manifest_rows(file, header)]
    return Manifest(tuple((name, value, line) for (name, value), line in rows[1:]))


def check_manifest(
    file: DropFile, header: Header, manifest: Manifest, version: str, stems: frozenset[str]
) -> Iterator[Breach]:
    """Hold the manifest to the standard. `stems`: the files there are, in lower case."""
    names = tuple(raw_names(file, header))
    if names != _HEADER:
        yield Breach("oneroster.manifest.header", file.name, header.line, value=",".join(names))
    needed = ("manifest.version", "oneroster.version", *(f"file.{f}" for f in BINDING[version]))
    counted = Counter(name for name, _, _ in manifest.rows)
    for name in needed:
        if name not in counted:
            yield Breach("oneroster.manifest.property_missing", file.name, value=name)
    seen: set[str] = set()
    for name, value, line in manifest.rows:
        here = (file.name, line, name, value)
        if name not in {*needed, *_OPTIONAL}:
            yield Breach("oneroster.manifest.property_unknown", file.name, line, "", name)
        elif name in seen:
            yield Breach("oneroster.manifest.property_twice", file.name, line, "", name)
        elif name == "manifest.version" and value != "1.0":
            yield Breach("oneroster.manifest.version", *here)
        elif name == "oneroster.version" and value not in VERSIONS:
            yield Breach("oneroster.manifest.oneroster_version", *here)
        elif name.startswith("file."):
            yield from _check_state(here, value, name.removeprefix("file."), stems)
        seen.add(name)


def _check_state(
    here: tuple[str, int, str, str], value: str, name: str, stems: frozenset[str]
) -> Iterator[Breach]:
    if value not in STATES:
        yield Breach("oneroster.manifest.state", *here)
    elif value == "absent" and name.lower() in stems:
        yield Breach("oneroster.manifest.file_unexpected", *here)
    elif value != "absent" and name.lower() not in stems:
        yield Breach("oneroster.manifest.file_missing", *here)


def raw_names(file: DropFile, header: Header) -> list[str]:
    """The names of the columns exactly as they stand, blanks included."""
    with file.path.open(encoding=header.encoding, errors="replace", newline="") as text:
        line = next(line for line in text if line.strip())
    (names,) = csv.reader([line.rstrip("\r\n")], delimiter=header.delimiter)
    return names


def recognised(bound: BoundFile, names: Sequence[str]) -> dict[BoundColumn, int]:
    """Column of the standard → its place, for those that are there in whatever spelling."""
    places = {header_key(name): place for place, name in reversed([*enumerate(names)])}
    exact = frozenset(name for name in names)
    return {
        column: places[header_key(column.name)]
        for column in bound.columns(exact)
        if header_key(column.name) in places
    }


def check_header(
    file: DropFile, header: Header, bound: BoundFile, names: Sequence[str]
) -> Iterator[Breach]:
    """Hold the columns of a file to the standard.

    Where none of them is known, no cell is repeated: the first line then holds a person.
    """
    found = recognised(bound, names)
    if not found:
        yield Breach("oneroster.header.row", file.name, header.line)
        return
    if header.delimiter != ",":
        yield Breach("oneroster.csv.delimiter", file.name, header.line, value=header.delimiter)
    standard = bound.columns(frozenset(names))
    for column in standard:
        if column not in found:
            yield Breach("oneroster.header.missing", file.name, header.line, column.name)
    yield from _check_spellings(file, header, {c.name: p for c, p in found.items()}, names)
    yield from _check_order(file, header, tuple(found.items()), names)


def _check_spellings(
    file: DropFile, header: Header, found: Mapping[str, int], names: Sequence[str]
) -> Iterator[Breach]:
    spelt = {header_key(name): name for name in found}
    seen: set[str] = set()
    for place, name in enumerate(names):
        key = header_key(name)
        shown = name or f"column {place + 1}"
        if key and key in seen:
            yield Breach("oneroster.header.twice", file.name, header.line, shown)
        elif key in spelt and name != spelt[key]:
            yield Breach("oneroster.header.case", file.name, header.line, spelt[key], name)
        elif key not in spelt and not _EXTENSION.fullmatch(name):
            yield Breach("oneroster.header.unknown", file.name, header.line, shown)
        seen.add(key)


def _check_order(
    file: DropFile,
    header: Header,
    found: Sequence[tuple[BoundColumn, int]],
    names: Sequence[str],
) -> Iterator[Breach]:
    """The first column that stands too early or too late, and extensions before the last one."""
    places = sorted(place for _, place in found)
    for (column, place), expected in zip(found, places, strict=True):
        if place != expected:
            yield Breach("oneroster.header.order", file.name, header.line, column.name)
            break
    for place, name in enumerate(names):
        if _EXTENSION.fullmatch(name) and place < places[-1]:
            yield Breach("oneroster.header.metadata", file.name, header.line, name)
