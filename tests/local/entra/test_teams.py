"""Teams: made of groups or anew, archived, and their members by the hundred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local.entra.conftest import ROOT, Caller, bind

if TYPE_CHECKING:
    import httpx

    from local.entra.clock import VirtualClock

TEMPLATE = f"{ROOT}/teamsTemplates('educationClass')"


def of_group(key: str) -> dict[str, str]:
    return {"template@odata.bind": TEMPLATE, "group@odata.bind": f"{ROOT}/groups('{key}')"}


def member(key: str, *roles: str) -> dict[str, Any]:
    return {"@odata.type": "microsoft.graph.aadUserConversationMember", "roles": [*roles],
            "user@odata.bind": f"{ROOT}/users('{key}')"}  # fmt: skip


async def owned_class(call: Caller) -> tuple[str, str]:
    key, teacher = await call.class_(), await call.user("t")
    binds = {"owners@odata.bind": bind(teacher), "members@odata.bind": bind(teacher)}
    await call("PATCH", f"/groups/{key}", binds)
    return key, teacher


@pytest.fixture
async def team(call: Caller) -> str:
    key, _ = await owned_class(call)
    assert (await call("POST", "/teams", of_group(key))).status_code == 202
    return key


async def test_a_team_of_a_class_takes_its_time(call: Caller, clock: VirtualClock) -> None:
    await call.set(teamDelay=60)
    await call.http.post("/emulator/scenario", json={"lag": {"teams": 900}})
    key, _ = await owned_class(call)
    link = (await call("GET", "/groups/delta?$select=id,resourceProvisioningOptions")).json()
    assert (await call("POST", "/teams", of_group(key))).status_code == 404
    clock.advance(seconds=900)
    made = await call("POST", "/teams", of_group(key))
    assert (made.status_code, made.content) == (202, b"")
    assert made.headers["content-location"] == f"/teams('{key}')"
    path, seen = made.headers["location"], list[str]()
    for seconds in (0, 30, 30):
        clock.advance(seconds=seconds)
        seen.append((await call("GET", path)).json()["status"])
    assert seen == ["notStarted", "inProgress", "succeeded"]
    found = (await call("GET", f"/teams/{key}")).json()
    assert (found["specialization"], found["isMembershipLimitedToOwners"]) == (
        "educationClass",
        True,
    )
    news = (await call("GET", link["@odata.deltaLink"].partition("/v1.0")[2])).json()["value"]
    assert news[-1]["resourceProvisioningOptions"] == ["Team"]


async def test_a_group_must_be_old_enough(call: Caller, clock: VirtualClock) -> None:
    await call.set(teamGroupAge=60)
    key, _ = await owned_class(call)
    clock.advance(seconds=58)
    assert (await call("POST", "/teams", of_group(key))).status_code == 404
    clock.advance(seconds=2)
    assert (await call("POST", "/teams", of_group(key))).status_code == 202


async def test_while_it_is_made_there_is_no_team_and_no_second(
    call: Caller, clock: VirtualClock
) -> None:
    await call.set(teamDelay=60)
    key, _ = await owned_class(call)
    operation = (await call("POST", "/teams", of_group(key))).headers["location"]
    assert (await call("GET", f"/teams/{key}")).status_code == 404
    assert (await call("POST", "/teams", of_group(key))).status_code == 409
    await call("DELETE", f"/groups/{key}")
    clock.advance(seconds=60)
    assert (await call("GET", operation)).status_code == 404


class TestRefusals:
    async def test_a_second_team(self, call: Caller, team: str) -> None:
        again = await call("POST", "/teams", of_group(team))
        assert (again.status_code, "already provisioned" in again.text) == (409, True)
        assert (await call("PUT", f"/groups/{team}/team", {})).status_code == 409

    async def test_a_group_without_owner(self, call: Caller) -> None:
        answer = await call("POST", "/teams", of_group(await call.class_()))
        assert (answer.status_code, "one or more owners" in answer.text) == (400, True)

    @pytest.mark.parametrize("name", ["displayName", "visibility", "specialization", "members"])
    async def test_values_that_the_group_has(self, call: Caller, name: str) -> None:
        key, _ = await owned_class(call)
        answer = await call("POST", "/teams", of_group(key) | {name: "x"})
        assert (answer.status_code, name in answer.text) == (400, True)

    async def test_no_template_or_no_such_group(self, call: Caller) -> None:
        key, _ = await owned_class(call)
        body = of_group(key)
        assert (
            await call("POST", "/teams", body | {"template@odata.bind": "x"})
        ).status_code == 400
        unknown = of_group("00000000-0000-0000-0000-000000000001")
        assert (await call("POST", "/teams", unknown)).status_code == 404

    async def test_a_security_group(self, call: Caller) -> None:
        group = {"displayName": "G", "mailNickname": "g", "mailEnabled": False,
                 "securityEnabled": True}  # fmt: skip
        key = (await call("POST", "/groups", group)).json()["id"]
        assert (await call("POST", "/teams", of_group(key))).status_code == 400


class TestNewTeams:
    async def test_a_team_without_group_makes_one(self, call: Caller) -> None:
        owner = await call.user("t")
        body = {"template@odata.bind": TEMPLATE, "displayName": "Chess Club",
                "members": [member(owner, "owner")]}  # fmt: skip
        made = await call("POST", "/teams", body)
        key = made.headers["content-location"].removeprefix("/teams('").removesuffix("')")
        group = (await call("GET", f"/groups/{key}")).json()
        assert (group["displayName"], group["groupTypes"]) == ("Chess Club", ["Unified"])
        assert [one["id"] for one in (await call("GET", f"/groups/{key}/owners")).json()["value"]]
        assert (await call("GET", f"/teams/{key}")).json()["displayName"] == "Chess Club"

    async def test_it_needs_a_name_and_one_owner(self, call: Caller) -> None:
        people = [member(await call.user(name), "owner") for name in ("a", "b")]
        body: dict[str, Any] = {"template@odata.bind": TEMPLATE, "displayName": "Chess"}
        for wrong in ({}, {"members": people}, {"members": [member("x")]},
                      {"members": people[:1], "displayName": ""}):  # fmt: skip
            assert (await call("POST", "/teams", body | wrong)).status_code == 400


async def test_a_group_becomes_a_standard_team_at_once(call: Caller) -> None:
    key, _ = await owned_class(call)
    made = await call("PUT", f"/groups/{key}/team", {"memberSettings": {}})
    assert (made.status_code, made.json()["specialization"]) == (201, "none")
    assert (await call("GET", f"/groups/{key}/team")).json()["id"] == key
    limited = {"isMembershipLimitedToOwners": False}
    assert (await call("PATCH", f"/teams/{key}", limited)).status_code == 400


async def test_a_class_team_is_activated(call: Caller, team: str) -> None:
    change = {"isMembershipLimitedToOwners": False, "funSettings": {"allowGiphy": False},
              "displayName": "Maths"}  # fmt: skip
    assert (await call("PATCH", f"/teams/{team}", change)).status_code == 204
    found = (await call("GET", f"/teams/{team}")).json()
    assert not found["isMembershipLimitedToOwners"]
    assert (found["funSettings"]["allowGiphy"], found["funSettings"]["allowCustomMemes"]) == (
        False,
        True,
    )
    assert (await call("GET", f"/groups/{team}")).json()["displayName"] == "Maths"
    assert (await call("PATCH", f"/teams/{team}", {"colour": "red"})).status_code == 400


async def test_archiving_takes_its_time_too(call: Caller, team: str, clock: VirtualClock) -> None:
    await call.set(teamDelay=60)
    body = {"shouldSetSpoSiteReadOnlyForMembers": True}
    begun = await call("POST", f"/teams/{team}/archive", body)
    assert begun.status_code == 202
    assert not (await call("GET", f"/teams/{team}")).json()["isArchived"]
    clock.advance(seconds=60)
    assert (await call("GET", begun.headers["location"])).json()["operationType"] == "archiveTeam"
    assert (await call("GET", f"/teams/{team}")).json()["isArchived"]
    assert (await call("POST", f"/teams/{team}/unarchive", {})).status_code == 202
    clock.advance(seconds=60)
    assert not (await call("GET", f"/teams/{team}")).json()["isArchived"]


async def test_a_deleted_group_takes_its_team_along(call: Caller, team: str) -> None:
    await call("DELETE", f"/groups/{team}")
    assert (await call("GET", f"/teams/{team}")).status_code == 404
    await call("POST", f"/directory/deletedItems/{team}/restore", {})
    assert (await call("GET", f"/teams/{team}")).status_code == 200


async def test_teams_can_be_seeded(call: Caller) -> None:
    group = {"displayName": "G", "mailNickname": "g", "groupTypes": ["Unified"],
             "externalId": "C1", "resourceProvisioningOptions": ["Team"]}  # fmt: skip
    [key] = (await call.seed(groups=[group]))["groups"]
    assert (await call("GET", f"/teams/{key}")).json()["specialization"] == "educationClass"


class TestMembers:
    async def send(self, call: Caller, team: str, action: str, *values: Any) -> httpx.Response:
        return await call("POST", f"/teams/{team}/members/{action}", {"values": [*values]})

    async def test_many_join_at_once_and_twice(self, call: Caller, team: str) -> None:
        people = [await call.user(f"u{number}") for number in range(30)]
        for _ in range(2):
            added = await self.send(call, team, "add", *(member(key) for key in people))
            assert added.status_code == 200
            assert [one["userId"] for one in added.json()["value"]] == people
        found = (await call("GET", f"/groups/{team}/members")).json()["value"]
        assert len(found) == 31

    async def test_one_stranger_makes_it_a_mixed_answer(self, call: Caller, team: str) -> None:
        ann, unknown = await call.user("ann"), "00000000-0000-0000-0000-000000000001"
        added = await self.send(call, team, "add", member(ann, "owner"), member(unknown))
        assert added.status_code == 207
        assert [one["error"] and one["error"]["code"] for one in added.json()["value"]] == [
            None,
            "NotFound",
        ]
        owners = (await call("GET", f"/groups/{team}/owners")).json()["value"]
        assert ann in {one["id"] for one in owners}

    async def test_removal_by_twenty(self, call: Caller, team: str) -> None:
        ann, bob = await call.user("ann"), await call.user("bob")
        await self.send(call, team, "add", member(ann, "owner"), member(bob))
        assert (await self.send(call, team, "remove", member(ann), member(bob))).status_code == 204
        mixed = await self.send(call, team, "remove", member(bob))
        assert (mixed.status_code, mixed.json()["value"][0]["userId"]) == (207, bob)
        assert len((await call("GET", f"/teams/{team}/members")).json()["value"]) == 1

    @pytest.mark.parametrize(("action", "most"), [("add", 200), ("remove", 20)])
    async def test_more_are_refused(self, call: Caller, team: str, action: str, most: int) -> None:
        ann = await call.user("ann")
        assert (await self.send(call, team, action)).status_code == 400
        many = [member(ann)] * (most + 1)
        assert (await self.send(call, team, action, *many)).status_code == 400

    async def test_one_by_one(self, call: Caller, team: str) -> None:
        made = await call("POST", f"/teams/{team}/members", member(await call.user("ann")))
        assert made.status_code == 201
        path = f"/teams/{team}/members/{made.json()['id']}"
        assert (await call("DELETE", path)).status_code == 204
        assert (await call("DELETE", path)).status_code == 404

    async def test_the_last_owner_stays(self, call: Caller, team: str) -> None:
        [owner] = (await call("GET", f"/teams/{team}/members")).json()["value"]
        answer = await call("DELETE", f"/teams/{team}/members/{owner['id']}")
        assert answer.status_code == 400


async def test_a_class_that_became_a_team_since_the_last_round_is_a_new_class(call: Caller) -> None:
    first = (await call("GET", "/education/classes/delta?$select=id,externalId")).json()
    key, _ = await owned_class(call)
    await call("POST", "/teams", of_group(key))
    link = first["@odata.deltaLink"].partition("/v1.0")[2]
    [found] = (await call("GET", link)).json()["value"]
    assert (found["id"], found["externalId"]) == (key, "C1")
