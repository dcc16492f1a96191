"""The directory's state: objects with their indexes, links, deleted items and change log.

Every change is one entry in the log of the kind of object that changed; a delta link is a
position in that log. Entries are never removed, so a window of the log always reads the same.
Soft deletion keeps an object restorable for 30 days and takes it out of the groups it was in:
https://learn.microsoft.com/graph/api/resources/directory
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from local.entra.objects import DirectoryObject, Kind, Relation

KEPT = timedelta(days=30)

_INDEXED: dict[Kind, tuple[str, ...]] = {
    "user": (
        "userPrincipalName",
        "mail",
        "mailNickname",
        "employeeId",
        "student/externalId",
        "teacher/externalId",
    ),
    "group": ("mailNickname", "mail", "uniqueName", "externalId", "displayName"),
    "administrativeUnit": ("externalId", "displayName"),
}
_NOTHING = frozenset[str]()
_REMEMBERED = ("userPrincipalName", "displayName", "mail", "mailNickname", "uniqueName")


class Change(NamedTuple):
    """One entry of a log: values of an object (`names`), or one link of it (`member`).

    `names` is empty for the object's coming or going as a whole.
    """

    object_id: str
    names: frozenset[str]
    relation: Relation | None
    member: str


Watch = Callable[[DirectoryObject, Change, dict[str, Any]], None]


class Directory:
    """Objects by id and by what they are looked up by.

    `watch`, if set, is told of each change after it: the object, the entry of the log, and what was
    there before, which are values by name, or a link's serial number (0: none) by its relation.
    """

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.live: dict[str, DirectoryObject] = {}
        self.deleted: dict[str, DirectoryObject] = {}
        self.purged: dict[str, DirectoryObject] = {}
        self.schools: dict[str, str] = {}
        self.listing: dict[Kind, list[str]] = {"user": [], "group": [], "administrativeUnit": []}
        self.log: dict[Kind, list[Change]] = {"user": [], "group": [], "administrativeUnit": []}
        self._index: dict[tuple[Kind, str], dict[str, dict[str, None]]] = {
            (kind, path): {} for kind, paths in _INDEXED.items() for path in paths
        }
        self._serial = 0
        self._dying: deque[tuple[datetime, str]] = deque()

    def get(self, kind: Kind, object_id: str) -> DirectoryObject | None:
        """A live object of this kind."""
        found = self.live.get(object_id.lower())
        return found if found is not None and found.kind == kind else None

    def indexed(self, kind: Kind, path: str) -> bool:
        """Whether `find` serves this path."""
        return (kind, path) in self._index

    def find(self, kind: Kind, path: str, value: str) -> list[DirectoryObject]:
        """The live objects that hold this value, whatever its case."""
        ids = self._index[kind, path].get(value.lower(), {})
        return [self.live[object_id] for object_id in ids]

    def page(self, kind: Kind, start: int) -> Iterator[tuple[int, DirectoryObject]]:
        """Live objects from a place in the listing on, each with its place."""
        listing = self.listing[kind]
        for place, object_id in enumerate(islice(listing, start, None), start):
            found = self.live.get(object_id)
            if found is not None:
                yield place, found

    def add(
        self, kind: Kind, values: dict[str, Any], *, education: bool = False, object_id: str = ""
    ) -> DirectoryObject:
        """A new object."""
        created = DirectoryObject(object_id or str(uuid4()), kind, values, education)
        if kind == "administrativeUnit" and education:
            created.school_id = str(uuid4())
            self.schools[created.school_id] = created.id
        self.live[created.id] = created
        self.listing[kind].append(created.id)
        self._enter(created)
        self._note(created)
        return created

    def update(self, changed: DirectoryObject, values: dict[str, Any]) -> None:
        """Sets values; None clears one. What stays the same is no change."""
        news = {name: new for name, new in values.items() if changed.values.get(name) != new}
        if not news:
            return
        before = {name: changed.values.get(name) for name in news}
        self._leave(changed)
        changed.values.update(news)
        self._enter(changed)
        self._note(changed, frozenset(news), before)

    def link(self, container: DirectoryObject, relation: Relation, member: str) -> None:
        """Puts a member or owner into a group or unit."""
        self._serial += 1
        container.links(relation)[member] = self._serial
        self.live[member].containers[container.id, relation] = None
        self._log(container, Change(container.id, _NOTHING, relation, member), {relation: 0})

    def unlink(self, container: DirectoryObject, relation: Relation, member: str) -> None:
        """Takes a member or owner out of a group or unit."""
        serial = container.links(relation).pop(member)
        self.live[member].containers.pop((container.id, relation), None)
        self._log(container, Change(container.id, _NOTHING, relation, member), {relation: serial})

    def delete(self, gone: DirectoryObject, now: datetime) -> None:
        """Soft deletion: out of every group and unit, and restorable for 30 days."""
        for container_id, relation in list(gone.containers):
            container = self.live.get(container_id)
            if container is not None:
                self.unlink(container, relation, gone.id)
                gone.containers[container_id, relation] = None
        self._leave(gone)
        del self.live[gone.id]
        self.deleted[gone.id] = gone
        gone.deleted_at = now
        self._dying.append((now + KEPT, gone.id))
        self._note(gone)

    def restore(self, back: DirectoryObject) -> None:
        """Undoes a soft deletion, memberships included."""
        del self.deleted[back.id]
        self.live[back.id] = back
        back.deleted_at = None
        self._enter(back)
        self._note(back)
        self._settle(back)
        for container_id, relation in list(back.containers):
            container = self.live.get(container_id)
            if container is None:
                continue
            if back.id not in container.links(relation):
                self.link(container, relation, back.id)

    def purge(self, gone: DirectoryObject) -> None:
        """Deletion for good."""
        del self.deleted[gone.id]
        gone.values = {name: gone.values.get(name) for name in _REMEMBERED}
        self.purged[gone.id] = gone
        self._note(gone)

    def purge_old(self, now: datetime) -> None:
        """Deletes for good what was deleted 30 days ago."""
        while self._dying and self._dying[0][0] <= now:
            due, object_id = self._dying.popleft()
            gone = self.deleted.get(object_id)
            if gone is not None and gone.deleted_at is not None and gone.deleted_at + KEPT <= due:
                self.purge(gone)

    def _settle(self, back: DirectoryObject) -> None:
        """Drops the links of a restored container whose other end went away meanwhile."""
        relations: tuple[Relation, Relation] = ("members", "owners")
        for relation in relations:
            for member in [m for m in back.links(relation) if m not in self.live]:
                serial = back.links(relation).pop(member)
                change = Change(back.id, _NOTHING, relation, member)
                self._log(back, change, {relation: serial})

    def _note(
        self,
        changed: DirectoryObject,
        names: frozenset[str] = _NOTHING,
        before: dict[str, Any] | None = None,
    ) -> None:
        self._log(changed, Change(changed.id, names, None, ""), before)

    def _log(
        self, changed: DirectoryObject, change: Change, before: dict[str, Any] | None = None
    ) -> None:
        self.log[changed.kind].append(change)
        if self.watch is not None:
            self.watch(changed, change, before or {})

    def _enter(self, entered: DirectoryObject) -> None:
        for path in _INDEXED[entered.kind]:
            value = entered.value(path)
            if isinstance(value, str):
                index = self._index[entered.kind, path]
                index.setdefault(value.lower(), {})[entered.id] = None

    def _leave(self, left: DirectoryObject) -> None:
        for path in _INDEXED[left.kind]:
            value = left.value(path)
            if isinstance(value, str):
                ids = self._index[left.kind, path][value.lower()]
                del ids[left.id]
                if not ids:
                    del self._index[left.kind, path][value.lower()]


def is_guid(text: str) -> bool:
    """Whether a text is a GUID in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
