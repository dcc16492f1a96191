"""PowerSchool's values in the words of the roster, and people under the ids that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import orjson
import pytest

from connectors import powerschool_values as values
from connectors import powerschool_walk as walk
from connectors.connector import Pull
from connectors.pages import Head, Request
from connectors.powerschool_format import FORMAT
from connectors.powerschool_list_tables import as_list_sql
from connectors.powerschool_list_tables import collections as of_lists
from connectors.powerschool_people import People
from connectors.powerschool_query_tables import collections
from connectors.projection import project
from connectors.pulled import read_pulled
from roster.database import open_database
from roster.errors import Transient
from roster.schema import literal
from roster.values import GRADE, ORG_ROLE, RELATIONSHIP_ROLE, SECTION_ROLE

PEOPLE = People("dcid", "login", "District office")


def _one(sql: str) -> object:
    with duckdb.connect() as con:
        [(value,)] = con.execute(f"SELECT {sql}").fetchall()
        return value


@pytest.mark.parametrize(
    ("function", "theirs", "ours"),
    [
        (values.grade, "0", "kg"),
        (values.grade, "-1", "pk"),
        (values.grade, "-2", "pr"),
        (values.grade, "-4", "it"),
        (values.grade, "9", "09"),
        (values.grade, "12", "12"),
        (values.grade, "99", None),
        (values.grade, "Kinder", "Kinder"),
        (values.staff_role, "0", "other"),
        (values.staff_role, "1", "teacher"),
        (values.staff_role, "2", "staff"),
        (values.staff_role, "3", "staff"),
        (values.staff_role, "4", "substitute"),
        (values.teaching_role, "Lead Teacher", "teacher"),
        (values.teaching_role, "Co-teacher", "teacher"),
        (values.teaching_role, "Teacher's Aide", "aide"),
        (values.teaching_role, "Paraprofessional", "paraprofessional"),
        (values.teaching_role, "Assistant", "teacherAssistant"),
        (values.teaching_role, "Long-term Substitute", "substitute"),
        (values.relation, "Mother", "parent"),
        (values.relation, "Stepfather", "parent"),
        (values.relation, "Grandmother", "relative"),
        (values.relation, "Legal Guardian", "guardian"),
        (values.relation, "Foster Parent", "guardian"),
        (values.relation, "Physician", "doctor"),
        (values.relation, "Neighbour", "other"),
        (values.last_day, "2026-09-02", "2026-09-01"),
        (values.last_day, "2027-01-01", "2026-12-31"),
        (values.last_day, "02-SEP-26", "02-SEP-26"),
        (values.blank, "  ", None),
    ],
)
def test_a_value_has_a_word_in_the_roster(
    function: Callable[[str], str], theirs: str, ours: str | None
) -> None:
    assert _one(function(literal(theirs))) == ours


def test_the_words_stand_in_the_rosters_lists() -> None:
    assert {"kg", "pk", "pr", "it", "09", "12"} <= set(GRADE.values)
    assert {"other", "teacher", "staff", "substitute"} <= set(ORG_ROLE.values)
    used = {"teacher", "aide", "paraprofessional", "teacherAssistant", "substitute"}
    assert used <= set(SECTION_ROLE.values)
    known = {"parent", "relative", "guardian", "doctor", "other"}
    assert known <= set(RELATIONSHIP_ROLE.values)


def test_what_is_missing_stays_missing() -> None:
    for function in (values.grade, values.last_day, values.blank):
        assert _one(function("NULL::VARCHAR")) is None
    assert _one(values.teaching_role("NULL::VARCHAR")) == "teacher"
    assert _one(values.relation("NULL::VARCHAR")) == "other"


@pytest.mark.parametrize(
    ("entry", "leaving", "never"),
    [
        ("2026-09-01", "2026-09-01", True),
        ("2026-09-02", "2026-09-01", True),
        ("2026-09-01", "2026-09-02", False),
        ("2026-09-01", "", False),
    ],
)
def test_who_left_on_the_first_day_never_attended(entry: str, leaving: str, never: bool) -> None:
    assert _one(values.never_attended(literal(entry), literal(leaving))) is never


@pytest.mark.parametrize(
    ("block", "members"),
    [
        ('{"a": [{"n": 1}, {"n": 2}]}', 2),
        ('{"a": {"n": 1}}', 1),
        ('{"a": ""}', 0),
        ('""', 0),
        ("{}", 0),
    ],
)
def test_a_list_may_be_its_only_member_or_a_text(block: str, members: int) -> None:
    inner = f"({literal(block)}::JSON)->'a'"
    assert _one(f"len({as_list_sql(inner)})") == members


STAFF = {
    "id": 65,
    "users_dcid": 63,
    "local_id": 5,
    "name": {"first_name": "Noor", "last_name": "Haddad"},
    "emails": {"work_email": "nhaddad@example.org"},
    "list_school": "3",
}


def _staff(folder: Path, people: People, *rows: dict[str, object]) -> list[tuple[object, ...]]:
    page = folder / "page.json"
    page.write_bytes(orjson.dumps(rows))
    staff = next(c for c in of_lists(people) if c.name == "staff")
    with open_database() as con:
        table = project(con, [staff], {"staff": [page]})["staff"]
        return con.execute(f"SELECT person, username, email, school, role FROM {table}").fetchall()


@pytest.mark.parametrize(
    ("affiliations", "roles"),
    [
        ({"school_affiliation": {"school_id": 3, "type": 1, "status": 1}}, [("3", "teacher")]),
        (
            {
                "school_affiliation": [
                    {"school_id": 0, "type": 2, "status": 1},
                    {"school_id": 3, "type": 4, "status": 1},
                    {"school_id": 4, "type": 1, "status": 1},
                ]
            },
            [("0", "staff"), ("3", "substitute")],
        ),
        ({"school_affiliation": {"school_id": 3, "type": 1, "status": 2}}, [("3", "staff")]),
        ("", [("3", "staff")]),
        (None, [("3", "staff")]),
    ],
)
def test_a_row_of_the_staff_of_a_school_says_what_the_person_is_there(
    tmp_path: Path, affiliations: object, roles: list[tuple[str, str]]
) -> None:
    rows = _staff(tmp_path, PEOPLE, {**STAFF, "school_affiliations": affiliations})
    assert sorted(row[3:] for row in rows) == roles
    assert {row[0] for row in rows} == {"T63"}


@pytest.mark.parametrize(
    ("given", "username"),
    [
        ({"teacher_username": "gvega", "admin_username": "admin"}, "gvega"),
        ({"admin_username": 1234}, "1234"),
        ({}, "nhaddad@example.org"),
        ({"emails": ""}, None),
    ],
)
def test_a_username_is_the_login_or_else_the_address(
    tmp_path: Path, given: dict[str, object], username: str | None
) -> None:
    assert {row[1] for row in _staff(tmp_path, PEOPLE, STAFF | given)} == {username}


def test_numbers_that_name_people_are_texts(tmp_path: Path) -> None:
    by_number = People("number", "login", "District office")
    rows = _staff(tmp_path, by_number, STAFF, STAFF | {"id": 66, "local_id": "Jo.Lee"})
    assert {row[0] for row in rows} == {"5", "Jo.Lee"}


def _roster(folder: Path, people: People, changed: dict[str, list[dict[str, object]]]) -> list[str]:
    """The ids of the users in a roster of one section, with other rows for some tables."""
    pages: dict[str, list[dict[str, object]]] = {
        "schools": [{"dcid": "3", "school_number": "101", "name": "Maple"}],
        "terms": [
            {"dcid": "4", "yearid": "36", "name": "26-27", "portion": "1",
             "first_day": "2026-08-01", "last_day": "2027-07-31"},
        ],
        "courses": [{"dcid": "7", "course_number": "M1", "course_name": "Maths"}],
        "sections": [
            {"dcid": "15", "school_dcid": "3", "course_dcid": "7", "term_dcid": "4",
             "section_number": "1"},
        ],
        "staff": [
            {"dcid": "65", "users_dcid": "63", "person_number": "500", "first_name": "Noor",
             "last_name": "Haddad", "teacher_login": "nhaddad", "school_dcid": "3",
             "status": "1", "staff_status": "1", "is_home": "1"},
        ],
        "sectionteachers": [
            {"dcid": "1", "section_dcid": "15", "staff_dcid": "65", "role": "Lead Teacher"},
        ],
        "students": [
            {"dcid": "569", "person_number": "0042", "login": "msato", "first_name": "Mika",
             "last_name": "Sato", "grade_level": "4", "enroll_status": "0", "school_dcid": "3"},
        ],
        "enrollments": [
            {"dcid": "9", "section_dcid": "15", "student_dcid": "569",
             "date_enrolled": "2026-08-19", "date_left": "2027-01-16", "dropped": "0"},
        ],
        "contacts": [],
    } | changed  # fmt: skip
    files: dict[str, list[Path]] = {}
    for name, rows in pages.items():
        files[name] = [folder / f"{name}.json"]
        files[name][0].write_bytes(orjson.dumps(rows))
    begun = Pull(True, "", "", road="queries", facts={"whole": []})
    with open_database() as con:
        tables = project(con, collections(begun, people, contacts=True), files)
        read_pulled(con, FORMAT, tables)
        users = con.execute("SELECT sourced_id FROM users ORDER BY 1").fetchall()
        enrolled = con.execute("SELECT user_sourced_id FROM enrollments ORDER BY 1").fetchall()
        assert {user for (user,) in enrolled} <= {user for (user,) in users}
        return [user for (user,) in users]


def test_leading_zeros_of_a_number_stay(tmp_path: Path) -> None:
    assert _roster(tmp_path, People("number", "login", "D"), {}) == ["0042", "500"]


def test_a_student_and_a_teacher_with_one_number_are_nobody(tmp_path: Path) -> None:
    students = [
        {"dcid": "569", "person_number": "500", "login": "msato", "first_name": "Mika",
         "last_name": "Sato", "grade_level": "4", "enroll_status": "0", "school_dcid": "3"},
    ]  # fmt: skip
    changed: dict[str, list[dict[str, object]]] = {"students": [dict(row) for row in students]}
    assert _roster(tmp_path, People("number", "login", "D"), changed) == []
    assert _roster(tmp_path, PEOPLE, changed) == ["S569", "T63"]


def test_who_left_the_school_or_never_came_is_in_no_class(tmp_path: Path) -> None:
    changed: dict[str, list[dict[str, object]]] = {
        "enrollments": [
            {"dcid": "9", "section_dcid": "15", "student_dcid": "570",
             "date_enrolled": "2026-08-19", "date_left": "2027-01-16", "dropped": "0"},
            {"dcid": "10", "section_dcid": "16", "student_dcid": "569",
             "date_enrolled": "2026-08-19", "date_left": "2027-01-16", "dropped": "0"},
            {"dcid": "11", "section_dcid": "15", "student_dcid": "569",
             "date_enrolled": "2026-08-19", "date_left": "2026-08-19", "dropped": "0"},
            {"dcid": "12", "section_dcid": "15", "student_dcid": "569",
             "date_enrolled": "2026-08-19", "date_left": "2027-01-16", "dropped": "1"},
        ]
    }  # fmt: skip
    assert _roster(tmp_path, PEOPLE, changed) == ["S569", "T63"]


@pytest.mark.parametrize(
    ("today", "years"),
    [("2026-11-24", [2026]), ("2026-08-15", [2025, 2026]), ("2027-12-01", [2026])],
)
def test_sections_count_of_years_that_are_not_long_over(today: str, years: list[int]) -> None:
    terms = [
        {"start_year": year, "start_date": f"{year}-08-01", "end_date": f"{year + 1}-07-31"}
        for year in (2024, 2025, 2026)
    ]
    assert walk.school_years(terms, date.fromisoformat(today), "terms") == years
    with pytest.raises(Transient, match="without start_year"):
        walk.school_years([{"name": "?"}], date.fromisoformat(today), "terms")


def _heads(*pages: tuple[int, int, list[int], int | None]) -> list[Head]:
    """(rows, total, ids, the count after it) of the pages of one list, among others without."""
    made = [
        Head(
            Request("students", f"0000000000-{number:06d}", "ws/v1/district/student"),
            rows,
            total=total,
            facts={"of": "0000000000", "ids": ids} | ({"after": after} if after else {}),
        )
        for number, (rows, total, ids, after) in enumerate(pages, start=1)
    ]
    others = [name for name in walk.MEMBERS if name != "students"]
    return made + [Head(Request(name, "1", ""), 1) for name in others]


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([(2, 3, [1, 2], None), (1, 3, [3], 3)], ""),
        ([(2, 3, [1, 2], None), (1, 3, [3], 4)], "changed while they were read (3 and 4)"),
        ([(2, 4, [1, 2], None), (1, 4, [3], 4)], "4 rows are there, and 3 came"),
        ([(2, 3, [1, 2], None), (1, 3, [2], 3)], "a row came twice"),
    ],
)
def test_a_list_that_shifted_is_doubted(
    pages: list[tuple[int, int, list[int], int | None]], why: str
) -> None:
    begun = Pull(True, "", "", road="walk", facts={"walked": ["3"]})
    doubts = walk.prove(begun, _heads(*pages))
    assert [why in doubt.why for doubt in doubts] == ([True] if why else [])


def test_sections_and_their_enrollments_are_read_again_together() -> None:
    begun = Pull(True, "", "", road="walk", facts={"walked": ["3"]})
    heads = [h for h in _heads((1, 1, [1], 1)) if h.request.collection != "enrollments"]
    [doubt] = walk.prove(begun, heads)
    assert doubt.collections == {"terms", "sections", "enrollments"}
