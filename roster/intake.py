"""Intake: raw tables in, staged roster tables out, every row rule applied on the way.

Design note. Each feed is one scan: clean the texts, read the values, set one bit for each row rule
that the row breaks. Rows without any bit, nearly all, cost no more than that; only the others are
looked at again, together with the raw texts, to say what is wrong with them.
"""

from __future__ import annotations

import duckdb

from roster.feed import Feed
from roster.ledger import Ledger, entity, number
from roster.normalise import canonical, clean
from roster.rules import Effect, Rule, row_rules
from roster.schema import SIDE_TABLES, TABLES, Column, Table, Type, columns_of
from roster.values import Vocabulary, check_vocabulary


def clear(con: duckdb.DuckDBPyConnection) -> None:
    """Remove the roster of an earlier reading or loading."""
    names = {*TABLES, *SIDE_TABLES}
    views = con.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
    ).fetchall()
    for (view,) in views:
        if view in names:
            con.execute(f"DROP VIEW {view}")
    for name in names:
        con.execute(f"DROP TABLE IF EXISTS {name}")


class Intake:
    """Fills the roster tables of one reading. Staged tables carry one column more: `faults`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> None:
        """`vocabulary`: a customer's own words, list name → {their value: our value}."""
        check_vocabulary(vocabulary)
        self._con = con
        self._vocabulary = vocabulary
        self.fed: set[str] = set()
        clear(con)
        for name in (*TABLES, *SIDE_TABLES):
            columns = [f"{column} {kind}" for column, kind in columns_of(name)]
            if name in TABLES:
                columns.append("faults UBIGINT")
            con.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        self.ledger = Ledger(con)

    def add_file(self, file: int, source: str, name: str, records: int, shifts: str) -> None:
        """Register a source file. `shifts`: an SQL query of (row, line), see `line_shifts`."""
        self._con.execute("INSERT INTO files VALUES (?, ?, ?, ?)", [file, source, name, records])
        self._con.execute(f"INSERT INTO line_shifts SELECT {file}, row, line FROM ({shifts})")

    def add(self, feed: Feed) -> None:
        """Stage the rows of a feed, and report and drop those that break a row rule."""
        table = TABLES[feed.table]
        self.fed.add(table.name)
        self.ledger.name_columns(feed.file, table.name, feed.headers)
        rules = [
            (1 << bit, rule)
            for bit, rule in enumerate(row_rules(table.name))
            if rule.column in feed.columns
        ]
        self._con.execute(self._staging(feed, table, rules))
        if number(self._con, f"SELECT count(*) FROM {table.name} WHERE {_faulty(feed)}"):
            self._judge(feed, table, rules)

    def lose(self, feed: Feed, broken: str) -> None:
        """Record lines that could not be read as records of a feed.

        `broken`: a table like the feed's raw table, holding what is certain of each line.
        """
        if feed.whole:
            self.ledger.lose(TABLES[feed.table], f"SELECT {broken_keys(feed)} FROM {broken}")

    def _staging(self, feed: Feed, table: Table, rules: list[tuple[int, Rule]]) -> str:
        texts = [f"{_text(feed, column)} AS text_{column.name}" for column in table.columns]
        values = [
            f"{canonical(column, f'text_{column.name}', self._vocabulary)} AS {column.name}"
            for column in table.columns
        ]
        bits = [f"CASE WHEN {rule.predicate} THEN {bit} ELSE 0 END" for bit, rule in rules]
        kept = [_kept(column, rules) for column in table.columns]
        return f"""
            INSERT INTO {table.name}
            SELECT {", ".join(kept)}, {feed.file}, record, ({" + ".join(bits) or "0"})::UBIGINT
            FROM (SELECT *, {", ".join(values)} FROM (
                SELECT rowid AS record, {", ".join(texts)} FROM {feed.raw} WHERE {feed.rows()}))
        """

    def _judge(self, feed: Feed, table: Table, rules: list[tuple[int, Rule]]) -> None:
        texts = [f"{_text(feed, column)} AS text_{column.name}" for column in table.columns]
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE faulty AS
            SELECT t.*, r.* FROM {table.name} t
            JOIN (SELECT rowid AS record, {", ".join(texts)} FROM {feed.raw}) r
                ON t.origin_row = r.record
            WHERE {_faulty(feed)}
            """
        )
        for bit, rule in rules:
            found = self.ledger.report(
                rule,
                f"SELECT origin_file AS file, origin_row AS row, text_{rule.column} AS value,"
                f" {entity(table)} AS entity FROM faulty WHERE faults & {bit} <> 0",
            )
            if found and rule.effect is Effect.BLANK and table[rule.column].identifies:
                self.ledger.doubt(table, f"SELECT * FROM faulty WHERE faults & {bit} <> 0")
        self._con.execute("DROP TABLE faulty")
        fatal = sum(bit for bit, rule in rules if rule.effect is Effect.DROP)
        self.ledger.drop(
            table,
            f"SELECT origin_file, origin_row, '' AS cause FROM {table.name}"
            f" WHERE {_faulty(feed)} AND faults & {fatal} <> 0",
        )

    def close(self) -> None:
        """Take the marks off the staged tables, and write the side tables."""
        for name in TABLES:
            self._con.execute(f"ALTER TABLE {name} DROP COLUMN faults")
        self.ledger.close()


def broken_keys(feed: Feed) -> str:
    """SQL: the key columns of a feed's table, from its raw columns."""
    keys = TABLES[feed.table].key
    return ", ".join(f"{clean(feed.columns[key], Type.ID)} AS {key}" for key in keys)


def _faulty(feed: Feed) -> str:
    return f"faults <> 0 AND origin_file = {feed.file}"


def _text(feed: Feed, column: Column) -> str:
    given = feed.columns.get(column.name)
    return "NULL::VARCHAR" if given is None else f"({clean(given, column.type)})"


def _kept(column: Column, rules: list[tuple[int, Rule]]) -> str:
    """What is stored: the value, blanked where a rule on understood values says so."""
    value = column.name
    for _, rule in rules:
        understood = f"text_{column.name}" not in rule.predicate
        if rule.column == column.name and rule.effect is Effect.BLANK and understood:
            value = f"CASE WHEN {rule.predicate} THEN NULL ELSE {value} END"
    if column.default != "NULL":
        value = f"coalesce({value}, {column.default})"
    return value
