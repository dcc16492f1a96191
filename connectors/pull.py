"""A pull from its beginning to its tables, the same for a run, the command line and the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.connector import Comparing, Connector, Mark, Pull
from connectors.extraction import Extracted, extract
from connectors.pages import Pages
from connectors.projection import project

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Pulled:
    """A pull and its pages. `requests`: what was sent to the source for it, by this process."""

    pull: Pull
    extracted: Extracted
    requests: int


async def run_pull(
    connector: Connector,
    pages: Pages,
    begin: Callable[[], Pull | None],
    begun: Callable[[Pull], None],
    *,
    last: Mark | None = None,
    full: bool = True,
    until: float | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Pulled:
    """Begins a pull, or goes on with one, until it is complete or `until` comes.

    `begin` gives the pull that goes on, None for a fresh one; `begun` remembers a fresh one before
    its first page is fetched. `last`, `full`: see `wants_full`. Raises what extract raises.
    """
    async with connector.session() as session:
        pull = begin()
        if pull is None:
            pull = await connector.begin(session, last, full=full)
            begun(pull)
        extracted = await extract(connector, session, pull, pages, until=until, progress=progress)
        return Pulled(pull, extracted, session.requests)


def wants_full(last: Mark | None, settings: str, full_days: int, now: datetime) -> bool:
    """Whether everything has to be pulled: never before, other settings, or too long ago."""
    if last is None or last.settings != settings or not last.position:
        return True
    return now - datetime.fromisoformat(last.full_at) >= timedelta(days=full_days)


def next_mark(connector: Connector, pull: Pull, last: Mark | None) -> Mark:
    """Where the pull after this one may go on."""
    full_at = pull.began if pull.full or last is None else last.full_at
    return Mark(pull.began, full_at, pull.position, connector.settings)


def make_tables(
    con: duckdb.DuckDBPyConnection,
    connector: Connector,
    pulled: Pulled,
    pages: Pages,
    before: Path | None = None,
) -> dict[str, str]:
    """The tables of a complete pull, for connectors.pulled: file name of the form → table.

    `before`: the folder of the last pull's tables (see projection.keep), which an incremental pull
    only changes, and with which a connector that has a method `compare` compares what it found.
    """
    collections = connector.collections(pulled.pull)
    files = {
        collection.name: pages.files(
            [head for head in pulled.extracted.of(collection.name) if head.rows]
        )
        for collection in collections
    }
    tables = project(con, collections, files, None if pulled.pull.full else before)
    if before and before.is_dir() and isinstance(connector, Comparing):
        connector.compare(con, tables, before)
    return tables


def utc_now() -> str:
    """The time for a mark or a pull: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
