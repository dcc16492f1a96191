"""Drops: the files that a run begins with, and dropping a roster from this machine.

A drop is known by its files' names and ETags: the same files uploaded again are a new drop, the
same blobs seen again are not. So of many events about one drop exactly one starts a run, and a
refused drop, which stays where it is, is not tried again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .accepted import check_source, list_accepted, needed_tables
from .beginning import begin_run
from .config import load_config
from .deltas import Packages
from .record import DROPPED, NIGHTLY, new_run_id, now, read_json
from .storage import ARCHIVE, ARRIVALS_QUEUE, ROSTERS, StoredFile
from .workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .storage import Storage

DROP_BLOB = "drop.json"
ENDINGS = (".csv", ".zip")


@dataclass(frozen=True)
class Drop:
    """Files in a container, as they were when they were listed."""

    container: str
    files: tuple[StoredFile, ...]

    def occasion(self, source: str) -> str:
        """Names this drop of `source`; whoever uploads a file again makes another drop."""
        parts = [source, self.container, *(f"{file.name} {file.etag}" for file in self.files)]
        return "\n".join(parts)


def start_run(storage: Storage, source: str, drop: Drop, *, night: str = "") -> str | None:
    """Starts a run over a drop; its id, or None if the drop was taken before.

    `night` is the date of a nightly run, which takes the same files every time.
    """
    occasion = drop.occasion(source + night)
    trigger = NIGHTLY if night else DROPPED
    return begin_run(storage, source, occasion, trigger, (DROP_BLOB, to_json(drop)))


def read_drop(storage: Storage, run: str) -> Drop:
    """The drop that a run began with."""
    values = read_json(storage, run, DROP_BLOB)
    files = (
        StoredFile(file["name"], file["etag"], file["size"], datetime.fromisoformat(file["at"]))
        for file in values["files"]
    )
    return Drop(values["container"], tuple(files))


def drop(
    storage: Storage, path: Path, source: str, say: Callable[[str], None] | None = None
) -> None:
    """Uploads a roster, a folder or a zip, into `rosters/<source>/` and announces it.

    It is read first, as the run will read it: what the run would refuse raises BadInput or
    Refused, and nothing is uploaded.
    """
    from connectors.reading import read_roster, read_staged
    from connectors.source import CsvSource
    from roster.errors import Refused

    config = load_config(storage)
    settings = check_source(config, list_accepted(storage), source)
    if not isinstance(settings, CsvSource):
        raise Refused(
            f"{source} is asked over its API and takes no files; `rollcall pull {source}` asks it"
        )
    needed = needed_tables(storage, settings)
    # Ids of other sources are not missing: only a roster of its own is checked whole.
    read = read_staged if config.combines else read_roster
    with workspace() as (con, folder):
        read(
            path,
            con,
            source=source,
            progress=say,
            last_files=needed,
            mappings=settings.mappings,
            chain=Packages(storage, source, path, folder),
        )
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.name.lower().endswith(ENDINGS))
    _clear(storage, source)
    for file in files:
        storage.upload(ROSTERS, f"{source}/{file.name}", file)
    storage.send(ARRIVALS_QUEUE, {"source": source, "complete": True})


def _clear(storage: Storage, source: str) -> None:
    """Moves what an earlier, refused drop left in the folder into the archive."""
    folder = f"replaced-{new_run_id(now())}"
    for file in storage.list_files(ROSTERS, source):
        if storage.copy(ROSTERS, file, ARCHIVE, f"{folder}/{file.file_name}"):
            storage.delete(ROSTERS, file)


def dropped_files(storage: Storage, source: str) -> list[StoredFile]:
    """The CSV files and zips directly in the folder of a source; nothing else is read."""
    files = storage.list_files(ROSTERS, source)
    return [f for f in files if f.name.count("/") == 1 and f.name.lower().endswith(ENDINGS)]


def to_json(drop: Drop) -> dict[str, Any]:
    """A drop as the artefact drop.json tells it."""
    return {
        "container": drop.container,
        "files": [
            {"name": f.name, "etag": f.etag, "size": f.size, "at": f.modified.isoformat()}
            for f in drop.files
        ],
    }
