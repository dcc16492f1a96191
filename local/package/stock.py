"""What a package could hold: the files of the checkout and those of the pinned distributions."""

from __future__ import annotations

import configparser
import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ENTRY = "function_app"
APP = "rollcall"  # whose the files of the checkout are
_NOT_HERE = frozenset({"__pycache__", "build"})


@dataclass(frozen=True, slots=True)
class File:
    """`name`: below the app's folder or below site-packages; `owner`: a distribution, or APP."""

    name: PurePosixPath
    path: Path
    owner: str

    @property
    def top(self) -> str:
        """The name that it is imported under, or the folder that it lies in."""
        return self.name.parts[0].partition(".")[0]


@dataclass(frozen=True, slots=True)
class Distribution:
    """`requires`: its lines Requires-Dist. `entry_points`: from group to modules."""

    name: str
    version: str
    info: str
    files: tuple[File, ...]
    requires: tuple[str, ...]
    entry_points: Mapping[str, tuple[str, ...]]


class Stock:
    """All files, and which module each one is."""

    def __init__(self, app: Iterable[File], distributions: Iterable[Distribution]) -> None:
        self.app = tuple(app)
        self.distributions = tuple(distributions)
        self.modules: dict[str, File] = {}
        for file in (*self.app, *(f for d in self.distributions for f in d.files)):
            if module := _module_name(file.name):
                self.modules.setdefault(module, file)
        self.entry_points: dict[str, list[str]] = defaultdict(list)
        for distribution in self.distributions:
            for group, modules in distribution.entry_points.items():
                self.entry_points[group] += modules


def app_files(checkout: Path) -> Iterator[File]:
    """The files of the checkout's rooms, and its modules at the top."""
    for path in sorted(checkout.iterdir()):
        if path.is_file() and path.suffix == ".py":
            yield File(PurePosixPath(path.name), path, APP)
        elif (path / "__init__.py").is_file():
            for below in sorted(path.rglob("*")):
                name = below.relative_to(checkout)
                if below.is_file() and not _NOT_HERE.intersection(name.parts):
                    yield File(PurePosixPath(name), below, APP)


def read_distributions(site: Path, pins: Mapping[str, str]) -> list[Distribution]:
    """The distributions of a site-packages folder that `pins` names.

    Raises BadInput if one is missing, or there in another version.
    """
    found = [read_distribution(path) for path in sorted(site.glob("*.dist-info"))]
    pinned = {d.name: d for d in found if d.name in pins}
    for name, version in pins.items():
        there = pinned[name].version if name in pinned else "none"
        if there != version:
            raise BadInput(f"{site}: {name} must be there in version {version}; found {there}")
    return list(pinned.values())


def read_distribution(info: Path) -> Distribution:
    """One installed distribution, from its folder NAME-VERSION.dist-info."""
    told = message_from_string((info / "METADATA").read_text(encoding="utf-8"))
    name = normalised(str(told["Name"]))
    with (info / "RECORD").open(encoding="utf-8", newline="") as record:
        names = [PurePosixPath(row[0]) for row in csv.reader(record)]
    files = [
        File(each, info.parent / each, name)
        for each in names
        if ".." not in each.parts and not each.is_absolute() and each.suffix != ".pyc"
    ]
    return Distribution(
        name=name,
        version=str(told["Version"]),
        info=info.name,
        files=tuple(files),
        requires=tuple(map(str, told.get_all("Requires-Dist", []))),
        entry_points=_entry_points(info / "entry_points.txt"),
    )


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _entry_points(path: Path) -> dict[str, tuple[str, ...]]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    if path.is_file():
        parser.read_string(path.read_text(encoding="utf-8"))
    return {
        group: tuple(target.partition(":")[0].strip() for target in parser[group].values())
        for group in parser.sections()
    }


def _module_name(name: PurePosixPath) -> str:
    """The module that a file is; nothing if it is none."""
    if name.suffix == ".py":
        parts = name.parent.parts if name.stem == "__init__" else (*name.parent.parts, name.stem)
        return ".".join(parts)
    if name.suffix == ".so":
        return ".".join((*name.parent.parts, name.name.partition(".")[0]))
    return ""
