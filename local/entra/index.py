"""The index: the directory as lists, filters and delta queries see it, which may be in the past.

Every change reaches the index some time after it was made, in the order of the log of its kind. For
what has not arrived the index keeps how to undo it; the version of an object that a query sees is
the object with that undone. Without lag there is nothing to undo, and the index is the directory.
https://learn.microsoft.com/graph/aad-advanced-queries
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from local.entra.clock import Clock
    from local.entra.directory import Change, Directory
    from local.entra.objects import DirectoryObject, Kind


class _Undo(NamedTuple):
    """A change that the index learns of at `moment`, and what was there before it."""

    moment: float
    change: Change
    before: dict[str, Any]
    live: bool


class Index:
    """The directory as queries see it."""

    def __init__(self, directory: Directory, clock: Clock, chance: Random) -> None:
        self._directory = directory
        self._clock = clock
        self._chance = chance
        self._undos: dict[str, deque[_Undo]] = {}
        self._coming: dict[Kind, deque[float]] = {}

    def note(self, most: float, changed: DirectoryObject, change: Change,
             before: dict[str, Any]) -> None:  # fmt: skip
        """A change was made; the index learns of it within `most` seconds."""
        coming = self._coming.setdefault(changed.kind, deque())
        moment = self._clock.seconds() + self._chance.uniform(0, most)
        moment = max(moment, coming[-1]) if coming else moment
        coming.append(moment)
        live = changed.id in self._directory.live
        if change.relation is None and not change.names:  # it came, or went
            live = changed.id in self._directory.deleted
        undo = _Undo(moment, change, before, live)
        self._undos.setdefault(changed.id, deque()).append(undo)

    def settle(self) -> None:
        """The index knows everything."""
        self._undos.clear()
        self._coming.clear()

    def length(self, kind: Kind) -> int:
        """How many entries of the log of this kind the index knows."""
        coming = self._coming.get(kind)
        now = self._clock.seconds()
        while coming and coming[0] <= now:
            coming.popleft()
        return len(self._directory.log[kind]) - (len(coming) if coming else 0)

    def version(self, object_id: str) -> DirectoryObject | None:
        """The object as the index knows it; None where it does not know it as a live one."""
        undos = self._undos.get(object_id)
        now = self._clock.seconds()
        while undos and undos[0].moment <= now:
            undos.popleft()
        if not undos:
            self._undos.pop(object_id, None)
            return self._directory.live.get(object_id)
        found = self._any(object_id)
        if found is None:
            return None
        past = replace(
            found,
            values=dict(found.values),
            members=dict(found.members),
            owners=dict(found.owners),
        )
        live = object_id in self._directory.live
        for undo in reversed(undos):
            live = undo.live
            relation = undo.change.relation
            if relation is None:
                past.values.update(undo.before)
            elif serial := undo.before[relation]:
                past.links(relation)[undo.change.member] = serial
            else:
                past.links(relation).pop(undo.change.member, None)
        return past if live else None

    def page(self, kind: Kind, start: int) -> Iterator[tuple[int, DirectoryObject]]:
        """Like `Directory.page`."""
        if not self._undos:
            yield from self._directory.page(kind, start)
            return
        listing = self._directory.listing[kind]
        for place in range(start, len(listing)):
            found = self.version(listing[place])
            if found is not None:
                yield place, found

    def find(self, kind: Kind, path: str, value: str) -> list[DirectoryObject]:
        """Like `Directory.find`."""
        found = self._directory.find(kind, path, value)
        if not self._undos:
            return found
        ids = dict.fromkeys([*(one.id for one in found), *self._undos])
        versions = (self.version(object_id) for object_id in list(ids))
        return [
            one
            for one in versions
            if one is not None and one.kind == kind and _holds(one.value(path), value)
        ]

    def _any(self, object_id: str) -> DirectoryObject | None:
        directory = self._directory
        for place in (directory.live, directory.deleted, directory.purged):
            if object_id in place:
                return place[object_id]
        return None


def _holds(held: Any, value: str) -> bool:
    texts = cast("list[Any]", held) if isinstance(held, list) else [held]
    return value.lower() in (str(text).lower() for text in texts if text is not None)
