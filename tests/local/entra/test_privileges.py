"""App roles, privileged people and groups, hidden members, licences, and how much fits in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.entra import Tenant
from local.entra.features import Features
from local.entra.identity import ALL_ROLES
from tests.local.entra.conftest import Caller, bind, reference, user

if TYPE_CHECKING:
    from local.entra.clock import VirtualClock

GROUP = {"displayName": "G", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True}
UNIFIED = GROUP | {"groupTypes": ["Unified"], "mailEnabled": True, "securityEnabled": False}


def caller(*roles: str) -> Caller:
    return Caller(Tenant(roles=frozenset(roles)))


def denied(answer: Any) -> bool:
    error = answer.json()["error"] if answer.status_code == 403 else {"message": "", "code": ""}
    return (error["code"], error["message"]) == (
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )


class TestRoles:
    @pytest.mark.parametrize(
        ("method", "path", "enough", "too_little"),
        [
            ("GET", "/users", "User.Read.All", "Group.ReadWrite.All"),
            ("POST", "/users", "User.ReadWrite.All", "User.Read.All"),
            ("DELETE", "/users/x", "User.DeleteRestore.All", "Directory.ReadWrite.All"),
            ("POST", "/users/x/assignLicense", "LicenseAssignment.ReadWrite.All", "User.Read.All"),
            ("GET", "/groups", "GroupMember.Read.All", "User.ReadWrite.All"),
            ("POST", "/groups", "Group.Create", "GroupMember.ReadWrite.All"),
            ("PATCH", "/groups/x", "Group.ReadWrite.All", "GroupMember.ReadWrite.All"),
            ("POST", "/groups/x/members/$ref", "GroupMember.ReadWrite.All", "Group.Read.All"),
            ("DELETE", "/groups/x/members/y", "User.ReadWrite.All", "GroupMember.ReadWrite.All"),
            ("PATCH", "/groups(uniqueName='x')", "Group.ReadWrite.All", "Group.Create"),
            ("GET", "/education/classes", "EduRoster.ReadBasic.All", "Group.ReadWrite.All"),
            ("POST", "/education/classes", "EduRoster.ReadWrite.All", "EduRoster.Read.All"),
            ("GET", "/directory/administrativeUnits", "AdministrativeUnit.Read.All",
             "User.Read.All"),
            ("POST", "/directory/administrativeUnits", "AdministrativeUnit.ReadWrite.All",
             "AdministrativeUnit.Read.All"),
            ("GET", "/directory/deletedItems/microsoft.graph.user", "User.Read.All",
             "Group.Read.All"),
            ("GET", "/domains", "Domain.Read.All", "User.Read.All"),
            ("GET", "/organization", "Organization.Read.All", "User.Read.All"),
            ("GET", "/subscribedSkus", "LicenseAssignment.Read.All", "User.Read.All"),
            ("POST", "/teams", "Team.Create", "TeamSettings.ReadWrite.All"),
            ("PATCH", "/teams/x", "TeamSettings.ReadWrite.All", "Team.Create"),
            ("POST", "/teams/x/members/add", "TeamMember.ReadWrite.All", "Team.Create"),
            ("POST", "/servicePrincipals/x/synchronization/jobs/y/bulkUpload",
             "SynchronizationData-User.Upload", "Synchronization.Read.All"),
            ("GET", "/auditLogs/provisioning", "ProvisioningLog.Read.All", "AuditLog.Read.All"),
        ],
    )  # fmt: skip
    async def test_each_operation_has_its_least_role(
        self, method: str, path: str, enough: str, too_little: str
    ) -> None:
        assert denied(await caller(too_little)(method, path, {}))
        assert not denied(await caller(enough)(method, path, {}))

    async def test_the_member_role_binds_members_only(self) -> None:
        call = caller("GroupMember.ReadWrite.All")
        [key] = (await call.seed(groups=[GROUP]))["groups"]
        [ann] = (await call.seed(users=[{"userPrincipalName": "a@contoso.edu"}]))["users"]
        path = f"/groups/{key}"
        assert (await call("PATCH", path, {"members@odata.bind": bind(ann)})).status_code == 204
        assert denied(await call("PATCH", path, {"owners@odata.bind": bind(ann)}))

    async def test_students_join_only_where_hidden_members_can_be_read(self) -> None:
        call = caller("EduRoster.ReadWrite.All")
        assert denied(await call("POST", "/education/classes/x/members/$ref", {}))
        assert not denied(await call("POST", "/education/classes/x/teachers/$ref", {}))


class TestPrivilegedUsers:
    @pytest.fixture
    async def admin(self, call: Caller) -> str:
        values = {"userPrincipalName": "admin@contoso.edu", "displayName": "Admin",
                  "mailNickname": "admin", "directoryRoles": ["Global Administrator"]}  # fmt: skip
        return (await call.seed(users=[values]))["users"][0]

    @pytest.mark.parametrize(
        "change",
        [
            {"accountEnabled": False},
            {"passwordProfile": {"password": "Sunny-Day-1"}},
            {"mobilePhone": "1"},
            {"otherMails": ["a@b.c"]},
            {"businessPhones": ["1"]},
            {"onPremisesImmutableId": "x"},
            {"userPrincipalName": "x@contoso.edu"},
        ],
    )
    async def test_sensitive_properties_are_not_the_apps(
        self, call: Caller, admin: str, change: dict[str, Any]
    ) -> None:
        assert denied(await call("PATCH", f"/users/{admin}", change | {"department": "x"}))
        assert (await call("GET", f"/users/{admin}?$select=department")).json()[
            "department"
        ] is None

    async def test_education_is_no_way_around(self, call: Caller, admin: str) -> None:
        change = {"accountEnabled": False}
        assert denied(await call("PATCH", f"/education/users/{admin}", change))

    async def test_nor_can_they_be_deleted(self, call: Caller, admin: str) -> None:
        assert denied(await call("DELETE", f"/users/{admin}"))
        key = await call.class_()
        await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(admin)})
        assert denied(await call("DELETE", f"/groups/{key}/members/{admin}"))

    async def test_the_rest_is(self, call: Caller, admin: str) -> None:
        change = {"department": "Office", "usageLocation": "IE"}
        assert (await call("PATCH", f"/users/{admin}", change)).status_code == 204

    async def test_a_group_for_roles_makes_its_people_privileged(self, call: Caller) -> None:
        ann, bob = await call.user("ann"), await call.user("bob")
        values = GROUP | {"isAssignableToRole": True, "members": [ann], "owners": [bob]}
        [key] = (await call.seed(groups=[values]))["groups"]
        for person in (ann, bob):
            assert denied(await call("PATCH", f"/users/{person}", {"accountEnabled": False}))
        path = f"/groups/{key}"
        for method, address, body in (
            ("PATCH", path, {"displayName": "H"}),
            ("POST", f"{path}/members/$ref", reference(bob)),
            ("DELETE", f"{path}/members/{ann}/$ref", None),
            ("DELETE", path, None),
            ("POST", "/groups", GROUP | {"isAssignableToRole": True}),
        ):
            assert denied(await call(method, address, body))

    async def test_with_the_role_such_groups_are_made_and_stay_what_they_are(self) -> None:
        call = Caller(Tenant(roles=ALL_ROLES | {"RoleManagement.ReadWrite.Directory"}))
        made = await call("POST", "/groups", GROUP | {"isAssignableToRole": True})
        path = f"/groups/{made.json()['id']}"
        assert (await call("PATCH", path, {"displayName": "H"})).status_code == 204
        refused = await call("PATCH", path, {"isAssignableToRole": False})
        assert "read-only" in refused.json()["error"]["message"]


class TestHiddenMembers:
    async def test_they_are_listed_to_who_may_see_them(self, call: Caller) -> None:
        ann = await call.user("ann")
        body = UNIFIED | {"visibility": "HiddenMembership", "members@odata.bind": bind(ann)}
        key = (await call("POST", "/groups", body)).json()["id"]
        for roles, seen in ((ALL_ROLES, [ann]), (ALL_ROLES - {"Member.Read.Hidden"}, [])):
            call.tenant.identity.roles = roles
            other = Caller(call.tenant)
            found = (await other("GET", f"/groups/{key}/members")).json()["value"]
            assert [one["id"] for one in found] == seen
            count = await other("GET", f"/groups/{key}/members/$count", ConsistencyLevel="eventual")
            assert count.text == str(len(seen))
            delta = (await other("GET", "/groups/delta?$select=id,members")).json()["value"]
            assert [one["id"] for one in delta[0].get("members@delta", [])] == seen

    async def test_a_group_hides_its_members_for_ever_or_never(self, call: Caller) -> None:
        refused = await call("POST", "/groups", GROUP | {"visibility": "HiddenMembership"})
        assert refused.status_code == 400
        open_ = (await call("POST", "/groups", UNIFIED)).json()["id"]
        hidden = await call.class_()
        for key, visibility in ((open_, "HiddenMembership"), (hidden, "Private")):
            answer = await call("PATCH", f"/groups/{key}", {"visibility": visibility})
            assert answer.status_code == 400
        same = {"visibility": "HiddenMembership"}
        assert (await call("PATCH", f"/groups/{hidden}", same)).status_code == 204


class TestLicences:
    SKU = "99999999-2222-3333-4444-555555555555"

    @pytest.fixture(autouse=True)
    async def one_unit(self, call: Caller) -> None:
        await call.seed(subscribedSkus=[
            {"skuPartNumber": "A3", "skuId": self.SKU, "enabled": 1,
             "servicePlans": ["AAD_PREMIUM", "INTUNE_EDU", "TEAMS1"]}])  # fmt: skip

    def adding(self, sku: str = SKU, *disabled: str) -> dict[str, Any]:
        return {"addLicenses": [{"skuId": sku, "disabledPlans": disabled}], "removeLicenses": []}

    async def test_they_are_counted(self, call: Caller) -> None:
        ann, bob = await call.user("ann", usageLocation="IE"), await call.user("bob")
        await call("PATCH", f"/users/{bob}", {"usageLocation": "IE"})
        given = await call("POST", f"/users/{ann}/assignLicense", self.adding())
        assert (given.status_code, given.json()["id"]) == (200, ann)
        [sku] = (await call("GET", "/subscribedSkus")).json()["value"]
        assert (sku["skuPartNumber"], sku["consumedUnits"], sku["prepaidUnits"]["enabled"]) == (
            "A3", 1, 1,
        )  # fmt: skip
        assert {one["servicePlanName"] for one in sku["servicePlans"]} >= {"AAD_PREMIUM"}
        refused = await call("POST", f"/users/{bob}/assignLicense", self.adding())
        assert "available licenses" in refused.json()["error"]["message"]
        [detail] = (await call("GET", f"/users/{ann}/licenseDetails")).json()["value"]
        assert detail["skuId"] == self.SKU
        taking = {"addLicenses": [], "removeLicenses": [self.SKU]}
        assert (await call("POST", f"/users/{ann}/assignLicense", taking)).status_code == 200
        assert (await call("POST", f"/users/{bob}/assignLicense", self.adding())).status_code == 200
        await call("DELETE", f"/users/{bob}")
        [sku] = (await call("GET", "/subscribedSkus")).json()["value"]
        assert sku["consumedUnits"] == 0

    async def test_what_cannot_be_given(self, call: Caller) -> None:
        ann = await call.user("ann")
        path = f"/users/{ann}/assignLicense"
        refused = await call("POST", path, self.adding())
        assert "invalid usage location" in refused.json()["error"]["message"]
        await call("PATCH", f"/users/{ann}", {"usageLocation": "IE"})
        for body in (
            self.adding("11111111-2222-3333-4444-555555555555"),
            self.adding(self.SKU, "11111111-2222-3333-4444-555555555555"),
            {"addLicenses": [], "removeLicenses": [self.SKU]},
        ):
            assert (await call("POST", path, body)).status_code == 400


async def test_a_tenant_has_licences_to_begin_with(call: Caller) -> None:
    skus = (await call("GET", "/subscribedSkus")).json()["value"]
    assert {one["skuPartNumber"] for one in skus} == {"M365EDU_A3_FACULTY", "M365EDU_A3_STUUSEBNFT"}


async def test_the_organization_says_whether_it_is_synced(call: Caller) -> None:
    [told] = (await call("GET", "/organization")).json()["value"]
    assert told["onPremisesSyncEnabled"] is None
    await call.set(onPremisesSync=True)
    [told] = (await call("GET", "/organization")).json()["value"]
    assert told["onPremisesSyncEnabled"] is True


async def test_the_object_quota_counts_deleted_objects_too(clock: VirtualClock) -> None:
    call = Caller(Tenant(clock=clock, features=Features(object_quota=4)))
    keys = [await call.user(f"u{number}") for number in range(4)]
    full = await call("POST", "/users", user("v"))
    assert "directory object quota limit" in full.json()["error"]["message"]
    assert (full.status_code, full.json()["error"]["code"]) == (403, "Directory_QuotaExceeded")
    assert (await call("POST", "/groups", GROUP)).status_code == 403
    for key in keys[:2]:
        await call("DELETE", f"/users/{key}")
    assert (await call("POST", "/users", user("v"))).status_code == 403
    for key in keys[:2]:
        await call("DELETE", f"/directory/deletedItems/{key}")
    assert (await call("POST", "/users", user("v"))).status_code == 201  # 2 + 2/4, and one more
    assert (await call("POST", "/users", user("w"))).status_code == 403
    clock.advance(days=30)
    assert (await call("POST", "/users", user("w"))).status_code == 201


async def test_an_object_is_in_thirty_units_at_most(call: Caller) -> None:
    ann, path = await call.user("ann"), "/directory/administrativeUnits"
    statuses: list[int] = []
    for number in range(31):
        unit = (await call("POST", path, {"displayName": f"U{number}"})).json()["id"]
        added = await call("POST", f"{path}/{unit}/members/$ref", reference(ann))
        statuses.append(added.status_code)
    assert statuses == [204] * 30 + [403]
    message = added.json()["error"]["message"]
    assert "maximum quota count '30'" in message
    assert "directory object quota" not in message  # that is what a full tenant says


async def test_restricted_units_are_few(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.entra.capacity.MOST_RESTRICTED", 1)
    path = "/directory/administrativeUnits"
    body = {"displayName": "U", "isMemberManagementRestricted": True}
    assert (await call("POST", path, body)).status_code == 201
    assert (await call("POST", path, body)).status_code == 403
    assert (await call("POST", path, {"displayName": "V"})).status_code == 201


async def test_a_domain_is_told_alone(call: Caller) -> None:
    assert (await call("GET", "/domains/contoso.edu")).json()["isVerified"] is True
    assert (await call("GET", "/domains/other.org")).status_code == 404
