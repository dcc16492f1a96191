"""Projection: JSON rows of an API into flat text tables, the same as a CSV file gives.

Design note. A source's answers, a whole roster or only what changed, are folded over the tables of
the last pull: of rows with one key the last one counts, and a row that a source reports as deleted
is left out. So an incremental pull ends in the same tables as a full one, and everything behind
(rules, findings, references) knows no difference between an API and a file. All of it is SQL over
the pages; no row is looked at in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from roster.schema import literal, quoted

if TYPE_CHECKING:
    import duckdb

RAW = "pulled_"
# The longest row. Each thread that reads has a buffer of twice this size.
_OBJECT_BYTES = 16 * 1024**2
_ROWS = "pulled_rows"
# More rows than a collection has: the places of two collections never meet.
_PLACES = 10**12


@dataclass(frozen=True)
class Projection:
    """How the rows of a collection become rows of a table.

    `table`: the name of the format's file, lower-case. `columns`: key of the file's column → SQL
    over the collection's fields. `key`: SQL over the fields: a newer row of the same key replaces
    all rows that an older one made. `each`: SQL that gives a list; the table gets a row for each
    item, which `columns` call `item` ("" = one row). `where`: SQL condition on rows. `gone`: SQL
    condition: the row says that what it names was deleted.
    """

    table: str
    columns: Mapping[str, str]
    key: str
    each: str = ""
    where: str = "true"
    gone: str = "false"


@dataclass(frozen=True)
class Collection:
    """Rows of one kind. `fields`: top-level names that are read of each row, as text or as JSON.

    `whole`: the pages hold all rows of its tables, also in a pull that asks for changes only.
    """

    name: str
    fields: Mapping[str, Literal["VARCHAR", "JSON"]]
    projections: tuple[Projection, ...] = field(default=())
    whole: bool = False


def project(
    con: duckdb.DuckDBPyConnection,
    collections: Sequence[Collection],
    files: Mapping[str, Sequence[Path]],
    before: Path | None = None,
) -> dict[str, str]:
    """Makes a table of texts for each table that the collections project into.

    `files`: collection → its pages in order, each a JSON array. `before`: the folder of tables that
    the pages only change (see `keep`); None if the pages are everything. Returns file name of the
    format → table in `con`, whose columns are the keys of the file's columns.
    """
    made: dict[str, list[str]] = {}
    changed: set[str] = set()
    for collection in collections:
        changed |= {p.table for p in collection.projections if not collection.whole}
        for projection in collection.projections:
            columns = made.setdefault(projection.table, [])
            columns += [name for name in projection.columns if name not in columns]
    for table, columns in made.items():
        typed = ", ".join(f"{quoted(name)} VARCHAR" for name in columns)
        con.execute(
            f"CREATE OR REPLACE TABLE {_fresh(table)}"
            f" (owner VARCHAR, place UBIGINT, nth UINTEGER, gone BOOLEAN, {typed})"
        )
    for number, collection in enumerate(collections):
        pages = files.get(collection.name, ())
        if pages and collection.projections:
            rows = _rows(con, collection, pages, number)
            for projection in collection.projections:
                _stage(con, projection, rows)
            con.execute(f"DROP TABLE IF EXISTS {_ROWS}")
    for table, columns in made.items():
        _fold(con, table, columns, before if table in changed else None)
        con.execute(f"DROP TABLE {_fresh(table)}")
    return {table: f"{RAW}{table}" for table in made}


def keep(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str], folder: Path) -> None:
    """Writes projected tables as Parquet files, for the next incremental pull."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        target = literal(str(folder / f"{name}.parquet"))
        con.execute(f"COPY {table} TO {target} (FORMAT parquet, COMPRESSION zstd)")


def _rows(
    con: duckdb.DuckDBPyConnection, collection: Collection, pages: Sequence[Path], number: int
) -> str:
    """SQL: the rows of a collection with their place among all rows of the pull.

    Pages that several projections read are parsed once, into a table.
    """
    fields = ", ".join(
        f"{literal(name)}: {literal(kind)}" for name, kind in collection.fields.items()
    )
    listed = ", ".join(literal(str(page)) for page in pages)
    rows = f"""SELECT *, row_number() OVER () + {number * _PLACES}::UBIGINT AS place
        FROM read_json([{listed}], format='array', columns={{{fields}}},
            maximum_object_size={_OBJECT_BYTES})"""
    if len(collection.projections) == 1:
        return rows
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS {rows}")
    return f"FROM {_ROWS}"


def _stage(con: duckdb.DuckDBPyConnection, projection: Projection, rows: str) -> None:
    """Adds what the rows of a collection say to the fresh rows of a table.

    `nth`: the place of an item in its row's list, and 0 for a row whose list is empty: it makes no
    rows, but replaces those that it made before.
    """
    nth = "1"
    if projection.each:
        nth = "CASE WHEN empty THEN 0 ELSE nth END"
        rows = f"""SELECT * EXCLUDE (items), unnest(items) AS item,
                generate_subscripts(items, 1) AS nth
            FROM (SELECT * REPLACE (CASE WHEN empty THEN [NULL] ELSE items END AS items)
                  FROM (SELECT *, coalesce(len(items), 0) = 0 AS empty
                        FROM (SELECT *, {projection.each} AS items FROM ({rows}))))"""
    columns = ", ".join(
        f"({sql})::VARCHAR AS {quoted(name)}" for name, sql in projection.columns.items()
    )
    con.execute(
        f"""INSERT INTO {_fresh(projection.table)} BY NAME
        SELECT ({projection.key})::VARCHAR AS owner, place, {nth} AS nth,
            coalesce({projection.gone}, false) AS gone, {columns}
        FROM ({rows}) WHERE {projection.where}"""
    )


def _fold(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], before: Path | None
) -> None:
    names = ", ".join(quoted(name) for name in columns)
    old = before / f"{table}.parquet" if before else None
    unchanged = ""
    if old and old.exists():
        unchanged = f"""UNION ALL BY NAME
            SELECT * FROM read_parquet({literal(str(old))})
            WHERE owner IS NULL OR owner NOT IN (
                SELECT owner FROM {_fresh(table)} WHERE owner IS NOT NULL)"""
    con.execute(
        f"""CREATE OR REPLACE TABLE {RAW}{table} AS
        SELECT owner, nth, {names} FROM (
            SELECT owner, nth, {names} FROM {_fresh(table)} f
            WHERE NOT gone AND nth > 0 AND (owner IS NULL OR place = (
                SELECT max(place) FROM {_fresh(table)} l WHERE l.owner = f.owner))
            {unchanged})
        ORDER BY owner NULLS FIRST, nth"""
    )


def _fresh(table: str) -> str:
    return f"fresh_{table}"
