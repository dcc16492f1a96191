"""Validation across rows: duplicates, shared usernames, references, sense, in this order.

Tables are taken in the schema's order, so that whatever a row references is settled before it.

Duplicates are settled within a source; all else is checked across the sources of a tenant, since
the classes may come from one and the people from another (see roster.together).
"""

from __future__ import annotations

import duckdb

from roster.duplicates import drop_duplicates, drop_shared_usernames
from roster.errors import BadInput
from roster.intake import Intake
from roster.ledger import Ledger
from roster.references import check_references
from roster.roster import Roster
from roster.schema import TABLES
from roster.sense import check_sense


def validate(
    con: duckdb.DuckDBPyConnection, intake: Intake, format_name: str, *, row_a_school: bool = False
) -> Roster:
    """Finish an intake: the roster, with every finding written.

    `format_name`: the source's format, such as "sds-v2.1". `row_a_school`: the format writes a
    person once for each school (see roster.duplicates).
    """
    settle(con, intake.ledger, row_a_school=row_a_school)
    check_rows(con, intake.ledger)
    return finish(con, intake, format_name)


def settle(con: duckdb.DuckDBPyConnection, ledger: Ledger, *, row_a_school: bool = False) -> None:
    """Drop what one source says twice."""
    for table in TABLES.values():
        drop_duplicates(con, ledger, table, row_a_school=row_a_school)


def check_rows(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Check the settled rows of every source against each other."""
    for table in TABLES.values():
        if table.name == "users":
            drop_shared_usernames(con, ledger)
        check_references(con, ledger, table)


def finish(con: duckdb.DuckDBPyConnection, intake: Intake, format_name: str) -> Roster:
    """Apply the rules of sense to checked rows, and write the side tables."""
    ledger = intake.ledger
    check_sense(con, ledger, intake.fed)
    dropped = {name: ledger.dropped[name] for name in TABLES if ledger.dropped[name]}
    fed = tuple(name for name in TABLES if name in intake.fed)
    intake.close()
    return Roster(con, format_name, fed, dropped)


def refuse_cut(con: duckdb.DuckDBPyConnection, without_end: tuple[str, ...]) -> None:
    """Refuse a file that ends without a line end, and with a value that is none.

    `without_end`: names of the files without a last line end. Many exporters leave it out, so that
    alone proves nothing; half a value in the last record, such as the role `stud`, does.
    """
    for name in without_end:
        cut = con.execute(
            """SELECT f.line, f.col FROM findings f
            JOIN files o ON o.name = f.file
            ASOF JOIN line_shifts s ON s.file = o.id AND s.row <= o.records - 1
            WHERE f.file = ? AND f.line = s.line + (o.records - 1 - s.row)
              AND f.col <> '' AND f.rule NOT LIKE '%.dropped' ORDER BY f.col LIMIT 1""",
            [name],
        ).fetchone()
        if cut:
            line, column = cut
            raise BadInput(
                f"{name}:{line}: the file ends without a line end, and {column} of its last"
                " record is not valid; it is truncated, upload it again"
            )
