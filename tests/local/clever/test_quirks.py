"""Switches of the district's data, and of the shape of answers."""

from __future__ import annotations

from typing import Any

import pytest

from local.clever import Quirks
from roster.errors import BadInput

from .conftest import Emulated, Start
from .test_events import applied, everything


def first_section(clever: Emulated) -> dict[str, Any]:
    return min(clever.all("/sections"), key=lambda row: row["sis_id"])


def test_the_first_section_can_lack_teacher_term_and_course(start: Start) -> None:
    clever = start()
    full = first_section(clever)
    assert full["teachers"]
    clever.switch("quirks", {"lacking": ["teacher", "term", "course"]})
    section = first_section(clever)
    assert section["teachers"] == []
    assert not {"teacher", "term_id", "course"} & {*section}
    assert section["students"] == full["students"]
    for sub in ("term", "course"):
        assert clever.answer(f"/sections/{section['id']}/{sub}").status_code == 404
    assert all("term_id" in row for row in clever.all("/sections") if row != section)


def test_a_section_can_name_people_who_do_not_exist(start: Start) -> None:
    section = first_section(clever := start(quirks=Quirks(ghosts=True)))
    users = {user["id"] for user in clever.all("/users")}
    assert len({*section["students"], *section["teachers"]} - users) == 2


def test_addresses_and_usernames_can_be_missing_and_addresses_shared(start: Start) -> None:
    clever = start(quirks=Quirks(no_email=2, same_email=True, empty_username=3))
    pupils = clever.all("/users?role=student")
    assert len([user for user in pupils if "email" not in user]) == 2
    addresses = [user["email"] for user in pupils if "email" in user]
    assert len({*addresses}) == len(addresses) - 1
    names = [user["roles"]["student"]["credentials"]["district_username"] for user in pupils]
    assert names.count("") == 3
    employees = [user for user in clever.all("/users") if {"teacher", "staff"} & {*user["roles"]}]
    assert len([user for user in employees if "email" not in user]) == 2


def test_an_employee_with_two_records_and_one_address_is_one_user(start: Start) -> None:
    clever = start()
    before, bookmark = everything(clever), clever.newest_event()
    clever.switch("quirks", {"two_roles": True})
    [event, _] = clever.events(bookmark)
    user = event["data"]["object"]
    assert event["type"] == "users.updated"
    assert event["data"]["previous_attributes"] == {"roles": {"staff": None}}
    assert {*user["roles"]} == {"staff", "teacher"}
    assert user["roles"]["staff"]["staff_id"] == f"S-{user['roles']['teacher']['sis_id']}"
    assert user["roles"]["staff"]["legacy_id"] != user["roles"]["teacher"]["legacy_id"]
    for role in ("staff", "teacher"):
        assert user["id"] in {row["id"] for row in clever.all(f"/users?role={role}")}
    assert [row["id"] for row in clever.all("/users")].count(user["id"]) == 1
    assert before[user["id"]]["roles"].keys() == {"teacher"}


def test_an_address_that_goes_parts_the_records_of_a_user(start: Start) -> None:
    clever = start(quirks=Quirks(two_roles=True))
    [both] = [user for user in clever.all("/users?role=staff") if "teacher" in user["roles"]]
    before, bookmark = everything(clever), clever.newest_event()
    clever.switch("quirks", {"no_email": 1000})
    events = clever.events(bookmark)
    assert applied(before, events) == everything(clever)
    [parted] = [e["data"]["object"] for e in events if e["type"] == "users.created"]
    rest = clever.get(f"/users/{both['id']}")["data"]
    assert {*parted["roles"]} | {*rest["roles"]} == {"staff", "teacher"}
    assert {*parted["roles"]} != {*rest["roles"]}
    clever.switch("quirks", {"no_email": 0})
    again = clever.get(f"/users/{both['id']}")["data"]
    assert {*again["roles"]} == {"staff", "teacher"}
    assert clever.answer(f"/users/{parted['id']}").status_code == 404


def test_roles_that_are_not_held_are_missing_or_null_and_that_is_no_event(start: Start) -> None:
    clever = start()
    bookmark = clever.newest_event()
    clever.switch("quirks", {"absent_roles": "null"})
    for user in clever.all("/users"):
        assert len(user["roles"]) == 5
        assert [role for role, value in user["roles"].items() if value]
    assert clever.events(bookmark) == []
    clever.switch("quirks", {"absent_roles": "missing"})
    assert all(all(user["roles"].values()) for user in clever.all("/users"))


def test_fields_that_data_access_does_not_open_are_not_there(start: Start) -> None:
    clever = start()
    whole = everything(clever)
    clever.switch("quirks", {"hidden": ["email", "credentials", "dob", "phone"]})
    for id_, row in everything(clever).items():
        if "roles" not in row:
            assert row == whole[id_]
            continue
        assert {*whole[id_]} - {*row} <= {"email"}
        assert "email" not in str(row)
        for role, held in row["roles"].items():
            lost = {*whole[id_]["roles"][role]} - {*held}
            assert lost == {"credentials", "dob", "phone"} & {*whole[id_]["roles"][role]}


def test_a_first_teacher_can_be_in_a_place_apart(start: Start) -> None:
    clever = start(people=300, quirks=Quirks(teacher_apart=True))
    sections = clever.all("/sections?limit=1000")
    assert all(row["teacher"] not in row["teachers"] for row in sections)
    assert [row for row in sections if row["teachers"]]  # those who teach together are there


def test_errors_can_be_as_in_older_versions(start: Start) -> None:
    clever = start(quirks=Quirks(error_key="error"))
    assert [*clever.answer("/users/0").json()] == ["error"]


def test_switches_are_told(start: Start) -> None:
    clever = start()
    clever.switch("quirks", {"retry_after": True, "lacking": ["term"]})
    told = clever.http.get("/_emulator/quirks").json()
    assert (told["retry_after"], told["lacking"], told["rate_limit"]) == (True, ["term"], 1200)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"speed": 1}, "There is no quirk 'speed'"),
        ({"rate_limit": "many"}, "'many' is no int"),
        ({"rate_limit": True}, "True is no int"),
        ({"lacking": ["roof"]}, "not among 'teacher'"),
        ({"state": "happy"}, "not among 'success'"),
        ({"as_specified": "all"}, "no list"),
    ],
)
def test_a_mistake_is_explained(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Quirks().with_values(values)
