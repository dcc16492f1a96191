"""Reading a pull: the tables that connectors.projection makes of an API's pages, roster out.

A finding cites a table of the pull as the file `/users`, and the row's place in it as the line;
what the row is about stands beside it as the entity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb

from connectors.feeding import BROKEN, RAW, Feeding
from connectors.formats import CsvFormat, FileSpec
from roster.intake import Intake
from roster.ledger import number
from roster.roster import Roster
from roster.schema import quoted
from roster.staging import Staged
from roster.validate import settle
from roster.values import Vocabulary

_OWN = ("owner", "nth")


def read_pulled(
    con: duckdb.DuckDBPyConnection,
    form: CsvFormat,
    tables: Mapping[str, str],
    *,
    source: str = "local",
    progress: Callable[[str], None] | None = None,
    last_files: frozenset[str] | None = None,
    mappings: Vocabulary | None = None,
) -> Roster:
    """Reads projected tables of `con` into the roster tables of the same connection.

    That is the roster of a tenant without other sources; see `stage_pulled` for the arguments.
    """
    return stage_pulled(
        con,
        form,
        tables,
        source=source,
        progress=progress,
        last_files=last_files,
        mappings=mappings,
    ).check()


def stage_pulled(
    con: duckdb.DuckDBPyConnection,
    form: CsvFormat,
    tables: Mapping[str, str],
    *,
    source: str = "local",
    progress: Callable[[str], None] | None = None,
    last_files: frozenset[str] | None = None,
    mappings: Vocabulary | None = None,
) -> Staged:
    """Reads projected tables of `con` into staged ones, to be checked with other sources.

    `tables`: file name of the form, lower-case → table. The others are as in read_staged, and so
    are the errors: Refused where data is missing that was there before.
    """
    intake = Intake(con, mappings or {})
    feeding = Feeding(con, intake, source, last_files or frozenset(), form)
    for spec in form.files:
        table = tables.get(spec.name.lower())
        if table is None or not (spec.feeds or spec.keeps):
            continue
        if progress:
            progress(f"Reading {spec.name}")
        names, records = _load(con, table)
        feeding.refuse_empty(f"/{spec.name}", spec, records)
        if records or spec.keeps:
            _feed(feeding, spec, names, records)
        con.execute(f"DROP TABLE {RAW}; DROP TABLE {BROKEN}")
    feeding.derive()
    feeding.check_complete()
    if progress:
        progress("Checking the rows against each other")
    settle(con, intake.ledger, row_a_school=form.row_a_school)
    return Staged(con, intake, source, form.name)


def _load(con: duckdb.DuckDBPyConnection, table: str) -> tuple[tuple[str, ...], int]:
    """Makes the table RAW of a projected one, and an empty BROKEN; its columns and records."""
    described = con.execute(f"DESCRIBE {table}").fetchall()
    names = tuple(name for name, *_ in described if name not in _OWN)
    # A field without a value is NULL, as an empty cell of a file is.
    columns = ", ".join(
        f"nullif({quoted(name)}, '') AS c{place}" for place, name in enumerate(names)
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE {RAW} AS SELECT {columns} FROM {table}")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {BROKEN} AS SELECT ''::VARCHAR AS rule, * FROM {RAW} LIMIT 0"
    )
    return names, number(con, f"SELECT count(*) FROM {RAW}")


def _feed(feeding: Feeding, spec: FileSpec, names: tuple[str, ...], records: int) -> None:
    name = f"/{spec.name}"
    place = feeding.add_file(name, records, "SELECT 0 AS row, 1 AS line")
    feeding.add(place, name, spec, names)
