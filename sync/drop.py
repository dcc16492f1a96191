"""Drops: the files that a run begins with, and dropping a roster from this machine.

A drop is known by its fingerprint, the names and ETags of its files: the same files uploaded again
are a new drop, the same blobs seen again are not. The fingerprint is a row of the table `runs`
(partition `drops`), so that of many events about one drop exactly one starts a run, and a refused
drop, which stays where it is, is not tried again and again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .accepted import check_source, needed_tables, read_accepted
from .config import load_config
from .record import DROPPED, NIGHTLY, Run, add_run, find_run, new_run_id, now, read_json, write_json
from .step import Step, ask_for
from .storage import ARCHIVE, ARRIVALS_QUEUE, ROSTERS, RUNS_TABLE, StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .storage import Storage

PARTITION = "drops"
DROP_BLOB = "drop.json"
ENDINGS = (".csv", ".zip")


@dataclass(frozen=True)
class Drop:
    """Files in a container, as they were when they were listed."""

    container: str
    files: tuple[StoredFile, ...]

    def fingerprint(self, source: str) -> str:
        """Names this drop of `source`; whoever uploads a file again makes another drop."""
        parts = [source, self.container, *(f"{file.name} {file.etag}" for file in self.files)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def start_run(storage: Storage, source: str, drop: Drop, *, night: str = "") -> str | None:
    """Starts a run over a drop; its id, or None if the drop was taken before.

    What an instance that crashed left half done is completed. `night` is the date of a nightly run,
    which takes the same files every time.
    """
    from azure.core.exceptions import ResourceExistsError

    started = now()
    run = new_run_id(started)
    row = {"PartitionKey": PARTITION, "RowKey": drop.fingerprint(source + night), "run": run}
    table = storage.table(RUNS_TABLE)
    try:
        table.create_entity(row)
    except ResourceExistsError:
        taken: dict[str, Any] = dict(table.get_entity(PARTITION, row["RowKey"]))
        run = str(taken["run"])
        if find_run(storage, run):
            return None
    write_json(storage, run, DROP_BLOB, _to_json(drop))
    step = Step("extract")
    trigger = NIGHTLY if night else DROPPED
    add_run(storage, Run(run, source, "extracting", str(step), started, trigger))
    ask_for(storage, run, step)
    return run


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
    from connectors import read_roster
    from roster.database import open_database

    settings = check_source(load_config(storage), read_accepted(storage), source)
    needed = needed_tables(storage, settings)
    with open_database() as con:
        read_roster(
            path,
            con,
            source=source,
            progress=say,
            last_files=needed,
            mappings=settings.mappings,
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


def _to_json(drop: Drop) -> dict[str, Any]:
    return {
        "container": drop.container,
        "files": [
            {"name": f.name, "etag": f.etag, "size": f.size, "at": f.modified.isoformat()}
            for f in drop.files
        ],
    }
