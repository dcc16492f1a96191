"""Service principals, app role assignments and app registrations, as Graph answers."""

from __future__ import annotations

from typing import Any

import pytest

from graph.roles import APP_ROLES
from local.entra import Tenant
from local.entra.delegation import AS_USER, TEMPLATES, effective
from local.entra.identity import UserAssigned, claims_of
from local.entra.permissions import known_roles
from local.entra.principals import GRAPH_APP, role_id
from tests.local.entra.conftest import Caller

RIGHT = "AppRoleAssignment.ReadWrite.All"
READER = {
    "id": "6d9b1c3e-0000-4000-8000-000000000001", "value": "Rollcall.Reader",
    "displayName": "Reader", "description": "Reads", "isEnabled": True,
    "allowedMemberTypes": ["User"],
}  # fmt: skip
CREATES = {"Prefer": "create-if-missing"}


@pytest.fixture
def identity(tenant: Tenant) -> UserAssigned:
    """An identity of the app that has no roles yet."""
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/id-rollcall"
    one = UserAssigned("c1c1c1c1-0000-4000-8000-000000000001",
                       "b1b1b1b1-0000-4000-8000-000000000001", path, frozenset())  # fmt: skip
    tenant.identity.user_assigned.append(one)
    return one


def administrator(call: Caller, *roles: str, scopes: tuple[str, ...] = (AS_USER,)) -> Caller:
    token = call.tenant.identity.person(scopes, roles)
    call.http.headers["Authorization"] = f"Bearer {token}"
    return call


def graph_id(call: Caller) -> str:
    return call.tenant.principals.graph["id"]


async def assign(call: Caller, principal: str, role: str, **changes: str) -> Any:
    body = {"principalId": principal, "resourceId": graph_id(call),
            "appRoleId": role_id(role)} | changes  # fmt: skip
    return await call("POST", f"/servicePrincipals/{principal}/appRoleAssignments", body)


def test_graph_offers_every_role_that_rollcall_may_ask_for() -> None:
    assert set(APP_ROLES) <= known_roles()
    assert role_id("User.Read.All") == "df021288-bdef-4463-88db-98f22de89214"


async def test_graph_itself_is_a_service_principal_of_each_tenant(call: Caller) -> None:
    told = await call("GET", f"/servicePrincipals(appId='{GRAPH_APP}')?$select=id,appRoles")
    assert told.json()["id"] == graph_id(call)
    assert set(told.json()) == {"@odata.context", "id", "appRoles"}


async def test_an_identity_is_found_by_object_id_client_id_and_name(
    call: Caller, identity: UserAssigned
) -> None:
    paths = (
        f"/servicePrincipals/{identity.object_id}",
        f"/servicePrincipals(appId='{identity.client_id}')",
    )
    for path in paths:
        told = (await call("GET", path)).json()
        assert told["servicePrincipalType"] == "ManagedIdentity"
        assert told["displayName"] == "id-rollcall"
    found = await call("GET", "/servicePrincipals?$filter=displayName eq 'ID-Rollcall'&$select=id")
    assert found.json()["value"] == [{"id": identity.object_id}]
    assert (await call("GET", "/servicePrincipals/nobody")).status_code == 404
    assert (await call("GET", "/servicePrincipals?$filter=tags eq 'x'")).status_code == 400


async def test_an_assignment_is_made_once_and_shows_in_the_next_token(
    call: Caller, identity: UserAssigned
) -> None:
    resource = "https://graph.microsoft.com"
    before = call.tenant.identity.token(resource, identity.client_id)["access_token"]
    administrator(call, "Privileged Role Administrator")
    made = await assign(call, identity.object_id, "User.Read.All")
    assert made.status_code == 201
    assert made.json()["principalType"] == "ServicePrincipal"
    assert made.json()["resourceDisplayName"] == "Microsoft Graph"
    again = await assign(call, identity.object_id, "User.Read.All")
    assert again.status_code == 400
    assert again.json()["error"]["message"].startswith("Permission being assigned already exists")
    after = call.tenant.identity.token(resource, identity.client_id)["access_token"]
    assert claims_of(before)["roles"] == []
    assert claims_of(after)["roles"] == ["User.Read.All"]
    address = f"/servicePrincipals/{identity.object_id}/appRoleAssignments/{made.json()['id']}"
    assert (await call("DELETE", address)).status_code == 204
    assert (await call("DELETE", address)).status_code == 404
    assert identity.roles == frozenset()


async def test_assignments_come_in_pages_and_from_both_sides(call: Caller) -> None:
    own = call.tenant.identity.object_id
    administrator(call, "Privileged Role Administrator")
    page = (await call("GET", f"/servicePrincipals/{own}/appRoleAssignments?$top=10")).json()
    assert len(page["value"]) == 10
    rest = await call.http.get(page["@odata.nextLink"])
    total = 10 + len(rest.json()["value"])
    assert total == len(call.tenant.identity.roles)
    to = await call("GET", f"/servicePrincipals/{graph_id(call)}/appRoleAssignedTo")
    assert len(to.json()["value"]) == total
    call.tenant.identity.roles = frozenset({"User.Read.All"})
    left = await call("GET", f"/servicePrincipals/{own}/appRoleAssignments")
    assert len(left.json()["value"]) == 1


async def test_what_does_not_fit_is_refused_in_the_words_of_the_service(
    call: Caller, identity: UserAssigned
) -> None:
    administrator(call, "Global Administrator")
    unknown = await assign(call, identity.object_id, "No.Such.Role")
    assert "was not found on application" in unknown.json()["error"]["message"]
    for changes in ({"resourceId": "nobody"}, {"principalId": "nobody"}):
        wrong = await assign(call, identity.object_id, "User.Read.All", **changes)
        assert wrong.json()["error"]["message"] == "Not a valid reference update."
    role = next(r for r in call.tenant.principals.graph["appRoles"] if r["value"] == "Mail.Read")
    role["isEnabled"] = False
    disabled = await assign(call, identity.object_id, "Mail.Read")
    assert "was not found on application" in disabled.json()["error"]["message"]
    own = f"/servicePrincipals/{identity.object_id}"
    assert (await call("PUT", f"{own}/appRoleAssignments")).status_code == 405
    assert (await call("DELETE", own)).status_code == 405


@pytest.mark.parametrize(
    ("roles", "scopes", "status"),
    [
        ((), (AS_USER,), 403),
        (("Application Administrator",), (AS_USER,), 403),
        (("Application Administrator",), (RIGHT, "Application.Read.All"), 403),
        (("Privileged Role Administrator",), ("User.Read.All",), 403),
        (("Privileged Role Administrator",), (RIGHT, "Application.Read.All"), 201),
        (("Global Administrator",), (AS_USER,), 201),
    ],
)
async def test_roles_of_graph_are_for_privileged_people_in_a_tool_that_may(
    call: Caller,
    identity: UserAssigned,
    roles: tuple[str, ...],
    scopes: tuple[str, ...],
    status: int,
) -> None:
    administrator(call, *roles, scopes=scopes)
    made = await assign(call, identity.object_id, "User.Read.All")
    assert made.status_code == status


def test_scopes_and_directory_roles_allow_what_both_allow() -> None:
    everything = TEMPLATES.values()
    assert RIGHT in effective([AS_USER], everything)
    assert effective(["User.Read.All"], everything) == {"User.Read.All"}
    assert RIGHT not in effective([AS_USER], [])


async def test_an_app_without_the_role_may_read_but_not_assign(
    call: Caller, identity: UserAssigned
) -> None:
    refused = await assign(call, identity.object_id, "User.Read.All")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "Authorization_RequestDenied"


async def test_a_persons_token_is_to_be_had_for_directory_roles_that_there_are(
    call: Caller,
) -> None:
    told = await call.http.post("/emulator/person", json={"directoryRoles": ["Head of all"]})
    assert told.status_code == 400
    assert "Global Administrator" in told.json()["error"]
    good = await call.http.post("/emulator/person", json={"resource": "https://x.example/"})
    claims = claims_of(good.json()["accessToken"])
    assert (claims["aud"], claims["scp"]) == ("https://x.example", AS_USER)


# Registrations -------------------------------------------------------------------------------


async def upsert(call: Caller, body: Any, **headers: str) -> Any:
    return await call("PATCH", "/applications(uniqueName='portal')", body, **headers)


async def test_a_registration_is_made_once_and_changed_after_that(call: Caller) -> None:
    administrator(call, "Application Administrator")
    assert (await upsert(call, {"displayName": "Portal"})).status_code == 404
    body = {"displayName": "Portal", "appRoles": [READER],
            "web": {"redirectUris": ["https://x.example/cb"]}}  # fmt: skip
    made = await upsert(call, body, **CREATES)
    assert made.status_code == 201
    tokens = {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": True}}}
    assert (await upsert(call, tokens, **CREATES)).status_code == 204
    told = (await call("GET", "/applications(uniqueName='portal')")).json()
    assert told["appId"] == made.json()["appId"]
    assert told["web"]["redirectUris"] == ["https://x.example/cb"]
    assert told["web"]["implicitGrantSettings"] == {
        "enableIdTokenIssuance": True, "enableAccessTokenIssuance": False,
    }  # fmt: skip
    listed = (await call("GET", "/applications?$filter=displayName eq 'portal'")).json()["value"]
    assert [one["id"] for one in listed] == [told["id"]]
    assert (await call("GET", f"/applications(appId='{told['appId']}')")).is_success
    assert (await call("GET", "/applications?$filter=tags eq 'x'")).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": ""},
        {"displayName": "x", "colour": "red"},
        {"displayName": "x", "signInAudience": "Everybody"},
        {"displayName": "x", "appRoles": [READER | {"id": "no guid"}]},
        {"displayName": "x", "appRoles": [READER | {"value": "two words"}]},
        {"displayName": "x", "appRoles": [READER | {"allowedMemberTypes": ["Robot"]}]},
        {"displayName": "x", "appRoles": [READER, READER]},
        {"displayName": "x", "appRoles": [READER | {"description": ""}]},
    ],
)
async def test_a_registration_that_makes_no_sense_is_refused(call: Caller, body: Any) -> None:
    administrator(call, "Application Administrator")
    assert (await call("POST", "/applications", body)).status_code == 400


async def test_an_enabled_role_cannot_be_dropped(call: Caller) -> None:
    administrator(call, "Application Administrator")
    made = (await call("POST", "/applications", {"displayName": "x", "appRoles": [READER]})).json()
    address = f"/applications/{made['id']}"
    refused = await call("PATCH", address, {"appRoles": []})
    assert refused.json()["error"]["code"] == "CannotDeleteOrUpdateEnabledEntitlement"
    await call("PATCH", address, {"appRoles": [READER | {"isEnabled": False}]})
    assert (await call("PATCH", address, {"appRoles": []})).status_code == 204


async def test_the_service_principal_of_a_registration_has_its_roles(call: Caller) -> None:
    administrator(call, "Application Administrator")
    body = {"displayName": "Portal", "appRoles": [READER]}
    app = (await call("POST", "/applications", body)).json()
    address = f"/servicePrincipals(appId='{app['appId']}')"
    assert (await call("PATCH", address, {})).status_code == 404
    required = {"appRoleAssignmentRequired": True}
    made = await call("PATCH", address, required, **CREATES)
    assert made.status_code == 201
    assert (await call("PATCH", address, required, **CREATES)).status_code == 204
    told = (await call("GET", address)).json()
    assert [role["value"] for role in told["appRoles"]] == ["Rollcall.Reader"]
    assert told["appRoleAssignmentRequired"] is True
    assert (await call("PATCH", address, {"colour": "red"})).status_code == 400
    ann = (await call.seed(users=[{"userPrincipalName": "ann@contoso.edu"}]))["users"][0]
    body = {"principalId": ann, "resourceId": told["id"], "appRoleId": READER["id"]}
    address = f"/servicePrincipals/{told['id']}/appRoleAssignedTo"
    assert (await call("POST", address, body)).json()["principalType"] == "User"
    own = call.tenant.identity.object_id
    machine = await call("POST", address, body | {"principalId": own})
    assert machine.status_code == 400


async def test_a_federated_credential_is_made_once_and_stands_for_one_identity(
    call: Caller,
) -> None:
    administrator(call, "Application Administrator")
    app = (await call("POST", "/applications", {"displayName": "Portal"})).json()["id"]
    address = f"/applications/{app}/federatedIdentityCredentials"
    body = {"name": "mi", "issuer": "https://i", "subject": "s",
            "audiences": ["api://AzureADTokenExchange"]}  # fmt: skip
    named = f"{address}(name='mi')"
    assert (await call("PATCH", named, body)).status_code == 404
    assert (await call("PATCH", named, body, **CREATES)).status_code == 201
    assert (await call("PATCH", named, {"subject": "t"}, **CREATES)).status_code == 204
    assert (await call("GET", named)).json()["subject"] == "t"
    listed = (await call("GET", address)).json()["value"]
    assert [one["subject"] for one in listed] == ["t"]
    twice = await call("POST", address, body)
    assert twice.status_code == 409
    assert twice.json()["error"]["code"] == "Request_MultipleObjectsWithSameKeyValue"
    same = await call("POST", address, body | {"name": "other", "subject": "t"})
    assert same.status_code == 400
    assert (await call("POST", address, body | {"name": "z", "issuer": ""})).status_code == 400
    wrong = body | {"name": "z", "subject": "z", "audiences": ["a", "b"]}
    assert (await call("POST", address, wrong)).status_code == 400
    by_id = f"{address}/{listed[0]['id']}"
    assert (await call("PATCH", by_id, {"subject": "u"})).status_code == 204
    assert (await call("PATCH", f"{address}/none", {"subject": "u"})).status_code == 404
    assert (await call("DELETE", f"/applications/{app}")).status_code == 405
