"""The ledger of one reading: what was found, what was dropped, and what that leaves uncertain.

Design note, why `uncertain` exists. A row that is dropped because of a typing mistake looks, to
whoever compares the roster with the directory, exactly like a person who has left. So every
dropped row's key is written down here, and nothing that such a key names may be removed.
Where a duplicate is dropped that says nothing new, the key is still in the roster, and certain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import duckdb

from roster.rules import RULES, Rule
from roster.schema import Table, literal

VALUE_LENGTH = 200
# What a ledger holds of a reading whose rows are not checked against each other yet.
UNSETTLED = ("faults", "dropped_keys", "headers")
_SCRATCH = {
    "faults": (
        "rule VARCHAR, tbl VARCHAR, file UTINYINT, row UINTEGER, line UBIGINT, col VARCHAR,"
        " value VARCHAR, entity VARCHAR, cause VARCHAR"
    ),
    "dropped_keys": "tbl VARCHAR, key VARCHAR, cause VARCHAR",
    "doomed": "origin_file UTINYINT, origin_row UINTEGER, cause VARCHAR",
    "headers": "file UTINYINT, tbl VARCHAR, col VARCHAR, header VARCHAR",
    "rule_texts": "rule VARCHAR, severity VARCHAR, col VARCHAR, message VARCHAR, hint VARCHAR",
}


def number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number that a query answers, or the rows that a statement wrote."""
    [(answer,)] = con.execute(sql).fetchall()
    return int(answer)


def entity(table: Table) -> str:
    """SQL: the key of a row as one text, such as C9/U7."""
    return f"concat_ws('/', {', '.join(table.key)})"


def keys(table: Table) -> str:
    """SQL: the key of a row as the two columns of `uncertain`."""
    return ", ".join((*table.key, "NULL")[:2])


class Ledger:
    """Writes findings, drops and uncertainties of one reading into its DuckDB connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self.unreadable: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        for name, columns in _SCRATCH.items():
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")

    def report(self, rule: Rule, rows: str, *, table: str = "") -> int:
        """Write a finding for each row of `rows`, an SQL query; say how many.

        Columns of the query, by name, all optional but the first: file, row or line, col (default:
        the rule's), value, entity, cause.
        """
        return number(
            self._con,
            f"INSERT INTO faults BY NAME SELECT {literal(rule.id)} AS rule,"
            f" {literal(table or rule.table)} AS tbl, * FROM ({rows})",
        )

    def name_columns(self, file: int, table: str, headers: Mapping[str, str]) -> None:
        """Remember what a file calls the columns of a roster table."""
        rows = [[file, table, column, header] for column, header in headers.items()]
        self._con.executemany("INSERT INTO headers VALUES (?, ?, ?, ?)", rows)

    def doubt(self, table: Table, rows: str) -> None:
        """Make uncertain what `rows` name: an SQL query that has the table's key columns."""
        if not table.kind:
            return
        readable = " AND ".join(f"{key} IS NOT NULL" for key in table.key)
        number(
            self._con,
            f"INSERT INTO uncertain SELECT {literal(table.kind)}, {keys(table)} FROM ({rows})"
            f" WHERE {readable}",
        )
        self.unreadable[table.name] += number(
            self._con, f"SELECT count(*) FROM ({rows}) WHERE NOT ({readable})"
        )

    def lose(self, table: Table, rows: str) -> None:
        """Lines that never became rows: count them, keep what is readable of their keys."""
        self.dropped[table.name] += number(self._con, f"SELECT count(*) FROM ({rows})")
        self._remember(table, rows, "''")
        self.doubt(table, rows)

    def drop(
        self, table: Table, doomed: str, *, doubtful: bool = True, counted: bool = True
    ) -> None:
        """Delete the rows that `doomed` names, an SQL query: origin_file, origin_row, cause.

        `doubtful`: whether that leaves the rows' keys uncertain. `counted`: as dropped rows.
        """
        con = self._con
        con.execute("DELETE FROM doomed")
        count = number(
            con,
            f"INSERT INTO doomed SELECT origin_file, origin_row, max(cause) FROM ({doomed})"
            " GROUP BY origin_file, origin_row",
        )
        if not count:
            return
        if counted:
            self.dropped[table.name] += count
        if doubtful:
            rows = (
                f"SELECT t.*, cause FROM {table.name} t JOIN doomed USING (origin_file, origin_row)"
            )
            self._remember(table, rows, "cause")
            self.doubt(table, rows)
        con.execute(
            f"DELETE FROM {table.name} t USING doomed d"
            " WHERE t.origin_file = d.origin_file AND t.origin_row = d.origin_row"
        )

    def _remember(self, table: Table, rows: str, cause: str) -> None:
        if table.key == ("sourced_id",):
            own = f"{literal(table.name + ':')} || sourced_id"
            self._con.execute(
                f"INSERT INTO dropped_keys SELECT {literal(table.name)}, sourced_id,"
                f" coalesce(nullif({cause}, ''), {own}) FROM ({rows}) WHERE sourced_id IS NOT NULL"
            )

    def close(self) -> None:
        """Turn what was written into the tables `findings`, `uncertain` and `unreadable`."""
        con = self._con
        for (name,) in con.execute("SELECT DISTINCT rule FROM faults").fetchall():
            rule = RULES[name]
            con.execute(
                "INSERT INTO rule_texts VALUES (?, ?, ?, ?, ?)",
                [rule.id, rule.severity, rule.column, rule.message, rule.hint],
            )
        con.execute(
            f"""
            INSERT INTO findings
            SELECT f.rule, r.severity, f.tbl, files.name,
                coalesce(f.line, s.line + (f.row - s.row)),
                coalesce(h.header, f.col, r.col), coalesce(left(f.value, {VALUE_LENGTH}), ''),
                coalesce(f.entity, ''), coalesce(f.cause, ''), r.message, r.hint
            FROM faults f
            ASOF LEFT JOIN line_shifts s ON f.file = s.file AND f.row >= s.row
            JOIN rule_texts r ON f.rule = r.rule
            JOIN files ON f.file = files.id
            LEFT JOIN headers h
                ON h.file = f.file AND h.tbl = f.tbl AND h.col = coalesce(f.col, r.col)
            """
        )
        con.execute("CREATE OR REPLACE TEMP TABLE doubts AS SELECT DISTINCT * FROM uncertain")
        con.execute("DELETE FROM uncertain")
        con.execute("INSERT INTO uncertain FROM doubts ORDER BY ALL")
        for name, lines in sorted((+self.unreadable).items()):
            con.execute("INSERT INTO unreadable VALUES (?, ?)", [name, lines])
        for name in ("doubts", *_SCRATCH):
            con.execute(f"DROP TABLE {name}")
