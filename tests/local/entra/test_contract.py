"""What the emulator answers is what the contract of Graph says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract import answer_breaches, needs_contract
from tests.local.entra.conftest import Caller, bind, reference, user
from tests.local.entra.test_provisioning import JOB, PRINCIPAL, envelope, record
from tests.local.entra.test_teams import member, of_group

EXTENSION = "extension_0123456789abcdef0123456789abcdef_sisId"
pytestmark = needs_contract


class Checked:
    """A caller that checks each answer against the contract."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self.breaches: list[str] = []
        self.statuses: set[int] = set()
        self.location: str | None = None

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = await self._call(method, path, body, **headers)
        self.statuses.add(answer.status_code)
        self.location = answer.headers.get("location")
        content = answer.json() if "json" in answer.headers.get("content-type", "") else None
        self.breaches += answer_breaches(method, path, answer.status_code, content)
        return content or {}

    async def delta(self, path: str) -> None:
        """A whole round of a delta query."""
        address = path
        while address:
            page = await self("GET", address)
            address = page.get("@odata.nextLink", "").partition("/v1.0")[2]


@pytest.fixture
async def checked(call: Caller) -> Checked:
    await call.seed(
        extensions=[EXTENSION],
        users=[{"userPrincipalName": "syn@contoso.edu", "displayName": "S", "mailNickname": "syn",
                "onPremisesSyncEnabled": True, "onPremisesSamAccountName": "syn",
                "proxyAddresses": ["SMTP:syn@contoso.edu"]}],
        provisioningJobs=[{"servicePrincipalId": PRINCIPAL, "id": JOB}],
    )  # fmt: skip
    return Checked(call)


async def test_users(checked: Checked) -> None:
    attributes = {"onPremisesExtensionAttributes": {"extensionAttribute1": "x"}}
    body = user("ann") | attributes | {EXTENSION: "U1", "usageLocation": "IE", "employeeId": "1"}
    key = (await checked("POST", "/users", body))["id"]
    everything = (
        "id,accountEnabled,ageGroup,assignedLicenses,businessPhones,companyName,createdDateTime,"
        "department,employeeType,onPremisesDistinguishedName,onPremisesDomainName,"
        f"onPremisesExtensionAttributes,onPremisesSyncEnabled,otherMails,proxyAddresses,{EXTENSION}"
    )
    await checked("GET", f"/users/{key}?$select={everything}")
    await checked("PATCH", f"/users/{key}", {"department": "x"})
    await checked("PATCH", f"/users/{key}", {"department": 5})
    await checked("POST", "/users", user("ann"))
    sku = (await checked("GET", "/subscribedSkus"))["value"][0]["skuId"]
    adding = {"addLicenses": [{"skuId": sku, "disabledPlans": []}], "removeLicenses": []}
    await checked("POST", f"/users/{key}/assignLicense", adding)
    await checked("GET", f"/users/{key}/licenseDetails")
    await checked("GET", "/users?$top=1")
    await checked.delta(f"/users/delta?$select={everything}")
    await checked("DELETE", f"/users/{key}")
    await checked("GET", "/directory/deletedItems/graph.user")
    await checked("POST", f"/directory/deletedItems/{key}/restore", {})
    assert checked.breaches == []
    assert checked.statuses >= {200, 201, 204, 400}


async def test_education(checked: Checked) -> None:
    key = (await checked("POST", "/users", user("ann")))["id"]
    mark = {"primaryRole": "student", "externalSource": "sis",
            "student": {"externalId": "U1", "grade": "09"}}  # fmt: skip
    await checked("PATCH", f"/education/users/{key}", mark)
    await checked("GET", f"/education/users/{key}?$select=id,onPremisesInfo,relatedContacts")
    class_ = {"displayName": "M", "mailNickname": "m", "externalId": "C1", "externalSource": "sis",
              "term": {"externalId": "t", "startDate": "2026-08-17"}}  # fmt: skip
    group = (await checked("POST", "/education/classes", class_))["id"]
    await checked("POST", f"/education/classes/{group}/members/$ref", reference(key))
    await checked("GET", f"/education/classes/{group}/members")
    await checked("PATCH", f"/education/classes/{group}", {"classCode": "x"})
    school = (await checked("POST", "/education/schools", {"displayName": "L", "externalId": "S1",
                            "schoolNumber": "1"}))["id"]  # fmt: skip
    await checked("POST", f"/education/schools/{school}/users/$ref", reference(key))
    await checked("POST", f"/education/schools/{school}/classes/$ref", reference(group))
    await checked("GET", f"/education/schools/{school}/users")
    await checked("GET", f"/education/schools/{school}/classes")
    await checked("GET", f"/education/schools/{school}/administrativeUnit")
    for below in ("classes", "taughtClasses", "schools", "user"):
        await checked("GET", f"/education/users/{key}/{below}")
    for below in ("schools", "group"):
        await checked("GET", f"/education/classes/{group}/{below}")
    await checked("GET", f"/users/{key}/memberOf")
    for kind in ("classes", "schools", "users"):
        await checked("GET", f"/education/{kind}")
        await checked.delta(f"/education/{kind}/delta")
    await checked("DELETE", f"/education/classes/{group}/members/{key}/$ref")
    await checked("DELETE", f"/education/classes/{group}")
    assert checked.breaches == []


async def test_groups_units_and_teams(checked: Checked) -> None:
    people = [(await checked("POST", "/users", user(name)))["id"] for name in ("ann", "bob")]
    dynamic = {
        "membershipRule": 'user.displayName -eq "ann"',
        "membershipRuleProcessingState": "On",
    }
    group = {"displayName": "G", "mailNickname": "g", "mailEnabled": True, "securityEnabled": False,
             "groupTypes": ["Unified"], "owners@odata.bind": bind(people[0])}  # fmt: skip
    kind = {"groupTypes": ["DynamicMembership"], "mailEnabled": False, "securityEnabled": True}
    await checked("POST", "/groups", group | dynamic | kind | {"mailNickname": "d"})
    key = (await checked("POST", "/groups", group))["id"]
    path = "/directory/administrativeUnits"
    unit = await checked("POST", path, {"displayName": "U", "membershipType": "Dynamic"} | dynamic)
    await checked("GET", f"{path}/{unit['id']}/members")
    await checked("GET", path)
    await checked("POST", "/teams", of_group(key))
    await checked("POST", "/teams", of_group(key))
    await checked("GET", f"/teams/{key}")
    await checked("PATCH", f"/teams/{key}", {"funSettings": {"allowGiphy": False}})
    for person in (people[1], "00000000-0000-0000-0000-000000000001"):
        values = {"values": [member(person)]}
        await checked("POST", f"/teams/{key}/members/add", values)
    await checked("POST", f"/teams/{key}/members/remove", {"values": [member(people[1])]})
    await checked("GET", f"/teams/{key}/members")
    await checked("POST", f"/teams/{key}/archive", {"shouldSetSpoSiteReadOnlyForMembers": False})
    assert checked.location is not None
    operation = checked.location.rpartition("('")[2].removesuffix("')")
    await checked("GET", f"/teams/{key}/operations/{operation}")
    await checked("GET", f"/groups/{key}/team")
    select = "id,members,owners,resourceProvisioningOptions,membershipRule,creationOptions"
    await checked.delta(f"/groups/delta?$select={select}")
    await checked.delta(f"{path}/delta")
    await checked("PATCH", f"{path}/{unit['id']}", {"displayName": "V"})
    await checked("DELETE", f"/groups/{key}/owners/{people[0]}/$ref")
    assert checked.breaches == []
    assert {202, 207, 409} <= checked.statuses


async def test_the_tenant_and_its_provisioning(checked: Checked) -> None:
    for path in ("/domains", "/organization", "/subscribedSkus"):
        await checked("GET", path)
    await checked("POST", "/directoryObjects/getByIds", {"ids": []})
    app = "/applications/01234567-89ab-cdef-0123-456789abcdef/extensionProperties"
    await checked("POST", app, {"name": "x", "dataType": "String", "targetObjects": ["User"]})
    await checked("GET", app)
    path = f"/servicePrincipals/{PRINCIPAL}/synchronization/jobs/{JOB}"
    kind = "application/scim+json"
    await checked("POST", f"{path}/bulkUpload", envelope(record("U1"), record("")),
                  Content_Type=kind)  # fmt: skip
    await checked("GET", path)
    await checked("GET", path.rpartition("/")[0])
    log = await checked("GET", f"/auditLogs/provisioning?$filter=jobId eq '{JOB}'")
    assert len(log["value"]) == 2
    assert checked.breaches == []


def test_a_breach_is_found() -> None:
    wrong = {"value": [{"id": "x", "displayName": 5, "colour": "red"}]}
    found = answer_breaches("GET", "/education/classes", 200, wrong)
    assert any("is not of type" in one for one in found)
    assert any("'colour' is not declared" in one for one in found)
    assert answer_breaches("POST", "/users", 200, {}) == ["POST /users: 200 is not foreseen"]
    assert answer_breaches("GET", "/colours", 200, {})
