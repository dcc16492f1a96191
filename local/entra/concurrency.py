"""Writes that meet: two at one time on one user or group, of which the directory takes one.

The other answers 409 Directory_ConcurrencyViolation. Items of one batch run at the same time,
unless one waits for the other by `dependsOn`; operations of different requests do while the first
one's answer is still to come, which it is where the scenario gives answers a latency. References to
a unit or school are rows of their own, so those of different members never meet.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

from local.entra.prices import writes

if TYPE_CHECKING:
    from local.entra.directory import Directory
    from local.entra.messages import Json, Request

_SAME = {"classes": "groups", "teams": "groups"}  # one object, seen through several types


class Concurrency:
    """Which objects are being written at the moment, by requests whose answer is to come."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._busy: dict[str, tuple[float, int | None]] = {}
        self._ends: deque[tuple[float, str]] = deque()

    def meets(self, request: Request, now: float, latency: float) -> bool:
        """Whether another request is writing the same object; if not, this one is from now on."""
        while self._ends and self._ends[0][0] <= now:
            end, written = self._ends.popleft()
            if self._busy.get(written, (0.0, None))[0] <= end:
                self._busy.pop(written, None)
        written = self.object_of(request)
        if not written or latency <= 0:
            return False
        until, batch = self._busy.get(written, (0.0, None))
        if until > now and (batch is None or batch != request.batch):
            return True
        self._busy[written] = (now + latency, request.batch)
        self._ends.append((now + latency, written))
        return False

    def object_of(self, request: Request) -> str:
        """What an operation writes; '' for a read, or the making of something."""
        path = request.path
        if not writes(request) or len(path) < 2:
            return ""
        if path[0] == "groups(uniqueName=)":
            found = self._directory.find("group", "uniqueName", path[1])
            return f"groups/{found[0].id}" if found else f"name/{path[1].lower()}"
        if path[0] in ("education", "directory"):
            path = path[1:]
        if len(path) < 2:
            return ""
        collection, key, *below = path
        if collection == "users" and "@" in key:
            named = self._directory.find("user", "userPrincipalName", key)
            key = named[0].id if named else key
        if collection == "schools":
            collection, key = "administrativeUnits", self._directory.schools.get(key, key)
        written = f"{_SAME.get(collection, collection)}/{key.lower()}"
        if collection == "administrativeUnits" and below:
            body = cast("Json", request.body) if isinstance(request.body, dict) else {}
            member = str(body.get("@odata.id")).rpartition("/")[2]
            written += f"/{'/'.join(below)}/{member}".lower()
        return written
