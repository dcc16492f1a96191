"""What a roster would change, without writing anything: a run's reading and planning, and no more.

The roster is read and checked exactly as a run does it, and planned against an empty directory or
against a real one that is only read.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from roster.errors import BadInput

from .memory import start_memory
from .plan import Plan, make_plan
from .reading import read_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from duckdb import DuckDBPyConnection

    from graph.client import Graph
    from roster.roster import Roster

    from .config import Config

EMPTY_TENANT_DOMAIN = "contoso.edu"
TWIN_COLUMNS = "kind, external_id, name, object_id, object_name, evidence, writes, fault"


class Preview(NamedTuple):
    """A plan, the roster it comes from, and the connection that holds both."""

    con: DuckDBPyConnection
    roster: Roster
    plan: Plan


@contextmanager
def preview(
    path: Path,
    config: Config,
    *,
    graph: Callable[[], Graph] | None = None,
    after: Sequence[Path] = (),
    progress: Callable[[str], None] | None = None,
) -> Generator[Preview]:
    """Plans the roster at `path` against the directory that `graph` connects to, or an empty one.

    `after`: the packages that it follows, see `read_alone`.
    Raises BadInput or Refused for a roster that a run would not take either.
    """
    from roster.database import open_database

    say: Callable[[str], object] = progress or str
    with open_database() as con, tempfile.TemporaryDirectory(prefix="rollcall-") as folder:
        roster = read_alone(path, con, config, after=after, progress=progress)
        say("reading the directory")
        domains = _read_directory(con, config, graph, Path(folder))
        start_memory(con)
        say("planning")
        today = datetime.now(config.zone).date()
        yield Preview(
            con, roster, make_plan(con, config, run="preview", today=today, domains=domains)
        )


def _read_directory(
    con: DuckDBPyConnection, config: Config, graph: Callable[[], Graph] | None, folder: Path
) -> list[str]:
    """Makes the existing_* tables in `con`; returns the verified domains."""
    from graph.mirror import load_empty, refresh

    if graph is None:
        load_empty(con)
        wanted = (config.people.domains.staff, config.people.domains.students)
        return [*dict.fromkeys(d for d in wanted if d), EMPTY_TENANT_DOMAIN]

    import asyncio

    async def read() -> list[str]:
        connected = graph()
        try:
            await refresh(connected, con, folder)
            return await connected.verified_domains()
        finally:
            await connected.close()

    return asyncio.run(read())


def write_changes(con: DuckDBPyConnection, file: Path) -> int:
    """Writes the plan in `con` to `file` (.json, .csv or .parquet); returns their number."""
    columns = "phase, kind, key, action, school, before, after, reason, source, why_held, id"
    query = f"SELECT {columns} FROM plan_changes ORDER BY phase, kind, key, action"
    return _write(con, query, file)


def write_twins(con: DuckDBPyConnection, file: Path) -> int:
    """Writes what School Data Sync made to `file` (.json, .csv or .parquet); returns its number."""
    return _write(con, f"SELECT {TWIN_COLUMNS} FROM twins ORDER BY ALL", file)


def list_twins(con: DuckDBPyConnection) -> list[dict[str, str | None]]:
    """What School Data Sync made for the roster in `con`, by kind, id and object."""
    rows = con.execute(f"SELECT {TWIN_COLUMNS} FROM twins ORDER BY ALL").fetchall()
    names = TWIN_COLUMNS.split(", ")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _write(con: DuckDBPyConnection, query: str, file: Path) -> int:
    """In CSV, text that a spreadsheet would take for a formula gets a leading apostrophe."""
    formats = {".json": "json, array true", ".csv": "csv, header", ".parquet": "parquet"}
    if file.suffix not in formats:
        raise BadInput(
            f"{file}: cannot write a table as {file.suffix or 'a file without ending'!r}; "
            f"use one of {', '.join(formats)}"
        )
    if file.suffix == ".csv":
        query = f"SELECT COLUMNS(*)::VARCHAR FROM ({query})"
        query = (
            r"SELECT CASE WHEN regexp_matches(COLUMNS(*), '^[=+\-@\t\r\n]') "
            f"THEN '''' || COLUMNS(*) ELSE COLUMNS(*) END FROM ({query})"
        )
    name = str(file).replace("'", "''")
    [(count,)] = con.execute(
        f"COPY ({query}) TO '{name}' ({'FORMAT ' + formats[file.suffix]})"
    ).fetchall()
    return count
