"""What a district shares: schools, sections, kinds of people; the rest is not there."""

from __future__ import annotations

import pytest

from local.clever import Sharing

from .conftest import Emulated, Start
from .test_events import applied, everything


@pytest.fixture
def district(start: Start) -> Emulated:
    return start(people=150)


def test_a_school_alone_has_its_sections_people_terms_and_courses(start: Start) -> None:
    clever = start(people=150, sharing=Sharing(schools=("0002",)))
    [school] = clever.all("/schools")
    assert school["sis_id"] == "0002"
    sections = clever.all("/sections?limit=1000")
    rows = clever.records.rows("SELECT sourced_id FROM classes WHERE org = '0002'")
    assert {(row["sis_id"],) for row in sections} == {*rows}
    assert {row["id"] for row in clever.all("/courses")} == {
        row["course"] for row in sections if "course" in row
    }
    pupils = {u["roles"]["student"]["sis_id"] for u in clever.all("/users?role=student")}
    own = clever.records.rows("SELECT user_id FROM roles WHERE role = 'student' AND org = '0002'")
    assert {(sis,) for sis in pupils} == {*own}
    contacts = {u["roles"]["contact"]["sis_id"] for u in clever.all("/users?role=contact")}
    known = clever.records.rows(
        """SELECT contact_id FROM relationships JOIN roles ON user_id = student_id
        WHERE org = '0002'"""
    )
    assert {(sis,) for sis in contacts} == {*known}


def test_a_section_alone_has_those_who_are_in_it(start: Start) -> None:
    clever = start(people=150, sharing=Sharing(schools=(), sections=("C100005",)))
    [section] = clever.all("/sections")
    people = {u["id"] for role in ("student", "teacher") for u in clever.all(f"/users?role={role}")}
    assert people == {*section["students"], *section["teachers"]}
    assert [row["id"] for row in clever.all("/schools")] == [section["school"]]
    assert clever.all("/users?role=staff") == []


def test_clever_ids_and_sis_ids_name_the_same(district: Emulated) -> None:
    school = next(row for row in district.all("/schools") if row["sis_id"] == "0002")
    section = next(r for r in district.all("/sections") if r["school"] != school["id"])
    shared = district.switch("sharing", {"schools": [school["id"]], "sections": [section["id"]]})
    assert shared["schools"] == [school["id"]]
    assert {row["id"] for row in district.all("/schools")} == {school["id"], section["school"]}
    by_clever_ids = everything(district)
    district.switch("sharing", {"schools": ["0002"], "sections": [section["sis_id"]]})
    assert everything(district) == by_clever_ids
    assert district.http.get("/_emulator/sharing").json()["schools"] == ["0002"]


def test_what_is_no_longer_shared_is_deleted_and_404_and_comes_back_as_created(
    district: Emulated,
) -> None:
    before, bookmark = everything(district), district.newest_event()
    district.switch("sharing", {"schools": ["0001", "0003"]})
    fewer = everything(district)
    gone = {*before} - {*fewer}
    events = district.events(bookmark)
    assert {e["data"]["object"]["id"] for e in events if ".deleted" in e["type"]} == gone
    assert applied(before, events) == fewer
    pupil = next(before[id_] for id_ in gone if "student" in before[id_].get("roles", {}))
    assert district.answer(f"/users/{pupil['id']}").status_code == 404
    bookmark = district.newest_event()
    district.switch("sharing", {})
    back = district.events(bookmark)
    assert {e["data"]["object"]["id"] for e in back if ".created" in e["type"]} == gone
    assert {*everything(district)} == {*before}


def test_kinds_of_people_can_be_hidden_and_are_still_named(district: Emulated) -> None:
    district.switch("sharing", {"roles": ["student"]})
    assert {role for user in district.all("/users") for role in user["roles"]} == {"student"}
    section = next(row for row in district.all("/sections") if row["teachers"])
    assert district.answer(f"/users/{section['teachers'][0]}").status_code == 404
    assert {u["id"] for u in district.all(f"/sections/{section['id']}/users")} == {
        *section["students"]
    }
    district.switch("quirks", {"dangling": False})
    same = district.get(f"/sections/{section['id']}")["data"]
    assert (same["teachers"], "teacher" in same) == ([], False)
    assert same["students"] == section["students"]


def test_schools_that_are_not_shared_are_named_or_not(district: Emulated) -> None:
    [(visitor, other)] = district.records.rows(
        """SELECT user_id, max(org) FILTER (NOT is_primary)
        FROM roles WHERE role = 'teacher' GROUP BY user_id HAVING count(*) > 1"""
    )
    district.switch("sharing", {"schools": [other]})

    def teacher() -> dict[str, object]:
        teachers = district.all("/users?role=teacher")
        [found] = [u["roles"]["teacher"] for u in teachers
                   if u["roles"]["teacher"]["sis_id"] == visitor]  # fmt: skip
        return found

    [school] = district.all("/schools")
    assert len(teacher()["schools"]) == 2
    assert teacher()["school"] != school["id"]
    district.switch("quirks", {"dangling": False})
    assert (teacher()["schools"], teacher()["school"]) == ([school["id"]], school["id"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"classes": []}, "no 'classes'"),
        ({"schools": "0001"}, "list of texts"),
        ({"roles": ["janitor"]}, "among student"),
    ],
)
def test_a_mistake_is_explained(district: Emulated, values: dict[str, object], said: str) -> None:
    answer = district.http.post("/_emulator/sharing", json=values)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
