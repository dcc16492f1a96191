"""Deltas: OneRoster packages of a source, of which the next one may say only what changed.

    state/packages/<source>.json            names what the last package left, by run
    state/packages/<source>/tables/<run>/   its rows, see connectors.delta
    state/packages/<source>/unread/<run>    marks a package whose reading is not complete

Design note. Changes build on each other: of a package that could not be read, nobody would notice
that its changes are missing in the next one. So a run marks its package as unread before anything
else, and takes the mark away when what the package leaves is stored. While a mark of an earlier run
is there, changes wait for that run, and are refused if it has ended. Then a whole (bulk) package
goes on, which takes all earlier marks away, or the package that is missing: one that has all the
files of the oldest unread one. Those that were refused after it are to come again in their order.

What a package left says what is in the source, not what was applied, so a run that is held or fails
after its reading leaves it. The nightly run reads the last accepted files once more; where these
are changes, later ones may have been read since, so it takes what the last package left and changes
nothing there. A roster that was accepted without leaving anything, such as that of an API or of
another format, ends the chain.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from roster.errors import Refused, Transient

from .accepted import read_accepted
from .record import DROPPED, NIGHTLY, artefact, find_run
from .storage import RUNS, STATE

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.delta import Before

    from .record import Run
    from .storage import Storage, StoredFile

FOLDER = "packages"


@dataclass(frozen=True)
class Left:
    """What the last package of a source left: by which run, in which format.

    `closes`: the runs whose packages need not be read any more, because this one was.
    """

    run: str
    form: str
    closes: tuple[str, ...] = ()


def mark_unread(storage: Storage, run: Run) -> None:
    """Marks the package of a run as unread, if its source has delivered OneRoster before."""
    if run.trigger == DROPPED and read_left(storage, run.source):
        _mark(storage, run)


def read_left(storage: Storage, source: str) -> Left | None:
    """What the last package of a source left, or None before the first."""
    data = storage.read(STATE, f"{FOLDER}/{source}.json")
    return _parse(data) if data and data != b"null" else None


class Packages:
    """The chain (see connectors.delta) of the source of a run, or of files that are no run yet."""

    def __init__(
        self, storage: Storage, source: str, drop: Path, folder: Path, run: Run | None = None
    ) -> None:
        """`drop`: the package, a zip or folder; `folder`: a place for what is fetched and left."""
        self._storage = storage
        self._source = source
        self._drop = drop
        self._folder = folder
        self._run = run
        self.again = run is not None and run.trigger == NIGHTLY
        self.after = folder / "after" if run and not self.again else None
        self._begun = False
        self._closes: list[str] = []

    def begin(self, *, changes: bool) -> Before | None:
        """What the last package left; None if nothing is known, as before a source's first."""
        from connectors.delta import Before

        self._begun = True
        if self.after and self._run:
            _mark(self._storage, self._run)
        earlier = self._earlier()
        if not changes:
            self._closes = earlier
            return None
        left = read_left(self._storage, self._source)
        accepted = read_accepted(self._storage, self._source)
        if left is None or (accepted and accepted.run > left.run):
            raise Refused(
                f"source {self._source}: the package holds changes only (delta), and what they"
                " change was not delivered as OneRoster; deliver all files in full (bulk) once"
            )
        if self._run and not self.again and left.run > self._run.run:
            raise Refused(
                f"source {self._source}: the package holds changes only (delta), and that of the"
                f" later run {left.run} was read before it; deliver all files in full (bulk)"
            )
        # A step that is repeated after its tables count has filled its gap before.
        repeated = self._run is not None and left.run == self._run.run
        if earlier and not self.again and not repeated:
            self._closes = self._fill_gap(earlier)
        before = self._folder / "before"
        self._storage.download_folder(STATE, _tables(self._source, left.run), before)
        return Before(left.form, before)

    def leave(self, form: str) -> None:
        """Stores what the package of the run leaves; it does not count before `settle`."""
        if self._begun and self._run and self.after:
            prefix = _tables(self._source, self._run.run)
            self._storage.upload_folder(STATE, prefix, self.after)
            left = Left(self._run.run, form, tuple(self._closes))
            self._storage.write(STATE, f"{prefix}/left.json", json.dumps(asdict(left)).encode())
        elif not self._begun and not self.again:
            _forget(self._storage, self._source)

    def _earlier(self) -> list[str]:
        """The runs before this one whose packages are unread, from the oldest on."""
        marks = (mark.file_name for mark in _unread(self._storage, self._source))
        return [name for name in marks if self._run is None or name < self._run.run]

    def _fill_gap(self, earlier: list[str]) -> list[str]:
        """The unread packages whose changes this one has; the oldest has to be one of them.

        Raises Transient while that is being read, and Refused if it will not be read.
        """
        oldest = find_run(self._storage, earlier[0])
        if oldest and not oldest.has_ended:
            raise Transient(
                f"source {self._source}: the package of run {earlier[0]} is read first; try again"
                " in a minute"
            )
        closes = [run for run in earlier if self._has_all_of(run)]
        if earlier[0] not in closes:
            raise Refused(
                f"source {self._source}: the package holds changes only (delta), and an earlier one"
                f" was not read (run {earlier[0]}), so that its changes would be missing; deliver"
                " that one again, then those after it, or all files in full (bulk)"
            )
        return closes

    def _has_all_of(self, run: str) -> bool:
        """Whether this package has all the files of an unread one, as they were."""
        folder = self._folder / "unread" / run
        self._storage.download_folder(RUNS, artefact(run, "source"), folder)
        unread = _hashes(folder)
        return bool(unread) and unread.items() <= _hashes(self._drop).items()


def settle(storage: Storage, run: Run) -> None:
    """Makes what the package of a run left count, once its roster is known to be sound."""
    data = storage.read(STATE, f"{_tables(run.source, run.run)}/left.json")
    if data is None:
        return
    left = read_left(storage, run.source)
    if left is None or left.run <= run.run:
        storage.write(STATE, f"{FOLDER}/{run.source}.json", data)
    done = {run.run, *_parse(data).closes}
    for mark in [mark for mark in _unread(storage, run.source) if mark.file_name in done]:
        storage.delete(STATE, mark)
    tables = storage.list_files(STATE, f"{FOLDER}/{run.source}/tables")
    for file in [file for file in tables if file.name.split("/")[3] < run.run]:
        storage.delete(STATE, file)


def _parse(data: bytes) -> Left:
    values = json.loads(data)
    return Left(values["run"], values["form"], tuple(values["closes"]))


def _mark(storage: Storage, run: Run) -> None:
    storage.write(STATE, f"{FOLDER}/{run.source}/unread/{run.run}", b"")


def _unread(storage: Storage, source: str) -> list[StoredFile]:
    """The marks of a source, from the oldest on; their file names are runs."""
    return storage.list_files(STATE, f"{FOLDER}/{source}/unread")


def _forget(storage: Storage, source: str) -> None:
    """Ends the chain of a source that delivers in another format."""
    if read_left(storage, source):
        storage.write(STATE, f"{FOLDER}/{source}.json", b"null")
        for file in storage.list_files(STATE, f"{FOLDER}/{source}"):
            storage.delete(STATE, file)


def _tables(source: str, run: str) -> str:
    return f"{FOLDER}/{source}/tables/{run}"


def _hashes(path: Path) -> dict[str, str]:
    """File name → hash, of a zip or of the files in a folder."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    hashes: dict[str, str] = {}
    for file in files:
        with file.open("rb") as stream:
            hashes[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes
