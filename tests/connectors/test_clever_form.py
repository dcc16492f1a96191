"""What Clever's sections, terms and courses are in the roster; changes over what was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.clever_form import make_form
from connectors.projection import keep
from connectors.pulled import read_pulled
from roster.errors import Refused
from roster.roster import Roster
from roster.schema import TABLES
from tests.connectors.clever_objects import (
    DISTRICT,
    contact,
    objects,
    read,
    section,
    student,
    tables,
    teacher,
)


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()


def _rules(roster: Roster) -> set[str]:
    return {finding.rule for finding in roster.findings()}


def test_all_teachers_of_a_section_teach_it_the_first_one_too_where_it_stands_apart(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    users = [teacher("t2"), teacher("t3")]
    sections = [
        section("c1", teacher="t1", teachers=["t2", "t2"]),
        section("c2", teacher="t1", teachers=["t1", "t3"], students=["u1", "u1"]),
    ]
    read(con, tmp_path, objects(users=users, sections=sections))
    assert _rows(con, "SELECT class_sourced_id, user_sourced_id, role FROM enrollments"
                      " ORDER BY ALL") == [
        ("c1", "t1", "teacher"), ("c1", "t2", "teacher"), ("c1", "u1", "student"),
        ("c2", "t1", "teacher"), ("c2", "t3", "teacher"), ("c2", "u1", "student"),
    ]  # fmt: skip


def test_a_section_may_lack_teacher_term_course_and_students(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    bare = {"id": "c2", "district": "d1", "school": "s1", "name": "Club", "students": None}
    roster = read(con, tmp_path, objects(sections=[bare]))
    assert _rules(roster) == {"classes.teachers.none", "classes.students.none"}
    assert _rows(con, "SELECT title, course_sourced_id, session_sourced_ids FROM classes"
                      " WHERE sourced_id = 'c2'") == [("Club", None, None)]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"period": "3"}, "Math - Last t1 - 3"),
        ({"course": None, "teacher": None, "section_number": "7"}, "7"),
        ({"course": "k9", "teacher": "t9"}, "C-c1"),
    ],
)
def test_a_section_without_a_name_is_called_as_clever_does(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, more: dict[str, Any], title: str
) -> None:
    read(con, tmp_path, objects(sections=[section("c1", name="", **more)]))
    assert _rows(con, "SELECT title FROM classes") == [(title,)]


def test_terms_and_courses_go_by_their_words_as_in_files(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = objects(
        terms=[
            {"id": "y2", "name": "Year", "start_date": "2026-08-01T00:00:00.000Z",
             "end_date": "2027-06-30T00:00:00.000Z"},
            {"id": "y3", "name": "Open", "start_date": "2026-08-01", "end_date": ""},
        ],
        courses=[{"id": "k2", "district": "d1", "name": "Math", "number": "M4"}],
        sections=[
            section("c2", term_id="y2", course="k2", subject="arts, music"),
            section("c3", term_id="y3"),
        ],
    )  # fmt: skip
    roster = read(con, tmp_path, found)
    assert _rules(roster) == set()
    year = "Year/2026-08-01/2027-06-30"
    assert _rows(con, "SELECT sourced_id, school_year FROM academic_sessions") == [(year, "2027")]
    assert _rows(con, "SELECT session_sourced_ids FROM classes ORDER BY sourced_id") == [
        ([year],), ([year],), (None,),
    ]  # fmt: skip
    assert _rows(con, "SELECT sourced_id, org_sourced_id, title, code, subjects FROM courses") == [
        ("M4/Math", "s1", "Math", "M4", ["arts; music"])
    ]


def test_a_course_of_several_schools_is_the_districts(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    schools = [{"id": "s2", "district": "d1", "name": "Oak", "sis_id": "102"}]
    read(con, tmp_path, objects(schools=schools, sections=[section("c2", school="s2")]))
    assert _rows(con, "SELECT org_sourced_id FROM courses") == [("d1",)]
    assert _rows(con, "SELECT sourced_id, parent_sourced_id, type FROM orgs ORDER BY 1") == [
        ("d1", None, "district"), ("s1", "d1", "school"), ("s2", "d1", "school"),
    ]  # fmt: skip


def test_who_is_not_shared_but_in_a_section_is_a_finding_and_in_doubt(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sections = [section("c1", students=["u1", "u9"], term_id="y9", school="s1")]
    roster = read(con, tmp_path, objects(sections=sections))
    assert _rules(roster) == {
        "enrollments.user_sourced_id.missing", "classes.session_sourced_ids.missing",
    }  # fmt: skip
    assert ("enrollment", "c1", "u9") in _rows(con, "FROM uncertain")
    assert len(_rows(con, "FROM enrollments")) == 2


def test_a_district_without_students_sections_or_schools_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for kind in ("schools", "users", "sections"):
        with pytest.raises(Refused, match="has no records"):
            read(con, tmp_path, objects() | {kind: []})


def test_events_change_the_tables_into_what_a_list_would_give(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = objects(
        users=[student("u2"), student("u3"), contact("g1", "u1", "u2"), teacher("t2")],
        schools=[{"id": "s2", "district": "d1", "name": "Oak", "sis_id": "102"}],
    )
    keep(con, tables(con, tmp_path / "1", first), tmp_path / "kept")
    promoted = teacher("t2") | {"roles": {"district_admin": {"title": "Lead"}}}
    events = [
        student("u3") | {"event": "users.deleted"},
        student("u2", grade="5", schools=["s2"]) | {"event": "users.updated"},
        student("u4") | {"event": "users.created"},
        student("u4", grade="9") | {"event": "users.updated"},
        student("u1") | {"event": "users.deleted"},
        student("u1") | {"event": "users.created"},
        contact("g1", "u2") | {"event": "users.updated"},
        promoted | {"event": "users.updated"},
        section("c1", students=["u2", "u4"], teachers=[]) | {"event": "sections.updated"},
        {"id": "k2", "district": "d1", "name": "Art", "event": "courses.created"},
        {"id": "y1", "name": "Year", "event": "terms.deleted"},
        {"id": "s2", "district": "d1", "name": "Oak Hill", "event": "schools.updated"},
    ]
    happened = {"districts": [DISTRICT], "events": events}
    changed = tables(con, tmp_path / "2", happened, tmp_path / "kept")
    found = _roster(con, changed)
    now = objects(
        users=[
            student("u2", grade="5", schools=["s2"]), student("u4", grade="9"),
            contact("g1", "u2"), promoted,
        ],
        schools=[{"id": "s2", "district": "d1", "name": "Oak Hill"}],
        courses=[{"id": "k2", "district": "d1", "name": "Art"}],
        sections=[section("c1", students=["u2", "u4"], teachers=[])],
    ) | {"terms": []}  # fmt: skip
    assert found == _roster(con, tables(con, tmp_path / "3", now))
    assert found["users"]


def _roster(con: duckdb.DuckDBPyConnection, made: dict[str, str]) -> dict[str, list[Any]]:
    read_pulled(con, make_form("clever_id"), made)
    return {
        name: _rows(con, "SELECT {} FROM {} ORDER BY ALL".format(
            ", ".join(column.name for column in table.columns), name))
        for name, table in TABLES.items()
    }  # fmt: skip
