"""The portal's app registration: made, mended, and left alone where it is as it should be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.direct import Direct
from graph.patience import Patience
from graph.signin import sign_in
from local.entra import Tenant, create_app
from portal.access import READERS
from roster.errors import BadInput, Terminal
from sync.registration import APPROVER, READER, ROLES, Gap, Wanted, close_gap, read_gap
from tests.az import sign_in_person
from tests.sync.test_doctor import fault, serving

IDENTITY = "b1b1b1b1-0000-4000-8000-000000000001"
REDIRECT = "https://rollcall.example.net/.auth/login/aad/callback"
ADMINISTRATOR = ("Cloud Application Administrator",)


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    tenant = Tenant(domains=["contoso.edu"])
    with serving(create_app(tenant), monkeypatch) as address:
        sign_in_person(tmp_path, address, monkeypatch, ADMINISTRATOR)
        yield tenant


def wanted(tenant: Tenant, **changes: Any) -> Wanted:
    plain = Wanted("rollcall.example.net", IDENTITY, tenant.identity.tenant_id)
    return replace(plain, **changes)


def with_line(do: Any) -> Any:
    """What `do` answers, given a line of who is signed in."""

    async def run() -> Any:
        signed_in = sign_in()
        line = Direct(signed_in)
        try:
            return await do(Patience(line, _at_once))
        finally:
            await line.close()
            signed_in.close()

    return asyncio.run(run())


async def _at_once(seconds: float) -> None:
    del seconds


def gap(one: Wanted) -> Gap:
    return with_line(lambda line: read_gap(line, one))


def close(one: Wanted) -> str:
    async def both(line: Patience) -> str:
        return await close_gap(line, await read_gap(line, one), lambda _: None)

    return with_line(both)


def app_of(tenant: Tenant, client_id: str) -> dict[str, Any]:
    return tenant.applications.find("appId", client_id)


def test_the_roles_are_those_that_the_portal_asks_for() -> None:
    assert set(ROLES) == READERS


def test_all_is_made_once_and_a_second_time_nothing_is_to_be_done(tenant: Tenant) -> None:
    before = gap(wanted(tenant))
    assert before.client_id == ""
    assert before.steps == (
        "register the app rollcall-portal-rollcall",
        f"add the redirect address {REDIRECT}",
        "let it issue ID tokens",
        "add the app role Rollcall.Reader",
        "add the app role Rollcall.Approver",
        "make its service principal, for people with a role only",
        f"trust the identity {IDENTITY} in place of a secret",
    )
    client_id = close(wanted(tenant))
    made = app_of(tenant, client_id)
    assert made["web"]["redirectUris"] == [REDIRECT]
    assert made["signInAudience"] == "AzureADMyOrg"
    assert [role["value"] for role in made["appRoles"]] == [READER, APPROVER]
    [credential] = tenant.applications.credentials(made["id"])
    assert credential["subject"] == IDENTITY
    assert credential["issuer"].endswith(f"/{tenant.identity.tenant_id}/v2.0")
    assert credential["audiences"] == ["api://AzureADTokenExchange"]
    after = gap(wanted(tenant))
    assert (after.steps, after.client_id) == ((), client_id)
    assert close(wanted(tenant)) == client_id
    assert tenant.applications.credentials(made["id"]) == [credential]


def test_people_and_groups_get_their_roles(tenant: Tenant) -> None:
    ann = tenant.directory.add("user", {"userPrincipalName": "ann@contoso.edu",
                                        "displayName": "Ann"})  # fmt: skip
    heads = tenant.directory.add("group", {"displayName": "Heads o'school"})
    office = tenant.directory.add("group", {"displayName": "Office"})
    members = {READER: ["ann@contoso.edu", office.id], APPROVER: ["Heads o'school", ann.id]}
    one = wanted(tenant, members=members)
    assert gap(one).steps[-4:] == (
        "give Ann the role Rollcall.Reader", "give Office the role Rollcall.Reader",
        "give Heads o'school the role Rollcall.Approver", "give Ann the role Rollcall.Approver",
    )  # fmt: skip
    client_id = close(one)
    assert gap(one).steps == ()
    close(one)
    roles = {role["id"]: role["value"] for role in app_of(tenant, client_id)["appRoles"]}
    assigned = tenant.principals._assigned.values()
    given = {(o["principalId"], roles[o["appRoleId"]]) for o in assigned if o["appRoleId"] in roles}
    assert given == {(ann.id, READER), (office.id, READER), (heads.id, APPROVER),
                     (ann.id, APPROVER)}  # fmt: skip


@pytest.mark.parametrize(
    ("who", "message"),
    [
        ("bob@contoso.edu", "no such person or group"),
        ("00000000-1111-4000-8000-000000000001", "no such person or group"),
        ("Nobody", "no group of the tenant is called 'Nobody'"),
        ("Twins", "2 groups of the tenant are called 'Twins'"),
    ],
)
def test_who_is_not_there_or_not_one_is_refused(tenant: Tenant, who: str, message: str) -> None:
    for _ in range(2):
        tenant.directory.add("group", {"displayName": "Twins"})
    with pytest.raises(BadInput, match=message):
        gap(wanted(tenant, members={READER: [who]}))


def test_a_registration_made_by_hand_keeps_what_it_has(tenant: Tenant) -> None:
    own = {"id": "6d9b1c3e-0000-4000-8000-000000000001", "value": "Other", "displayName": "Other",
           "description": "Other", "isEnabled": True, "allowedMemberTypes": ["User"]}  # fmt: skip
    reader = own | {"id": "6d9b1c3e-0000-4000-8000-000000000002", "value": READER,
                    "isEnabled": False}  # fmt: skip
    token = tenant.identity.person(["Directory.AccessAsUser.All"], ADMINISTRATOR)
    body = {"displayName": "By hand", "appRoles": [own, reader],
            "web": {"redirectUris": ["https://other.example.net/"]}}  # fmt: skip
    made = httpx.post(
        f"{os.environ['ROLLCALL_GRAPH_URL']}/applications",
        json=body, headers={"Authorization": f"Bearer {token}"},
    ).json()  # fmt: skip
    one = wanted(tenant, client_id=made["appId"])
    assert "register" not in " ".join(gap(one).steps)
    assert "add the app role Rollcall.Reader" in gap(one).steps
    assert close(one) == made["appId"]
    app = app_of(tenant, made["appId"])
    assert app["displayName"] == "By hand"
    assert app["web"]["redirectUris"] == ["https://other.example.net/", REDIRECT]
    assert {role["value"]: role["id"] for role in app["appRoles"]} | {APPROVER: ""} == {
        "Other": own["id"], READER: reader["id"], APPROVER: "",
    }  # fmt: skip
    assert gap(one).steps == ()


def test_a_client_id_that_is_not_there_is_refused_before_anything_is_made(tenant: Tenant) -> None:
    with pytest.raises(BadInput, match="no app registration with this client id"):
        gap(wanted(tenant, client_id="00000000-1111-4000-8000-000000000001"))


def test_another_identity_is_trusted_in_place_of_the_old_one(tenant: Tenant) -> None:
    client_id = close(wanted(tenant))
    other = wanted(tenant, identity="c2c2c2c2-0000-4000-8000-000000000002")
    assert gap(other).steps == (f"trust the identity {other.identity} in place of a secret",)
    close(other)
    [credential] = tenant.applications.credentials(app_of(tenant, client_id)["id"])
    assert credential["subject"] == other.identity


def test_a_service_principal_that_lets_everybody_in_is_mended(tenant: Tenant) -> None:
    client_id = close(wanted(tenant))
    principal = next(p for p in tenant.principals.all() if p["appId"] == client_id)
    principal["appRoleAssignmentRequired"] = False
    assert gap(wanted(tenant)).steps == ("let in people with a role only",)
    close(wanted(tenant))
    assert principal["appRoleAssignmentRequired"] is True


def test_lost_answers_make_nothing_twice(tenant: Tenant) -> None:
    for path in ("/applications", "/servicePrincipals", "federatedIdentityCredentials"):
        tenant.faults.coming.append(fault("PATCH", path, 503, when="after"))
    close(wanted(tenant))
    assert len(tenant.applications._apps) == 1
    assert gap(wanted(tenant)).steps == ()


def test_who_may_not_register_apps_is_told_who_may(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = os.environ["ROLLCALL_GRAPH_URL"].removesuffix("/v1.0")
    sign_in_person(tmp_path, address, monkeypatch, [])
    with pytest.raises(Terminal, match="Cloud Application Administrator"):
        close(wanted(tenant))
    tenant.identity.roles = frozenset()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    with pytest.raises(Terminal, match="may not read app registrations"):
        gap(wanted(tenant))
