"""Replication lag: an object that is new is not there yet for whoever asks another replica.

Each new object arrives at each of three replicas at a moment of its own, drawn up to the longest
delay that the scenario gives for reads, references and teams; each request meets one replica, so an
object may be seen and be unknown again. Clients are to retry:
https://learn.microsoft.com/graph/best-practices-concept#handling-expected-errors,
https://learn.microsoft.com/graph/api/group-post-members
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from local.entra import errors
from local.entra.links import RELATIONS, referenced_id
from local.entra.service import view_at
from local.entra.views import SCHOOL, USER, View

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from local.entra.clock import Clock
    from local.entra.directory import Directory
    from local.entra.errors import GraphError
    from local.entra.messages import Request
    from local.entra.objects import DirectoryObject
    from local.entra.scenario import Lag as Settings

REPLICAS = 3


class _Fresh(NamedTuple):
    """When a new object arrives at each replica, and can become a team."""

    reads: tuple[float, ...]
    references: tuple[float, ...]
    team: float


class Lag:
    """The new objects of a tenant that have not arrived everywhere."""

    def __init__(self, directory: Directory, clock: Clock, chance: Random) -> None:
        self._directory = directory
        self._clock = clock
        self._chance = chance
        self._fresh: dict[str, _Fresh] = {}
        self._ends: deque[tuple[float, str]] = deque()

    def born(self, settings: Settings, made: DirectoryObject) -> None:
        """An object has come into being."""
        now = self._clock.seconds()
        most = max(settings.reads, settings.references, settings.teams)
        self._fresh[made.id] = _Fresh(
            self._moments(now, settings.reads),
            self._moments(now, settings.references),
            now + self._chance.uniform(0, settings.teams),
        )
        self._ends.append((now + most, made.id))

    def settle(self) -> None:
        """Everything has arrived."""
        self._fresh.clear()
        self._ends.clear()

    def team_ready(self, group: str) -> bool:
        """Whether a group, by its id, has arrived where teams are made."""
        fresh = self._fresh.get(group)
        return fresh is None or self._clock.seconds() >= fresh.team

    def check(self, request: Request) -> None:
        """Refuses what needs an object that has not arrived at the replica which is asked."""
        if not self._fresh:
            return
        now = self._clock.seconds()
        while self._ends and self._ends[0][0] <= now:
            self._fresh.pop(self._ends.popleft()[1], None)
        replica = self._chance.randrange(REPLICAS)
        at = view_at(request.path)
        if at is not None and at[1]:
            self._check_addressed(request, at[0], at[1][0], replica, now)
        for key in _referenced(request.body):
            fresh = self._fresh.get(key)
            if fresh is not None and fresh.references[replica] > now:
                raise self._absent(key)

    def _check_addressed(
        self, request: Request, view: View, key: str, replica: int, now: float
    ) -> None:
        fresh = self._fresh.get(self._id(view, key))
        if fresh is None:
            return
        moments = fresh.reads if request.method == "GET" else fresh.references
        if moments[replica] <= now:
            return
        refers = request.path[-1] == "$ref" or any(True for _ in _referenced(request.body))
        raise self._absent(key) if refers else errors.not_found(key)

    def _absent(self, key: str) -> GraphError:
        """Either of the two answers to a reference from or to something that is unknown."""
        return errors.not_found(key) if self._chance.random() < 0.5 else errors.unknown_reference()

    def _id(self, view: View, key: str) -> str:
        if view is SCHOOL:
            return self._directory.schools.get(key, key)
        if view is USER and "@" in key:
            found = self._directory.find("user", "userPrincipalName", key)
            return found[0].id if found else key
        return key.lower()

    def _moments(self, now: float, most: float) -> tuple[float, ...]:
        return tuple(now + self._chance.uniform(0, most) for _ in range(REPLICAS))


def _referenced(body: Any) -> Iterator[str]:
    """The object ids that a body refers to."""
    if not isinstance(body, dict):
        return
    found = cast("dict[str, Any]", body)
    references = [found["@odata.id"]] if "@odata.id" in found else []
    for relation in RELATIONS:
        references += found.get(f"{relation}@odata.bind") or ()
    for reference in references:
        if isinstance(reference, str) and "/" in reference:
            yield referenced_id(reference).lower()
