"""What an object is connected with: memberships, the two faces of classes and people, schools.

https://learn.microsoft.com/graph/api/user-list-memberof,
https://learn.microsoft.com/graph/api/group-list-transitivemembers,
https://learn.microsoft.com/graph/api/resources/educationuser#relationships
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra import errors, query
from local.entra.messages import Answer, Json, Request
from local.entra.views import CLASS, EDUCATION_USER, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.entra.directory import Directory
    from local.entra.objects import DirectoryObject, Kind
    from local.entra.tenant import Tenant

OF_KIND: dict[Kind, View] = {"user": USER, "group": GROUP, "administrativeUnit": UNIT}
# The other face of an object: (view, segment) → view.
_FACES = {(CLASS.name, "group"): GROUP, (EDUCATION_USER.name, "user"): USER}


def as_directory_object(shown: DirectoryObject, select: frozenset[str] | None) -> Json:
    """An object in a list of directory objects, with its type."""
    kind = f"#microsoft.graph.{shown.kind}"
    return {"@odata.type": kind} | OF_KIND[shown.kind].body(shown, select)


def selected(request: Request) -> frozenset[str] | None:
    """The properties selected in a list of directory objects; a type without one leaves it out."""
    text = request.query.get("$select", "")
    return frozenset(name.strip() for name in text.split(",")) if text else None


class Navigation:
    """Lists of what an object is connected with."""

    def __init__(self, tenant: Tenant) -> None:
        self._directory: Directory = tenant.directory

    def answer(
        self, request: Request, view: View, found: Callable[[], DirectoryObject], below: list[str]
    ) -> Answer | None:
        """The answer to a GET below an object; None where the address is none of these."""
        if request.method != "GET" or not below:
            return None
        name, *rest = below
        face = _FACES.get((view.name, name))
        if face is not None and not rest:
            body = face.body(found(), query.selected(request, face))
            return Answer(200, {"@odata.context": f"{request.base}/$metadata#{face.path}/$entity"}
                          | body)  # fmt: skip
        listed = self._listed(view, name, found)
        if listed is None:
            return None
        shown, objects = listed
        return self._page(request, shown, list(objects()), rest)

    def _listed(
        self, view: View, name: str, found: Callable[[], DirectoryObject]
    ) -> tuple[View | None, Callable[[], Iterable[DirectoryObject]]] | None:
        """The type that a connection shows (None: directory objects), and how to list it."""
        match (view.name, name):
            case ("user" | "group", "memberOf"):
                return None, lambda: self._containers(found())
            case ("user" | "group", "transitiveMemberOf"):
                return None, lambda: self._all(found(), self._containers)
            case ("group", "transitiveMembers"):
                return None, lambda: self._all(found(), self._members)
            case ("educationUser", "classes"):
                return CLASS, lambda: _of(CLASS, self._containers(found()))
            case ("educationUser", "taughtClasses"):
                return CLASS, lambda: _of(CLASS, self._containers(found(), "owners"))
            case ("educationUser" | "educationClass", "schools"):
                return SCHOOL, lambda: _of(SCHOOL, self._containers(found()))
            case _:
                return None

    def _page(
        self, request: Request, shown: View | None, objects: list[DirectoryObject], rest: list[str]
    ) -> Answer:
        if rest and rest[0].startswith("graph."):
            kind = rest[0].removeprefix("graph.")
            objects = [one for one in objects if one.kind == kind]
            rest = rest[1:]
        if rest == ["$count"]:
            if not request.eventual():
                raise errors.bad_request("$count is not currently supported.")
            return Answer(200, str(len(objects)))
        if rest:
            raise errors.bad_request(f"Resource not found for the segment '{rest[0]}'.")
        size, start = query.page_size(request), query.start(request)
        page = objects[start : start + size]
        select = query.selected(request, shown) if shown else selected(request)
        context = shown.path if shown else "directoryObjects"
        body: Json = {"@odata.context": f"{request.base}/$metadata#{context}"}
        if query.counted(request):
            body["@odata.count"] = len(objects)
        if start + size < len(objects):
            body["@odata.nextLink"] = query.next_link(request, start + size)
        body["value"] = [
            shown.body(one, select) if shown else as_directory_object(one, select) for one in page
        ]
        return Answer(200, body)

    def _containers(
        self, held: DirectoryObject, relation: str = "members"
    ) -> list[DirectoryObject]:
        live = self._directory.live
        return [live[key] for key, other in held.containers if other == relation and key in live]

    def _members(self, group: DirectoryObject) -> list[DirectoryObject]:
        return [self._directory.live[key] for key in group.members if key in self._directory.live]

    def _all(
        self, first: DirectoryObject, following: Callable[[DirectoryObject], list[DirectoryObject]]
    ) -> list[DirectoryObject]:
        """Everything that can be reached, each object once, the nearest first."""
        found: dict[str, DirectoryObject] = {}
        waiting = following(first)
        while waiting:
            fresh = {one.id: one for one in waiting if one.id not in found}
            found |= fresh
            waiting = [other for one in fresh.values() for other in following(one)]
        return list(found.values())


def _of(view: View, objects: Iterable[DirectoryObject]) -> list[DirectoryObject]:
    return [one for one in objects if view.shows(one)]
