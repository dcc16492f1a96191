"""Dynamic membership: what rules mean, when they take effect, and what nobody may do by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from local.entra import Tenant
from local.entra.errors import GraphError
from local.entra.extensions import Extensions
from local.entra.membership_rules import compile_rule
from local.entra.objects import DirectoryObject
from local.entra.seeding import seed
from tests.local.entra.conftest import Caller, bind, reference, user

if TYPE_CHECKING:
    from local.entra.clock import VirtualClock

OWN = "extension_0123456789abcdef0123456789abcdef_schoolIds"
ANN: dict[str, Any] = {
    "displayName": "Ann Lee", "department": "Year 9", "companyName": "S012",
    "accountEnabled": True, "officeLocation": "North", "mobilePhone": "1",
    "onPremisesExtensionAttributes": {"extensionAttribute10": ";S1;S12;"},
    "otherMails": ["ann@home.org"], "proxyAddresses": ["SMTP:ann@x", "smtp:lee@x"],
    OWN: "S7",
}  # fmt: skip


def extensions() -> Extensions:
    found = Tenant().extensions
    found.define(OWN)
    return found


@pytest.mark.parametrize(
    "rule",
    [
        'user.department -eq "year 9"',
        "(user.Department -EQ 'Year 9')",
        'user.department eq "Year 9" and user.companyName -ne "S013"',
        'user.companyName -in ["S011","s012"]',
        'user.companyName -notIn ["S011"]',
        'user.displayName -startsWith "ann"',
        'user.displayName -notStartsWith "lee"',
        'user.extensionAttribute10 -contains ";S12;"',
        'user.extensionAttribute10 -notContains ";S2;"',
        'user.displayName -match "an.*"',
        'user.displayName -notMatch ".*bob"',
        "user.accountEnabled -eq true",
        "user.accountEnabled -ne false",
        "user.dirSyncEnabled -ne true",
        "user.employeeId -eq null",
        "user.department -ne null",
        'user.employeeId -ne "7"',
        'user.physicalDeliveryOfficeName -eq "North" and user.mobile -eq "1"',
        '-not (user.department -eq "Year 8")',
        'not user.department -eq "Year 8"',
        '(user.department -eq "x") -or (user.department -eq "Year 9" -and user.city -eq null)',
        f'user.{OWN} -eq "S7"',
        'user.proxyAddresses -any (_ -startsWith "smtp:lee")',
        'user.proxyAddresses -all (_ -contains "@x")',
        'user.otherMails -any (_ -notContains "school")',
        "user.state -eq null",
    ],
)
def test_rules_that_hold(rule: str) -> None:
    one = DirectoryObject("id", "user", dict(ANN))
    compiled = compile_rule(rule, extensions())
    assert compiled.test(one)
    assert not compile_rule(f"-not ({rule})", extensions()).test(one)


@pytest.mark.parametrize(
    "rule",
    [
        'user.department -eq "Year"',
        'user.department -startsWith "9"',
        'user.displayName -match "lee"',
        'user.city -contains "x"',
        'user.department -eq "Year 9" -and user.city -eq "x" -or user.state -eq "y"',
        'user.proxyAddresses -all (_ -startsWith "smtp:lee")',
        'user.department -eq "say `"hi`""',
    ],
)
def test_rules_that_do_not(rule: str) -> None:
    assert not compile_rule(rule, extensions()).test(DirectoryObject("id", "user", dict(ANN)))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ('department -eq "x"', "InvalidObjectTypeException"),
        ('user.shoeSize -eq "x"', "WrongPropertyException"),
        ('user.extension_0123456789abcdef0123456789abcdef_other -eq "x"', "WrongPropertyException"),
        ('user.memberof -any (group.objectId -in ["x"])', "WrongPropertyException"),
        ("user.accountEnabled -eq 'true'", "InvalidOperandsException"),
        ("user.department -eq true", "InvalidOperandsException"),
        ("user.department -contains null", "InvalidOperandsException"),
        ('user.displayName -match "("', "InvalidOperandsException"),
        ('user.proxyAddresses -eq "x"', "InvalidOperandsException"),
        ('user.proxyAddresses -any (x -eq "x")', "InvalidOperandsException"),
        ("user.department -eq x", "InvalidRuleException"),
        ("user.department -eq 5", "InvalidRuleException"),
        ('user.department -like "x"', "InvalidRuleException"),
        ('(user.department -eq "x"', "InvalidRuleException"),
        ('user.department -eq "x" user.city -eq "y"', "InvalidRuleException"),
        ("user.department -in []", "InvalidRuleException"),
        ("user.department -eq", "InvalidRuleException"),
        ("user.department", "InvalidRuleException"),
        ("", "InvalidRuleException"),
        ('user.department -eq "' + "x" * 3072 + '"', "InvalidRuleException"),
    ],
)
def test_rules_that_cannot_be_read(rule: str, code: str) -> None:
    with pytest.raises(GraphError) as caught:
        compile_rule(rule, extensions())
    assert (caught.value.status, caught.value.code) == (400, code)


def group(rule: str, **values: Any) -> dict[str, Any]:
    return {
        "displayName": "G", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True,
        "groupTypes": ["DynamicMembership"], "membershipRule": rule,
        "membershipRuleProcessingState": "On",
    } | values  # fmt: skip


def unit(rule: str) -> dict[str, Any]:
    return {"displayName": "U", "membershipType": "Dynamic", "membershipRule": rule,
            "membershipRuleProcessingState": "On"}  # fmt: skip


async def members(call: Caller, path: str) -> set[str]:
    return {one["id"] for one in (await call("GET", f"{path}/members")).json()["value"]}


@pytest.fixture
async def north(call: Caller) -> str:
    """A group of the people of the department North."""
    return (await call("POST", "/groups", group('user.department -eq "North"'))).json()["id"]


async def test_members_follow_their_values(call: Caller, north: str) -> None:
    ann, bob = await call.user("ann", department="North"), await call.user("bob")
    path = f"/groups/{north}"
    assert await members(call, path) == {ann}
    await call("PATCH", f"/users/{bob}", {"department": "NORTH"})
    await call("PATCH", f"/users/{ann}", {"department": None})
    assert await members(call, path) == {bob}
    await call("DELETE", f"/users/{bob}")
    assert await members(call, path) == set()
    await call("POST", f"/directory/deletedItems/{bob}/restore", {})
    assert await members(call, path) == {bob}


async def test_a_rule_takes_who_is_there_already(call: Caller, north: str) -> None:
    ann = await call.user("ann", department="North", companyName="S1")
    bob = await call.user("bob", companyName="S2")
    path = "/directory/administrativeUnits"
    key = (await call("POST", path, unit('user.companyName -in ["S1","S3"]'))).json()["id"]
    assert await members(call, f"{path}/{key}") == {ann}
    change = {"membershipRule": 'user.companyName -startsWith "s" -and -not '
              '(user.companyName -contains "1")'}  # fmt: skip
    assert (await call("PATCH", f"{path}/{key}", change)).status_code == 204
    assert await members(call, f"{path}/{key}") == {bob}
    assert await members(call, f"/groups/{north}") == {ann}


async def test_a_paused_rule_changes_nobody(call: Caller, north: str) -> None:
    change = {"membershipRuleProcessingState": "Paused"}
    await call("PATCH", f"/groups/{north}", change)
    ann = await call.user("ann", department="North")
    assert await members(call, f"/groups/{north}") == set()
    await call("PATCH", f"/groups/{north}", {"membershipRuleProcessingState": "On"})
    assert await members(call, f"/groups/{north}") == {ann}


async def test_what_becomes_assigned_keeps_its_members(call: Caller, north: str) -> None:
    ann, bob = await call.user("ann", department="North"), await call.user("bob")
    change = {"groupTypes": [], "membershipRule": None}
    assert (await call("PATCH", f"/groups/{north}", change)).status_code == 204
    await call("PATCH", f"/users/{ann}", {"department": None})
    assert await members(call, f"/groups/{north}") == {ann}
    added = await call("POST", f"/groups/{north}/members/$ref", reference(bob))
    assert added.status_code == 204


async def test_rules_take_effect_after_their_delay(call: Caller, clock: VirtualClock) -> None:
    await call.set(ruleDelay=300)
    ann = await call.user("ann", department="North")
    key = (await call("POST", "/groups", group('user.department -eq "North"'))).json()["id"]
    clock.advance(seconds=299)
    assert await members(call, f"/groups/{key}") == set()
    clock.advance(seconds=1)
    assert await members(call, f"/groups/{key}") == {ann}
    bob = await call.user("bob", department="North")
    clock.advance(seconds=300)
    [found] = (await call.http.get("/emulator/dump")).json()["groups"]
    assert set(found["members"]) == {ann, bob}


async def test_deltas_tell_of_dynamic_members(call: Caller, north: str) -> None:
    first = (await call("GET", "/groups/delta?$select=id,members")).json()
    ann = await call.user("ann", department="North")
    link = first["@odata.deltaLink"].partition("/v1.0")[2]
    [record] = (await call("GET", link)).json()["value"]
    assert (record["id"], [one["id"] for one in record["members@delta"]]) == (north, [ann])


class TestRefusals:
    async def test_members_by_hand(self, call: Caller, north: str) -> None:
        ann = await call.user("ann", department="North")
        assert (await call("DELETE", f"/groups/{north}/members/{ann}/$ref")).status_code == 400
        body = {"members@odata.bind": bind(await call.user("bob"))}
        assert (await call("PATCH", f"/groups/{north}", body)).status_code == 400
        made = await call("POST", "/groups", group('user.city -eq "x"', **body))
        assert made.status_code == 400
        path = "/directory/administrativeUnits"
        key = (await call("POST", path, unit('user.city -eq "x"'))).json()["id"]
        assert (await call("POST", f"{path}/{key}/members/$ref", reference(ann))).status_code == 400

    async def test_owners_are_nobodys_rule(self, call: Caller, north: str) -> None:
        ann = await call.user("ann")
        added = await call("POST", f"/groups/{north}/owners/$ref", reference(ann))
        assert added.status_code == 204

    @pytest.mark.parametrize(
        "values",
        [
            {"membershipRule": None},
            {"membershipRule": "user.x"},
            {"membershipRule": 'user.city -eq "' + "x" * 3060 + '"'},
            {"membershipRuleProcessingState": "Off"},
        ],
    )
    async def test_bad_rules(self, call: Caller, north: str, values: dict[str, Any]) -> None:
        assert (await call("POST", "/groups", group("x", **values))).status_code == 400
        assert (await call("PATCH", f"/groups/{north}", values)).status_code == 400

    async def test_too_many(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("local.entra.dynamic.MOST", 2)
        rule = 'user.city -eq "x"'
        assert (await call("POST", "/groups", group(rule))).status_code == 201
        path = "/directory/administrativeUnits"
        key = (await call("POST", path, unit(rule))).json()["id"]
        refused = await call("POST", path, unit(rule))
        assert refused.json()["error"]["code"] == "Directory_QuotaExceeded"
        assert (await call("PATCH", f"{path}/{key}", {"displayName": "V"})).status_code == 204


def test_many_rules_over_many_people_take_seconds() -> None:
    """20,000 people in 200 schools, by equality and by containment, before and after the rules."""
    tenant, schools = Tenant(), 200

    def people(start: int, count: int) -> list[dict[str, Any]]:
        return [
            user(f"u{number}") | {
                "companyName": f"S{number % schools}",
                "onPremisesExtensionAttributes": {
                    "extensionAttribute10": f";S{number % schools};S{(number + 1) % schools};"}}
            for number in range(start, start + count)
        ]  # fmt: skip

    began = time.perf_counter()
    seed(tenant, {"users": people(0, 10_000)})
    seed(tenant, {"groups": [
        group(f'user.companyName -eq "S{number}"') for number in range(schools)
    ], "administrativeUnits": [
        unit(f'user.extensionAttribute10 -contains ";S{number};"') for number in range(schools)
    ]})  # fmt: skip
    seed(tenant, {"users": people(10_000, 10_000)})
    groups = [found for _, found in tenant.directory.page("group", 0)]
    units = [found for _, found in tenant.directory.page("administrativeUnit", 0)]
    assert {len(one.members) for one in groups} == {100}
    assert {len(one.members) for one in units} == {200}
    assert time.perf_counter() - began < 15
