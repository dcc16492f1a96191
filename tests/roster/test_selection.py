"""What rules leave out, what goes with it, and that they never empty a roster."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import duckdb
import pytest

from roster.errors import Refused
from roster.roster import LeftOutCount, Roster
from roster.selection import Choice, SelectRule
from tests.roster.rosters import Row, Tables, combine, rows


def person(key: str) -> Row:
    return {"sourced_id": key, "username": key.lower(), "given_name": key, "family_name": "X",
            "email": f"{key.lower()}@contoso.edu"}  # fmt: skip


def role(user: str, org: str, name: str = "student") -> Row:
    return {"user_sourced_id": user, "org_sourced_id": org, "role": name}


def class_(key: str, org: str, title: str, sessions: str | None = None, course: str = "") -> Row:
    return {"sourced_id": key, "org_sourced_id": org, "title": title, "code": f"#{key}",
            "session_sourced_ids": sessions, "course_sourced_id": course or None}  # fmt: skip


def in_class(key: str, user: str, name: str = "student", **values: str) -> Row:
    return {"class_sourced_id": key, "user_sourced_id": user, "role": name, **values}


TWO_SCHOOLS: Tables = {
    "orgs": [
        {"sourced_id": "D", "name": "District", "type": "district"},
        {"sourced_id": "N", "name": "North School", "type": "school", "parent_sourced_id": "D"},
        {"sourced_id": "S", "name": "South School", "type": "school", "parent_sourced_id": "D"},
        {"sourced_id": "A", "name": "Annexe", "type": "campus", "parent_sourced_id": "S"},
    ],
    "academic_sessions": [
        {"sourced_id": key, "title": title, "type": "term", "school_year": "2026",
         "start_date": "2025-08-01", "end_date": "2026-07-31"}
        for key, title in (("Y", "Year 25/26"), ("T1", "Autumn"))
    ],
    "courses": [
        {"sourced_id": "KN", "org_sourced_id": "D", "title": "Algebra", "code": "MA"},
        {"sourced_id": "KS", "org_sourced_id": "S", "title": "Latin", "code": "LA"},
    ],
    "classes": [
        class_("C1", "N", "Algebra 1", "Y,T1", "KN"),
        class_("C2", "N", "Homeroom 2", "T1", "KS"),
        class_("C3", "S", "Latin 3", "Y", "KS"),
        class_("C4", "A", "Crafts 4"),
    ],
    "users": [person(key) for key in ("U1", "U2", "U3", "P1", "P3", "TN", "TS", "TA", "DA")],
    "roles": [
        role("U1", "N"), role("U2", "N"), role("U2", "S"), role("U3", "S"),
        role("P3", "S", "other"), role("TN", "N", "teacher"), role("TS", "S", "teacher"),
        role("TA", "A", "teacher"), role("DA", "D", "administrator"),
    ],
    "enrollments": [
        in_class("C1", "U1"), in_class("C1", "U2"), in_class("C1", "TN", "teacher"),
        in_class("C2", "U1"), in_class("C2", "TN", "teacher"),
        in_class("C3", "U2"), in_class("C3", "U3"), in_class("C3", "TS", "teacher"),
        in_class("C4", "TA", "teacher"), in_class("C4", "U3"),
    ],
    "relationships": [
        {"user_sourced_id": student, "relationship_user_sourced_id": contact, "role": "parent"}
        for student, contact in (("U1", "P1"), ("U3", "P3"))
    ],
    "user_flags": [{"user_sourced_id": "U3", "flag": "iep"}],
}  # fmt: skip


def rule(
    effect: Literal["leave_out", "keep_only"],
    choice: Choice,
    sources: tuple[str, ...] = (),
    at_schools: tuple[str, ...] = (),
    name: str = "the rule",
) -> SelectRule:
    return SelectRule(name, effect, choice, sources, at_schools)


def keys(con: duckdb.DuckDBPyConnection, table: str, column: str = "sourced_id") -> str:
    found = rows(con, f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")
    return " ".join(str(key) for (key,) in found)


def take(
    con: duckdb.DuckDBPyConnection, folder: Path, *select: SelectRule, tables: Tables = TWO_SCHOOLS
) -> Roster:
    return combine(con, folder, {"sis": tables}, select=select)


def test_without_rules_all_is_taken(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    roster = take(con, tmp_path)
    assert list(roster.findings()) == []
    assert roster.left_out() == []
    assert keys(con, "users") == "DA P1 P3 TA TN TS U1 U2 U3"


def test_a_school_goes_with_all_below_it_and_with_who_is_only_there(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, rule("leave_out", Choice(schools=("south*",))))
    assert list(roster.findings()) == []
    assert keys(con, "orgs") == "D N"
    assert keys(con, "courses") == "KN"
    assert keys(con, "classes") == "C1 C2"
    assert rows(con, "SELECT course_sourced_id FROM classes WHERE sourced_id = 'C2'") == [(None,)]
    assert keys(con, "users") == "DA P1 TN U1 U2"
    assert keys(con, "roles", "user_sourced_id") == "DA TN U1 U2"
    assert keys(con, "enrollments", "class_sourced_id") == "C1 C2"
    assert keys(con, "relationships", "user_sourced_id") == "U1"
    assert keys(con, "user_flags", "user_sourced_id") == ""
    assert rows(con, "FROM uncertain") == []
    assert roster.left_out() == [
        LeftOutCount("the rule", "role", 5, "P3/S/other"),
        LeftOutCount("the rule", "user", 4, "P3"),
        LeftOutCount("the rule", "class", 2, "C3"),
        LeftOutCount("the rule", "org", 2, "A"),
        LeftOutCount("the rule", "course", 1, "KS"),
    ]


def test_only_some_schools_are_kept_and_the_orgs_above_them_without_their_people(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, rule("keep_only", Choice(schools=("N",))))
    assert keys(con, "orgs") == "D N"
    assert keys(con, "courses") == "KN"
    assert keys(con, "users") == "P1 TN U1 U2"
    assert list(roster.findings()) == []


def test_a_saved_roster_still_knows_what_was_left_out(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, rule("leave_out", Choice(classes=("C1",))))
    roster.save(tmp_path / "saved")
    assert Roster.load(con, tmp_path / "saved").left_out() == [
        LeftOutCount("the rule", "class", 1, "C1")
    ]


@pytest.mark.parametrize(
    ("chosen", "at_schools", "left"),
    [
        (rule("leave_out", Choice(classes=("homeroom*",))), (), "C1 C3 C4"),
        (rule("leave_out", Choice(classes=("#C1", "#c?"))), ("North*",), "C3 C4"),
        (rule("keep_only", Choice(classes=("Latin ?", "c4"))), (), "C3 C4"),
        (rule("leave_out", Choice(courses=("latin",))), (), "C1 C4"),
        (rule("keep_only", Choice(courses=("MA",))), (), "C1"),
        (rule("leave_out", Choice(sessions=("T1",))), (), "C1 C3 C4"),
        (rule("leave_out", Choice(sessions=("Y*", "autumn"))), (), "C4"),
        (rule("keep_only", Choice(sessions=("Autumn",))), (), "C1 C2"),
        (rule("leave_out", Choice(sessions=("Y",), courses=("KS",))), (), "C1 C2 C4"),
        (rule("leave_out", Choice(students_below=2)), (), "C1 C3"),
        (rule("leave_out", Choice(students_below=2)), ("South*",), "C1 C2 C3"),
        (rule("leave_out", Choice(students_above=1)), (), "C2 C4"),
        (rule("keep_only", Choice(students_above=1)), (), "C1 C3"),
        (rule("leave_out", Choice(students_below=2, classes=("Crafts*",))), (), "C1 C2 C3"),
    ],
)
def test_classes_are_left_out_by_what_is_known_of_them(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    chosen: SelectRule,
    at_schools: tuple[str, ...],
    left: str,
) -> None:
    select = rule(chosen.effect, chosen.choice, at_schools=at_schools)
    roster = take(con, tmp_path, select)
    assert keys(con, "classes") == left
    assert keys(con, "enrollments", "class_sourced_id") == left
    assert keys(con, "users") == "DA P1 P3 TA TN TS U1 U2 U3"
    assert list(roster.findings()) == []
    assert sum(count.count for count in roster.left_out()) == 4 - len(left.split())


def test_signs_of_other_pattern_languages_mean_themselves(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = {**TWO_SCHOOLS, "classes": [
        class_("C1", "N", "Maths [A]"), class_("C2", "N", "Maths A"), class_("C3", "N", "Maths .*"),
        class_("C4", "N", "Größe"),
    ]}  # fmt: skip
    take(con, tmp_path, rule("leave_out", Choice(classes=("maths [a]", "*.[*]", "gr??e"))),
         tables=tables)  # fmt: skip
    assert keys(con, "classes") == "C2 C3"


def test_teacherless_classes_are_left_out_and_nobody_is_told_that_they_have_no_teacher(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    left = {"end_date": "2026-01-31"}
    gone = [in_class("C3", "TS", "teacher", **left), in_class("C3", "U2")]
    tables = {**TWO_SCHOOLS, "enrollments": [*TWO_SCHOOLS["enrollments"][:5], *gone]}
    roster = take(con, tmp_path, rule("leave_out", Choice(teacherless=True)), tables=tables)
    assert keys(con, "classes") == "C1 C2"
    assert list(roster.findings()) == []


def test_a_class_that_a_faulty_line_makes_small_is_uncertain(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    faulty = [in_class("C2", "U2", "wizard"), in_class("C4", "nobody")]
    tables = {**TWO_SCHOOLS, "enrollments": [*TWO_SCHOOLS["enrollments"][:5], *faulty]}
    take(con, tmp_path, rule("leave_out", Choice(students_below=2)), tables=tables)
    assert keys(con, "classes") == "C1"
    assert rows(con, "SELECT key FROM uncertain WHERE kind = 'class'") == [("C2",), ("C4",)]


def test_roles_are_left_out_and_who_has_no_other_goes(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, rule("keep_only", Choice(roles=("student", "teacher"))))
    assert keys(con, "users") == "P1 P3 TA TN TS U1 U2 U3"
    assert roster.left_out() == [
        LeftOutCount("the rule", "role", 2, "DA/D/administrator"),
        LeftOutCount("the rule", "user", 1, "DA"),
    ]
    assert list(roster.findings()) == []


def test_a_contact_stays_as_long_as_a_student_of_theirs_does(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    both = {"user_sourced_id": "U3", "relationship_user_sourced_id": "P1", "role": "guardian"}
    tables = {**TWO_SCHOOLS, "relationships": [*TWO_SCHOOLS["relationships"], both]}
    take(con, tmp_path, rule("leave_out", Choice(schools=("S",))), tables=tables)
    assert keys(con, "users") == "DA P1 TN U1 U2"
    select = rule("leave_out", Choice(roles=("student",)), at_schools=("N",))
    take(con, tmp_path / "other", select, tables=tables)
    assert keys(con, "users") == "DA P1 P3 TA TN TS U2 U3"


def test_nobody_is_told_of_faults_in_what_is_left_out(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    faulty = [
        {**person("U3"), "phone": "none", "email": "none"}, {**person("U2"), "phone": "none"},
    ]  # fmt: skip
    rest = [row for row in TWO_SCHOOLS["users"] if row["sourced_id"] not in ("U2", "U3")]
    late = [in_class(key, "U2", "coach", end_date="never") for key in ("C1", "C3")]
    tables = {
        **TWO_SCHOOLS,
        "users": [*faulty, *rest],
        "enrollments": [*TWO_SCHOOLS["enrollments"], *late],
    }
    roster = take(con, tmp_path, rule("leave_out", Choice(schools=("S",))), tables=tables)
    found = [(f.rule, f.entity) for f in roster.findings() if "role" not in f.rule]
    assert found == [("enrollments.end_date.format", "C1/U2"), ("users.phone.format", "U2")]
    assert rows(con, "FROM uncertain") == [("user", "U3", None)]


def test_who_has_an_unreadable_role_is_left_out_but_uncertain(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = {**TWO_SCHOOLS, "roles": [*TWO_SCHOOLS["roles"], role("U3", "N", "wizard")]}
    take(con, tmp_path, rule("leave_out", Choice(schools=("S",))), tables=tables)
    assert "U3" not in keys(con, "users")
    assert rows(con, "FROM uncertain") == [("role", "U3", None)]


def test_rows_that_cite_a_school_that_is_not_there_are_faults_and_not_left_out(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = {**TWO_SCHOOLS, "roles": [*TWO_SCHOOLS["roles"], role("U1", "gone", "alumni")]}
    roster = take(con, tmp_path, rule("keep_only", Choice(schools=("N",))), tables=tables)
    assert [(f.rule, f.value) for f in roster.findings()] == [
        ("roles.org_sourced_id.missing", "gone")
    ]


def test_the_first_rule_that_leaves_something_out_answers_for_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(
        con, tmp_path,
        rule("leave_out", Choice(classes=("C1",)), name="b"),
        rule("leave_out", Choice(classes=("C1", "C2")), name="a"),
        rule("leave_out", Choice(teacherless=True), name="c"),
    )  # fmt: skip
    assert rows(con, "FROM left_out ORDER BY ALL") == [("a", "class", "C2"), ("b", "class", "C1")]
    assert list(roster.findings()) == []


def test_a_pattern_that_matches_nothing_is_reported(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(
        con, tmp_path,
        rule("leave_out", Choice(classes=("Nothing*", "C1")), at_schools=("Nroth*", "D")),
        rule("leave_out", Choice(sessions=("T9",), courses=("KX",))),
        rule("leave_out", Choice(schools=("X",))),
    )  # fmt: skip
    found = [(f.rule, f.severity, f.file, f.line, f.value, f.entity) for f in roster.findings()]
    assert found == [
        ("select.pattern.unmatched", "warning", "rollcall.yaml", None, value, "the rule")
        for value in ("KX", "Nothing*", "Nroth*", "T9", "X")
    ]
    assert keys(con, "classes") == "C2 C3 C4"


@pytest.mark.parametrize(
    ("select", "what"),
    [
        (rule("keep_only", Choice(schools=("Nroth*",))), "4 orgs"),
        (rule("leave_out", Choice(classes=("*",))), "4 classes"),
        (rule("leave_out", Choice(students_below=100)), "4 classes"),
        (rule("keep_only", Choice(roles=("coach",))), "9 roles"),
    ],
)
def test_a_rule_that_leaves_nothing_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, select: SelectRule, what: str
) -> None:
    with pytest.raises(Refused, match=f"“the rule” leaves out every one of {what}"):
        take(con, tmp_path, select)


def test_a_rule_may_look_at_the_rows_of_some_sources_only(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    staff: Tables = {
        "orgs": TWO_SCHOOLS["orgs"][:3],
        "users": [person("HN"), person("HS")],
        "roles": [role("HN", "N", "principal"), role("HS", "S", "principal")],
    }
    select = rule("leave_out", Choice(schools=("S",)), sources=("hr",))
    roster = combine(con, tmp_path, {"sis": TWO_SCHOOLS, "hr": staff}, select=[select])
    assert keys(con, "orgs") == "A D N S"
    assert keys(con, "users") == "DA HN P1 P3 TA TN TS U1 U2 U3"
    assert keys(con, "classes") == "C1 C2 C3 C4"
    assert [count.example for count in roster.left_out()] == ["HS/S/principal", "HS"]
