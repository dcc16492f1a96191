"""App registrations with their app roles, redirect addresses and federated credentials.

PATCH by an alternate key creates what is missing where the caller prefers that, so that doing it
twice does no harm.
https://learn.microsoft.com/graph/api/resources/application,
https://learn.microsoft.com/graph/api/application-upsert,
https://learn.microsoft.com/graph/api/federatedidentitycredential-upsert
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from local.entra import errors, query
from local.entra.directory import is_guid
from local.entra.messages import Answer
from local.entra.service import body_of

if TYPE_CHECKING:
    from local.entra.messages import Json, Request
    from local.entra.service import Service
    from local.entra.tenant import Tenant

MOST_CREDENTIALS = 20
_WRITABLE = frozenset({"displayName", "signInAudience", "web", "appRoles", "notes", "tags"})
_AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount")
_FILTER = re.compile(r"(appId|displayName|uniqueName) eq '((?:[^']|'')*)'")
_ROLE = frozenset({"id", "value", "displayName", "description", "isEnabled", "allowedMemberTypes"})
_VALUE = re.compile(r"(?!\.)[!#$%&'()*+,\-./:;=?@\[\]^_{}~0-9A-Za-z]{1,120}")


class Applications:
    """The app registrations of a tenant, by object id."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._apps: dict[str, Json] = {}
        self._credentials: dict[str, dict[str, Json]] = {}

    def answer(self, request: Request, service: Service, rest: tuple[str, ...]) -> Answer:
        """The answer to a request below /applications."""
        match (request.method, *rest):
            case ("GET",):
                return self._list(request, service)
            case ("POST",):
                return self._told(request, self._create(body_of(request)), 201)
            case ("GET", key):
                return self._told(request, self.find("id", key))
            case ("PATCH", key):
                self._change(self.find("id", key), body_of(request))
                return Answer(204)
            case (_, key, "federatedIdentityCredentials", *more):
                return self._federated(request, service, self.find("id", key), more)
            case (_, key, "federatedIdentityCredentials(name=)", name):
                return self._upsert_credential(request, self.find("id", key), name)
            case _:
                raise errors.GraphError(405, "Request_BadRequest", "Method not allowed.")

    def by_key(
        self, request: Request, service: Service, name: str, value: str, rest: list[str]
    ) -> Answer:
        """The answer to a request for /applications(uniqueName='…'), or by appId."""
        found = self._found(name, value)
        if found is not None:
            return self.answer(request, service, (found["id"], *rest))
        creates = request.method == "PATCH" and request.prefers("create-if-missing") and not rest
        if name != "uniqueName" or not creates:
            raise errors.not_found(value)
        return self._told(request, self._create(body_of(request), value), 201)

    def find(self, name: str, value: str) -> Json:
        """The registration with this value; 404 where there is none."""
        found = self._found(name, value)
        if found is None:
            raise errors.not_found(value)
        return found

    def credentials(self, app: str) -> list[Json]:
        """The federated credentials of a registration, by its object id."""
        return list(self._credentials[app].values())

    # Parts

    def _found(self, name: str, value: str) -> Json | None:
        wanted = value.lower()
        return next((a for a in self._apps.values() if str(a[name]).lower() == wanted), None)

    def _list(self, request: Request, service: Service) -> Answer:
        found = list(self._apps.values())
        if text := request.query.get("$filter"):
            clause = _FILTER.fullmatch(text)
            if clause is None:
                raise errors.unsupported(f"Unsupported Query: {text}")
            wanted = clause[2].replace("''", "'").lower()
            found = [one for one in found if str(one[clause[1]]).lower() == wanted]
        size, start = query.page_size(request), query.start(request)
        following = start + size if len(found) > start + size else None
        return service.listed(request, "applications", found[start : start + size], following)

    def _told(self, request: Request, found: Json, status: int = 200) -> Answer:
        context = f"{request.base}/$metadata#applications/$entity"
        return Answer(status, {"@odata.context": context} | found)

    def _create(self, body: Json, unique_name: str | None = None) -> Json:
        if not body.get("displayName"):
            raise errors.missing_value("displayName", "Application")
        made: Json = {
            "id": str(uuid4()), "appId": str(uuid4()), "uniqueName": unique_name,
            "createdDateTime": self._tenant.stamp(), "signInAudience": "AzureADMyOrg",
            "appRoles": [], "tags": [], "notes": None, "identifierUris": [],
            "web": {"redirectUris": [], "homePageUrl": None, "logoutUrl": None,
                    "implicitGrantSettings": {"enableIdTokenIssuance": False,
                                              "enableAccessTokenIssuance": False}},
        }  # fmt: skip
        self._change(made, body)
        self._apps[made["id"]] = made
        self._credentials[made["id"]] = {}
        return made

    def _change(self, changed: Json, body: Json) -> None:
        for name in body:
            if name not in _WRITABLE:
                raise errors.unknown_property(name)
        if body.get("signInAudience", _AUDIENCES[0]) not in _AUDIENCES:
            raise errors.invalid_value("signInAudience", "Application")
        if "appRoles" in body:
            _check_roles(changed["appRoles"], body["appRoles"])
        values = dict(body)
        if "web" in values:
            values["web"] = _merged(changed["web"], values["web"])
        changed.update(values)
        for one in self._tenant.principals.all():
            if one["appId"] == changed["appId"]:
                one["appRoles"] = changed["appRoles"]

    def _federated(self, request: Request, service: Service, app: Json, more: list[str]) -> Answer:
        own = self._credentials[app["id"]]
        path = f"applications('{app['id']}')/federatedIdentityCredentials"
        match (request.method, *more):
            case ("GET",):
                return service.listed(request, path, list(own.values()), None)
            case ("POST",):
                return Answer(201, self._add_credential(own, body_of(request)))
            case ("PATCH", key) if key in {one["id"] for one in own.values()}:
                found = next(one for one in own.values() if one["id"] == key)
                self._change_credential(own, found, body_of(request))
                return Answer(204)
            case _:
                raise errors.not_found(more[0] if more else app["id"])

    def _upsert_credential(self, request: Request, app: Json, name: str) -> Answer:
        own = self._credentials[app["id"]]
        if name in own and request.method == "GET":
            return Answer(200, own[name])
        if request.method != "PATCH" or (
            name not in own and not request.prefers("create-if-missing")
        ):
            raise errors.not_found(name)
        if name in own:
            self._change_credential(own, own[name], body_of(request))
            return Answer(204)
        return Answer(201, self._add_credential(own, body_of(request) | {"name": name}))

    def _add_credential(self, own: dict[str, Json], body: Json) -> Json:
        for name in ("name", "issuer", "subject", "audiences"):
            if not body.get(name):
                raise errors.missing_value(name, "FederatedIdentityCredential")
        if body["name"] in own:
            raise errors.GraphError(
                409, "Request_MultipleObjectsWithSameKeyValue",
                f"FederatedIdentityCredential with name {body['name']} already exists.",
            )  # fmt: skip
        if len(own) >= MOST_CREDENTIALS:
            raise errors.bad_request("The application has reached the maximum of 20 credentials.")
        made: Json = {"id": str(uuid4()), "name": body["name"], "description": None}
        self._change_credential(own, made, {n: v for n, v in body.items() if n != "name"})
        own[made["name"]] = made
        return made

    def _change_credential(self, own: dict[str, Json], changed: Json, body: Json) -> None:
        """Issuer and subject together stand in one credential of an app only."""
        merged = changed | body
        if not isinstance(merged["audiences"], list) or len(cast("list[Any]", body.get(
            "audiences", [""]))) != 1:  # fmt: skip
            raise errors.invalid_value("audiences", "FederatedIdentityCredential")
        for other in own.values():
            same = all(other[name] == merged[name] for name in ("issuer", "subject"))
            if other is not changed and same:
                raise errors.conflict("issuer and subject")
        changed.update(body)


def _check_roles(before: list[Json], after: Any) -> None:
    """Roles have ids of their own and values of their own; an enabled one cannot be taken away."""
    roles = cast("list[Json]", after)
    for role in roles:
        wrong = (
            not set(role) <= _ROLE
            or not is_guid(str(role.get("id", "")))
            or not _VALUE.fullmatch(str(role.get("value", "")))
            or not {"User", "Application"} >= {*(role.get("allowedMemberTypes") or ["-"])}
        )
        if wrong or not role.get("displayName") or not role.get("description"):
            raise errors.invalid_value("appRoles", "Application")
    for name in ("id", "value"):
        if len({role[name] for role in roles}) < len(roles):
            raise errors.invalid_value("appRoles", "Application")
    kept = {role["id"] for role in roles}
    if any(role["isEnabled"] and role["id"] not in kept for role in before):
        raise errors.GraphError(
            400, "CannotDeleteOrUpdateEnabledEntitlement",
            "Permission (scope or role) cannot be deleted or updated unless disabled first.",
        )  # fmt: skip


def _merged(before: Json, after: Json) -> Json:
    """The parts of a complex value that a PATCH does not name stay."""
    return {
        name: _merged(before[name], after[name])
        if isinstance(before.get(name), dict) and isinstance(after.get(name), dict)
        else after.get(name, before.get(name))
        for name in {**before, **after}
    }
