"""Rows of several sources that say something about one thing become one row.

Rows meet where they have the same key (or, where a table has none, where they name the same things
and role). The row of the source that leads in the table wins; a column may be led by another
source; what is blank is filled from the next source. A start and an end date are taken together.

Design note. Only rows that meet are touched. They are few, where one source has the classes and
the other one the staff; the millions of enrollments that only one source has cost one look.
A status that a source does not deliver counts as said: whom the leading source lists, is active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from roster.gathering import rank
from roster.ledger import number
from roster.schema import ORIGIN, ROW_NAMES, TABLES, Table, columns_of, literal

_DATES = ("start_date", "end_date")


@dataclass(frozen=True)
class Precedence:
    """Who leads in a table. `columns`: column → the sources that lead in it."""

    sources: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True)
class MergeRules:
    """How sources become one roster.

    `sources`: in the order in which they lead, unless `tables` (table → precedence) says
    otherwise. `same_people`: columns of `users` that tell that two people with different ids are
    one, the surest first. `own_ids`: source → tables whose ids mean nothing in other sources.
    """

    sources: tuple[str, ...] = ()
    tables: Mapping[str, Precedence] = field(default_factory=dict[str, Precedence])
    same_people: tuple[str, ...] = ()
    own_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def order(self, table: str, column: str = "") -> tuple[str, ...]:
        """The sources that lead in a table, or in a column of it; the others follow by name."""
        precedence = self.tables.get(table, Precedence())
        own = precedence.columns.get(column, ())
        return tuple(dict.fromkeys((*own, *precedence.sources, *self.sources)))


def start_borrowing(con: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table `borrowed`: where the value of a column really came from."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE borrowed (tbl VARCHAR, file UTINYINT, row UINTEGER,"
        " col VARCHAR, from_file UTINYINT, from_row UINTEGER)"
    )


def cite_lenders(con: duckdb.DuckDBPyConnection) -> None:
    """Let findings about a borrowed value name the line that it stands in."""
    con.execute(
        """
        UPDATE faults f SET file = b.from_file, row = b.from_row FROM borrowed b
        WHERE f.tbl = b.tbl AND f.file = b.file AND f.row = b.row
          AND b.col = coalesce(f.col, split_part(f.rule, '.', 2))
        """
    )


def by_rank(con: duckdb.DuckDBPyConnection, order: Sequence[str]) -> str:
    """SQL: the place in an order of the source that a row came from.

    The files of a source have numbers that follow each other, see roster.gathering.
    """
    files = con.execute("SELECT source, min(id), max(id) FROM files GROUP BY source").fetchall()
    ranked = sorted(files, key=lambda file: (rank(file[0], order), file[0]))
    cases = [
        f"WHEN origin_file BETWEEN {first} AND {last} THEN {place}"
        for place, (_, first, last) in enumerate(ranked)
    ]
    return f"CASE {' '.join(cases)} END"


def merge_rows(con: duckdb.DuckDBPyConnection, rules: MergeRules) -> None:
    """Make one row of the rows that meet, in every table."""
    for table in TABLES.values():
        if _find_meeting(con, table, rules):
            _merge(con, table, rules)
        con.execute("DROP TABLE IF EXISTS meeting")


def _find_meeting(con: duckdb.DuckDBPyConnection, table: Table, rules: MergeRules) -> int:
    """Make the table `meeting`: rows that two sources have. `place` 0 leads.

    `alone`: whether each source has one such row, so that blanks can be filled.
    """
    place = by_rank(con, rules.order(table.name))
    several = f"SELECT count(DISTINCT {place}) FROM (SELECT DISTINCT origin_file FROM {table.name})"
    if number(con, several) < 2:
        return 0
    names = ", ".join(ROW_NAMES[table.name])
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE meeting AS
        WITH placed AS (
            SELECT *, {place} AS place FROM {table.name}
            WHERE hash({names}) IN (
                SELECT hash({names}) FROM {table.name} GROUP BY 1
                HAVING min({place}) <> max({place}))
        ), counted AS (
            SELECT {names}, count(*) = count(DISTINCT place) AS alone, min(place) AS leading
            FROM placed GROUP BY ALL HAVING min(place) <> max(place)
        )
        SELECT * FROM placed JOIN counted USING ({names})
        """
    )
    return number(con, "SELECT count(*) FROM meeting")


def _merge(con: duckdb.DuckDBPyConnection, table: Table, rules: MergeRules) -> None:
    names = ", ".join(ROW_NAMES[table.name])
    values: list[str] = []
    for column in table.columns:
        if column.name in ROW_NAMES[table.name]:
            continue
        best, given = _lender(con, table, column.name, rules)
        values.append(f"first({column.name} ORDER BY {best}) FILTER ({given}) AS {column.name}")
        if column.references or column.name == "username":
            _borrow(con, table, column.name, best, given)
    origin = [f"first({name} ORDER BY place) AS {name}" for name, _ in ORIGIN]
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE merged AS
        SELECT {names}, {", ".join([*values, *origin])} FROM meeting WHERE alone GROUP BY {names}
        """
    )
    con.execute(
        f"""
        DELETE FROM {table.name} t USING meeting m
        WHERE t.origin_file = m.origin_file AND t.origin_row = m.origin_row
          AND (m.alone OR m.place > m.leading)
        """
    )
    con.execute(f"INSERT INTO {table.name} BY NAME FROM merged")
    con.execute("DROP TABLE merged")


def _lender(
    con: duckdb.DuckDBPyConnection, table: Table, column: str, rules: MergeRules
) -> tuple[str, str]:
    """SQL: whose value of a column comes first, and whether a row gives one."""
    dated = column in _DATES and all(name in dict(columns_of(table.name)) for name in _DATES)
    led = rules.tables.get(table.name, Precedence()).columns
    decisive = next((date for date in _DATES if date in led), column) if dated else column
    best = by_rank(con, rules.order(table.name, decisive))
    if dated:
        return best, " OR ".join(f"{name} IS NOT NULL" for name in _DATES)
    listed = dict(columns_of(table.name))[column].endswith("[]")
    return best, f"len({column}) > 0" if listed else f"{column} IS NOT NULL"


def _borrow(
    con: duckdb.DuckDBPyConnection, table: Table, column: str, best: str, given: str
) -> None:
    names = ", ".join(ROW_NAMES[table.name])
    con.execute(
        f"""
        INSERT INTO borrowed
        SELECT {literal(table.name)}, file, row, {literal(column)}, from_file, from_row FROM (
            SELECT first(origin_file ORDER BY place) AS file,
                first(origin_row ORDER BY place) AS row,
                first(origin_file ORDER BY {best}) FILTER ({given}) AS from_file,
                first(origin_row ORDER BY {best}) FILTER ({given}) AS from_row
            FROM meeting WHERE alone GROUP BY {names})
        WHERE from_file <> file OR from_row <> row
        """
    )
