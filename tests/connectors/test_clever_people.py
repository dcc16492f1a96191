"""Who Clever's users are in the roster, role by role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from roster.roster import Roster
from tests.connectors.clever_objects import contact, objects, read, section, student, teacher


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()


def _rules(roster: Roster) -> set[str]:
    return {finding.rule for finding in roster.findings()}


def _staff(id_: str, **role: Any) -> dict[str, Any]:
    held = {"staff_id": f"S-{id_}", "legacy_id": f"old-staff-{id_}", "schools": ["s1"]}
    user = teacher(id_)
    return user | {"roles": {"staff": held | role}}


def test_a_user_of_each_kind_has_a_role_in_school_or_district(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    admin = teacher("a1") | {"roles": {"district_admin": {"title": "Data lead"}}}
    users = [_staff("p1", title="Principal"), admin, contact("g1", "u1")]
    roster = read(con, tmp_path, objects(users=users))
    assert _rules(roster) == set()
    assert _rows(con, "SELECT user_sourced_id, org_sourced_id, role FROM roles ORDER BY 1") == [
        ("a1", "d1", "administrator"), ("p1", "s1", "principal"), ("t1", "s1", "teacher"),
        ("u1", "s1", "student"),
    ]  # fmt: skip
    assert _rows(con, "SELECT user_sourced_id, relationship_user_sourced_id, role"
                      " FROM relationships") == [("u1", "g1", "parent")]  # fmt: skip
    assert _rows(con, "SELECT grade FROM roles WHERE role = 'student'") == [("04",)]


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ({"title": "IT Administrator"}, "itAdmin"),
        ({"title": "Assistant Principal of joy", "roles": ["School Tech Lead"]}, "staff"),
        ({"title": "", "roles": ["School Tech Lead", "Counselor"]}, "advisor"),
        ({"roles": None}, "staff"),
    ],
)
def test_staff_are_what_title_or_permission_names(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, word: dict[str, Any], role: str
) -> None:
    read(con, tmp_path, objects(users=[_staff("p1", **word)]))
    assert _rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'p1'") == [(role,)]


def test_a_user_with_two_roles_is_one_person(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    user = teacher("t1")
    user["roles"]["staff"] = {"staff_id": "S-9", "schools": ["s1"], "title": "Principal"}
    roster = read(con, tmp_path, objects(users=[user]))
    assert _rules(roster) == set()
    assert _rows(con, "SELECT role FROM roles WHERE user_sourced_id = 't1' ORDER BY 1") == [
        ("principal",), ("teacher",),
    ]  # fmt: skip


def test_roles_that_are_null_are_roles_that_nobody_holds(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    user = student("u1")
    user["roles"] |= {"teacher": None, "staff": None, "contact": None, "district_admin": None}
    roster = read(con, tmp_path, objects(users=[user]))
    assert roster.counts()["users"] == 2
    assert roster.counts()["roles"] == 2


def test_staff_of_no_school_belong_to_the_district(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    read(con, tmp_path, objects(users=[_staff("p1", schools=[])]))
    assert _rows(con, "SELECT org_sourced_id FROM roles WHERE user_sourced_id = 'p1'") == [("d1",)]


def test_schools_that_are_not_shared_are_no_schools_of_anybody(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    users = [student("u1", schools=["s1", "s9"]), teacher("t1", schools=["s9"], school="s1")]
    roster = read(con, tmp_path, objects(users=users))
    assert _rules(roster) == set()
    assert _rows(con, "SELECT user_sourced_id, org_sourced_id, is_primary FROM roles"
                      " ORDER BY 1") == [("t1", "s1", True), ("u1", "s1", True)]  # fmt: skip


def test_without_a_username_the_address_that_one_person_has_stands_for_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    none = {"credentials": {"district_username": ""}}
    users = [
        student("u1", **none),
        student("u2", email="shared@contoso.edu", **none),
        student("u3", email="Shared@contoso.edu", **none),
        student("u4", email=None, credentials=None),
    ]
    roster = read(con, tmp_path, objects(users=users))
    assert _rows(con, "SELECT sourced_id, username, email FROM users WHERE sourced_id LIKE 'u%'"
                      " ORDER BY 1") == [
        ("u1", "u1@contoso.edu", "u1@contoso.edu"), ("u2", None, "shared@contoso.edu"),
        ("u3", None, "shared@contoso.edu"), ("u4", None, None),
    ]  # fmt: skip
    assert roster.counts()["users"] == 5


def test_personal_details_of_students(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    more = {
        "dob": "3/9/2016", "gender": "X", "race": "Hawaiian or Other Pacific Islander",
        "hispanic_ethnicity": "Y", "student_number": "77", "preferred_name": {"first": "Bo"},
        "ext": {"sAMAccountName": "bo1", "employeeid": "E5"},
    }  # fmt: skip
    users = [student("u1", **more), student("u2", race="Unknown", gender="", dob="")]
    roster = read(con, tmp_path, objects(users=users))
    assert _rules(roster) == set()
    assert _rows(con, "SELECT user_sourced_id, sex, birth_date::VARCHAR, ethnicity_codes,"
                      " race_codes FROM demographics ORDER BY 1") == [
        ("u1", "notSelected", "2016-03-09", ["hispanicOrLatinoEthnicity"],
         ["nativeHawaiianOrOtherPacificIslander"]),
        ("u2", None, None, None, None),
    ]  # fmt: skip
    assert _rows(
        con,
        "SELECT identifier, preferred_given_name, sam_account_name, employee_id"
        " FROM users WHERE sourced_id = 'u1'",
    ) == [("77", "Bo", "bo1", "E5")]


@pytest.mark.parametrize(
    ("word", "grade"),
    [
        ("Kindergarten", "kg"), ("PreKindergarten", "pk"), ("TransitionalKindergarten", "tk"),
        ("InfantToddler", "it"), ("Preschool", "pr"), ("13", "13"), ("9", "09"),
        ("PostGraduate", "postgraduate"), ("Ungraded", "ug"), ("Other", "other"), ("", None),
    ],
)  # fmt: skip
def test_each_grade_of_clever(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, word: str, grade: str | None
) -> None:
    roster = read(con, tmp_path, objects(users=[student("u1", grade=word)]))
    assert _rules(roster) == set()
    assert _rows(con, "SELECT grade FROM roles WHERE role = 'student'") == [(grade,)]


def test_contacts_whose_whole_name_is_their_last_name(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    names = {
        "g1": {"first": "", "last": "Mr. Jan van den Berg"},
        "g2": {"last": "Ida  Holm Jr."},
        "g3": {"first": None, "last": "Cher"},
        "g4": {"first": "Eva", "middle": "M", "last": "de Boer"},
    }
    users = [contact(id_, "u1", name=name) for id_, name in names.items()]
    read(con, tmp_path, objects(users=users))
    assert _rows(con, "SELECT given_name, family_name FROM users WHERE sourced_id LIKE 'g%'"
                      " ORDER BY sourced_id") == [
        ("Jan", "van den Berg"), ("Ida", "Holm Jr."), (None, "Cher"), ("Eva", "de Boer"),
    ]  # fmt: skip


def test_what_a_contact_is_to_a_student(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    kin = [
        {"student": "u1", "relationship": "Grandparent", "type": ""},
        {"student": "u2", "relationship": "Other", "type": "Parent/Guardian"},
        {"student": "u9", "relationship": "Parent", "type": ""},
    ]
    users = [
        student("u2"),
        contact("g1", student_relationships=kin, phone="(503) 555-0101", phone_type="Cell"),
        contact("g2", student_relationships=[{"student": "u1", "relationship": "Self"}]),
        contact("g3", student_relationships=[]),
    ]
    roster = read(con, tmp_path, objects(users=users))
    assert _rules(roster) == set()
    assert _rows(con, "SELECT user_sourced_id, role FROM relationships ORDER BY 1") == [
        ("u1", "relative"), ("u2", "guardian"),
    ]  # fmt: skip
    assert _rows(con, "SELECT sourced_id, phone, sms FROM users WHERE sourced_id LIKE 'g%'") == [
        ("g1", "5035550101", "5035550101")
    ]


def test_without_contacts_there_are_none(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    roster = read(con, tmp_path, objects(users=[contact("g1", "u1")]), contacts=False)
    assert roster.counts()["users"] == 2
    assert "relationships" not in roster.counts()


def test_keyed_by_the_ids_of_the_student_information_system(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    admin = teacher("a1") | {"roles": {"district_admin": {}}}
    users = [_staff("p1"), admin, contact("g1", "u1")]
    roster = read(con, tmp_path, objects(users=users), "sis_id")
    assert _rules(roster) == set()
    assert _rows(con, "SELECT sourced_id FROM users ORDER BY 1") == [
        ("N-t1",), ("N-u1",), ("S-p1",), ("a1",), ("contact:K-g1",),
    ]  # fmt: skip
    assert _rows(con, "SELECT class_sourced_id, user_sourced_id FROM enrollments ORDER BY 2") == [
        ("C-c1", "N-t1"), ("C-c1", "N-u1"),
    ]  # fmt: skip
    assert _rows(con, "SELECT sourced_id, org_sourced_id FROM classes") == [("C-c1", "101")]


def test_keyed_by_the_ids_of_older_versions_people_keep_those_that_they_had(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    both = teacher("t2")
    both["roles"]["staff"] = {"staff_id": "S-2", "legacy_id": "old-staff-t2", "schools": ["s1"]}
    users = [_staff("p1"), both, contact("g1", "u1", legacy_id="old-g1")]
    sections = [section("c1", teachers=["t1", "t2"])]
    roster = read(con, tmp_path, objects(users=users, sections=sections), "legacy_id")
    assert _rules(roster) == set()
    assert _rows(con, "SELECT sourced_id FROM users ORDER BY 1") == [
        ("old-g1",), ("old-staff-p1",), ("old-t1",), ("old-t2",), ("u1",),
    ]  # fmt: skip
    assert _rows(con, "SELECT user_sourced_id FROM enrollments ORDER BY 1") == [
        ("old-t1",), ("old-t2",), ("u1",),
    ]  # fmt: skip


@pytest.mark.parametrize("keyed_by", ["clever_id", "sis_id"])
def test_a_teacher_who_studies_is_one_person_who_teaches_first(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, keyed_by: Any
) -> None:
    same = {"sis_id": "N-t1", "credentials": {"district_username": "T1.login"}}
    users = [student("u2", name={"first": "First t1", "last": "Last t1"}, **same)]
    sections = [section("c1", students=["u1", "u2"])]
    read(con, tmp_path, objects(users=users, sections=sections), keyed_by)
    own = "t1" if keyed_by == "clever_id" else "N-t1"
    assert _rows(con, "SELECT sourced_id FROM users WHERE given_name = 'First t1'") == [(own,)]
    assert _rows(con, f"SELECT role, is_primary FROM roles WHERE user_sourced_id = '{own}'"
                      " ORDER BY 1") == [("student", None), ("teacher", True)]  # fmt: skip
    assert len(_rows(con, f"FROM enrollments WHERE user_sourced_id = '{own}'")) == 2


def test_a_pupil_and_a_teacher_with_one_number_are_never_taken_for_each_other(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    users = [student("u2", sis_id="N-t1")]
    roster = read(con, tmp_path, objects(users=users), "sis_id")
    assert "users.sourced_id.ambiguous" in _rules(roster)
    assert _rows(con, "SELECT sourced_id FROM users") == [("N-u1",)]
