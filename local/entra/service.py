"""The operations of Graph on the directory: which address does what.

Each operation is a method that takes a request and its keys and returns an answer; the table at the
end says which address it serves. Addresses that stand in no line of it do not exist here.
https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, cast

from local.entra import education, errors, links, privileges, query, rules
from local.entra.clock import stamp
from local.entra.dynamic import is_dynamic
from local.entra.errors import GraphError
from local.entra.messages import Answer, Json, Request
from local.entra.permissions import ROLE_MANAGEMENT, denied, hides
from local.entra.views import CLASS, GROUP, SCHOOL, UNIT, USER, VIEWS, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.entra.objects import DirectoryObject, Kind, Relation
    from local.entra.tenant import Tenant

NO_CONTENT = Answer(204)
PLAIN: dict[Kind, View] = {"user": USER, "group": GROUP, "administrativeUnit": UNIT}


class Service:
    """Graph on one tenant's directory."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._directory = tenant.directory

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
        shown = [view.body(one, select) | self._expanded(request, one, expanded) for one in page]
        total = None
        if query.counted(request):
            total = sum(1 for _ in self._candidates(request, view, 0))
        return self.listed(request, view.path, shown, following, total)

    def count(self, request: Request, view: View) -> Answer:
        """GET /…/$count: an advanced query."""
        if not request.eventual():
            raise errors.bad_request("$count is not currently supported.")
        return Answer(200, str(sum(1 for _ in self._candidates(request, view, 0))))

    def create(self, request: Request, view: View) -> Answer:
        """POST on a collection."""
        body = body_of(request)
        created = self._create(request, view, body, links.bound(body) if view is GROUP else [])
        return Answer(201, self.told(request, view, created))

    # Single objects

    def read(self, request: Request, view: View, key: str) -> Answer:
        """GET on an object."""
        found = self.find(view, key)
        return Answer(200, self.told(request, view, found))

    def update(self, request: Request, view: View, key: str) -> Answer:
        """PATCH on an object: 204, but education answers 200 with the object."""
        changed, body = self.find(view, key), body_of(request)
        self._update(request, view, changed, body)
        return Answer(200, self.told(request, view, changed)) if view.education else NO_CONTENT

    def delete(self, request: Request, view: View, key: str) -> Answer:
        """DELETE on an object: it goes to the deleted items."""
        gone = self.find(view, key)
        privileges.check_deletion(self._directory, gone, request.roles)
        self._directory.delete(gone, self._tenant.now())
        return NO_CONTENT

    def upsert(self, request: Request, unique_name: str) -> Answer:
        """PATCH /groups(uniqueName='…'): 204, or 201 where the caller prefers to create it."""
        body = body_of(request)
        found = self._directory.find("group", "uniqueName", unique_name)
        if found:
            self._update(
                request, GROUP, found[0], {n: v for n, v in body.items() if n != "uniqueName"}
            )
            return NO_CONTENT
        if not request.prefers("create-if-missing"):
            raise errors.not_found(unique_name)
        body |= {"uniqueName": unique_name}
        created = self._create(request, GROUP, body, links.bound(body))
        return Answer(201, self.told(request, GROUP, created))

    def named_group(self, request: Request, unique_name: str) -> Answer:
        """GET /groups(uniqueName='…')."""
        found = self._directory.find("group", "uniqueName", unique_name)
        if not found:
            raise errors.not_found(unique_name)
        return Answer(200, self.told(request, GROUP, found[0]))

    def create_inside(self, request: Request, unit: str) -> Answer:
        """POST /directory/administrativeUnits/{id}/members: a group that is made inside the unit.

        https://learn.microsoft.com/graph/api/administrativeunit-post-members
        """
        body, container = body_of(request), self.find(UNIT, unit)
        if str(body.get("@odata.type", "")).lstrip("#") != "microsoft.graph.group":
            raise errors.bad_request("Only a group can be created in an administrative unit.")
        links.check_manual(container, "members")
        created = self._create(request, GROUP, body, links.bound(body))
        self._directory.link(container, "members", created.id)
        return Answer(201, self.told(request, GROUP, created))

    # Links

    def linked(
        self, request: Request, view: View, key: str, relation: Relation, shown: View | None
    ) -> Answer:
        """GET members or owners. `shown`: the only type to list, and to list as; None: all."""
        container = self.find(view, key)
        size, start = query.page_size(request), query.start(request)
        found = [
            (serial, one)
            for serial, one in self._linked(request, container, relation)
            if shown is None or shown.shows(one)
        ]
        rest = [link for link in found if link[0] > start]
        names = query.any_selected(request)
        page = [linked_body(one, shown, names) for _, one in rest[:size]]
        following = rest[size - 1][0] if len(rest) > size else None
        total = len(found) if query.counted(request) else None
        path = shown.path if shown else "directoryObjects"
        return self.listed(request, path, page, following, total)

    def count_linked(
        self, request: Request, view: View, key: str, relation: Relation, shown: View | None
    ) -> Answer:
        """GET members/$count: an advanced query."""
        if not request.eventual():
            raise errors.bad_request("$count is not currently supported.")
        found = self._linked(request, self.find(view, key), relation)
        return Answer(200, str(sum(shown is None or shown.shows(one) for _, one in found)))

    def add_link(
        self, request: Request, view: View, key: str, relation: Relation, shown: View | None
    ) -> Answer:
        """POST members/$ref; only of the type that the address lists."""
        container = self.find(view, key)
        privileges.check_group(self._directory, container, request.roles)
        kind = shown.kind if shown else None
        links.add(self._directory, container, relation, request.body, kind)
        return NO_CONTENT

    def remove_link(
        self, request: Request, view: View, key: str, relation: Relation, target: str
    ) -> Answer:
        """DELETE members/{id}/$ref."""
        container = self.find(view, key)
        privileges.check_group(self._directory, container, request.roles)
        links.remove(self._directory, container, relation, target)
        return NO_CONTENT

    def delete_linked(
        self, request: Request, view: View, key: str, relation: Relation, target: str
    ) -> Answer:
        """DELETE members/{id} without $ref: the member itself is deleted."""
        if target.lower() not in self.find(view, key).links(relation):
            raise errors.not_found(target)
        gone = self._directory.live[target.lower()]
        privileges.check_deletion(self._directory, gone, request.roles)
        self._directory.delete(gone, self._tenant.now())
        return NO_CONTENT

    # Education

    def unit_of(self, request: Request, school: str) -> Answer:
        """GET /education/schools/{id}/administrativeUnit."""
        return Answer(200, self.told(request, UNIT, self.find(SCHOOL, school)))

    # The rest

    def by_ids(self, request: Request) -> Answer:
        """POST /directoryObjects/getByIds, up to 1,000 ids, of the `types` that are asked for."""
        body = body_of(request)
        ids = cast("list[str]", body.get("ids") or [])
        if len(ids) > 1_000:
            raise errors.bad_request("Too many ids: the maximum is 1000.")
        types = cast("list[str]", body.get("types") or [])
        live = self._directory.live
        found = [live[key.lower()] for key in dict.fromkeys(ids) if key.lower() in live]
        wanted = [one for one in found if not types or {one.kind, "directoryObject"} & {*types}]
        names = query.any_selected(request)
        shown = [linked_body(one, None, names) for one in wanted]
        return self.listed(request, "directoryObjects", shown, None)

    def deleted(self, request: Request, view: View) -> Answer:
        """GET /directory/deletedItems/microsoft.graph.{type}."""
        gone = [
            view.body(o, None) | {"deletedDateTime": stamp(o.deleted_at)}
            for o in self._directory.deleted.values()
            if view.shows(o) and o.deleted_at is not None
        ]
        return self.listed(request, view.path, gone, None)

    def restore(self, request: Request, key: str) -> Answer:
        """POST /directory/deletedItems/{id}/restore; a name taken meanwhile is a conflict."""
        gone = self._gone(key)
        privileges.check_deletion(self._directory, gone, request.roles)
        view, values = PLAIN[gone.kind], dict(gone.values)
        body = cast("Json", request.body or {})
        if gone.kind == "user" and body.get("newUserPrincipalName"):
            values["userPrincipalName"] = body["newUserPrincipalName"]
        if body.get("autoReconcileProxyConflict"):
            addresses = cast("list[str]", values.get("proxyAddresses") or [])
            values["proxyAddresses"] = [
                one for one in addresses if not rules.is_taken(self._directory, one, gone)
            ]
        rules.check_values(view, values, self._directory, self._tenant.domains, gone)
        self._directory.restore(gone)
        self._directory.update(gone, values)
        return Answer(200, self.told(request, view, gone))

    def purge(self, _: Request, key: str) -> Answer:
        """DELETE /directory/deletedItems/{id}."""
        self._directory.purge(self._gone(key))
        return NO_CONTENT

    # Parts

    def _candidates(
        self, request: Request, view: View, start: int
    ) -> Iterator[tuple[int, DirectoryObject]]:
        self._tenant.extensions.check_query(request.query.get("$filter", ""))
        test = query.test_of(request, view)
        order = query.order(request, view)
        simple = query.looked_up(request)
        if simple and self._directory.indexed(view.kind, simple[0]):
            found = enumerate(self._tenant.index.find(view.kind, *simple))
        else:
            found = self._tenant.index.page(view.kind, 0 if order else start)
        hits = (
            (place, candidate)
            for place, candidate in found
            if view.shows(candidate) and (test is None or test(candidate))
        )
        if order:
            objects = sorted((one for _, one in hits), key=order, reverse=query.descending(request))
            hits = enumerate(objects)
        yield from ((place, candidate) for place, candidate in hits if place >= start)

    def _expanded(
        self,
        request: Request,
        shown: DirectoryObject,
        expanded: tuple[Relation, frozenset[str] | None] | None,
    ) -> Json:
        """Members or owners inside of their object, twenty at most."""
        if expanded is None:
            return {}
        relation, select = expanded
        found = self._linked(request, shown, relation)[: query.MOST_EXPANDED]
        return {relation: [linked_body(one, None, select) for _, one in found]}

    def _linked(
        self, request: Request, container: DirectoryObject, relation: Relation
    ) -> builtins.list[tuple[int, DirectoryObject]]:
        """The links of a container that the caller may see, in the order of their joining."""
        if hides(container, relation, request):
            return []
        index = self._tenant.index
        version = index.version(container.id) or container
        found = ((serial, index.version(key)) for key, serial in version.links(relation).items())
        return sorted(
            ((serial, one) for serial, one in found if one is not None), key=lambda link: link[0]
        )

    def find(self, view: View, key: str) -> DirectoryObject:
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

    def _create(
        self, request: Request, view: View, body: Json, bound: list[tuple[Relation, str]]
    ) -> DirectoryObject:
        self._tenant.capacity.check()
        values = rules.check_names(view, body, self._tenant.extensions)
        if values.get("isAssignableToRole") and ROLE_MANAGEMENT not in request.roles:
            raise denied()
        rules.check_creation(view, values, self._directory, self._tenant.domains)
        self._tenant.dynamic.check(view, values, None)
        unified = view is CLASS or "Unified" in (values.get("groupTypes") or ())
        links.check_bind(self._directory, None, bound, unified=unified)
        if is_dynamic(values) and any(relation == "members" for relation, _ in bound):
            raise links.decided_by_rule()
        created = self._directory.add(
            view.kind, self._completed(view, self._stored(view, values, None)),
            education=view.education,
        )  # fmt: skip
        links.bind(self._directory, created, bound)
        return created

    def _completed(self, view: View, values: Json) -> Json:
        """What the service adds to a new object."""
        now = {"createdDateTime": self._tenant.stamp()}
        if view is CLASS:
            values = values | {
                "groupTypes": ["Unified"], "mailEnabled": True, "securityEnabled": False,
                "visibility": "HiddenMembership", "creationOptions": ["classAssignments"],
            }  # fmt: skip
        if view.kind == "group" and "Unified" in values.get("groupTypes", ()):
            mail = f"{values['mailNickname']}@{self._tenant.domains[0]}"
            values = values | {"mail": mail, "proxyAddresses": [f"SMTP:{mail}"]}
        if view.kind == "user":
            values = {"userType": "Member"} | values
        return values | (now if view.kind != "administrativeUnit" else {})

    def _update(self, request: Request, view: View, changed: DirectoryObject, body: Json) -> None:
        bound = links.bound(body) if view is GROUP else []
        values = rules.check_names(view, body, self._tenant.extensions)
        if not values and not bound:
            raise errors.empty()
        privileges.check_write(self._directory, changed, values, request.roles)
        rules.check_update(view, changed, values, self._directory, self._tenant.domains)
        self._tenant.dynamic.check(view, values, changed)
        links.check_bind(self._directory, changed, bound)
        self._directory.update(changed, self._stored(view, values, changed))
        links.bind(self._directory, changed, bound)

    def _stored(self, view: View, values: Json, changed: DirectoryObject | None) -> Json:
        """Values as the directory keeps them: parts merged, education values told twice."""
        for name in rules.MERGED & set(values):
            if isinstance(values[name], dict):
                before = changed.values.get(name) if changed else None
                values[name] = (before or {}) | values[name]
        if "onPremisesInfo" in values:
            info = cast("Json", values.pop("onPremisesInfo") or {})
            values["onPremisesImmutableId"] = info.get("immutableId")
        if view.education:
            return values | education.attributes(view.kind, values, changed)
        return values

    def told(self, request: Request, view: View, shown: DirectoryObject) -> Json:
        """An object as the answer to a request."""
        context = f"{request.base}/$metadata#{view.path}/$entity"
        body = view.body(shown, query.selected(request, view))
        if request.method == "GET":
            body |= self._expanded(request, shown, query.expanded(request, view))
        return {"@odata.context": context} | body

    def listed(
        self,
        request: Request,
        path: str,
        found: builtins.list[Json],
        following: int | None,
        total: int | None = None,
    ) -> Answer:
        """A page of a list. `following`: the place at which the next one begins."""
        body: Json = {"@odata.context": f"{request.base}/$metadata#{path}"}
        if total is not None:
            body["@odata.count"] = total
        if following is not None:
            body["@odata.nextLink"] = query.next_link(request, following)
        return Answer(200, body | {"value": found})


def linked_body(one: DirectoryObject, shown: View | None, names: frozenset[str] | None) -> Json:
    """An object in a list of links: as the type asked for, or as its own with its name."""
    if shown is not None:
        return shown.body(one, names)
    return {"@odata.type": f"#microsoft.graph.{one.kind}"} | PLAIN[one.kind].body(one, names)


def body_of(request: Request) -> Json:
    """The JSON object that a request brings; 400 where it brings none."""
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
