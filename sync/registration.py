"""The portal's app registration: what App Service Authentication needs to let people in.

The app's managed identity vouches for the registration as its federated credential, so that there
is no secret which could leak or end; and only who has been given a role gets a token at all.
https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_DNS, uuid5

from graph.exchange import as_object
from graph.principals import NotAllowed
from graph.registrations import (
    Member,
    Registration,
    find_member,
    give_role,
    put_app,
    put_credential,
    put_principal,
    read_registration,
    roles_of,
)
from roster.errors import BadInput, Terminal

from .deployment import CALLBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graph.patience import Patience

READER, APPROVER = "Rollcall.Reader", "Rollcall.Approver"
ROLES = {
    READER: ("Read runs", "Sees runs, plans, findings and reports"),
    APPROVER: ("Approve plans", "Sees what a reader sees, and approves or rejects held plans"),
}
CREDENTIAL = "rollcall-app"
AUDIENCE = "api://AzureADTokenExchange"
WHO = "Application Administrator or Cloud Application Administrator"


@dataclass(frozen=True)
class Wanted:
    """The registration as it should be. `host`: of the app; `identity`: its object id.

    `client_id`: an existing registration to use; '' for Rollcall's own, made when it is missing.
    `members`: whom to give which role, by the role's value.
    """

    host: str
    identity: str
    tenant_id: str
    client_id: str = ""
    members: Mapping[str, Sequence[str]] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The name of the key that the registration is found by, and its value."""
        if self.client_id:
            return "appId", self.client_id
        return "uniqueName", f"rollcall-portal-{self.host.partition('.')[0].lower()}"

    @property
    def redirect(self) -> str:
        """Where Entra sends people back to."""
        return f"https://{self.host}{CALLBACK}"

    @property
    def credential(self) -> dict[str, Any]:
        """The federated credential."""
        return {
            "issuer": f"https://login.microsoftonline.com/{self.tenant_id}/v2.0",
            "subject": self.identity, "audiences": [AUDIENCE],
            "description": "The identity of Rollcall's Function App",
        }  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """What there is, and what is missing of what should be: `steps`, in words."""

    wanted: Wanted
    found: Registration | None
    members: tuple[tuple[str, Member], ...]
    steps: tuple[str, ...]

    @property
    def client_id(self) -> str:
        """The client id, once there is a registration."""
        return str(self.found.app["appId"]) if self.found else ""


async def read_gap(line: Patience, wanted: Wanted) -> Gap:
    """What is to be done; BadInput where the registration, a person or a group is not there."""
    try:
        found = await read_registration(line, *wanted.key)
        members = tuple(
            [
                (role, await find_member(line, text))
                for role, names in (wanted.members or {}).items()
                for text in names
            ]
        )
    except NotAllowed as error:
        raise Terminal(
            "Who is signed in may not read app registrations, people or groups: sign in as a "
            "member of the tenant (`az login`)",
            error.code,
        ) from error
    if found is None and wanted.client_id:
        raise BadInput(
            f"{wanted.client_id}: the tenant has no app registration with this client id"
        )
    return Gap(wanted, found, members, tuple(_steps(wanted, found, members)))


async def close_gap(line: Patience, gap: Gap, say: Callable[[str], None]) -> str:
    """Does what is to be done; returns the client id. Terminal where that is not allowed."""
    wanted = gap.wanted
    try:
        say("Registering the app")
        app = await put_app(line, *wanted.key, _body(wanted, gap.found))
        say("Making its service principal")
        required = {"appRoleAssignmentRequired": True}
        principal = await put_principal(line, app["appId"], required)
        if not _is_trusted(wanted, gap.found):
            say("Trusting the identity")
            await put_credential(line, app["id"], CREDENTIAL, wanted.credential)
        ids = {role["value"]: str(role["id"]) for role in roles_of(app)}
        for role, member in gap.members:
            say(f"Giving {role}")
            await give_role(line, principal["id"], ids[role], member)
    except NotAllowed as error:
        raise Terminal(
            f"Who is signed in may not register apps or give their roles: that takes a {WHO}. The "
            "same command does it for them; what was done already is not done again",
            error.code,
        ) from error
    return str(app["appId"])


def _steps(
    wanted: Wanted, found: Registration | None, members: tuple[tuple[str, Member], ...]
) -> list[str]:
    app = found.app if found else {}
    steps = [] if found else [f"register the app {wanted.key[1]}"]
    web = as_object(app.get("web"))
    if wanted.redirect not in (web.get("redirectUris") or ()):
        steps.append(f"add the redirect address {wanted.redirect}")
    if not as_object(web.get("implicitGrantSettings")).get("enableIdTokenIssuance"):
        steps.append("let it issue ID tokens")
    there = {role["value"]: str(role["id"]) for role in roles_of(app) if role.get("isEnabled")}
    steps += [f"add the app role {role}" for role in ROLES if role not in there]
    if not found or not found.principal:
        steps.append("make its service principal, for people with a role only")
    elif not found.principal.get("appRoleAssignmentRequired"):
        steps.append("let in people with a role only")
    if not _is_trusted(wanted, found):
        steps.append(f"trust the identity {wanted.identity} in place of a secret")
    given = found.given if found else frozenset[tuple[str, str]]()
    steps += [
        f"give {member.name} the role {role}"
        for role, member in members
        if (member.id, there.get(role, "")) not in given
    ]
    return steps


def _is_trusted(wanted: Wanted, found: Registration | None) -> bool:
    """Whether any federated credential is the identity's."""
    trusted = wanted.credential
    return found is not None and any(
        all(one.get(name) == trusted[name] for name in ("issuer", "subject", "audiences"))
        for one in found.credentials
    )


def _body(wanted: Wanted, found: Registration | None) -> dict[str, Any]:
    """What is written of the registration: what there is stays, what is missing is added."""
    app = found.app if found else {}
    redirects = [*(as_object(app.get("web")).get("redirectUris") or ())]
    if wanted.redirect not in redirects:
        redirects.append(wanted.redirect)
    roles = [
        role | {"isEnabled": True} if role["value"] in ROLES else role for role in roles_of(app)
    ]
    there = {role["value"] for role in roles}
    roles += [_role(value) for value in ROLES if value not in there]
    body: dict[str, Any] = {
        "web": {
            "redirectUris": redirects,
            "implicitGrantSettings": {"enableIdTokenIssuance": True},
        },
        "appRoles": [{n: v for n, v in role.items() if n != "origin"} for role in roles],
    }
    if found is None:
        body |= {"displayName": f"Rollcall portal ({wanted.host.partition('.')[0]})",
                 "signInAudience": "AzureADMyOrg"}  # fmt: skip
    return body


def _role(value: str) -> dict[str, Any]:
    name, description = ROLES[value]
    return {
        "id": str(uuid5(NAMESPACE_DNS, value.lower())), "value": value, "displayName": name,
        "description": description, "isEnabled": True, "allowedMemberTypes": ["User"],
    }  # fmt: skip
