"""The JSON of /ws/v1 is XML in another dress; each way it differs from JSON is a switch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.powerschool import create_app
from local.sis.serving import serving
from tests.local.powerschool.conftest import new_records
from tests.local.powerschool.plugin_zip import Caller

ONE = {"q": "local_id==1000000"}
NONE = {"q": "local_id==1"}
PATH = "/ws/v1/district/student"


def students(caller: Caller, **params: Any) -> dict[str, Any]:
    return caller.json(PATH, **params)["students"]


def test_a_list_of_one_is_that_one(caller: Caller) -> None:
    assert isinstance(students(caller, **ONE)["student"], dict)
    caller.quirks(collapse_single=False)
    assert isinstance(students(caller, **ONE)["student"], list)


def test_a_list_of_none_has_no_key(caller: Caller) -> None:
    assert "student" not in students(caller, **NONE)
    caller.quirks(empty_list="array")
    assert students(caller, **NONE)["student"] == []


def test_an_empty_block_is_empty_text(caller: Caller) -> None:
    asked = ONE | {"expansions": "phones"}
    assert students(caller, **asked)["student"]["phones"] == ""
    caller.quirks(empty_block="object")
    assert students(caller, **asked)["student"]["phones"] == {}
    caller.quirks(empty_block="absent")
    assert "phones" not in students(caller, **asked)["student"]


def test_digits_turn_into_numbers_and_lose_their_zeros(caller: Caller) -> None:
    student = students(caller, **ONE)["student"]
    assert (student["local_id"], student["state_province_id"]) == (1000000, 1000000)
    assert isinstance(student["student_username"], str)
    caller.quirks(digits_as_numbers=False)
    student = students(caller, **ONE)["student"]
    assert (student["local_id"], student["state_province_id"]) == ("1000000", "0001000000")


def test_a_field_without_a_value_is_missing(caller: Caller) -> None:
    name = students(caller, **ONE)["student"]["name"]
    assert name.keys() == {"first_name", "last_name"}
    caller.quirks(scalars_absent=False)
    assert students(caller, **ONE)["student"]["name"]["middle_name"] is None


def test_the_same_field_changes_type_from_row_to_row(caller: Caller) -> None:
    numbers = {
        type(row["section_number"])
        for school in caller.json("/ws/v1/district/school")["schools"]["school"]
        for row in caller.json(f"/ws/v1/school/{school['id']}/section")["sections"].get(
            "section", []
        )
    }
    assert numbers == {int}
    affiliations = {
        type(row["school_affiliations"]["school_affiliation"])
        for school in caller.json("/ws/v1/district/school")["schools"]["school"]
        for row in caller.json(
            f"/ws/v1/school/{school['id']}/staff", expansions="school_affiliations"
        )["staffs"].get("staff", [])
    }
    assert affiliations == {dict, list}


@pytest.fixture(scope="module")
def bare() -> Iterator[Caller]:
    """A district without a domain: its people have no addresses."""
    with serving(create_app(new_records(60, domain=None))) as url:
        yield Caller(url, ("roster-reader", "roster-reader-secret"))


def test_who_has_no_address_has_an_empty_block(bare: Caller) -> None:
    [school] = [
        s for s in bare.json("/ws/v1/district/school")["schools"]["school"]
        if s["school_number"] != 999999
    ]  # fmt: skip
    staff = bare.json(f"/ws/v1/school/{school['id']}/staff", expansions="emails")["staffs"]["staff"]
    assert "" in [person["emails"] for person in staff]


def test_switches_that_do_not_exist_are_refused(caller: Caller) -> None:
    answer = caller.http.post("/_emulator/quirks", json={"colapse": True})
    assert answer.status_code == 400
    assert "collapse_single" in answer.json()["error"]
    assert caller.get("/_emulator/quirks").json()["collapse_single"] is True
