from __future__ import annotations

import duckdb

from tests.roster.rosters import SOUND, plus, read


def _rules(
    con: duckdb.DuckDBPyConnection, tables: dict[str, list[dict[str, str | None]]]
) -> set[str]:
    return {rule.id for rule in read(con, tables).rules()}


def test_nobody_is_told_off_for_what_a_dropped_row_would_have_said(
    con: duckdb.DuckDBPyConnection,
) -> None:
    tables = plus(
        SOUND,
        users=[{**SOUND["users"][0], "sourced_id": "U9", "username": "nina"}],
        roles=[{**SOUND["roles"][0], "user_sourced_id": "U9", "role": "wizard"}],
        classes=[{**SOUND["classes"][0], "sourced_id": "C9"}],
        enrollments=[
            {**SOUND["enrollments"][0], "class_sourced_id": "C9", "role": "wizard"},
            {**SOUND["enrollments"][0], "user_sourced_id": "U9", "role": "teacher"},
        ],
    )
    assert _rules(con, tables) == {"roles.role.enum", "enrollments.role.enum"}


def test_someone_who_is_student_and_staff_may_do_both(con: duckdb.DuckDBPyConnection) -> None:
    tables = plus(
        SOUND,
        roles=[{**SOUND["roles"][0], "role": "coach"}],
        enrollments=[{**SOUND["enrollments"][0], "role": "coach"}],
    )
    assert _rules(con, tables) == set()


def test_without_classes_in_the_source_no_class_is_missed(con: duckdb.DuckDBPyConnection) -> None:
    tables = {name: SOUND[name] for name in ("orgs", "academic_sessions", "users", "roles")}
    assert _rules(con, {name: list(rows) for name, rows in tables.items()}) == {"users.role.none"}


def test_an_inactive_class_may_be_empty(con: duckdb.DuckDBPyConnection) -> None:
    old = {**SOUND["classes"][0], "sourced_id": "C9", "active": "Expired"}
    assert _rules(con, plus(SOUND, classes=[old])) == set()
