"""Delta queries: the first round lists everything, later rounds what has changed since.

https://learn.microsoft.com/graph/delta-query-overview, delta-query-groups. A link is good for seven
days. A page may be empty and still be followed by others; an object may come twice; the members of
a big group come in slices over several pages.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.entra import errors, query
from local.entra.errors import GraphError
from local.entra.links import RELATIONS
from local.entra.messages import Answer
from local.entra.views import CLASS, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
    from datetime import datetime

    from local.entra.directory import Change
    from local.entra.messages import Request
    from local.entra.objects import DirectoryObject, Kind, Relation
    from local.entra.tenant import Tenant

LIFE = timedelta(days=7)
PAGE = 100
SLICE = 100
RELATED: dict[str, tuple[Relation, ...]] = {GROUP.name: RELATIONS, UNIT.name: ("members",)}


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a delta query. `since`: a place in the log; None in the first round.

    `left`: the links of the object at `place` that no page has told yet, by name and not by
    number, because others may come and go between two pages.
    """

    view: View
    select: frozenset[str] | None
    since: int | None
    until: int
    ids: tuple[str, ...]
    place: int = 0
    left: tuple[tuple[Relation, str], ...] = ()
    issued: datetime | None = None
    rested: bool = False


class Deltas:
    """The delta queries of a tenant; tokens stand for rounds, and mean nothing elsewhere."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._rounds: dict[str, Round] = {}
        self._windows: dict[tuple[str, int, int], dict[str, list[Change]]] = {}
        self.resync = False

    def answer(self, request: Request, view: View) -> Answer:
        """One page of a delta query."""
        current = self._round(request, view)
        records, following = self._page(current, request)
        address = f"{request.base}/{view.path}/delta"
        body: dict[str, Any] = {"@odata.context": f"{request.base}/$metadata#{view.path}"}
        if following is None:
            link = Round(view, current.select, current.until, 0, ())
            body["@odata.deltaLink"] = f"{address}?$deltatoken={self._keep(link)}"
        else:
            body["@odata.nextLink"] = f"{address}?$skiptoken={self._keep(following)}"
        return Answer(200, body | {"value": records})

    def _round(self, request: Request, view: View) -> Round:
        options = {name.lower(): value for name, value in request.query.items()}
        for name in ("$expand", "$top", "$orderby"):
            if name in options and view.path in (USER.path, GROUP.path):
                raise errors.unsupported(f"{name} is not supported for delta queries.")
        log = self._tenant.directory.log[view.kind]
        address = f"{request.base}/{view.path}/delta"
        if "$skiptoken" in options:
            return self._known(options["$skiptoken"], address)
        if options.get("$deltatoken") == "latest":
            return Round(view, query.selected(request, view), len(log), len(log), ())
        if "$deltatoken" in options:
            base = self._known(options["$deltatoken"], address)
            ids = dict.fromkeys(change.object_id for change in log[base.since or 0 :])
            return Round(view, base.select, base.since, len(log), tuple(ids))
        ids = (
            found.id for _, found in self._tenant.directory.page(view.kind, 0) if view.shows(found)
        )
        return Round(view, query.selected(request, view), None, len(log), tuple(ids))

    def _known(self, token: str, address: str) -> Round:
        found = self._rounds.get(token)
        if self.resync:
            self.resync = False
            raise GraphError(
                410, "resyncRequired", "Resync is required.", headers={"Location": address}
            )
        if found is None or found.issued is None or self._tenant.now() - found.issued > LIFE:
            raise errors.bad_request(
                "The sync state generation is not found; start the sync afresh.",
                code="syncStateNotFound",
            )
        return found

    def _keep(self, kept: Round) -> str:
        token = secrets.token_urlsafe(24)
        self._rounds[token] = replace(kept, issued=kept.issued or self._tenant.now())
        return token

    def _page(self, current: Round, request: Request) -> tuple[list[dict[str, Any]], Round | None]:
        """The records of a page, and the round that goes on, if any."""
        chance, quirks = self._tenant.chance, self._tenant.scenario.delta
        if not current.rested and current.place and chance.random() < quirks.empty_pages:
            return [], replace(current, rested=True)
        records: list[dict[str, Any]] = []
        place, room = current.place, SLICE
        left = current.left
        while place < len(current.ids) and len(records) < PAGE and room > 0:
            record, rest = self._record(current, current.ids[place], left, room, request)
            if record is not None:
                records.append(record)
                room -= sum(len(record.get(f"{r}@delta", ())) for r in RELATIONS)
            place, left = (place, rest) if rest else (place + 1, ())
        if records and chance.random() < quirks.replays:
            records.append(records[0])
        if place == len(current.ids):
            return records, None
        return records, replace(current, place=place, left=left, rested=False)

    def _record(
        self,
        current: Round,
        object_id: str,
        left: tuple[tuple[Relation, str], ...],
        room: int,
        request: Request,
    ) -> tuple[dict[str, Any] | None, tuple[tuple[Relation, str], ...]]:
        """What a page says of one object, and the links of it that are left for the next."""
        view, directory = current.view, self._tenant.directory
        found = directory.live.get(object_id)
        if found is None:
            return self._removed(view, object_id), ()
        if not view.shows(found):
            return None, ()
        links, names = self._news(current, found)
        record = view.body(found, current.select)
        minimal = current.since is not None and request.prefers("return=minimal")
        if left or minimal:
            record = {key: record[key] for key in record if key == "id" or key in names}
        elif current.since is not None and not links and not self._concerns(current, names, record):
            return None, ()
        if left:
            still: list[tuple[Relation, str, bool]] = [
                (*one, one[1] in found.links(one[0])) for one in left
            ]
            links = still
        told = links[:room]
        for relation, member, present in told:
            entry: dict[str, Any] = {"@odata.type": "#microsoft.graph.user", "id": member}
            if not present:
                entry["@removed"] = {"reason": "deleted"}
            record.setdefault(f"{relation}@delta", []).append(entry)
        return record, tuple((link[0], link[1]) for link in links[room:])

    def _concerns(self, current: Round, names: frozenset[str], record: dict[str, Any]) -> bool:
        """Whether a change in these properties (none = came into being) is of this query."""
        return not names or bool(names & set(record)) or current.select is None

    def _removed(self, view: View, object_id: str) -> dict[str, Any] | None:
        directory = self._tenant.directory
        gone = directory.deleted.get(object_id) or directory.purged.get(object_id)
        if gone is None or view is CLASS:
            return None
        if view is SCHOOL and not gone.school_id:
            return None
        reason = "changed" if gone.deleted_at and object_id in directory.deleted else "deleted"
        return {"id": view.id_of(gone), "@removed": {"reason": reason}}

    def _news(
        self, current: Round, found: DirectoryObject
    ) -> tuple[list[tuple[Relation, str, bool]], frozenset[str]]:
        """The links to tell of, and the names that changed (none where the object is fresh)."""
        wanted: list[Relation] = [
            relation
            for relation in RELATED.get(current.view.name, ())
            if current.select is None or relation in current.select
        ]
        if current.since is None:
            return [(r, member, True) for r in wanted for member in found.links(r)], frozenset()
        links: dict[tuple[Relation, str], bool] = {}
        names: set[str] = set()
        for change in self._window(current.view.kind, current.since, current.until)[found.id]:
            names |= change.names
            if change.relation is None and not change.names:
                links |= {(r, member): True for r in wanted for member in found.links(r)}
            elif change.relation in wanted:
                links[change.relation, change.member] = change.member in found.links(
                    change.relation
                )
        return [(r, member, present) for (r, member), present in links.items()], frozenset(names)

    def _window(self, kind: Kind, since: int, until: int) -> dict[str, list[Change]]:
        """A stretch of the log by object; the last few are kept, as a round has many pages."""
        key = (kind, since, until)
        if key not in self._windows:
            window: dict[str, list[Change]] = {}
            for change in self._tenant.directory.log[kind][since:until]:
                window.setdefault(change.object_id, []).append(change)
            self._windows = dict([*self._windows.items()][-8:]) | {key: window}
        return self._windows[key]
