"""Rows that say the same twice, ids that name two things, usernames that two people share.

Design note. Six million keys are grouped by a hash of each, which takes a fraction of the memory
that the keys would; only rows whose hash occurs twice are then compared by their real values.
"""

from __future__ import annotations

import duckdb

from roster.ledger import Ledger, entity, number
from roster.rules import RULES, Effect
from roster.schema import TABLES, Table, literal
from roster.values import ORG_ROLES

_SCHOOL_ROLES = ", ".join(literal(role.name) for role in ORG_ROLES if role.group != "none")


def drop_duplicates(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, table: Table, *, row_a_school: bool = False
) -> None:
    """Keep one row of each key, and report the others.

    `row_a_school`: the format writes a person once for each school and role (SDS v1), so repeated
    rows of `users` are merged, and only what contradicts itself is reported.
    """
    if not _find_repeats(con, table):
        return
    if row_a_school and table.name == "users":
        _merge_people(con, ledger, table)
    elif table.unique:
        (column,) = table.unique
        _report(ledger, table, f"{table.name}.{column}.duplicate", "same AND place > 1", column)
        _report(ledger, table, f"{table.name}.{column}.conflict", "NOT same", column)
    else:
        _report(ledger, table, f"{table.name}.row.duplicate", "place > 1", "NULL::VARCHAR")
    con.execute("DROP TABLE repeats")


def drop_shared_usernames(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Drop all of several active people of a school who have one username.

    Contacts are left alone: their username is no account, and a parent who also teaches may
    stand here twice. Case does not count, as it does not in Entra ID.
    """
    people = f"SELECT user_sourced_id FROM roles WHERE role IN ({_SCHOOL_ROLES})"
    rows = f"SELECT * FROM users WHERE active AND username IS NOT NULL AND sourced_id IN ({people})"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE sharers AS
        SELECT origin_file, origin_row, username, sourced_id FROM ({rows})
        WHERE hash(lower(username)) IN (
            SELECT hash(lower(username)) FROM ({rows}) GROUP BY 1 HAVING count(*) > 1)
        QUALIFY count(*) OVER (PARTITION BY lower(username)) > 1
        """
    )
    found = ledger.report(
        RULES["users.username.shared"],
        "SELECT origin_file AS file, origin_row AS row, username AS value, sourced_id AS entity"
        " FROM sharers",
    )
    if found:
        ledger.drop(TABLES["users"], "SELECT origin_file, origin_row, '' AS cause FROM sharers")
    con.execute("DROP TABLE sharers")


def _find_repeats(con: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Make the table `repeats`: rows of a key that occurs twice. `place` 1 is the one kept."""
    names = [column.name for column in table.columns]
    unique = table.unique or tuple(names)
    hashed = f"hash({', '.join(unique)})"
    whole = ", ".join(names)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE repeats AS
        SELECT *, row_number() OVER same_key AS place,
            hash({whole}) = first_value(hash({whole})) OVER same_key
            AND row({whole}) IS NOT DISTINCT FROM first_value(row({whole})) OVER same_key AS same
        FROM {table.name}
        WHERE {hashed} IN (SELECT {hashed} FROM {table.name} GROUP BY 1 HAVING count(*) > 1)
        WINDOW same_key AS (PARTITION BY {", ".join(unique)} ORDER BY origin_file, origin_row)
        """
    )
    return number(con, "SELECT count(*) FROM repeats WHERE place > 1")


def _report(ledger: Ledger, table: Table, rule: str, which: str, value: str) -> None:
    found = ledger.report(
        RULES[rule],
        f"SELECT origin_file AS file, origin_row AS row, {value} AS value,"
        f" {entity(table)} AS entity FROM repeats WHERE {which}",
    )
    if found:
        ledger.drop(
            table,
            f"SELECT origin_file, origin_row, '' AS cause FROM repeats WHERE {which}",
            doubtful=RULES[rule].effect is Effect.DROP,
        )


def _merge_people(con: duckdb.DuckDBPyConnection, ledger: Ledger, table: Table) -> None:
    # Students and teachers are numbered apart in some systems. Where one id then stands for two
    # people, taking either for the other would hand a pupil a teacher's classes: drop both.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE clashes AS
        SELECT *,
            who IS DISTINCT FROM first_value(who) OVER same_id AS renamed,
            origin_file <> first_value(origin_file) OVER same_id AS elsewhere
        FROM (SELECT *, lower(coalesce(username, concat_ws(' ', given_name, family_name))) AS who
              FROM repeats)
        WINDOW same_id AS (PARTITION BY sourced_id ORDER BY origin_file, origin_row)
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE repeats AS
        SELECT *, bool_or(renamed AND elsewhere) OVER (PARTITION BY sourced_id) AS ambiguous
        FROM clashes
        """
    )
    _report(ledger, table, "users.sourced_id.ambiguous", "ambiguous", "sourced_id")
    con.execute("DELETE FROM repeats WHERE ambiguous OR place = 1")
    _report(ledger, table, "users.sourced_id.conflict", "renamed", "username")
    ledger.report(
        RULES["users.sourced_id.differs"],
        "SELECT origin_file AS file, origin_row AS row, sourced_id AS value,"
        " sourced_id AS entity FROM repeats WHERE NOT same AND NOT renamed",
    )
    ledger.drop(
        table,
        "SELECT origin_file, origin_row, '' AS cause FROM repeats WHERE NOT renamed",
        doubtful=False,
        counted=False,
    )
    con.execute("DROP TABLE clashes")
