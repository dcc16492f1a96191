"""Staged readings of several sources, gathered into one intake.

Every file gets a number of its own and, where there are several sources, its source in front of
its name, so that a finding in `sis/users.csv` is not looked for in the other system. Sources are
taken in the order of precedence, whatever the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from roster.errors import BadInput
from roster.intake import Intake
from roster.ledger import number
from roster.schema import TABLES, Column, Table, Type, literal
from roster.staging import Description, describe

# Findings about the settings and the overrides need a number too.
MOST_FILES = 250


def gather(
    con: duckdb.DuckDBPyConnection,
    readings: Sequence[Path],
    order: Sequence[str],
    own_ids: Mapping[str, Sequence[str]],
) -> tuple[Intake, list[Description]]:
    """Load saved readings, one of each source, into one intake.

    `order`: the sources that lead; the others follow by name. `own_ids`: source → tables whose ids
    are that source's own: they get its name in front. What was found in the readings comes into
    the temporary table `earlier`, apart from what is found in them together.
    """
    known = sorted(
        ((describe(folder), folder) for folder in readings),
        key=lambda pair: (rank(pair[0].source, order), pair[0].source),
    )
    _refuse_unusable([reading.source for reading, _ in known])
    intake = Intake(con, {})
    con.execute("CREATE OR REPLACE TEMP TABLE earlier AS FROM faults")
    for reading, folder in known:
        own = frozenset(own_ids.get(reading.source, ()))
        _Loading(con, reading, folder, own).load(named=len(known) > 1)
        intake.fed.update(reading.fed)
        intake.ledger.dropped.update(reading.dropped)
        intake.ledger.unreadable.update(reading.unreadable)
    return intake, [reading for reading, _ in known]


def rank(source: str, order: Sequence[str]) -> int:
    """The place of a source in an order; those that it does not name come last."""
    return order.index(source) if source in order else len(order)


def _refuse_unusable(sources: Sequence[str]) -> None:
    if not sources:
        raise BadInput("no source has delivered a roster yet; deliver one")
    for source in sources:
        if sources.count(source) > 1:
            raise BadInput(f"source {source} was given twice; give one reading of each source")


class _Loading:
    """One reading on its way into the intake."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        reading: Description,
        folder: Path,
        own: frozenset[str],
    ) -> None:
        self._con = con
        self._reading = reading
        self._folder = folder
        self._own = own
        self._first = number(con, "SELECT coalesce(max(id) + 1, 0) FROM files")

    def load(self, *, named: bool) -> None:
        """Load every table. `named`: whether file names get the source in front."""
        last = number(self._con, f"SELECT coalesce(max(id), 0) FROM {self._saved('files')}")
        if self._first + last >= MOST_FILES:
            raise BadInput(
                f"the sources have more than {MOST_FILES} files together;"
                " deliver fewer and larger files"
            )
        for table in TABLES.values():
            if (self._folder / f"{table.name}.parquet").exists():
                self._load_rows(table)
        if "users" in self._own:
            self._con.execute(
                f"INSERT INTO renamed SELECT {literal(self._reading.source)}, sourced_id,"
                f" {self._renamed('sourced_id')} FROM {self._saved('users')}"
            )
        front = literal(f"{self._reading.source}/" if named else "")
        self._insert("files", f"* REPLACE ({self._moved('id')}, {front} || name AS name)")
        for name in ("line_shifts", "headers"):
            self._insert(name, f"* REPLACE ({self._moved('file')})")
        self._insert("faults", f"* REPLACE ({self._moved('file')})", into="earlier")
        self._insert("dropped_keys", f"* REPLACE ({self._dropped_key()} AS key)")
        self._insert("uncertain", f"kind, {self._uncertain(0)}, {self._uncertain(1)}")

    def _saved(self, name: str) -> str:
        return f"read_parquet({literal(str(self._folder / f'{name}.parquet'))})"

    def _insert(self, name: str, selected: str, into: str = "") -> None:
        self._con.execute(f"INSERT INTO {into or name} SELECT {selected} FROM {self._saved(name)}")

    def _moved(self, column: str) -> str:
        return f"({column} + {self._first})::UTINYINT AS {column}"

    def _load_rows(self, table: Table) -> None:
        """A reading that an earlier version saved may lack a column: it gets the default."""
        rows = self._con.execute(f"DESCRIBE FROM {self._saved(table.name)}").fetchall()
        there = {name for name, *_ in rows}
        columns = [
            f"{self._value(table, column) if column.name in there else column.default}"
            f" AS {column.name}"
            for column in table.columns
        ]
        self._con.execute(
            f"INSERT INTO {table.name} BY NAME"
            f" SELECT {', '.join(columns)}, {self._moved('origin_file')}, origin_row"
            f" FROM {self._saved(table.name)}"
        )

    def _value(self, table: Table, column: Column) -> str:
        if identified(table, column) not in self._own:
            return column.name
        if column.type is Type.ID_LIST:
            return f"list_transform({column.name}, lambda id: {self._renamed('id')})"
        return self._renamed(column.name)

    def _renamed(self, sql: str) -> str:
        return f"{literal(self._reading.source + ':')} || {sql}"

    def _dropped_key(self) -> str:
        own = ", ".join(literal(name) for name in sorted(self._own)) or "''"
        return f"CASE WHEN tbl IN ({own}) THEN {self._renamed('key')} ELSE key END"

    def _uncertain(self, place: int) -> str:
        column = ("key", "key2")[place]
        own = [
            literal(table.kind)
            for table in TABLES.values()
            if table.kind
            and len(table.key) > place
            and identified(table, table[table.key[place]]) in self._own
        ]
        whether = f"kind IN ({', '.join(own) or 'NULL'})"
        return f"CASE WHEN {whether} THEN {self._renamed(column)} ELSE {column} END"


def identified(table: Table, column: Column) -> str | None:
    """The table whose rows a column's ids name, if it holds ids."""
    return table.name if column.name == "sourced_id" else column.references
