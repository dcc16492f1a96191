"""Users, groups, classes, schools: what the directory takes, refuses, and answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.entra.conftest import Caller, bind, reference, user

GROUP = {"displayName": "G", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True}
UPSERT = "/groups(uniqueName='rollcall-x')"


@pytest.mark.parametrize(
    ("values", "fragment"),
    [
        ({"userPrincipalName": "ann@elsewhere.org"}, "verified domain"),
        ({"userPrincipalName": "zoë@contoso.edu"}, "userPrincipalName is invalid"),
        ({"userPrincipalName": "a b@contoso.edu"}, "userPrincipalName is invalid"),
        ({"userPrincipalName": "TAKEN@contoso.edu"}, "Another object with the same value"),
        ({"passwordProfile": {"password": "short"}}, "password complexity"),
        ({"passwordProfile": {"password": "alllowercase"}}, "password complexity"),
        ({"displayName": ""}, "required for property 'displayName'"),
        ({"displayName": "x" * 257}, "displayName"),
        ({"mailNickname": "a b"}, "mailNickname"),
        ({"employeeId": "x" * 17}, "employeeId"),
        ({"favouriteColour": "blue"}, "Invalid property 'favouriteColour'"),
        ({"onPremisesSyncEnabled": True}, "read-only"),
    ],
)
async def test_a_bad_user_is_refused(call: Caller, values: dict[str, Any], fragment: str) -> None:
    await call.user("taken")
    answer = await call("POST", "/users", user("ann") | values)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert fragment in error["message"]
    assert {"date", "request-id", "client-request-id"} == set(error["innerError"])


async def test_a_name_clash_says_which_property(call: Caller) -> None:
    await call.user("ann")
    [detail] = (await call("POST", "/users", user("ann"))).json()["error"]["details"]
    assert (detail["code"], detail["target"]) == ("ObjectConflict", "userPrincipalName")


async def test_statuses_of_a_users_life(call: Caller) -> None:
    made = await call("POST", "/users", user("ann"))
    assert made.status_code == 201
    assert "passwordProfile" not in made.json()
    path = f"/users/{made.json()['id']}"
    assert (await call("PATCH", path, {"surname": "Lee"})).status_code == 204
    assert (await call("PATCH", f"/education{path}", {"primaryRole": "student"})).status_code == 200
    assert (await call("GET", "/users/ann@contoso.edu")).json()["surname"] == "Lee"
    assert (await call("DELETE", path)).status_code == 204
    assert (await call("GET", path)).status_code == 404
    [gone] = (await call("GET", "/directory/deletedItems/microsoft.graph.user")).json()["value"]
    assert (await call("POST", f"/directory/deletedItems/{gone['id']}/restore", {})).is_success
    assert (await call("GET", path)).status_code == 200


async def test_a_name_that_was_taken_meanwhile_blocks_the_restore(call: Caller) -> None:
    first = await call.user("ann")
    await call("DELETE", f"/users/{first}")
    await call.user("ann")
    assert (await call("POST", f"/directory/deletedItems/{first}/restore", {})).status_code == 400


async def test_synced_accounts_refuse_what_on_premises_ad_masters(call: Caller) -> None:
    await call.http.post("/emulator/seed", json={"users": [
        {"userPrincipalName": "syn@contoso.edu", "displayName": "S", "mailNickname": "syn",
         "onPremisesSyncEnabled": True}]})  # fmt: skip
    key = (await call("GET", "/users/syn@contoso.edu")).json()["id"]
    refused = await call("PATCH", f"/education/users/{key}", {"displayName": "New"})
    assert "on-premises mastered" in refused.json()["error"]["message"]
    mark = {"primaryRole": "student", "student": {"externalId": "U1"}, "externalSource": "sis"}
    assert (await call("PATCH", f"/education/users/{key}", mark)).status_code == 200
    assert (await call("PATCH", f"/users/{key}", {"usageLocation": "IE"})).status_code == 204


async def test_a_class_is_a_group_with_the_same_id(call: Caller) -> None:
    key, teacher, student = await call.class_(), await call.user("t"), await call.user("s")
    assert (await call("GET", f"/groups/{key}")).json()["groupTypes"] == ["Unified"]
    binds = {"members@odata.bind": bind(student), "owners@odata.bind": bind(teacher)}
    assert (await call("PATCH", f"/groups/{key}", binds)).status_code == 204
    taught = (await call("GET", f"/education/classes/{key}/teachers")).json()["value"]
    assert [one["id"] for one in taught] == [teacher]


async def test_a_school_has_a_unit_with_an_id_of_its_own(call: Caller) -> None:
    body = {"displayName": "Lincoln", "externalId": "S1", "externalSource": "sis"}
    school = (await call("POST", "/education/schools", body)).json()["id"]
    unit = (await call("GET", f"/education/schools/{school}/administrativeUnit")).json()
    assert unit["id"] != school
    person = await call.user("ann")
    path = f"/education/schools/{school}/users"
    assert (await call("POST", f"{path}/$ref", reference(person))).status_code == 204
    again = await call("POST", f"{path}/$ref", reference(person))
    assert "already exist" in again.json()["error"]["message"]
    members = (await call("GET", f"/directory/administrativeUnits/{unit['id']}/members")).json()
    assert [one["id"] for one in members["value"]] == [person]
    assert (await call("DELETE", f"{path}/{person}/$ref")).status_code == 204
    assert (await call("DELETE", f"{path}/{person}/$ref")).status_code == 404


class TestGroups:
    async def test_an_upsert_creates_only_when_asked_to(self, call: Caller) -> None:
        body = GROUP | {"groupTypes": []}
        assert (await call("PATCH", UPSERT, body)).status_code == 404
        assert (await call("PATCH", UPSERT, body, Prefer="create-if-missing")).status_code == 201
        assert (await call("PATCH", UPSERT, {"displayName": "H"})).status_code == 204
        found = (await call("GET", "/groups?$filter=uniqueName eq 'rollcall-x'")).json()["value"]
        assert [one["displayName"] for one in found] == ["H"]

    async def test_a_bind_is_all_or_nothing(self, call: Caller) -> None:
        key, a, b = await call.class_(), await call.user("a"), await call.user("b")
        await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(a)})
        again = await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(b, a)})
        assert again.status_code == 400
        assert "already exist" in again.json()["error"]["message"]
        unknown = "00000000-0000-0000-0000-000000000001"
        absent = await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(b, unknown)})
        assert absent.status_code == 404
        assert unknown in absent.json()["error"]["message"]
        members = (await call("GET", f"/groups/{key}/members?$select=id")).json()["value"]
        assert [one["id"] for one in members] == [a]

    async def test_twenty_references_are_the_most(self, call: Caller) -> None:
        ids = [await call.user(f"u{number}") for number in range(21)]
        key = await call.class_()
        binds = {"members@odata.bind": bind(*ids[:20]), "owners@odata.bind": bind(ids[20])}
        assert (await call("PATCH", f"/groups/{key}", binds)).status_code == 400
        binds = {"members@odata.bind": bind(*ids[:19]), "owners@odata.bind": bind(ids[20])}
        assert (await call("PATCH", f"/groups/{key}", binds)).status_code == 204

    async def test_a_hundred_owners_are_the_most(self, call: Caller) -> None:
        ids = [await call.user(f"u{number}") for number in range(101)]
        key = await call.class_()
        for start in range(0, 100, 20):
            binds = {"owners@odata.bind": bind(*ids[start : start + 20])}
            assert (await call("PATCH", f"/groups/{key}", binds)).status_code == 204
        answer = await call("POST", f"/groups/{key}/owners/$ref", reference(ids[100]))
        assert (answer.status_code, answer.json()["error"]["code"]) == (
            403,
            "Directory_QuotaExceeded",
        )

    async def test_the_last_owner_stays(self, call: Caller) -> None:
        key, only = await call.class_(), await call.user("a")
        await call("POST", f"/groups/{key}/owners/$ref", reference(only))
        answer = await call("DELETE", f"/groups/{key}/owners/{only}/$ref")
        assert "must have at least one owner" in answer.json()["error"]["message"]

    async def test_removing_a_stranger_names_the_group(self, call: Caller) -> None:
        key, stranger = await call.class_(), await call.user("a")
        answer = await call("DELETE", f"/groups/{key}/members/{stranger}/$ref")
        assert answer.status_code == 404
        assert key in answer.json()["error"]["message"]

    async def test_without_ref_the_member_itself_is_deleted(self, call: Caller) -> None:
        key, member = await call.class_(), await call.user("a")
        await call("POST", f"/groups/{key}/members/$ref", reference(member))
        assert (await call("DELETE", f"/groups/{key}/members/{member}")).status_code == 204
        assert (await call("GET", f"/users/{member}")).status_code == 404

    @pytest.mark.parametrize("nickname", ["a b", "a@b", "ü", "x" * 65, "a.b"])
    async def test_group_nicknames_are_plain(self, call: Caller, nickname: str) -> None:
        answer = await call("POST", "/groups", GROUP | {"mailNickname": nickname})
        assert answer.status_code == 400

    async def test_two_classes_never_share_a_nickname(self, call: Caller) -> None:
        await call.class_("C1")
        body = {"displayName": "X", "mailNickname": "section_c1"}
        assert (await call("POST", "/education/classes", body)).status_code == 400

    async def test_patching_a_reference_collection_is_not_supported(self, call: Caller) -> None:
        answer = await call("PATCH", f"/groups/{await call.class_()}/members/$ref", {})
        assert "not supported on the targeted entity set" in answer.json()["error"]["message"]

    async def test_dynamic_groups_take_no_members_by_hand(self, call: Caller) -> None:
        body = GROUP | {
            "groupTypes": ["DynamicMembership"],
            "membershipRule": '(user.city -eq "x")',
        }
        key = (await call("POST", "/groups", body)).json()["id"]
        answer = await call("POST", f"/groups/{key}/members/$ref", reference(await call.user("a")))
        assert answer.status_code == 400
