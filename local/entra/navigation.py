"""From an object to those it belongs to: groups and units of a user, classes and schools.

https://learn.microsoft.com/graph/api/user-list-memberof,
https://learn.microsoft.com/graph/api/educationuser-list-classes,
https://learn.microsoft.com/graph/api/educationclass-list-schools
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra import query
from local.entra.messages import Answer
from local.entra.service import linked_body
from local.entra.views import CLASS, EDUCATION_USER, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
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
_CASTS = {"graph.group": GROUP, "graph.administrativeUnit": UNIT}


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
        belonging = _BELONGINGS.get((view.name, below[0]))
        if belonging is None or len(below) > 2:
            return None
        relation, shown = belonging
        if len(below) == 2:
            if below[1] not in _CASTS or shown is not None:
                return None
            shown = _CASTS[below[1]]
        return self._listed(request, self._service.find(view, key), relation, shown)

    def _listed(
        self, request: Request, member: DirectoryObject, relation: Relation, shown: View | None
    ) -> Answer:
        containers = [
            self._directory.live[container]
            for container, one in member.containers
            if one == relation and container in self._directory.live
        ]
        wanted = [one for one in containers if shown is None or shown.shows(one)]
        size, start = query.page_size(request), query.start(request)
        select = request.query.get("$select", "")
        names = frozenset(name.strip() for name in select.split(",")) if select else None
        page = [linked_body(one, shown, names) for one in wanted[start : start + size]]
        following = start + size if len(wanted) > start + size else None
        path = shown.path if shown else "directoryObjects"
        return self._service.listed(request, path, page, following)
