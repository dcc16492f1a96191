"""The time that the emulated directory lives by: the machine's, or one that a test moves."""

from __future__ import annotations

import asyncio
import heapq
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol


class Clock(Protocol):
    """Tells the time to everything in the tenant: quotas, tokens, deleted items, delta links."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        ...

    def seconds(self) -> float:
        """The time now, in seconds since 1970."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns when so much time has passed."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def seconds(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that stands still until it is moved, so that days pass in no time.

    Whoever sleeps by it wakes when it is moved far enough, be it by `advance`, or by an event loop
    that jumps to the next moment at which something is due (`virtual_loop`).
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._seconds = (start or datetime.now(UTC)).timestamp()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds, UTC)

    def seconds(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        waiting = asyncio.get_running_loop().create_future()
        entry = (self._seconds + seconds, next(self._number), waiting)
        heapq.heappush(self._sleepers, entry)
        await waiting

    def advance(self, **span: float) -> None:
        """Moves on by the given span, in the words of `datetime.timedelta`."""
        self.move_to(self._seconds + timedelta(**span).total_seconds())

    def move_to(self, moment: float) -> None:
        """Moves on to a moment in seconds since 1970, and wakes who waited for it."""
        self._seconds = max(self._seconds, moment)
        while self._sleepers and self._sleepers[0][0] <= self._seconds:
            waiting = heapq.heappop(self._sleepers)[2]
            waiting.get_loop().call_soon_threadsafe(_wake, waiting)

    def next_due(self) -> float | None:
        """The moment at which the next sleeper wakes; None while nobody sleeps."""
        return self._sleepers[0][0] if self._sleepers else None


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def stamp(moment: datetime) -> str:
    """A moment as Graph writes it: 2026-08-01T12:00:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
