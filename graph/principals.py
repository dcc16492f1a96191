"""Service principals, and the app roles of Microsoft Graph that they have.

https://learn.microsoft.com/graph/api/resources/serviceprincipal,
https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from roster.errors import BadInput, Terminal

from .errors import error_for, reaction_to
from .exchange import GraphRequest
from .roles import GRAPH_APP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .direct import Heard
    from .patience import Patience

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SELECT = "$select=id,appId,displayName,servicePrincipalType"


class NotAllowed(Terminal):
    """Who is signed in may not read, or not change, app role assignments."""


@dataclass(frozen=True)
class Principal:
    """A service principal. `kind`: ManagedIdentity or Application; `app_id` is its client id."""

    id: str
    app_id: str
    name: str
    kind: str


@dataclass(frozen=True)
class RoleCatalogue:
    """The app roles that an app offers to other apps. `resource`: its service principal's id.

    `ids`: the ids of the roles of a value that are enabled and meant for apps, one if all is well.
    `values`: the value of each role, by its id, whatever its state.
    """

    resource: str
    ids: Mapping[str, tuple[str, ...]]
    values: Mapping[str, str]

    def id_of(self, value: str) -> str:
        """The id of a role; Terminal unless there is exactly one."""
        found = self.ids.get(value, ())
        if len(found) != 1:
            count = "no" if not found else str(len(found))
            raise Terminal(
                f"Microsoft Graph of this tenant has {count} enabled app role {value} for apps, "
                "where one is needed; this cloud may not offer it, so switch off the feature that "
                "needs it"
            )
        return found[0]


@dataclass(frozen=True)
class Assignment:
    """An app role that a principal has. `value`: '' for a role that the app no longer has."""

    id: str
    role_id: str
    value: str


async def find_principal(line: Patience, text: str) -> Principal:
    """The service principal with this object id, client id or display name.

    Raises BadInput unless there is exactly one.
    """
    if GUID.fullmatch(text):
        heard = await line.ask("GET", f"/servicePrincipals/{text}?{_SELECT}")
        if heard.response.status == 404:
            heard = await line.ask("GET", f"/servicePrincipals(appId='{text}')?{_SELECT}")
        if heard.response.status == 404:
            raise BadInput(
                f"{text} is neither the object id nor the client id of an identity of this tenant; "
                "both stand on the identity's page Overview (an app registration's own object id "
                "is another one: give its client id)"
            )
        return _principal(answered(heard, "/servicePrincipals").response.body)
    quoted = text.replace("'", "''")
    url = f"/servicePrincipals?$filter=displayName eq '{quoted}'&{_SELECT}"
    rows, heard = await line.rows(url)
    answered(heard, "/servicePrincipals")
    if not rows:
        raise BadInput(
            f"No identity of this tenant is called {text!r}; give its object id (Overview of the "
            "managed identity, or Settings > Identity of the Function App)"
        )
    if len(rows) > 1:
        several = ", ".join(f"{one['id']} ({one['servicePrincipalType']})" for one in rows)
        raise BadInput(f"{len(rows)} identities are called {text!r}: give the object id of one of "
                       f"{several}")  # fmt: skip
    return _principal(rows[0])


async def graph_catalogue(line: Patience) -> RoleCatalogue:
    """The app roles of Microsoft Graph in this tenant."""
    url = f"/servicePrincipals(appId='{GRAPH_APP}')?$select=id,appRoles"
    body = answered(await line.ask("GET", url), "/servicePrincipals").response.body
    ids: dict[str, tuple[str, ...]] = {}
    values: dict[str, str] = {}
    for role in cast("list[dict[str, Any]]", body.get("appRoles") or []):
        values[role["id"]] = role["value"]
        if role.get("isEnabled") and "Application" in (role.get("allowedMemberTypes") or ()):
            ids[role["value"]] = (*ids.get(role["value"], ()), role["id"])
    return RoleCatalogue(str(body["id"]), MappingProxyType(ids), MappingProxyType(values))


async def read_assignments(
    line: Patience, principal: str, catalogue: RoleCatalogue
) -> list[Assignment]:
    """The app roles of the catalogue's app that a principal has, all pages of them."""
    url = f"/servicePrincipals/{principal}/appRoleAssignments"
    rows, heard = await line.rows(f"{url}?$top=999")
    answered(heard, url)
    return [
        Assignment(row["id"], row["appRoleId"], catalogue.values.get(row["appRoleId"], ""))
        for row in rows
        if row["resourceId"] == catalogue.resource
    ]


async def assign(line: Patience, principal: str, catalogue: RoleCatalogue, role: str) -> bool:
    """Gives an app role; False if it was there before. May raise NotAllowed."""
    url = f"/servicePrincipals/{principal}/appRoleAssignments"
    body = {"principalId": principal, "resourceId": catalogue.resource,
            "appRoleId": catalogue.id_of(role)}  # fmt: skip
    heard = await line.ask("POST", url, body, fresh=True)
    if reaction_to(heard.response).meaning == "exists":
        return False
    answered(heard, url, "POST")
    return True


async def unassign(line: Patience, principal: str, assignment: Assignment) -> None:
    """Takes an app role away; one that is gone already is as good."""
    url = f"/servicePrincipals/{principal}/appRoleAssignments/{assignment.id}"
    heard = await line.ask("DELETE", url)
    if heard.response.status != 404:
        answered(heard, url, "DELETE")


def _principal(row: dict[str, Any]) -> Principal:
    return Principal(
        str(row["id"]), str(row.get("appId", "")), str(row.get("displayName", "")),
        str(row.get("servicePrincipalType", "")),
    )  # fmt: skip


def answered(heard: Heard, url: str, method: str = "GET") -> Heard:
    """The answer if it is a success; raises what it means else: NotAllowed, or another error."""
    if heard.response.status == 403:
        raise NotAllowed(f"{method} {url.partition('?')[0]} answered 403", heard.response.code)
    if not heard.response.ok:
        raise error_for(GraphRequest(method, url), heard.response)
    return heard
