"""References: every id that a row cites must be in the roster.

A reference to a row that was dropped is a follow-on finding: its cause is the root that dropped
that row, through any number of steps, so that a reader sees one thing to mend and not a thousand.
"""

from __future__ import annotations

import duckdb

from roster.ledger import Ledger, entity, number
from roster.rules import RULES
from roster.schema import Column, Table, Type, literal


def check_references(con: duckdb.DuckDBPyConnection, ledger: Ledger, table: Table) -> None:
    """Drop, or blank where the reference is optional, what cites ids that are not there.

    The tables that `table` references must have been checked already.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE dangling (origin_file UTINYINT, origin_row UINTEGER,"
        " entity VARCHAR, col VARCHAR, cited VARCHAR, cause VARCHAR, dropped BOOLEAN)"
    )
    citing = [column for column in table.columns if column.references]
    found = {column.name: _find(con, table, column) for column in citing}
    for column in citing:
        if found[column.name]:
            _report(ledger, table, column)
            if not column.required:
                _blank(con, ledger, table, column)
    fatal = [literal(column.name) for column in citing if column.required and found[column.name]]
    if fatal:
        ledger.drop(
            table,
            "SELECT origin_file, origin_row, cause FROM dangling"
            f" WHERE col IN ({', '.join(fatal)})",
        )
    con.execute("DROP TABLE dangling")


def _find(con: duckdb.DuckDBPyConnection, table: Table, column: Column) -> int:
    cited = f"unnest({column.name})" if column.type is Type.ID_LIST else column.name
    return number(
        con,
        f"""
        INSERT INTO dangling
        SELECT origin_file, origin_row, entity, {literal(column.name)}, cited,
            coalesce(d.cause, {literal(f"{column.references}:")} || cited), d.cause IS NOT NULL
        FROM (
            SELECT * FROM (
                SELECT origin_file, origin_row, {entity(table)} AS entity, {cited} AS cited
                FROM {table.name} WHERE {column.name} IS NOT NULL)
            WHERE cited NOT IN (SELECT sourced_id FROM {column.references}))
        LEFT JOIN (
            SELECT key, min(cause) AS cause FROM dropped_keys
            WHERE tbl = {literal(column.references or "")} GROUP BY key) d ON d.key = cited
        """,
    )


def _report(ledger: Ledger, table: Table, column: Column) -> None:
    for what, dropped in (("missing", "NOT dropped"), ("dropped", "dropped")):
        ledger.report(
            RULES[f"{table.name}.{column.name}.{what}"],
            "SELECT origin_file AS file, origin_row AS row, cited AS value, entity, cause"
            f" FROM dangling WHERE col = {literal(column.name)} AND {dropped}",
        )


def _blank(con: duckdb.DuckDBPyConnection, ledger: Ledger, table: Table, column: Column) -> None:
    blanking = f"SELECT origin_file, origin_row FROM dangling WHERE col = {literal(column.name)}"
    if column.identifies:
        place = "(t.origin_file, t.origin_row)"
        ledger.doubt(table, f"SELECT t.* FROM {table.name} t WHERE {place} IN ({blanking})")
    blanked = "NULL"
    if column.type is Type.ID_LIST:
        blanked = f"list_filter(t.{column.name}, lambda id: NOT list_contains(d.cited, id))"
    con.execute(
        f"""
        UPDATE {table.name} t SET {column.name} = {blanked}
        FROM (
            SELECT origin_file, origin_row, list(cited) AS cited FROM dangling
            WHERE col = {literal(column.name)} GROUP BY origin_file, origin_row) d
        WHERE t.origin_file = d.origin_file AND t.origin_row = d.origin_row
        """
    )
