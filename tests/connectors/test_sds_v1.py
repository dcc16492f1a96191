from __future__ import annotations

import datetime
from collections.abc import Mapping

import duckdb
import pytest

from tests.connectors.conftest import ReadDrop
from tests.connectors.samples import V1, uk, with_lines


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return con.execute(sql).fetchall()


@pytest.mark.parametrize("files", [V1, uk()])
def test_every_column_lands_in_its_table(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, files: Mapping[str, str]
) -> None:
    roster = read_drop(files)
    assert list(roster.findings()) == []
    assert _rows(con, "SELECT sourced_id, name, type, identifier FROM orgs ORDER BY 1") == [
        ("S1", "North School", "school", "N1"), ("S2", "South School", "school", "N2"),
    ]  # fmt: skip
    assert _rows(con, "SELECT sourced_id, username, given_name, family_name, identifier"
                      " FROM users WHERE sourced_id NOT LIKE 'guardian%' ORDER BY 1") == [
        ("T1", "tom", "Tom", "Taylor", "t1"),
        ("U1", "ada", "Ada", "Adams", "n1"),
        ("U2", "ben", "Ben", "Brown", "n2"),
    ]  # fmt: skip
    assert _rows(con, "SELECT user_sourced_id, org_sourced_id, role, grade, active"
                      " FROM roles ORDER BY ALL") == [
        ("T1", "S1", "teacher", None, True),
        ("U1", "S1", "student", "09", True),
        ("U1", "S2", "student", "09", True),
        ("U2", "S2", "student", "kg", False),
    ]  # fmt: skip
    assert _rows(con, "SELECT class_sourced_id, user_sourced_id, role"
                      " FROM enrollments ORDER BY ALL") == [
        ("C1", "T1", "teacher"), ("C1", "U1", "student"),
        ("C2", "T1", "teacher"), ("C2", "U2", "student"),
    ]  # fmt: skip
    assert _rows(con, "SELECT user_sourced_id, birth_date FROM demographics") == [
        ("U1", datetime.date(2010, 2, 3))
    ]


def test_a_term_is_its_id_with_its_dates_and_a_course_stands_once(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(V1)
    assert _rows(con, "SELECT sourced_id, title, type, school_year, start_date"
                      " FROM academic_sessions ORDER BY 1") == [
        ("T26/2025-08-01/2026-06-30", "Year", "term", "2026", datetime.date(2025, 8, 1)),
        ("T26/2025-08-15/2026-06-30", "Year", "term", "2026", datetime.date(2025, 8, 15)),
    ]  # fmt: skip
    assert _rows(con, "SELECT sourced_id, course_sourced_id, session_sourced_ids, active"
                      " FROM classes ORDER BY 1") == [
        ("C1", "K1", ["T26/2025-08-01/2026-06-30"], True),
        ("C2", "K1", ["T26/2025-08-15/2026-06-30"], True),
        ("C3", None, None, False),
    ]  # fmt: skip
    assert _rows(con, "SELECT sourced_id, title FROM courses") == [("K1", "Algebra I")]


def test_a_term_with_an_unreadable_date_is_dropped_and_its_class_kept(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    files = with_lines(V1, "Section.csv", "C4,S1,Arts,4,T27,Year,soon,6/30/2026,,,Active")
    roster = read_drop(files)
    found = {(f.rule, f.cause) for f in roster.findings() if f.table != "classes" or f.cause}
    assert found == {
        ("academic_sessions.start_date.format", ""),
        ("classes.session_sourced_ids.dropped", "academic_sessions:T27/soon/2026-06-30"),
    }
    assert _rows(con, "SELECT active FROM classes WHERE sourced_id = 'C4'") == [(True,)]


def test_a_guardian_is_known_by_the_address_and_a_blank_role_is_other(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(V1)
    assert _rows(con, "SELECT sourced_id, email, phone FROM users WHERE email IS NOT NULL") == [
        ("guardian:pat@example.com", "pat@example.com", "4255550101")
    ]
    assert _rows(con, "SELECT * EXCLUDE (origin_file, origin_row) FROM relationships") == [
        ("U1", "guardian:pat@example.com", "other")
    ]


def test_a_person_at_several_schools_may_not_differ(read_drop: ReadDrop) -> None:
    files = with_lines(V1, "Student.csv", "U2,S1,Benjamin,Brown,ben,,n2,K,Active,")
    roster = read_drop(files)
    assert [(f.rule, f.file, f.line) for f in roster.findings()] == [
        ("users.sourced_id.differs", "Student.csv", 5)
    ]
    assert roster.counts()["roles"] == 5


def test_a_broken_line_makes_person_and_role_uncertain(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    roster = read_drop(with_lines(V1, "Student.csv", "U9,S1,Nina"))
    assert [(f.rule, f.line, f.value, f.entity) for f in roster.findings()] == [
        ("csv.fields", 5, "U9", "U9")
    ]
    assert _rows(con, "FROM uncertain") == [("role", "U9", None), ("user", "U9", None)]
    assert roster.dropped()["users"] == 1
    assert roster.dropped()["roles"] == 1


def test_columns_that_v1_knows_and_the_roster_does_not_need_are_no_finding(
    read_drop: ReadDrop,
) -> None:
    schools = V1["School.csv"].replace("School Number", "School NCES_ID")
    assert list(read_drop({**V1, "School.csv": schools}).findings()) == []


def test_a_guardian_without_a_role_column_is_an_other(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop({**V1, "GuardianRelationship.csv": "SIS ID,Email\nU1,pat@example.com\n"})
    assert _rows(con, "SELECT role FROM relationships") == [("other",)]
