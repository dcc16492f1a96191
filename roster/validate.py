"""Validation across rows: duplicates, shared usernames, references, sense, in this order.

Tables are taken in the schema's order, so that whatever a row references is settled before it.
"""

from __future__ import annotations

import duckdb

from roster.duplicates import drop_duplicates, drop_shared_usernames
from roster.intake import Intake
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
    ledger = intake.ledger
    for table in TABLES.values():
        drop_duplicates(con, ledger, table, row_a_school=row_a_school)
        if table.name == "users":
            drop_shared_usernames(con, ledger)
        check_references(con, ledger, table)
    check_sense(con, ledger, intake.fed)
    dropped = {name: ledger.dropped[name] for name in TABLES if ledger.dropped[name]}
    fed = tuple(name for name in TABLES if name in intake.fed)
    intake.close()
    return Roster(con, format_name, fed, dropped)
