"""What the district says is what the lists say, wherever Clever has a field for it."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Emulated, Start


def by_sis(clever: Emulated, role: str, key: str = "sis_id") -> dict[str, dict[str, Any]]:
    return {user["roles"][role][key]: user for user in clever.all(f"/users?role={role}&limit=9")}


def test_ids_are_24_hexadecimal_digits_that_ascend_and_are_unique(clever: Emulated) -> None:
    seen: list[str] = []
    for kind in ("schools", "terms", "courses", "sections", "users"):
        ids = [row["id"] for row in clever.all(f"/{kind}")]
        assert ids == sorted(ids)
        assert all(len(id_) == 24 and int(id_, 16) for id_ in ids)
        seen += ids
    assert len(seen) == len({*seen})


def test_schools_are_the_districts_schools(clever: Emulated) -> None:
    own = {row["sis_id"]: row["name"] for row in clever.all("/schools")}
    assert own == dict(clever.records.rows("SELECT sourced_id, name FROM orgs WHERE type='school'"))
    [first] = [row for row in clever.all("/schools") if row["sis_id"] == "0001"]
    assert (first["low_grade"], first["high_grade"]) == ("Kindergarten", "5")
    assert first["principal"]["email"].endswith("@contoso.edu")
    assert first["created"] == "2026-08-01T06:00:00.000Z"


def test_pupils_have_what_the_district_says_of_them(clever: Emulated) -> None:
    pupils = by_sis(clever, "student")
    rows = clever.records.rows(
        """SELECT u.sourced_id, given_name, coalesce(middle_name, ''), family_name, mail, account,
            strftime(d.birth_date, '%-m/%-d/%Y'),
            CASE d.sex WHEN 'male' THEN 'M' ELSE 'F' END, r.org, r.grade, number::VARCHAR,
            CASE WHEN d.ethnicity IS NULL THEN 'N' ELSE 'Y' END
        FROM users u JOIN roles r ON user_id = sourced_id AND role = 'student' AND is_primary
        JOIN demographics d ON d.user_id = sourced_id"""
    )
    schools = {row["id"]: row["sis_id"] for row in clever.all("/schools")}
    grades = {"kg": "Kindergarten", **{f"{number:02}": str(number) for number in range(1, 13)}}
    told = {
        (
            sis, user["name"]["first"], user["name"]["middle"], user["name"]["last"], user["email"],
            user["roles"]["student"]["credentials"]["district_username"],
            user["roles"]["student"]["dob"], user["roles"]["student"]["gender"],
            schools[user["roles"]["student"]["school"]], user["roles"]["student"]["grade"],
            user["roles"]["student"]["student_number"],
            user["roles"]["student"]["hispanic_ethnicity"],
        )
        for sis, user in pupils.items()
        if not sis.startswith("T")
    }  # fmt: skip
    assert told == {(*row[:9], grades[row[9]], *row[10:]) for row in rows}
    assert {user["roles"]["student"]["race"] for user in pupils.values()} >= {
        "Asian", "Caucasian", "Two or More Races", "",
    }  # fmt: skip


def test_the_student_role_is_as_the_service_sends_it(clever: Emulated) -> None:
    [user, *_] = clever.all("/users?role=student&limit=1")
    student = user["roles"]["student"]
    assert student["email"] == user["email"]
    assert not {"legacy_id", "created", "last_modified"} & {*student}
    assert student["enrollments"] == []
    assert student["ext"] == {}
    assert [*user["roles"]] == ["student"]


def test_an_employee_who_studies_is_two_users_with_one_address(clever: Emulated) -> None:
    study, work = by_sis(clever, "student")["T100000"], by_sis(clever, "staff", "staff_id")
    assert work["T100000"]["id"] != study["id"]
    assert work["T100000"]["email"] == study["email"]


def test_a_teacher_who_is_a_parent_is_two_users(clever: Emulated) -> None:
    teachers, contacts = by_sis(clever, "teacher"), by_sis(clever, "contact")
    [both] = {*teachers} & {*contacts}
    assert teachers[both]["id"] != contacts[both]["id"]
    assert contacts[both]["email"].endswith("@example.org")


def test_staff_of_schools_and_of_the_district_have_roles_of_their_own(clever: Emulated) -> None:
    staff = by_sis(clever, "staff", "staff_id")
    assert {role for user in staff.values() for role in user["roles"]["staff"]["roles"]} == {
        "Principal", "Office Staff",
    }  # fmt: skip
    [admin] = clever.all("/users?role=district_admin")
    assert {*admin["roles"]["district_admin"]} == {"legacy_id", "title"}
    assert admin["roles"]["district_admin"]["title"] == "IT Administrator"


def test_a_teacher_of_two_schools_names_both_and_the_first(clever: Emulated) -> None:
    schools = {row["id"]: row["sis_id"] for row in clever.all("/schools")}
    [(person, orgs, main)] = clever.records.rows(
        """SELECT user_id, list_sort(list(org)), min(org) FILTER (is_primary) FROM roles
        WHERE role = 'teacher' GROUP BY user_id HAVING count(*) > 1"""
    )
    teacher = by_sis(clever, "teacher")[person]["roles"]["teacher"]
    assert sorted(schools[id_] for id_ in teacher["schools"]) == orgs
    assert schools[teacher["school"]] == main


def test_contacts_name_their_pupils(clever: Emulated) -> None:
    pupils = {user["id"]: sis for sis, user in by_sis(clever, "student").items()}
    told = {
        (pupils[kin["student"]], sis, kin["relationship"], kin["type"])
        for sis, user in by_sis(clever, "contact").items()
        for kin in user["roles"]["contact"]["student_relationships"]
    }
    words = {
        "parent": ("Parent", "Parent/Guardian"),
        "guardian": ("Other", "Parent/Guardian"),
        "relative": ("Other", "Family"),
    }
    rows = clever.records.rows("SELECT student_id, contact_id, role FROM relationships")
    assert told == {(student, contact, *words[role]) for student, contact, role in rows}
    assert len({contact for _, contact, _, _ in told}) < len(told)  # some have several children


def test_sections_name_who_is_in_them_and_what_they_belong_to(clever: Emulated) -> None:
    people = {user["id"]: user for user in clever.all("/users")}
    courses = {row["id"]: row["number"] for row in clever.all("/courses")}
    schools = {row["id"]: row["sis_id"] for row in clever.all("/schools")}
    told, classes = set[tuple[str, str, str]](), set[tuple[str, str, str, str, str | None]]()
    for row in clever.all("/sections"):
        for role in ("teacher", "student"):
            for id_ in row[role + "s"]:
                told.add((row["sis_id"], people[id_]["roles"][role]["sis_id"], role))
        assert row["teacher"] in row["teachers"]
        classes.add(
            (row["sis_id"], row["name"], row["section_number"], schools[row["school"]],
             courses.get(row.get("course", "")))
        )  # fmt: skip
    rows = clever.records.rows("SELECT class_id, user_id, role FROM enrollments")
    assert told == {*rows}
    assert classes == {
        *clever.records.rows(
            """SELECT c.sourced_id, c.title, c.code, org, k.code FROM classes c
            LEFT JOIN courses k ON k.sourced_id = c.course"""
        )
    }


def test_some_sections_have_several_teachers_and_some_no_course(clever: Emulated) -> None:
    sections = clever.all("/sections")
    assert max(len(row["teachers"]) for row in sections) > 1
    assert [row for row in sections if "course" not in row]


def test_a_class_of_several_sessions_has_the_term_that_spans_them(clever: Emulated) -> None:
    terms = {row["id"]: row for row in clever.all("/terms")}
    [(class_id,), *_] = clever.records.rows("SELECT sourced_id FROM classes WHERE len(sessions)>1")
    [section] = [row for row in clever.all("/sections") if row["sis_id"] == class_id]
    assert terms[section["term_id"]] == {
        "id": section["term_id"],
        "district": section["district"],
        "name": "School year 2026-2027",
        "start_date": "2026-08-01",
        "end_date": "2027-07-31",
    }


def test_terms_and_courses_are_those_that_sections_have(clever: Emulated) -> None:
    sections = clever.all("/sections")
    assert {row["id"] for row in clever.all("/terms")} == {row["term_id"] for row in sections}
    courses = {row["course"] for row in sections if "course" in row}
    assert {row["id"] for row in clever.all("/courses")} == courses


@pytest.mark.parametrize("role", ["teacher", "staff", "district_admin", "contact"])
def test_roles_but_the_students_keep_the_id_of_version_2(clever: Emulated, role: str) -> None:
    users = clever.all(f"/users?role={role}")
    legacy = {user["roles"][role]["legacy_id"] for user in users}
    assert len(legacy) == len(users)
    assert not legacy & {user["id"] for user in clever.all("/users")}


def test_version_31_tells_more_of_pupils_and_of_the_district(clever: Emulated) -> None:
    later = {
        "gifted_status", "section_504_status", "iep_status", "frl_status", "home_language",
        "home_language_code", "disability",
    }  # fmt: skip
    [old], [new] = ([row["data"] for row in clever.get(f"/{v}/users?role=student&limit=1")["data"]]
                    for v in ("v3.0", "v3.1"))  # fmt: skip
    assert {*new["roles"]["student"]} - {*old["roles"]["student"]} == later
    gifted = [u for u in clever.all("/users?role=student")
              if u["roles"]["student"]["gifted_status"] == "Y"]  # fmt: skip
    [(flagged,)] = clever.records.rows(
        "SELECT count(*) FROM user_flags WHERE flag = 'giftedOrTalented'"
    )
    assert len(gifted) == flagged > 0
    assert {*clever.all("/districts")[0]} - {*clever.all("/v3.0/districts")[0]} == {
        "lms_type", "lms_state",
    }  # fmt: skip


def test_the_same_district_has_the_same_ids_again(start: Start) -> None:
    ids = [[user["id"] for user in start().all("/users")] for _ in range(2)]
    assert ids[0] == ids[1]


def test_without_a_domain_only_addresses_that_the_district_tells_are_there(start: Start) -> None:
    clever = start(domain=None)
    known = dict(clever.records.rows("SELECT sourced_id, email FROM users"))
    for role in ("student", "teacher", "contact"):
        told = {sis: user.get("email") for sis, user in by_sis(clever, role).items()}
        assert told == {sis: known[sis] for sis in told}
    [user, *_] = clever.all("/users?role=teacher&limit=1")
    assert user["roles"]["teacher"]["credentials"]["district_username"]
