"""From people and classes to what they belong to; groups made inside units; restored people."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.entra.conftest import Caller, bind, reference, user

UNITS = "/directory/administrativeUnits"
GROUP = {"@odata.type": "#microsoft.graph.group", "displayName": "G", "mailNickname": "g",
         "mailEnabled": False, "securityEnabled": True}  # fmt: skip


async def ids(call: Caller, path: str) -> list[str]:
    return [one["id"] for one in (await call("GET", path)).json()["value"]]


async def test_people_and_classes_know_where_they_belong(call: Caller) -> None:
    ann, key = await call.user("ann"), await call.class_()
    school = (await call("POST", "/education/schools", {"displayName": "L"})).json()["id"]
    binds = {"members@odata.bind": bind(ann), "owners@odata.bind": bind(ann)}
    await call("PATCH", f"/groups/{key}", binds)
    path = f"/education/schools/{school}"
    await call("POST", f"{path}/users/$ref", reference(ann))
    await call("POST", f"{path}/classes/$ref", reference(key))
    unit = (await call("GET", f"{path}/administrativeUnit")).json()["id"]
    assert await ids(call, f"/education/users/{ann}/classes") == [key]
    assert await ids(call, f"/education/users/{ann}/taughtClasses") == [key]
    assert await ids(call, f"/education/users/{ann}/schools") == [school]
    assert await ids(call, f"/education/classes/{key}/schools") == [school]
    assert await ids(call, f"{path}/users") == [ann]
    assert await ids(call, f"{path}/classes") == [key]
    assert await ids(call, f"/users/{ann}/memberOf") == [key, unit]
    assert await ids(call, f"/users/{ann}/memberOf?$top=1") == [key]
    assert await ids(call, f"/users/{ann}/memberOf/microsoft.graph.group") == [key]
    assert await ids(call, f"/users/{ann}/ownedObjects") == [key]
    assert await ids(call, f"{UNITS}/{unit}/members/microsoft.graph.user") == [ann]
    assert (await call("GET", f"/education/users/{ann}/user")).json()["id"] == ann
    assert (await call("GET", f"/education/classes/{key}/group")).json()["securityEnabled"] is False
    assert (await call("GET", f"/users/{ann}/friends")).status_code == 400


async def test_a_group_is_made_inside_a_unit(call: Caller) -> None:
    unit = (await call("POST", UNITS, {"displayName": "U"})).json()["id"]
    made = await call("POST", f"{UNITS}/{unit}/members", GROUP)
    assert made.status_code == 201
    assert await ids(call, f"{UNITS}/{unit}/members") == [made.json()["id"]]
    person = user("ann") | {"@odata.type": "#microsoft.graph.user"}
    assert (await call("POST", f"{UNITS}/{unit}/members", person)).status_code == 400


async def test_restricted_units_protect_their_members(call: Caller) -> None:
    ann, bob = await call.user("ann"), await call.user("bob")
    key = (await call("POST", "/groups", GROUP)).json()["id"]
    body = {"displayName": "U", "isMemberManagementRestricted": True}
    unit = (await call("POST", UNITS, body)).json()["id"]
    for member in (ann, key):
        await call("POST", f"{UNITS}/{unit}/members/$ref", reference(member))
    for method, path, change in (
        ("PATCH", f"/users/{ann}", {"department": "x"}),
        ("DELETE", f"/users/{ann}", None),
        ("PATCH", f"/groups/{key}", {"displayName": "H"}),
        ("POST", f"/groups/{key}/members/$ref", reference(bob)),
    ):
        assert (await call(method, path, change)).status_code == 403
    assert (await call("PATCH", f"/users/{bob}", {"department": "x"})).status_code == 204


async def test_ids_are_read_by_type_and_property(call: Caller) -> None:
    ann, key = await call.user("ann"), await call.class_()
    body = {"ids": [ann, key], "types": ["user"]}
    answer = await call("POST", "/directoryObjects/getByIds?$select=id,displayName", body)
    [found] = answer.json()["value"]
    assert {n: v for n, v in found.items() if "@" not in n} == {"id": ann, "displayName": "ann"}
    both = await call("POST", "/directoryObjects/getByIds", {"ids": [ann, key]})
    assert [one["@odata.type"] for one in both.json()["value"]] == [
        "#microsoft.graph.user",
        "#microsoft.graph.group",
    ]


async def test_a_person_comes_back_under_another_name_and_without_taken_addresses(
    call: Caller,
) -> None:
    taken = {"displayName": "A", "proxyAddresses": ["SMTP:ann@contoso.edu", "smtp:a@contoso.edu"]}
    seeded = await call.seed(users=[{"userPrincipalName": "ann@contoso.edu", **taken}])
    [ann] = seeded["users"]
    await call("DELETE", f"/users/{ann}")
    await call.seed(users=[{"userPrincipalName": "bob@contoso.edu", "displayName": "B",
                            "proxyAddresses": ["SMTP:ann@contoso.edu"]}])  # fmt: skip
    path = f"/directory/deletedItems/{ann}/restore"
    assert (await call("POST", path, {})).status_code == 400
    body = {"newUserPrincipalName": "ann2@contoso.edu", "autoReconcileProxyConflict": True}
    assert (await call("POST", path, body)).status_code == 200
    told = (await call("GET", "/users/ann2@contoso.edu?$select=proxyAddresses")).json()
    assert told["proxyAddresses"] == ["smtp:a@contoso.edu"]


@pytest.mark.parametrize(
    "contact",
    [
        {"displayName": "P"},
        {"emailAddress": "p@x.org"},
        {"displayName": "P", "emailAddress": "p@x.org", "relationship": "friend"},
    ],
)
async def test_contacts_are_whole(call: Caller, contact: dict[str, Any]) -> None:
    path = f"/education/users/{await call.user('ann')}"
    assert (await call("PATCH", path, {"relatedContacts": [contact]})).status_code == 400
    whole = {"displayName": "P", "emailAddress": "p@x.org", "relationship": "parent"}
    assert (await call("PATCH", path, {"relatedContacts": [whole]})).status_code == 200


async def test_countries_have_two_letters(call: Caller) -> None:
    body = user("ann") | {"usageLocation": "Ireland"}
    assert (await call("POST", "/users", body)).status_code == 400


async def test_a_group_takes_the_tags_of_learning_systems(call: Caller) -> None:
    tags = {"microsoft_EducationClassLmsExt": {"lmsCourseId": "7"}}
    path = f"/groups/{await call.class_()}"
    assert (await call("PATCH", path, tags)).status_code == 204
    told = (await call("GET", f"{path}?$select=microsoft_EducationClassLmsExt")).json()
    assert told["microsoft_EducationClassLmsExt"] == {"lmsCourseId": "7"}
