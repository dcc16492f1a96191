"""The operations of Graph on the directory: which address does what.

Each operation is a method that takes a request and its keys and returns an answer; the table at the
end says which address it serves. Addresses that stand in no line of it do not exist here.
https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, cast

from local.entra import education, errors, links, query, rules
from local.entra.clock import stamp
from local.entra.errors import GraphError
from local.entra.messages import Answer, Json, Request
from local.entra.views import CLASS, GROUP, SCHOOL, UNIT, USER, VIEWS, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.entra.objects import DirectoryObject, Relation
    from local.entra.tenant import Tenant

NO_CONTENT = Answer(204)


class Service:
    """Graph on one tenant's directory."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._directory = tenant.directory

    # Collections

    def list(self, request: Request, view: View) -> Answer:
        """GET on a collection."""
        select, size = query.selected(request, view), query.page_size(request)
        start = query.start(request)
        page: list[DirectoryObject] = []
        following: int | None = None
        for place, found in self._candidates(request, view, start):
            if len(page) == size:
                following = place
                break
            page.append(found)
        return self._listed(request, view.path, [view.body(o, select) for o in page], following)

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

    def linked(self, request: Request, view: View, key: str, relation: Relation) -> Answer:
        """GET members or owners."""
        container = self._find(view, key)
        size, start = query.page_size(request), query.start(request)
        targets = sorted(container.links(relation).items(), key=lambda link: link[1])
        rest = [(target, serial) for target, serial in targets if serial > start]
        select = request.query.get("$select", "")
        names = frozenset(name.strip() for name in select.split(",")) if select else None
        page = [
            {"@odata.type": f"#microsoft.graph.{self._directory.live[target].kind}"}
            | USER.body(self._directory.live[target], names)
            for target, _ in rest[:size]
        ]
        following = rest[size - 1][1] if len(rest) > size else None
        return self._listed(request, "directoryObjects", page, following)

    def count_linked(self, request: Request, view: View, key: str, relation: Relation) -> Answer:
        """GET members/$count: an advanced query."""
        if not request.eventual():
            raise errors.bad_request("$count is not currently supported.")
        return Answer(200, str(len(self._find(view, key).links(relation))))

    def add_link(self, request: Request, view: View, key: str, relation: Relation) -> Answer:
        """POST members/$ref."""
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

    def extension_properties(self, request: Request, app: str) -> Answer:
        """GET and POST /applications/{id}/extensionProperties; ids of application and app are one.

        https://learn.microsoft.com/graph/api/application-post-extensionproperty
        """
        extensions = self._tenant.extensions
        path = f"applications('{app}')/extensionProperties"
        if request.method == "GET":
            return self._listed(request, path, extensions.of_app(app), None)
        body = _object(request)
        name = f"extension_{app.replace('-', '').lower()}_{body.get('name')}"
        made = extensions.define(name, body.get("dataType", "String"), body["targetObjects"])
        return Answer(201, {"@odata.context": f"{request.base}/$metadata#{path}/$entity"} | made)

    def by_ids(self, request: Request) -> Answer:
        """POST /directoryObjects/getByIds, up to 1,000 ids."""
        ids = cast("list[str]", _object(request).get("ids") or [])
        if len(ids) > 1_000:
            raise errors.bad_request("Too many ids: the maximum is 1000.")
        found = [self._directory.live[key.lower()] for key in ids if key.lower() in
                 self._directory.live]  # fmt: skip
        shown = [{"@odata.type": f"#microsoft.graph.{one.kind}"} | USER.body(one, None)
                 for one in found]  # fmt: skip
        return self._listed(request, "directoryObjects", shown, None)

    def deleted(self, request: Request, view: View) -> Answer:
        """GET /directory/deletedItems/microsoft.graph.{type}."""
        gone = [
            view.body(o, None) | {"deletedDateTime": stamp(o.deleted_at)}
            for o in self._directory.deleted.values()
            if view.shows(o) and o.deleted_at is not None
        ]
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
        self._tenant.extensions.check_query(request.query.get("$filter", ""))
        test = query.filter_test(request, view)
        simple = query.looked_up(request)
        if simple and self._directory.indexed(view.kind, simple[0]):
            hits = self._directory.find(view.kind, *simple)
            found = islice(enumerate(hits), start, None)
        else:
            found = self._directory.page(view.kind, start)
        for place, candidate in found:
            if view.shows(candidate) and (test is None or test(candidate)):
                yield place, candidate

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
        values = rules.check_names(view, body, self._tenant.extensions)
        rules.check_creation(view, values, self._directory, self._tenant.domains)
        links.check_bind(self._directory, None, bound)
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
        return values | (now if view.kind != "administrativeUnit" else {})

    def _update(self, view: View, changed: DirectoryObject, body: Json) -> None:
        bound = links.bound(body) if view is GROUP else []
        values = rules.check_names(view, body, self._tenant.extensions)
        rules.check_update(view, changed, values, self._directory, self._tenant.domains)
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

    def _told(self, request: Request, view: View, shown: DirectoryObject) -> Json:
        context = f"{request.base}/$metadata#{view.path}/$entity"
        return {"@odata.context": context} | view.body(shown, query.selected(request, view))

    def _listed(
        self, request: Request, path: str, found: list[Json], following: int | None
    ) -> Answer:
        body: Json = {"@odata.context": f"{request.base}/$metadata#{path}", "value": found}
        if following is not None:
            options = {n: v for n, v in request.query.items() if n != "$skiptoken"}
            asked = "&".join(f"{n}={v}" for n, v in (options | {"$skiptoken": following}).items())
            body["@odata.nextLink"] = f"{request.base}/{'/'.join(request.path)}?{asked}"
        return Answer(200, body)


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
