"""From an object to those it belongs to: groups and units of a user, classes and schools.

Directly, or through groups in groups, of which each object is told once, the nearest first.
https://learn.microsoft.com/graph/api/user-list-memberof,
https://learn.microsoft.com/graph/api/group-list-transitivemembers,
https://learn.microsoft.com/graph/api/educationuser-list-classes,
https://learn.microsoft.com/graph/api/educationclass-list-schools
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra import errors, query
from local.entra.messages import Answer
from local.entra.service import linked_body
from local.entra.views import CLASS, EDUCATION_USER, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.entra.messages import Request
    from local.entra.objects import DirectoryObject, Relation
    from local.entra.service import Service
    from local.entra.tenant import Tenant

# Address below an object → relation, and the type that is listed (None: any).
_BELONGINGS: dict[tuple[str, str], tuple[Relation, View | None]] = {
    (USER.name, "memberOf"): ("members", None),
    (USER.name, "ownedObjects"): ("owners", None),
    (GROUP.name, "memberOf"): ("members", None),
    (EDUCATION_USER.name, "classes"): ("members", CLASS),
    (EDUCATION_USER.name, "taughtClasses"): ("owners", CLASS),
    (EDUCATION_USER.name, "schools"): ("members", SCHOOL),
    (CLASS.name, "schools"): ("members", SCHOOL),
}
_SAME = {(EDUCATION_USER.name, "user"): USER, (CLASS.name, "group"): GROUP}
_CASTS = {"graph.user": USER, "graph.group": GROUP, "graph.administrativeUnit": UNIT}


class Navigation:
    """Follows what an object belongs to."""

    def __init__(self, tenant: Tenant, service: Service) -> None:
        self._directory = tenant.directory
        self._service = service

    def answer(self, request: Request, view: View, key: str, below: list[str]) -> Answer | None:
        """The answer to a GET below an object; None where this is no such address."""
        same = _SAME.get((view.name, below[0]))
        if same is not None and len(below) == 1:
            found = self._service.find(view, key)
            return Answer(200, self._service.told(request, same, found))
        found = self._found(view, key, below[0])
        if found is None:
            return None
        objects, shown = found
        rest = below[1:]
        if rest and shown is None and rest[0] in _CASTS:
            shown = _CASTS[rest.pop(0)]
        wanted = [one for one in objects if shown is None or shown.shows(one)]
        if rest == ["$count"]:
            if not request.eventual():
                raise errors.bad_request("$count is not currently supported.")
            return Answer(200, str(len(wanted)))
        return None if rest else self._listed(request, wanted, shown)

    def _found(
        self, view: View, key: str, name: str
    ) -> tuple[list[DirectoryObject], View | None] | None:
        """What an address below an object is about, and the type that it lists."""
        if (view.name, name) in _BELONGINGS:
            relation, shown = _BELONGINGS[view.name, name]
            return self._containers(self._service.find(view, key), relation), shown
        if view in (USER, GROUP) and name == "transitiveMemberOf":
            return _all(self._service.find(view, key), self._containers), None
        if view is GROUP and name == "transitiveMembers":
            return _all(self._service.find(view, key), self._members), None
        return None

    def _listed(
        self, request: Request, wanted: list[DirectoryObject], shown: View | None
    ) -> Answer:
        size, start = query.page_size(request), query.start(request)
        names = query.any_selected(request)
        page = [linked_body(one, shown, names) for one in wanted[start : start + size]]
        following = start + size if len(wanted) > start + size else None
        path = shown.path if shown else "directoryObjects"
        total = len(wanted) if query.counted(request) else None
        return self._service.listed(request, path, page, following, total)

    def _containers(
        self, member: DirectoryObject, relation: Relation = "members"
    ) -> list[DirectoryObject]:
        live = self._directory.live
        return [live[key] for key, one in member.containers if one == relation and key in live]

    def _members(self, group: DirectoryObject) -> list[DirectoryObject]:
        live = self._directory.live
        return [live[key] for key in group.members if key in live]


def _all(
    first: DirectoryObject, following: Callable[[DirectoryObject], list[DirectoryObject]]
) -> list[DirectoryObject]:
    """Everything that can be reached, each object once, the nearest first."""
    found: dict[str, DirectoryObject] = {}
    waiting = following(first)
    while waiting:
        fresh = {one.id: one for one in waiting if one.id not in found}
        found |= fresh
        waiting = [other for one in fresh.values() for other in following(one)]
    return list(found.values())
