"""The operations of Graph on the directory: which address does what.

Each operation is a method that takes a request and its keys and returns an answer; the table at the
end says which address it serves. Addresses that stand in no line of it do not exist here.
https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

import builtins
from itertools import islice
from typing import TYPE_CHECKING, cast

from local.entra import errors, links, navigation, query, rules
from local.entra.errors import GraphError
from local.entra.messages import Answer, Json, Request
from local.entra.navigation import Navigation
from local.entra.views import CLASS, GROUP, SCHOOL, UNIT, USER, VIEWS, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.entra.objects import DirectoryObject, Relation
    from local.entra.tenant import Tenant

NO_CONTENT = Answer(204)
_SCHOOL_LINKS = {"users": "user", "classes": "group"}


class Service:
    """Graph on one tenant's directory."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._directory = tenant.directory
        self._index = tenant.index
        self._navigation = Navigation(tenant)

    # Collections

    def list(self, request: Request, view: View) -> Answer:
        """GET on a collection."""
        select, size = query.selected(request, view), query.page_size(request)
        expanded = query.expanded(request, view)
        page: list[DirectoryObject] = []
        following: int | None = None
        for place, found in self._candidates(request, view, query.start(request)):
            if len(page) == size:
                following = place
                break
            page.append(found)
        shown = [view.body(one, select) | self._expanded(one, expanded) for one in page]
        total = None
        if query.counted(request):
            total = sum(1 for _ in self._candidates(request, view, 0))
        return self._listed(request, view.path, shown, following, total)

    def count(self, request: Request, view: View) -> Answer:
        """GET /…/$count: an advanced query."""
        if not request.eventual():
            raise errors.bad_request("$count is not currently supported.")
        return Answer(200, str(sum(1 for _ in self._candidates(request, view, 0))))

    def create(self, request: Request, view: View) -> Answer:
        """POST on a collection."""
        body = _object(request)
        created = self._create(view, body, links.bound(body) if view is GROUP else [])
        return Answer(201, self._told(request, view, created))

    # Single objects

    def read(self, request: Request, view: View, key: str) -> Answer:
        """GET on an object."""
        found = self._find(view, key)
        return Answer(200, self._told(request, view, found))

    def update(self, request: Request, view: View, key: str) -> Answer:
        """PATCH on an object: 204, but education answers 200 with the object."""
        changed, body = self._find(view, key), _object(request)
        self._update(view, changed, body)
        return Answer(200, self._told(request, view, changed)) if view.education else NO_CONTENT

    def delete(self, _: Request, view: View, key: str) -> Answer:
        """DELETE on an object: it goes to the deleted items."""
        self._directory.delete(self._find(view, key), self._tenant.now())
        return NO_CONTENT

    def upsert(self, request: Request, unique_name: str) -> Answer:
        """PATCH /groups(uniqueName='…'): 204, or 201 where the caller prefers to create it."""
        body = _object(request)
        found = self._directory.find("group", "uniqueName", unique_name)
        if found:
            self._update(GROUP, found[0], {n: v for n, v in body.items() if n != "uniqueName"})
            return NO_CONTENT
        if not request.prefers("create-if-missing"):
            raise errors.not_found(unique_name)
        created = self._create(GROUP, body | {"uniqueName": unique_name}, links.bound(body))
        return Answer(201, self._told(request, GROUP, created))

    def named_group(self, request: Request, unique_name: str) -> Answer:
        """GET /groups(uniqueName='…')."""
        found = self._directory.find("group", "uniqueName", unique_name)
        if not found:
            raise errors.not_found(unique_name)
        return Answer(200, self._told(request, GROUP, found[0]))

    # Links

    def linked(
        self, request: Request, view: View, key: str, relation: Relation, kind: str = ""
    ) -> Answer:
        """GET members or owners, those of one kind if asked for."""
        size, start = query.page_size(request), query.start(request)
        targets = [
            (serial, self._directory.live[target])
            for target, serial in self._links(request, view, key, relation)
            if not kind or self._directory.live[target].kind == kind
        ]
        rest = [(serial, target) for serial, target in targets if serial > start]
        select = navigation.selected(request)
        page = [navigation.as_directory_object(target, select) for _, target in rest[:size]]
        following = rest[size - 1][0] if len(rest) > size else None
        total = len(targets) if query.counted(request) else None
        return self._listed(request, "directoryObjects", page, following, total)

    def count_linked(self, request: Request, view: View, key: str, relation: Relation) -> Answer:
        """GET members/$count: an advanced query."""
        if not request.eventual():
            raise errors.bad_request("$count is not currently supported.")
        return Answer(200, str(len(self._links(request, view, key, relation))))

    def add_link(self, request: Request, view: View, key: str, relation: Relation) -> Answer:
        """POST members/$ref; to a school's users or classes only those."""
        kind = _SCHOOL_LINKS.get(request.path[-2]) if view is SCHOOL else None
        if kind:
            links.check_kind_of(self._directory, request.body, kind)
        links.add(self._directory, self._find(view, key), relation, request.body)
        return NO_CONTENT

    def remove_link(
        self, _: Request, view: View, key: str, relation: Relation, target: str
    ) -> Answer:
        """DELETE members/{id}/$ref."""
        links.remove(self._directory, self._find(view, key), relation, target)
        return NO_CONTENT

    def delete_linked(
        self, _: Request, view: View, key: str, relation: Relation, target: str
    ) -> Answer:
        """DELETE members/{id} without $ref: the member itself is deleted."""
        if target.lower() not in self._find(view, key).links(relation):
            raise errors.not_found(target)
        self._directory.delete(self._directory.live[target.lower()], self._tenant.now())
        return NO_CONTENT

    # Education

    def unit_of(self, request: Request, school: str) -> Answer:
        """GET /education/schools/{id}/administrativeUnit."""
        return Answer(200, self._told(request, UNIT, self._find(SCHOOL, school)))

    def add_class(self, request: Request, school: str) -> Answer:
        """POST /education/schools/{id}/classes/$ref: the class's group joins the unit."""
        return self.add_link(request, SCHOOL, school, "members")

    def connected(self, request: Request, view: View, key: str, below: list[str]) -> Answer | None:
        """GET on what an object is connected with; None where there is no such connection."""
        return self._navigation.answer(request, view, lambda: self._find(view, key), below)

    # The rest

    def domains(self, request: Request) -> Answer:
        """GET /domains."""
        return self._listed(request, "domains", self._tenant.domain_list(), None)

    def organization(self, request: Request) -> Answer:
        """GET /organization."""
        body = {"id": self._tenant.identity.tenant_id, "displayName": "Contoso Schools"}
        body["verifiedDomains"] = [  # pyright: ignore[reportArgumentType]
            {"name": domain["id"], "isDefault": domain["isDefault"]}
            for domain in self._tenant.domain_list()
        ]
        return self._listed(request, "organization", [body], None)

    def by_ids(self, request: Request) -> Answer:
        """POST /directoryObjects/getByIds, up to 1,000 ids."""
        ids = cast("list[str]", _object(request).get("ids") or [])
        if len(ids) > 1_000:
            raise errors.bad_request("Too many ids: the maximum is 1000.")
        found = [self._directory.live[key.lower()] for key in ids if key.lower() in
                 self._directory.live]  # fmt: skip
        select = navigation.selected(request)
        shown = [navigation.as_directory_object(one, select) for one in found]
        return self._listed(request, "directoryObjects", shown, None)

    def deleted(self, request: Request, view: View) -> Answer:
        """GET /directory/deletedItems/microsoft.graph.{type}."""
        gone = [view.body(o, None) for o in self._directory.deleted.values() if view.shows(o)]
        return self._listed(request, view.path, gone, None)

    def restore(self, request: Request, key: str) -> Answer:
        """POST /directory/deletedItems/{id}/restore; a name taken meanwhile is a conflict."""
        gone = self._gone(key)
        view = {"user": USER, "group": GROUP, "administrativeUnit": UNIT}[gone.kind]
        rules.check_values(view, gone.values, self._directory, self._tenant.domains, gone)
        self._directory.restore(gone)
        return Answer(200, self._told(request, view, gone))

    def purge(self, _: Request, key: str) -> Answer:
        """DELETE /directory/deletedItems/{id}."""
        self._directory.purge(self._gone(key))
        return NO_CONTENT

    # Parts

    def _candidates(
        self, request: Request, view: View, start: int
    ) -> Iterator[tuple[int, DirectoryObject]]:
        test = query.test_of(request, view)
        order = query.order(request, view)
        simple = query.looked_up(request)
        if simple and self._directory.indexed(view.kind, simple[0]):
            found = enumerate(self._index.find(view.kind, *simple))
        else:
            found = self._index.page(view.kind, 0 if order else start)
        hits = (
            (place, candidate)
            for place, candidate in found
            if view.shows(candidate) and (test is None or test(candidate))
        )
        if order:
            objects = sorted((one for _, one in hits), key=order, reverse=query.descending(request))
            hits = enumerate(objects)
        yield from ((place, candidate) for place, candidate in hits if place >= start)

    def _links(
        self, request: Request, view: View, key: str, relation: Relation
    ) -> builtins.list[tuple[str, int]]:
        """The links of a container as the index knows them; a school's users, or classes."""
        found = self._find(view, key)
        past = self._index.version(found.id) or found
        live = self._directory.live
        kind = _SCHOOL_LINKS.get(request.path[-1]) if view is SCHOOL else None
        there = [(target, serial) for target, serial in past.links(relation).items()
                 if target in live and (kind is None or live[target].kind == kind)]  # fmt: skip
        return sorted(there, key=lambda link: link[1])

    def _expanded(
        self, shown: DirectoryObject, expanded: tuple[Relation, frozenset[str] | None] | None
    ) -> Json:
        """Members or owners inside of their object, twenty at most."""
        if expanded is None:
            return {}
        relation, select = expanded
        first = islice(shown.links(relation), query.MOST_EXPANDED)
        live = self._directory.live
        targets = [live[target] for target in first if target in live]
        return {relation: [navigation.as_directory_object(one, select) for one in targets]}

    def _find(self, view: View, key: str) -> DirectoryObject:
        wanted = self._directory.schools.get(key, "") if view is SCHOOL else key
        found = self._directory.get(view.kind, wanted)
        if found is None and view is USER and "@" in key:
            found = next(iter(self._directory.find("user", "userPrincipalName", key)), None)
        if found is None or not view.shows(found):
            raise errors.not_found(key)
        return found

    def _gone(self, key: str) -> DirectoryObject:
        found = self._directory.deleted.get(key.lower())
        if found is None:
            raise errors.not_found(key)
        return found

    def _create(self, view: View, body: Json, bound: list[tuple[Relation, str]]) -> DirectoryObject:
        values = rules.check_names(view, body)
        rules.check_creation(view, values, self._directory, self._tenant.domains)
        unified = view is CLASS or "Unified" in (values.get("groupTypes") or ())
        links.check_bind(self._directory, None, bound, unified=unified)
        created = self._directory.add(
            view.kind, self._completed(view, values), education=view.education
        )
        links.bind(self._directory, created, bound)
        return created

    def _completed(self, view: View, values: Json) -> Json:
        """What the service adds to a new object."""
        now = {"createdDateTime": self._tenant.stamp()}
        if view is CLASS:
            return values | now | {
                "groupTypes": ["Unified"], "mailEnabled": True, "securityEnabled": False,
                "visibility": "HiddenMembership", "creationOptions": ["classAssignments"],
                "mail": f"{values['mailNickname']}@{self._tenant.domains[0]}",
            }  # fmt: skip
        return values | (now if view.kind != "administrativeUnit" else {})

    def _update(self, view: View, changed: DirectoryObject, body: Json) -> None:
        bound = links.bound(body) if view is GROUP else []
        values = rules.check_names(view, body)
        if not values and not bound:
            raise errors.empty()
        rules.check_update(view, changed, values, self._directory, self._tenant.domains)
        links.check_bind(self._directory, changed, bound)
        for name in ("student", "teacher"):
            if isinstance(values.get(name), dict):
                values[name] = (changed.values.get(name) or {}) | values[name]
        self._directory.update(changed, values)
        links.bind(self._directory, changed, bound)

    def _told(self, request: Request, view: View, shown: DirectoryObject) -> Json:
        context = f"{request.base}/$metadata#{view.path}/$entity"
        body = view.body(shown, query.selected(request, view))
        if request.method == "GET":
            body |= self._expanded(shown, query.expanded(request, view))
        return {"@odata.context": context} | body

    def _listed(
        self,
        request: Request,
        path: str,
        found: builtins.list[Json],
        following: int | None,
        total: int | None = None,
    ) -> Answer:
        body: Json = {"@odata.context": f"{request.base}/$metadata#{path}"}
        if total is not None:
            body["@odata.count"] = total
        if following is not None:
            body["@odata.nextLink"] = query.next_link(request, following)
        return Answer(200, body | {"value": found})


def _object(request: Request) -> Json:
    if not isinstance(request.body, dict):
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.")
    return cast("Json", request.body)


def view_at(path: tuple[str, ...]) -> tuple[View, tuple[str, ...]] | None:
    """The collection that a path starts with, and the rest of the path."""
    for view in VIEWS.values():
        parts = tuple(view.path.split("/"))
        if path[: len(parts)] == parts:
            return view, path[len(parts) :]
    return None
