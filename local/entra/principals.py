"""Service principals and app role assignments: what apps and identities may do.

Microsoft Graph has a service principal in each tenant, which defines the app roles; the app's
identities have theirs, of the kind ManagedIdentity. The roles of an identity's next token are those
that are assigned to it; a token that is held already keeps its own until it ends. The ids of app
roles are made up from their names, but for the few below: clients have to look them up.
https://learn.microsoft.com/graph/api/resources/serviceprincipal,
https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4, uuid5

from local.entra import errors, query
from local.entra.delegation import NOT_GRAPH, RIGHT
from local.entra.messages import Answer
from local.entra.permissions import denied, known_roles
from local.entra.service import body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.entra.identity import Identity, UserAssigned
    from local.entra.messages import Json, Request
    from local.entra.service import Service
    from local.entra.tenant import Tenant

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
NO_ROLE = "00000000-0000-0000-0000-000000000000"  # the default access of an app without roles
_SPACE = UUID(GRAPH_APP)
_PUBLISHED = {
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
}
_FILTER = re.compile(r"(appId|displayName|servicePrincipalType) eq '((?:[^']|'')*)'")
_WRITABLE = frozenset({"appRoleAssignmentRequired", "accountEnabled", "tags", "notes"})


def role_id(value: str) -> str:
    """The id of an app role of Microsoft Graph."""
    return _PUBLISHED.get(value) or str(uuid5(_SPACE, value))


class Principals:
    """The service principals of a tenant, and who has which of their app roles."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._own: dict[str, Json] = {}
        self._assigned: dict[str, Json] = {}
        self.graph = self.add(
            "Microsoft Graph", GRAPH_APP, kind="Application", roles=_graph_roles()
        )

    def add(
        self, name: str, app_id: str, *, kind: str = "Application", roles: list[Json] | None = None,
        object_id: str = "",
    ) -> Json:  # fmt: skip
        """A service principal that is there from now on."""
        made: Json = {
            "id": object_id or str(uuid4()), "appId": app_id, "displayName": name,
            "servicePrincipalType": kind, "accountEnabled": True,
            "appRoleAssignmentRequired": False, "appRoles": roles or [],
            "alternativeNames": [], "tags": [],
        }  # fmt: skip
        self._own[made["id"]] = made
        return made

    def all(self) -> Iterator[Json]:
        """Every service principal: those that were made, then the app's identities."""
        yield from self._own.values()
        for object_id, identity in self._identities().items():
            name = identity.resource_id.rpartition("/")[2] or "rollcall"
            yield {
                "id": object_id, "appId": identity.client_id, "displayName": name,
                "servicePrincipalType": "ManagedIdentity", "accountEnabled": True,
                "appRoleAssignmentRequired": False, "appRoles": [], "tags": [],
                "alternativeNames": ["isExplicit=True", identity.resource_id],
            }  # fmt: skip

    def answer(self, request: Request, service: Service, rest: tuple[str, ...]) -> Answer:
        """The answer to a request below /servicePrincipals."""
        match (request.method, *rest):
            case ("GET",):
                return self._list(request, service)
            case ("GET", key):
                return self._told(request, self._find("id", key))
            case ("PATCH", key):
                return self._update(request, self._find("id", key))
            case (_, key, "appRoleAssignments", *more):
                return self._assignments(request, service, "principalId", key, more)
            case (_, key, "appRoleAssignedTo", *more):
                return self._assignments(request, service, "resourceId", key, more)
            case _:
                raise errors.GraphError(405, "Request_BadRequest", "Method not allowed.")

    def by_app(self, request: Request, service: Service, app_id: str, rest: list[str]) -> Answer:
        """The answer to a request for /servicePrincipals(appId='…'); PATCH may create it.

        https://learn.microsoft.com/graph/api/serviceprincipal-upsert
        """
        found = next((one for one in self.all() if one["appId"] == app_id.lower()), None)
        if found is not None:
            return self.answer(request, service, (found["id"], *rest))
        if request.method != "PATCH" or rest or not request.prefers("create-if-missing"):
            raise errors.not_found(app_id)
        registration = self._tenant.applications.find("appId", app_id)
        made = self.add(registration["displayName"], registration["appId"])
        made["appRoles"] = registration["appRoles"]
        self._change(made, body_of(request))
        return Answer(201, self._told(request, made).body)

    # Parts

    def _list(self, request: Request, service: Service) -> Answer:
        found = list(self.all())
        if text := request.query.get("$filter"):
            clause = _FILTER.fullmatch(text)
            if clause is None:
                raise errors.unsupported(f"Unsupported Query: {text}")
            name, wanted = clause[1], clause[2].replace("''", "'").lower()
            found = [one for one in found if str(one[name]).lower() == wanted]
        return self._page(request, service, "servicePrincipals", found)

    def _page(self, request: Request, service: Service, path: str, found: list[Json]) -> Answer:
        size, start = query.page_size(request), query.start(request)
        page = [_selected(request, one) for one in found[start : start + size]]
        following = start + size if len(found) > start + size else None
        return service.listed(request, path, page, following)

    def _told(self, request: Request, found: Json) -> Answer:
        context = f"{request.base}/$metadata#servicePrincipals/$entity"
        return Answer(200, {"@odata.context": context} | _selected(request, found))

    def _update(self, request: Request, changed: Json) -> Answer:
        self._change(changed, body_of(request))
        return Answer(204)

    def _change(self, changed: Json, body: Json) -> None:
        for name, value in body.items():
            if name == "appId" and value == changed["appId"]:
                continue
            if name not in _WRITABLE:
                raise errors.unknown_property(name)
            changed[name] = value

    def _assignments(
        self, request: Request, service: Service, side: str, key: str, more: list[str]
    ) -> Answer:
        """GET, POST and DELETE of the assignments of a principal, or to a resource."""
        own = self._find("id", key)
        self._take_over()
        path = f"servicePrincipals('{own['id']}')/appRoleAssignments"
        match (request.method, *more):
            case ("GET",):
                found = [one for one in self._assigned.values() if one[side] == own["id"]]
                return self._page(request, service, path, found)
            case ("POST",):
                made = self._assign(request, side, own["id"])
                return Answer(201, {"@odata.context": f"{request.base}/$metadata#{path}/$entity"}
                              | made)  # fmt: skip
            case ("DELETE", assignment):
                gone = self._assigned.get(assignment)
                if gone is None or gone[side] != own["id"]:
                    raise errors.not_found(assignment)
                self._may_assign(request, gone["resourceId"])
                del self._assigned[assignment]
                self._hand_over(gone["principalId"])
                return Answer(204)
            case _:
                raise errors.GraphError(405, "Request_BadRequest", "Method not allowed.")

    def _assign(self, request: Request, side: str, own: str) -> Json:
        body = body_of(request)
        principal, resource, role = (
            str(body.get(name, "")).lower() for name in ("principalId", "resourceId", "appRoleId")
        )
        if {"principalId": principal, "resourceId": resource}[side] != own:
            raise errors.bad_request("Not a valid reference update.")
        offering = next((one for one in self._own.values() if one["id"] == resource), None)
        kind, name = self._principal(principal)
        if offering is None or not kind:
            raise errors.bad_request("Not a valid reference update.")
        self._may_assign(request, resource)
        if not _offers(offering, role, kind):
            raise errors.bad_request(
                f"Permission being assigned was not found on application '{offering['appId']}'."
            )
        if self._has(principal, resource, role):
            raise errors.bad_request("Permission being assigned already exists on the object")
        made = self._enter(principal, resource, role, kind, name)
        self._hand_over(principal)
        return made

    def _may_assign(self, request: Request, resource: str) -> None:
        """App roles of Microsoft Graph are for fewer people to give than those of other apps."""
        others = NOT_GRAPH in request.roles and resource != self.graph["id"]
        if RIGHT not in request.roles and not others:
            raise denied()

    def _principal(self, object_id: str) -> tuple[str, str]:
        """Type and name of who can be given a role; '' for an unknown id."""
        found = next((one for one in self.all() if one["id"] == object_id), None)
        if found is not None:
            return "ServicePrincipal", found["displayName"]
        entry = self._tenant.directory.live.get(object_id)
        kinds = {"user": "User", "group": "Group"}
        if entry is None or entry.kind not in kinds:
            return "", ""
        return kinds[entry.kind], str(entry.values.get("displayName", ""))

    def _enter(self, principal: str, resource: str, role: str, kind: str, name: str) -> Json:
        made: Json = {
            "id": uuid4().hex + uuid4().hex[:11], "deletedDateTime": None, "appRoleId": role,
            "createdDateTime": self._tenant.stamp(), "principalDisplayName": name,
            "principalId": principal, "principalType": kind, "resourceId": resource,
            "resourceDisplayName": self._own[resource]["displayName"],
        }  # fmt: skip
        self._assigned[made["id"]] = made
        return made

    def _has(self, principal: str, resource: str, role: str) -> bool:
        wanted = (principal, resource, role)
        return any(
            (one["principalId"], one["resourceId"], one["appRoleId"]) == wanted
            for one in self._assigned.values()
        )

    def _find(self, name: str, value: str) -> Json:
        found = next((one for one in self.all() if one[name] == value.lower()), None)
        if found is None:
            raise errors.not_found(value)
        return found

    # Identities

    def _identities(self) -> dict[str, Identity | UserAssigned]:
        identity = self._tenant.identity
        assigned = {one.object_id: one for one in identity.user_assigned}
        return {identity.object_id: identity, **assigned}

    def _take_over(self) -> None:
        """What the identities' tokens would say, as assignments."""
        graph = self.graph["id"]
        for object_id, identity in self._identities().items():
            wanted = {role_id(value) for value in identity.roles}
            has = {
                one["appRoleId"]: key
                for key, one in self._assigned.items()
                if (one["principalId"], one["resourceId"]) == (object_id, graph)
            }
            for role in has.keys() - wanted:
                del self._assigned[has[role]]
            name = self._principal(object_id)[1]
            for role in sorted(wanted - has.keys()):
                self._enter(object_id, graph, role, "ServicePrincipal", name)

    def _hand_over(self, principal: str) -> None:
        """The next token of an identity has the roles that are assigned to it."""
        identity = self._identities().get(principal)
        if identity is None:
            return
        values = {one["id"]: one["value"] for one in self.graph["appRoles"]}
        identity.roles = frozenset(
            values[one["appRoleId"]]
            for one in self._assigned.values()
            if (one["principalId"], one["resourceId"]) == (principal, self.graph["id"])
        )


def _graph_roles() -> list[Json]:
    return [
        {"id": role_id(value), "value": value, "displayName": value, "description": value,
         "isEnabled": True, "allowedMemberTypes": ["Application"], "origin": "Application"}
        for value in sorted(known_roles())
    ]  # fmt: skip


def _offers(resource: Json, role: str, kind: str) -> bool:
    """Whether an app has a role that this type of principal can be given."""
    roles = cast("list[Json]", resource["appRoles"])
    if role == NO_ROLE:
        return not roles
    member = "Application" if kind == "ServicePrincipal" else "User"
    return any(
        one["id"] == role and one["isEnabled"] and member in one["allowedMemberTypes"]
        for one in roles
    )


def _selected(request: Request, found: Json) -> dict[str, Any]:
    """Without $select everything; `id` only if it is asked for."""
    names = query.any_selected(request)
    return dict(found) if names is None else {n: v for n, v in found.items() if n in names}
