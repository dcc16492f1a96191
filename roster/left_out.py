"""What is left out on purpose, by a rule or by hand, and what goes with it.

Design note. A row that is left out is no fault: it is deleted without a finding and written down
in `left_out` with what left it out, because somebody will ask why a class is not there. What the
directory already has of it is not spared for that: the plan removes it, and the guard holds it,
like anything else that the roster no longer has. Faults of such a row are nobody's business any
more. What was uncertain stays so: where a faulty row may be why something is left out, nothing is
taken away.

With an org go the orgs below it, its courses and classes, and the roles that people have in it;
with a class its enrollments; with a person everything of that person. People go who thereby lose
their last role, unless they are still the contact of somebody.
"""

from __future__ import annotations

import duckdb

from roster.ledger import number
from roster.schema import ROW_NAMES, TABLES, Table, literal

_KINDS = {"academic_sessions": "academic_session", "courses": "course",
          "demographics": "demographics", "user_flags": "user_flag"}  # fmt: skip
_OF_ORGS = ("courses", "classes", "roles")


def kind(table: Table) -> str:
    """What `left_out` calls a row of a table."""
    return table.kind or _KINDS[table.name]


def start_leaving_out(con: duckdb.DuckDBPyConnection) -> None:
    """Make the scratch tables.

    `bereft`: people who lost a role, or the student they belong to. `gone`: rows left out.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE bereft (sourced_id VARCHAR, rule VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE gone (tbl VARCHAR, file UTINYINT, row UINTEGER)")


def forget_faults(con: duckdb.DuckDBPyConnection) -> None:
    """Take back what was found in rows that are left out."""
    con.execute(
        "DELETE FROM faults f USING gone g"
        " WHERE f.tbl = g.tbl AND f.file = g.file AND f.row = g.row"
    )
    for scratch in ("gone", "bereft", "leaving"):
        con.execute(f"DROP TABLE IF EXISTS {scratch}")


def leave_out(con: duckdb.DuckDBPyConnection, table: Table, rows: str) -> int:
    """Leave out rows of a table, and say how many.

    `rows`: an SQL query of rule, origin_file and origin_row. What goes with the rows only goes
    when `follow` is called.
    """
    found = number(con, f"CREATE OR REPLACE TEMP TABLE leaving AS {rows}")
    if not found:
        return 0
    named = f"concat_ws('/', {', '.join(ROW_NAMES[table.name])})"
    leaving = f"{table.name} t JOIN leaving USING (origin_file, origin_row)"
    con.execute(
        f"INSERT INTO left_out SELECT DISTINCT rule, {literal(kind(table))}, {named} AS name"
        f" FROM {leaving} ORDER BY rule, name"
    )
    for person in _bereaved(table):
        con.execute(f"INSERT INTO bereft SELECT DISTINCT {person}, rule FROM {leaving}")
    con.execute(
        f"INSERT INTO gone SELECT {literal(table.name)}, origin_file, origin_row FROM leaving"
    )
    con.execute(
        f"DELETE FROM {table.name} t USING leaving l"
        " WHERE t.origin_file = l.origin_file AND t.origin_row = l.origin_row"
    )
    return found


def follow(con: duckdb.DuckDBPyConnection) -> None:
    """Leave out what goes with the rows that were left out."""
    if not number(con, "SELECT count(*) FROM left_out"):
        return
    while leave_out(con, TABLES["orgs"], _citing("orgs", "parent_sourced_id", "org")):
        pass
    for name in _OF_ORGS:
        leave_out(con, TABLES[name], _citing(name, "org_sourced_id", "org"))
    _follow_sessions(con)
    _blank(con, "classes", "course_sourced_id", "course")
    _forget(con, "enrollments", "class_sourced_id", "class")
    _follow_people(con)


def _bereaved(table: Table) -> tuple[str, ...]:
    if table.name == "roles":
        return ("user_sourced_id",)
    return ("relationship_user_sourced_id",) if table.name == "relationships" else ()


def _citing(table: str, column: str, cited: str) -> str:
    return (
        f"SELECT o.rule, t.origin_file, t.origin_row FROM {table} t"
        f" JOIN left_out o ON o.kind = {literal(cited)} AND o.key = t.{column}"
    )


def _follow_sessions(con: duckdb.DuckDBPyConnection) -> None:
    """A class whose last session goes must go with it: without any it would count all year."""
    gone = "SELECT key FROM left_out WHERE kind = 'academic_session'"
    if not number(con, f"SELECT count(*) FROM ({gone})"):
        return
    leave_out(con, TABLES["roles"], _citing("roles", "session_sourced_id", "academic_session"))
    leave_out(
        con,
        TABLES["classes"],
        """
        SELECT min(o.rule) AS rule, origin_file, origin_row
        FROM (SELECT origin_file, origin_row, unnest(session_sourced_ids) AS session FROM classes) c
        LEFT JOIN left_out o ON o.kind = 'academic_session' AND o.key = c.session
        GROUP BY origin_file, origin_row HAVING bool_and(o.key IS NOT NULL)
        """,
    )
    con.execute(
        f"""
        UPDATE classes SET session_sourced_ids =
            list_filter(session_sourced_ids, lambda id: NOT list_contains(gone.ids, id))
        FROM (SELECT list(key) AS ids FROM ({gone})) gone
        WHERE list_has_any(session_sourced_ids, gone.ids)
        """
    )
    _blank(con, "courses", "school_year_sourced_id", "academic_session")


def _blank(con: duckdb.DuckDBPyConnection, table: str, column: str, cited: str) -> None:
    con.execute(
        f"UPDATE {table} SET {column} = NULL"
        f" WHERE {column} IN (SELECT key FROM left_out WHERE kind = {literal(cited)})"
    )


def _forget(con: duckdb.DuckDBPyConnection, table: str, column: str, cited: str) -> None:
    which = f"{column} IN (SELECT key FROM left_out WHERE kind = {literal(cited)})"
    _remember(con, table, which)
    con.execute(f"DELETE FROM {table} WHERE {which}")


def _remember(con: duckdb.DuckDBPyConnection, table: str, which: str) -> None:
    con.execute(
        f"INSERT INTO gone SELECT {literal(table)}, origin_file, origin_row FROM {table}"
        f" WHERE {which}"
    )


def _follow_people(con: duckdb.DuckDBPyConnection) -> None:
    """Twice and more: a contact goes after the last student whom the contact belongs to."""
    alone = """
        SELECT min(b.rule) AS rule, u.origin_file, u.origin_row
        FROM users u JOIN bereft b USING (sourced_id)
        WHERE u.sourced_id NOT IN (SELECT user_sourced_id FROM roles)
          AND u.sourced_id NOT IN (SELECT relationship_user_sourced_id FROM relationships)
        GROUP BY u.origin_file, u.origin_row
        """
    con.execute(f"INSERT INTO bereft {_contacts()}")
    _forget(con, "relationships", "user_sourced_id", "user")
    while leave_out(con, TABLES["users"], alone):
        con.execute(f"INSERT INTO bereft {_contacts()}")
        _forget(con, "relationships", "user_sourced_id", "user")
    for table in TABLES.values():
        for column in table.columns:
            if column.references == "users":
                _forget(con, table.name, column.name, "user")


def _contacts() -> str:
    return """
        SELECT r.relationship_user_sourced_id, o.rule FROM relationships r
        JOIN left_out o ON o.kind = 'user' AND o.key = r.user_sourced_id
        """
