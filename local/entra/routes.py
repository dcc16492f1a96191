"""Routes: from an address and a method to the operation that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra.company import Company
from local.entra.deleted import DeletedItems
from local.entra.errors import GraphError
from local.entra.extensions import OBJECT_TYPE, undeclared
from local.entra.navigation import Navigation
from local.entra.service import Service, view_at
from local.entra.views import CLASS, EDUCATION_USER, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
    from local.entra.delta import Deltas
    from local.entra.messages import Answer, Request
    from local.entra.objects import Relation
    from local.entra.tenant import Tenant

_DELETED = {"graph.user": USER, "graph.group": GROUP, "graph.administrativeUnit": UNIT}
# How a collection's links are called in its addresses, and as which type they are listed.
_LINKS: dict[tuple[str, str], tuple[Relation, View | None]] = {
    (GROUP.name, "members"): ("members", None),
    (GROUP.name, "owners"): ("owners", None),
    (UNIT.name, "members"): ("members", None),
    (CLASS.name, "members"): ("members", EDUCATION_USER),
    (CLASS.name, "teachers"): ("owners", EDUCATION_USER),
    (SCHOOL.name, "users"): ("members", EDUCATION_USER),
    (SCHOOL.name, "classes"): ("members", CLASS),
}
_CASTS = {"graph.user": USER, "graph.group": GROUP}


class Router:
    """Finds and calls the operation for a request."""

    def __init__(self, service: Service, deltas: Deltas, tenant: Tenant) -> None:
        self._service = service
        self._deltas = deltas
        self._tenant = tenant
        self._company = Company(tenant, service)
        self._deleted = DeletedItems(tenant, service)
        self._navigation = Navigation(tenant, service)

    def catch_up(self) -> None:
        """Does what is due on the tenant's clock, and what comes of that."""
        now = self._tenant.now()
        self._tenant.capacity.notice(now)
        self._tenant.agenda.run(now)
        while self._tenant.dynamic.notice(now):
            self._tenant.agenda.run(now)

    def answer(self, request: Request) -> Answer:
        """The answer; 400 for an address that does not exist, 405 for a method it has not."""
        self.catch_up()
        try:
            return self._answer(request)
        finally:
            self.catch_up()

    def _answer(self, request: Request) -> Answer:
        path = request.path
        if path[0] == "education" and not self._tenant.features.education:
            raise undeclared(OBJECT_TYPE)
        found = self._directory_wide(request, path)
        if found is not None:
            return found
        at = view_at(path)
        if at is None:
            raise _unknown(path)
        view, rest = at
        if not rest:
            return self._collection(request, view)
        if rest == ("delta",):
            _only(request, "GET")
            return self._deltas.answer(request, view)
        if rest == ("$count",):
            return self._service.count(request, view)
        return self._object(request, view, rest)

    def _directory_wide(self, request: Request, path: tuple[str, ...]) -> Answer | None:
        service = self._service
        match path:
            case ("domains",):
                return self._company.domains(request)
            case ("domains", name):
                _only(request, "GET")
                return self._company.domain(request, name)
            case ("organization",):
                return self._company.organization(request)
            case ("subscribedSkus",):
                _only(request, "GET")
                return self._company.subscriptions(request)
            case ("users", key, "assignLicense"):
                _only(request, "POST")
                return self._company.assign_licence(request, key)
            case ("users", key, "licenseDetails"):
                _only(request, "GET")
                return self._company.licence_details(request, key)
            case ("directoryObjects", "getByIds"):
                return service.by_ids(request)
            case ("applications", app, "extensionProperties"):
                return self._company.extension_properties(request, app)
            case ("teams", *rest):
                return self._tenant.teams.answer(request, tuple(rest))
            case ("servicePrincipals", principal, "synchronization", "jobs", *rest):
                return self._tenant.provisioning.answer(request, principal, tuple(rest))
            case ("servicePrincipals", *rest):
                return self._tenant.principals.answer(request, service, tuple(rest))
            case ("servicePrincipals(appId=)", app, *rest):
                return self._tenant.principals.by_app(request, service, app, rest)
            case ("applications", *rest):
                return self._tenant.applications.answer(request, service, tuple(rest))
            case ("applications(uniqueName=)" | "applications(appId=)" as by, value, *rest):
                name = by.partition("(")[2].rstrip("=)")
                return self._tenant.applications.by_key(request, service, name, value, rest)
            case ("auditLogs", "provisioning"):
                _only(request, "GET")
                return self._tenant.provisioning.log.answer(request)
            case ("groups", key, "team"):
                return self._tenant.teams.of_group(request, key)
            case ("groups(uniqueName=)", name):
                if request.method == "GET":
                    return service.named_group(request, name)
                _only(request, "PATCH")
                return service.upsert(request, name)
            case ("directory", "deletedItems", kind) if kind in _DELETED:
                return self._deleted.list(request, _DELETED[kind])
            case ("directory", "deletedItems", key, "restore"):
                return self._deleted.restore(request, key)
            case ("directory", "deletedItems", key):
                _only(request, "DELETE")
                return self._deleted.purge(request, key)
            case _:
                return None

    def _collection(self, request: Request, view: View) -> Answer:
        if request.method == "POST":
            return self._service.create(request, view)
        _only(request, "GET")
        return self._service.list(request, view)

    def _object(self, request: Request, view: View, rest: tuple[str, ...]) -> Answer:
        key, *below = rest
        if not below:
            operations = {
                "GET": self._service.read,
                "PATCH": self._service.update,
                "DELETE": self._service.delete,
            }
            if request.method not in operations:
                raise _not_allowed(request)
            return operations[request.method](request, view, key)
        if view is SCHOOL and below == ["administrativeUnit"]:
            return self._service.unit_of(request, key)
        if request.method == "GET":
            found = self._navigation.answer(request, view, key, below)
            if found is not None:
                return found
        if view is UNIT and below == ["members"] and request.method == "POST":
            return self._service.create_inside(request, key)
        link = _LINKS.get((view.name, below[0]))
        if link is None:
            raise _unknown(request.path)
        return self._links(request, view, key, link, below[1:])

    def _links(
        self,
        request: Request,
        view: View,
        key: str,
        link: tuple[Relation, View | None],
        below: list[str],
    ) -> Answer:
        service, (relation, shown) = self._service, link
        match (request.method, *below):
            case ("GET",):
                return service.linked(request, view, key, relation, shown)
            case ("GET", cast) if cast in _CASTS and not view.education:
                return service.linked(request, view, key, relation, _CASTS[cast])
            case ("GET", "$count"):
                return service.count_linked(request, view, key, relation, shown)
            case ("POST", "$ref"):
                return service.add_link(request, view, key, relation, shown)
            case ("DELETE", target, "$ref"):
                return service.remove_link(request, view, key, relation, target)
            case ("DELETE", target):
                return service.delete_linked(request, view, key, relation, target)
            case _:
                raise _not_allowed(request)


def _only(request: Request, method: str) -> None:
    if request.method != method:
        raise _not_allowed(request)


def _not_allowed(request: Request) -> GraphError:
    if request.path[-1] == "$ref":
        return GraphError(
            400, "BadRequest", "The request is currently not supported on the targeted entity set."
        )
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed.")


def _unknown(path: tuple[str, ...]) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{path[-1]}'.")
