"""Readings of several sources: what a run read of its own, and what the others delivered last.

    runs/<run>/staged/                   the reading of this run's source, not checked yet
    state/readings/<source>/<run>/       the last accepted one of each source
    state/readings/<source>.json         names it
    state/renamed.parquet                ids that people of other sources were given last

Design note. The readings are put together by the step that plans, because it holds the lock: a
reading that another source's run accepts meanwhile must not be overlooked, or its people would be
taken for leavers. A source that never delivered is waited for by nobody; one whose last reading is
lost stops every run until it delivers again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from roster.errors import BadInput, Refused

from .accepted import read_accepted
from .record import artefact
from .storage import CONFIG, RUNS, STATE

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from roster.roster import Roster
    from roster.staging import Staged

    from .config import Config
    from .record import Run
    from .storage import Storage, StoredFile

STAGED = "staged"
FOLDER = "readings"
RENAMED = "renamed.parquet"


def save_reading(storage: Storage, run: str, staged: Staged, folder: Path) -> None:
    """Keeps a run's own reading, for the step that plans."""
    staged.save(folder)
    storage.upload_folder(RUNS, artefact(run, STAGED), folder)


def has_reading(storage: Storage, run: str) -> bool:
    """Whether a run's roster is still to be made of readings."""
    return bool(storage.list_files(RUNS, artefact(run, STAGED)))


def combine(
    storage: Storage,
    con: DuckDBPyConnection,
    run: Run,
    config: Config,
    today: date,
    folder: Path,
) -> Roster:
    """The roster of all sources; what of it the next run needs is an artefact of the run.

    Raises BadInput for overrides that are not there, and Refused if a source's reading is lost.
    """
    from roster.together import validate_all

    own = folder / STAGED / run.source
    storage.download_folder(RUNS, artefact(run.run, STAGED), own)
    others = [source.name for source in config.sources if source.name != run.source]
    there = [name for name in others if _fetch(storage, name, folder / STAGED)]
    readings = [own, *(folder / STAGED / name for name in there)]
    roster = validate_all(
        con,
        readings,
        config.combining,
        today=today,
        overrides=_overrides(storage, config, folder),
        last_renamed=_last_renamed(storage, folder),
        fresh=[run.source],
    )
    roster.save(folder / "roster")
    storage.upload_folder(RUNS, artefact(run.run, "roster"), folder / "roster")
    return roster


def missing_sources(storage: Storage, run: Run, config: Config) -> list[str]:
    """The other sources of the tenant of which there is no reading."""
    if not has_reading(storage, run.run):
        return []
    others = [source.name for source in config.sources if source.name != run.source]
    return [name for name in others if not storage.list_files(STATE, _prefix(storage, name))]


def accept_reading(storage: Storage, run: Run) -> None:
    """Makes a run's reading the last accepted one of its source.

    A run without one was about this source alone: what the source delivered before is forgotten,
    since people who came later are not in it, and would count as having left.
    """
    pointer, prefix = f"{FOLDER}/{run.source}.json", f"{FOLDER}/{run.source}/{run.run}"
    files = storage.list_files(RUNS, artefact(run.run, STAGED))
    for file in files:
        storage.copy(RUNS, file, STATE, f"{prefix}/{file.file_name}")
    renamed = storage.read(RUNS, artefact(run.run, f"roster/{RENAMED}"))
    if renamed is not None:
        storage.write(STATE, RENAMED, renamed)
    if files:
        storage.write(STATE, pointer, json.dumps({"prefix": prefix}).encode())
    else:
        _forget(
            storage, [file for file in storage.list_files(STATE, FOLDER) if file.name == pointer]
        )
    kept = storage.list_files(STATE, f"{FOLDER}/{run.source}")
    _forget(storage, [file for file in kept if not file.name.startswith(f"{prefix}/")])


def _forget(storage: Storage, files: list[StoredFile]) -> None:
    for file in files:
        storage.delete(STATE, file)


def _fetch(storage: Storage, source: str, folder: Path) -> bool:
    """Fetches the last accepted reading of another source; False if it never delivered."""
    prefix = _prefix(storage, source)
    if storage.list_files(STATE, prefix):
        storage.download_folder(STATE, prefix, folder / source)
        return True
    if read_accepted(storage, source):
        raise Refused(
            f"source {source}: what it delivered last is not there ({STATE}/{prefix}), and whoever "
            "is only in it would count as having left; deliver it again, or ask it again with "
            f"`rollcall pull {source}`"
        )
    return False


def _prefix(storage: Storage, source: str) -> str:
    """Where the last accepted reading of a source is; where nothing is, if there is none."""
    pointer = storage.read(STATE, f"{FOLDER}/{source}.json")
    return json.loads(pointer)["prefix"] if pointer else f"{FOLDER}/{source}/none"


def _overrides(storage: Storage, config: Config, folder: Path) -> Path | None:
    if config.overrides is None:
        return None
    data = storage.read(CONFIG, config.overrides)
    if data is None:
        raise BadInput(
            f"{CONFIG}/{config.overrides}: the file of corrections is not there; upload it beside "
            "rollcall.yaml, or take `overrides` out of that"
        )
    path = folder / config.overrides
    path.write_bytes(data)
    return path


def _last_renamed(storage: Storage, folder: Path) -> Path | None:
    data = storage.read(STATE, RENAMED)
    if data is None:
        return None
    path = folder / RENAMED
    path.write_bytes(data)
    return path
