"""Pulls: runs over a source that is asked over its API.

    runs/<run>/pull.json        what the pull does, decided when it began
    runs/<run>/pages/           the source's answers (sync/pages.py)
    state/sources/<source>/     the tables of the last complete pull, which the next one may change,
                                and the blob <source>.json that names them and where to go on

A pull that only changes tables needs all of them: what is in none of them would count as having
left. So they are named one by one, and if any is lost, everything is pulled again.

Tables and mark are one: a pull that goes on from a mark changes the tables that the mark came with.
They say what is in the source, not what was applied, so a run that is held or fails leaves them.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from roster.errors import Refused, Terminal

from .beginning import begin_run
from .format import FORMAT
from .pages import PAGES, BlobPages
from .record import PULLED, artefact, read_json, write_json
from .step import Again, Next, Step, Work
from .storage import RUNS, STATE
from .vault import secret_names, with_secrets
from .workspace import workspace

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from connectors.connector import Connector, Mark, Pull
    from connectors.source import ApiSource
    from roster.staging import Staged

    from .record import Run
    from .storage import Storage

PULL_BLOB = "pull.json"
FOLDER = "sources"
# A function may run longer, but a step that is repeated after a crash should cost little.
STEP_SECONDS = 240.0
CREDENTIALS_REFUSED = ("400", "401", "403")


@dataclass(frozen=True)
class Known:
    """What is known of a source: the mark, and its tables (files) under a prefix of state."""

    mark: Mark
    prefix: str
    tables: tuple[str, ...]


def start_pull(storage: Storage, source: str, *, night: str = "", full: bool = False) -> str | None:
    """Starts a run that asks a source; its id, or None if this night's was started before.

    `night`: the date of a nightly pull; without it, each call is an occasion of its own. `full`:
    everything is asked for, even if changes would do.
    """
    occasion = f"pull {source} {night or uuid.uuid4().hex}"
    return begin_run(storage, source, occasion, PULLED, (PULL_BLOB, {"full": full}))


def pull_pages(work: Work, source: ApiSource) -> Next | Again:
    """Asks the source for what is missing; asks again for itself when its time is up.

    Also when a secret of the vault was refused that has another value by now.
    """
    revealed = with_secrets(source)
    try:
        return _pull_pages(work, revealed)
    except Terminal as error:
        refused = error.code in CREDENTIALS_REFUSED and secret_names(source)
        if refused and with_secrets(source) != revealed:
            return Again(0)
        raise


def _pull_pages(work: Work, source: ApiSource) -> Next | Again:
    from connectors.pull import run_pull, wants_full

    storage, run = work.storage, work.run.run
    connector = source.connector()
    wish = read_json(storage, run, PULL_BLOB)
    known = read_known(storage, source.name)
    last = known.mark if known else None
    full = wish["full"] or wants_full(last, connector.settings, source.full_days, datetime.now(UTC))
    with workspace() as (_, folder):
        pulled = asyncio.run(
            run_pull(
                connector,
                BlobPages(storage, run, folder / PAGES),
                lambda: _begun(storage, run),
                lambda pull: write_json(storage, run, PULL_BLOB, wish | {"pull": pull.as_dict()}),
                last=last,
                full=full,
                until=time.monotonic() + STEP_SECONDS,
            )
        )
    if not pulled.extracted.done:
        return Again(0)
    return Next(Step("normalise"), {"pulled": str(pulled.pull)})


def read_pull(
    work: Work,
    con: DuckDBPyConnection,
    folder: Path,
    source: ApiSource,
    needed: frozenset[str] | None,
) -> Staged:
    """The reading of a complete pull; remembers its tables, and where the next one goes on.

    Raises Refused if the tables that the pull only changes are not there any more.
    """
    from connectors.connector import Comparing
    from connectors.extraction import gathered
    from connectors.projection import keep
    from connectors.pull import Pulled, make_tables, next_mark
    from connectors.pulled import stage_pulled

    storage, run = work.storage, work.run
    connector: Connector = source.connector()
    pages = BlobPages(storage, run.run, folder / PAGES)
    pull = _begun(storage, run.run)
    assert pull is not None, "the step before this one wrote it"
    known = read_known(storage, source.name)
    if not pull.full or (known and isinstance(connector, Comparing)):
        _fetch_before(storage, source.name, known, folder / "before")
    pulled = Pulled(pull, gathered(pages), 0)
    tables = make_tables(con, connector, pulled, pages, folder / "before")
    staged = stage_pulled(
        con,
        connector.form,
        tables,
        source=source.name,
        last_files=needed,
        mappings=source.mappings,
    )
    keep(con, tables, folder / "tables")
    mark = next_mark(connector, pull, known.mark if known else None)
    _remember(storage, run, mark, folder / "tables")
    return staged


def forget_pages(storage: Storage, run: str) -> None:
    """Removes the pages of a run; what they said is in the tables."""
    for file in storage.list_files(RUNS, artefact(run, PAGES)):
        storage.delete(RUNS, file)


def read_known(storage: Storage, source: str) -> Known | None:
    """What is known of a source; None before the first pull, and if any of its tables is lost.

    None also where another version of Rollcall left it: everything is pulled then.

    Raises Refused if what was remembered cannot be read.
    """
    from connectors.connector import Mark

    name = f"{FOLDER}/{source}.json"
    data = storage.read(STATE, name)
    if data is None:
        return None
    try:
        values = json.loads(data)
        if values["format"] != FORMAT:
            return None
        known = Known(Mark(**values["mark"]), values["prefix"], tuple(values["tables"]))
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(
            f"source {source}: {STATE}/{name}, which says where its pulls go on, cannot be read; "
            "delete that blob, and the next pull asks for everything"
        ) from error
    there = {file.name for file in storage.list_files(STATE, known.prefix)}
    return known if there.issuperset(_blobs(known)) else None


def _blobs(known: Known) -> list[str]:
    return [f"{known.prefix}/{table}" for table in known.tables]


def _fetch_before(storage: Storage, source: str, known: Known | None, folder: Path) -> None:
    if known is None:
        raise Refused(
            f"source {source}: the tables of its last pull, which this pull of changes goes on "
            f"from, are not there any more ({STATE}/{FOLDER}/{source}/); ask for everything with "
            f"`rollcall pull {source} --full`"
        )
    for table, blob in zip(known.tables, _blobs(known), strict=True):
        storage.download(STATE, blob, folder / table)


def _remember(storage: Storage, run: Run, mark: Mark, tables: Path) -> None:
    """Stores the tables under a prefix of their own, then the blob that makes them count."""
    prefix = f"{FOLDER}/{run.source}/{run.run}"
    storage.upload_folder(STATE, prefix, tables)
    names = sorted(path.name for path in tables.iterdir())
    values: dict[str, Any] = {
        "mark": mark.as_dict(), "prefix": prefix, "tables": names, "format": FORMAT,
    }  # fmt: skip
    storage.write(STATE, f"{FOLDER}/{run.source}.json", json.dumps(values).encode())
    for file in storage.list_files(STATE, f"{FOLDER}/{run.source}"):
        if not file.name.startswith(f"{prefix}/"):
            storage.delete(STATE, file)


def _begun(storage: Storage, run: str) -> Pull | None:
    """What the pull of a run does, if it began."""
    from connectors.connector import Pull

    values = read_json(storage, run, PULL_BLOB).get("pull")
    return Pull(**values) if values else None
