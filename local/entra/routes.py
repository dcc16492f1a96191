"""Routes: from an address and a method to the operation that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra.errors import GraphError
from local.entra.extensions import OBJECT_TYPE, undeclared
from local.entra.service import Service, view_at
from local.entra.views import CLASS, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
    from local.entra.delta import Deltas
    from local.entra.messages import Answer, Request
    from local.entra.objects import Relation
    from local.entra.tenant import Tenant

_DELETED = {"graph.user": USER, "graph.group": GROUP, "graph.administrativeUnit": UNIT}
# How a collection's links are called in its addresses.
_LINKS: dict[tuple[str, str], Relation] = {
    (GROUP.name, "members"): "members",
    (GROUP.name, "owners"): "owners",
    (UNIT.name, "members"): "members",
    (CLASS.name, "members"): "members",
    (CLASS.name, "teachers"): "owners",
    (SCHOOL.name, "users"): "members",
    (SCHOOL.name, "classes"): "members",
}


class Router:
    """Finds and calls the operation for a request."""

    def __init__(self, service: Service, deltas: Deltas, tenant: Tenant) -> None:
        self._service = service
        self._deltas = deltas
        self._tenant = tenant

    def settle(self) -> None:
        """Does what is due on the tenant's clock."""
        self._tenant.agenda.run(self._tenant.now())

    def answer(self, request: Request) -> Answer:
        """The answer; 400 for an address that does not exist, 405 for a method it has not."""
        self.settle()
        try:
            return self._answer(request)
        finally:
            self.settle()

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
                return service.domains(request)
            case ("organization",):
                return service.organization(request)
            case ("directoryObjects", "getByIds"):
                return service.by_ids(request)
            case ("applications", app, "extensionProperties"):
                return service.extension_properties(request, app)
            case ("groups(uniqueName=)", name):
                if request.method == "GET":
                    return service.named_group(request, name)
                _only(request, "PATCH")
                return service.upsert(request, name)
            case ("directory", "deletedItems", kind) if kind in _DELETED:
                return service.deleted(request, _DELETED[kind])
            case ("directory", "deletedItems", key, "restore"):
                return service.restore(request, key)
            case ("directory", "deletedItems", key):
                _only(request, "DELETE")
                return service.purge(request, key)
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
        relation = _LINKS.get((view.name, below[0]))
        if relation is None:
            raise _unknown(request.path)
        return self._links(request, view, key, relation, below[1:])

    def _links(
        self, request: Request, view: View, key: str, relation: Relation, below: list[str]
    ) -> Answer:
        service = self._service
        match (request.method, *below):
            case ("GET",) | ("GET", "graph.user"):
                return service.linked(request, view, key, relation)
            case ("GET", "$count"):
                return service.count_linked(request, view, key, relation)
            case ("POST", "$ref"):
                return service.add_link(request, view, key, relation)
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
