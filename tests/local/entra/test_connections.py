"""What objects belong to through groups, and what may be put into what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.entra.conftest import Caller, bind, reference

GROUP = {"displayName": "G", "mailEnabled": False, "securityEnabled": True, "groupTypes": []}


async def ids(call: Caller, path: str, **headers: str) -> list[str]:
    answer = await call("GET", path, **headers)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["value"]]


async def group(call: Caller, name: str, *members: str, **values: Any) -> str:
    body = GROUP | {"mailNickname": name, "members@odata.bind": bind(*members)} | values
    answer = await call("POST", "/groups", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def school(call: Caller) -> str:
    body = {"displayName": "S", "externalId": "S1"}
    return (await call("POST", "/education/schools", body)).json()["id"]


async def test_groups_of_a_user_directly_and_through_groups(call: Caller) -> None:
    person = await call.user("a")
    inner = await group(call, "inner", person)
    outer = await group(call, "outer", inner)
    assert await ids(call, f"/users/{person}/memberOf") == [inner]
    assert await ids(call, f"/users/{person}/transitiveMemberOf") == [inner, outer]
    assert await ids(call, f"/groups/{inner}/memberOf") == [outer]
    assert await ids(call, f"/groups/{outer}/transitiveMembers?$select=id") == [inner, person]
    assert await ids(call, f"/groups/{outer}/members/microsoft.graph.user") == []
    assert await ids(call, f"/groups/{outer}/members/microsoft.graph.group") == [inner]


async def test_groups_that_hold_each_other_end_somewhere(call: Caller) -> None:
    inner = await group(call, "inner")
    outer = await group(call, "outer", inner)
    await call("POST", f"/groups/{inner}/members/$ref", reference(outer))
    assert await ids(call, f"/groups/{inner}/transitiveMemberOf") == [outer, inner]


async def test_memberships_have_pages_casts_and_a_count(call: Caller) -> None:
    person = await call.user("a")
    groups = [await group(call, f"g{n}", person) for n in range(5)]
    unit = (await call("POST", "/directory/administrativeUnits", {"displayName": "U"})).json()["id"]
    path = f"/directory/administrativeUnits/{unit}/members/$ref"
    await call("POST", path, reference(person))
    first = (await call("GET", f"/users/{person}/memberOf?$top=4")).json()
    assert len(first["value"]) == 4
    rest = first["@odata.nextLink"].partition("/v1.0")[2]
    assert len(await ids(call, rest)) == 2
    cast = f"/users/{person}/memberOf/microsoft.graph.group"
    assert await ids(call, cast) == groups
    counted = await call("GET", f"{cast}/$count", ConsistencyLevel="eventual")
    assert counted.text == "5"
    assert (await call("GET", f"{cast}/$count")).status_code == 400
    assert (await call("GET", f"/users/{person}/memberOf/colour")).status_code == 400


async def test_a_school_lists_people_and_classes_apart(call: Caller) -> None:
    place, key, person = await school(call), await call.class_(), await call.user("a")
    await call("POST", f"/education/schools/{place}/users/$ref", reference(person))
    await call("POST", f"/education/schools/{place}/classes/$ref", reference(key))
    assert await ids(call, f"/education/schools/{place}/users") == [person]
    assert await ids(call, f"/education/schools/{place}/classes") == [key]
    assert await ids(call, f"/education/users/{person}/schools") == [place]
    assert await ids(call, f"/education/classes/{key}/schools") == [place]
    wrong = await call("POST", f"/education/schools/{place}/users/$ref", reference(key))
    assert (wrong.status_code, "Invalid object type" in wrong.text) == (400, True)


class TestWhatMayBeConnected:
    async def test_no_group_in_a_class(self, call: Caller) -> None:
        key, other = await call.class_(), await group(call, "g")
        for answer in (
            await call("POST", f"/education/classes/{key}/members/$ref", reference(other)),
            await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(other)}),
            await call("POST", "/groups", GROUP | {
                "mailNickname": "n", "groupTypes": ["Unified"], "members@odata.bind": bind(other)}),
        ):  # fmt: skip
            assert (answer.status_code, "Invalid object type" in answer.text) == (400, True)
        assert await ids(call, f"/groups/{key}/members") == []

    async def test_owners_are_people(self, call: Caller) -> None:
        key, other = await group(call, "a"), await group(call, "b")
        answer = await call("POST", f"/groups/{key}/owners/$ref", reference(other))
        assert answer.status_code == 400

    async def test_no_unit_in_a_group(self, call: Caller) -> None:
        body = {"displayName": "U"}
        unit = (await call("POST", "/directory/administrativeUnits", body)).json()["id"]
        key = await group(call, "a")
        answer = await call("POST", f"/groups/{key}/members/$ref", reference(unit))
        assert answer.status_code == 400

    async def test_one_person_twice_in_a_bind_is_refused(self, call: Caller) -> None:
        key, person = await call.class_(), await call.user("a")
        answer = await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(person, person)})
        assert (answer.status_code, "already exist" in answer.text) == (400, True)
        assert await ids(call, f"/groups/{key}/members") == []

    async def test_owners_are_counted_before_duplicates_are_seen(self, call: Caller) -> None:
        key, people = await call.class_(), [await call.user(f"u{n}") for n in range(81)]
        for start in range(0, 81, 20):
            binds = {"owners@odata.bind": bind(*people[start : start + 20])}
            assert (await call("PATCH", f"/groups/{key}", binds)).status_code == 204
        answer = await call("PATCH", f"/groups/{key}", {"owners@odata.bind": bind(*people[:20])})
        assert (answer.status_code, answer.json()["error"]["code"]) == (
            403,
            "Directory_QuotaExceeded",
        )

    async def test_every_kind_of_group_keeps_its_last_owner(self, call: Caller) -> None:
        person = await call.user("a")
        key = await group(call, "g", **{"owners@odata.bind": bind(person)})
        answer = await call("DELETE", f"/groups/{key}/owners/{person}/$ref")
        assert "must have at least one owner" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, 400),
        ({"@odata.type": "#microsoft.graph.group"}, 400),
        ({"groupTypes": []}, 400),
        ({"groupTypes": ["Unified"]}, 204),
        ({"visibility": "Private"}, 400),
        ({"visibility": "HiddenMembership"}, 204),
        ({"isAssignableToRole": True}, 400),
        ({"description": "x"}, 204),
    ],
)
async def test_what_a_class_group_can_become(
    call: Caller, values: dict[str, Any], status: int
) -> None:
    assert (await call("PATCH", f"/groups/{await call.class_()}", values)).status_code == status


async def test_an_empty_change_is_refused_everywhere(call: Caller) -> None:
    person, key = await call.user("a"), await call.class_()
    for path in (f"/users/{person}", f"/education/users/{person}", f"/education/classes/{key}"):
        answer = await call("PATCH", path, {})
        assert (answer.status_code, "Empty Payload" in answer.text) == (400, True)
