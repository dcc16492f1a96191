"""App registrations: read, and brought to what they should be, so that doing it twice is no harm.

Each write is a PATCH by a key that creates what is missing.
https://learn.microsoft.com/graph/api/application-upsert,
https://learn.microsoft.com/graph/api/serviceprincipal-upsert,
https://learn.microsoft.com/graph/api/federatedidentitycredential-upsert
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from roster.errors import BadInput

from .errors import reaction_to
from .principals import GUID, answered

if TYPE_CHECKING:
    from .patience import Patience

CREATES = {"Prefer": "create-if-missing"}
_APPS, _PRINCIPALS = "/applications", "/servicePrincipals"


@dataclass(frozen=True)
class Registration:
    """An app registration, its service principal ({} without one) and federated credentials.

    `given`: who has which of its roles, as (principal id, role id).
    """

    app: dict[str, Any]
    principal: dict[str, Any]
    credentials: tuple[dict[str, Any], ...]
    given: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Member:
    """A person or group who may be given an app role."""

    id: str
    name: str


async def read_registration(line: Patience, key: str, value: str) -> Registration | None:
    """The registration with this `appId` or `uniqueName`; None where there is none."""
    heard = await line.ask("GET", f"{_APPS}({key}='{value}')")
    if heard.response.status == 404:
        return None
    app = answered(heard, _APPS).response.body
    credentials, told = await line.rows(f"{_APPS}/{app['id']}/federatedIdentityCredentials")
    answered(told, _APPS)
    heard = await line.ask("GET", f"{_PRINCIPALS}(appId='{app['appId']}')")
    if heard.response.status == 404:
        return Registration(app, {}, tuple(credentials), frozenset())
    principal = answered(heard, _PRINCIPALS).response.body
    rows, told = await line.rows(f"{_PRINCIPALS}/{principal['id']}/appRoleAssignedTo?$top=999")
    answered(told, _PRINCIPALS)
    given = frozenset((row["principalId"], row["appRoleId"]) for row in rows)
    return Registration(app, principal, tuple(credentials), given)


async def put_app(line: Patience, key: str, value: str, body: dict[str, Any]) -> dict[str, Any]:
    """Makes or changes the registration with this `appId` or `uniqueName`; returns it."""
    url = f"{_APPS}({key}='{value}')"
    heard = await line.ask("PATCH", url, body, CREATES)
    answered(heard, _APPS, "PATCH")
    if "appId" in heard.response.body:
        return heard.response.body
    return answered(await line.ask("GET", url, fresh=True), _APPS).response.body


async def put_principal(line: Patience, app_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Makes or changes the service principal of a registration; returns it."""
    url = f"{_PRINCIPALS}(appId='{app_id}')"
    answered(await line.ask("PATCH", url, body, CREATES, fresh=True), _PRINCIPALS, "PATCH")
    return answered(await line.ask("GET", url, fresh=True), _PRINCIPALS).response.body


async def put_credential(line: Patience, app: str, name: str, body: dict[str, Any]) -> None:
    """Makes or changes a federated credential of a registration, by its object id."""
    url = f"{_APPS}/{app}/federatedIdentityCredentials(name='{name}')"
    answered(await line.ask("PATCH", url, body, CREATES, fresh=True), _APPS, "PATCH")


async def give_role(line: Patience, principal: str, role: str, member: Member) -> None:
    """Gives a person or group a role of an app; having it already is as good."""
    url = f"{_PRINCIPALS}/{principal}/appRoleAssignedTo"
    body = {"principalId": member.id, "resourceId": principal, "appRoleId": role}
    heard = await line.ask("POST", url, body, fresh=True)
    if reaction_to(heard.response).meaning != "exists":
        answered(heard, url, "POST")


async def find_member(line: Patience, text: str) -> Member:
    """The person (username or object id) or group (name or object id); BadInput unless one is."""
    if "@" in text or GUID.fullmatch(text):
        for collection in ("users", "groups") if "@" not in text else ("users",):
            heard = await line.ask("GET", f"/{collection}/{text}?$select=id,displayName")
            if heard.response.status != 404:
                body = answered(heard, f"/{collection}").response.body
                return Member(str(body["id"]), str(body.get("displayName") or text))
        raise BadInput(f"{text}: there is no such person or group in the tenant")
    quoted = text.replace("'", "''")
    url = f"/groups?$filter=displayName eq '{quoted}'&$select=id,displayName"
    rows, heard = await line.rows(url)
    answered(heard, "/groups")
    if len(rows) != 1:
        count = "no group" if not rows else f"{len(rows)} groups"
        raise BadInput(
            f"{count} of the tenant {'is' if not rows else 'are'} called {text!r}: give an object "
            "id, or a person's username"
        )
    return Member(str(rows[0]["id"]), text)


def roles_of(app: dict[str, Any]) -> list[dict[str, Any]]:
    """The app roles that a registration defines."""
    return cast("list[dict[str, Any]]", app.get("appRoles") or [])
