from __future__ import annotations

import duckdb

from roster.roster import Roster
from tests.roster.rosters import SOUND, Row, plus, read, rows

ADA = SOUND["users"][0]


def _rules(roster: Roster) -> dict[str, int]:
    return {rule.id: rule.count for rule in roster.rules()}


def test_of_identical_rows_one_is_kept_and_its_key_stays_certain(
    con: duckdb.DuckDBPyConnection,
) -> None:
    roster = read(con, plus(SOUND, users=[ADA, ADA]))
    assert _rules(roster) == {"users.sourced_id.duplicate": 2}
    assert roster.counts()["users"] == 4
    assert roster.dropped()["users"] == 2
    assert rows(con, "FROM uncertain") == []


def test_of_conflicting_rows_the_first_is_kept_and_the_key_is_uncertain(
    con: duckdb.DuckDBPyConnection,
) -> None:
    roster = read(con, plus(SOUND, users=[{**ADA, "given_name": "Eve"}, ADA]))
    assert _rules(roster) == {"users.sourced_id.conflict": 1, "users.sourced_id.duplicate": 1}
    assert rows(con, "SELECT given_name FROM users WHERE sourced_id = 'U1'") == [("ada",)]
    assert rows(con, "FROM uncertain") == [("user", "U1", None)]


def test_ids_that_differ_in_case_are_two(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, plus(SOUND, orgs=[{**SOUND["orgs"][1], "sourced_id": "s1"}]))
    assert roster.counts()["orgs"] == 3


def test_two_periods_in_one_class_are_no_duplicate(con: duckdb.DuckDBPyConnection) -> None:
    again = {**SOUND["enrollments"][0], "start_date": "2026-01-01"}
    assert _rules(read(con, plus(SOUND, enrollments=[again]))) == {}


def test_people_who_share_a_username_are_all_dropped(con: duckdb.DuckDBPyConnection) -> None:
    twin: Row = {**ADA, "sourced_id": "U3", "username": "ADA"}
    role: Row = {**SOUND["roles"][0], "user_sourced_id": "U3"}
    roster = read(con, plus(SOUND, users=[twin], roles=[role]))
    shared = [f for f in roster.findings() if f.rule == "users.username.shared"]
    assert [(f.entity, f.value) for f in shared] == [("U1", "ada"), ("U3", "ADA")]
    assert rows(con, "SELECT sourced_id FROM users ORDER BY 1") == [("P1",), ("T1",), ("U2",)]
    assert ("user", "U1", None) in rows(con, "FROM uncertain")
    assert ("user", "U3", None) in rows(con, "FROM uncertain")


def test_a_contact_may_have_the_username_of_a_student(con: duckdb.DuckDBPyConnection) -> None:
    tables = plus(SOUND)
    tables["users"] = [
        {**row, "username": "ada"} if row["sourced_id"] == "P1" else row for row in tables["users"]
    ]
    assert _rules(read(con, tables)) == {}


def test_a_username_may_pass_on_from_someone_inactive(con: duckdb.DuckDBPyConnection) -> None:
    left: Row = {**ADA, "sourced_id": "U3", "active": "false"}
    role: Row = {**SOUND["roles"][0], "user_sourced_id": "U3"}
    assert _rules(read(con, plus(SOUND, users=[left], roles=[role]))) == {}


def test_a_persons_rows_for_several_schools_are_one_person(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, plus(SOUND, users=[ADA]), row_a_school=True)
    assert _rules(roster) == {}
    assert roster.counts()["users"] == 4
    assert roster.dropped()["users"] == 0


def test_differing_names_of_one_person_are_a_warning(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, plus(SOUND, users=[{**ADA, "given_name": "Eve"}]), row_a_school=True)
    assert _rules(roster) == {"users.sourced_id.differs": 1}
    assert rows(con, "SELECT given_name FROM users WHERE sourced_id = 'U1'") == [("ada",)]
    assert rows(con, "FROM uncertain") == []


def test_differing_usernames_of_one_person_are_a_conflict(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, plus(SOUND, users=[{**ADA, "username": "eve"}]), row_a_school=True)
    assert _rules(roster) == {"users.sourced_id.conflict": 1}
    assert rows(con, "SELECT username FROM users WHERE sourced_id = 'U1'") == [("ada",)]
    assert rows(con, "FROM uncertain") == [("user", "U1", None)]


def test_one_id_of_a_student_and_another_teacher_drops_both(con: duckdb.DuckDBPyConnection) -> None:
    teachers: list[Row] = [{**ADA, "username": "eve"}]
    roster = read(con, {**SOUND, "users#2": teachers}, row_a_school=True)
    found = [f for f in roster.findings() if f.rule == "users.sourced_id.ambiguous"]
    assert [(f.file, f.line) for f in found] == [("users#2.csv", 2), ("users.csv", 2)]
    assert rows(con, "SELECT * FROM users WHERE sourced_id = 'U1'") == []
    assert ("user", "U1", None) in rows(con, "FROM uncertain")


def test_one_person_in_the_students_and_the_teachers_is_kept(
    con: duckdb.DuckDBPyConnection,
) -> None:
    roster = read(con, {**SOUND, "users#2": [ADA]}, row_a_school=True)
    assert _rules(roster) == {}
    assert roster.counts()["users"] == 4


def test_people_without_username_share_none(con: duckdb.DuckDBPyConnection) -> None:
    people: list[Row] = [{**ADA, "sourced_id": key, "username": None} for key in ("U8", "U9")]
    roles: list[Row] = [{**SOUND["roles"][0], "user_sourced_id": key} for key in ("U8", "U9")]
    roster = read(con, plus(SOUND, users=people, roles=roles))
    assert _rules(roster) == {"users.username.none": 2}
    assert roster.counts()["users"] == 6


def test_one_id_of_two_people_without_username_is_told_by_their_names(
    con: duckdb.DuckDBPyConnection,
) -> None:
    tables = plus(SOUND)
    tables["users"][0] = {**ADA, "username": None}
    same = read(con, {**tables, "users#2": [{**ADA, "username": None}]}, row_a_school=True)
    assert same.counts()["users"] == 4
    other: Row = {**ADA, "username": None, "given_name": "Eve"}
    roster = read(con, {**tables, "users#2": [other]}, row_a_school=True)
    assert "users.sourced_id.ambiguous" in _rules(roster)
    assert rows(con, "SELECT * FROM users WHERE sourced_id = 'U1'") == []
