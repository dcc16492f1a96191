"""Spacing: one request after the other, for services that count by the second.

The limits of Teams are requests a second for an app in a tenant, and what is sustained may be no
more than five sixths of what the table says
(https://learn.microsoft.com/graph/throttling-limits#microsoft-teams-service-limits). Several
processes share them without knowing of each other, so each refusal spreads the requests of this
one further apart, and each request that goes out closes the ranks a little.
"""

from __future__ import annotations

import asyncio
import random

WIDEN, CLOSE, WIDEST = 1.5, 0.98, 16.0
PAUSE_SECONDS = 5.0


class Spacing:
    """Lets out `rate` units a second, evenly."""

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._stretch = 1.0
        self._next = 0.0
        self._paused_until = 0.0

    async def take(self, units: int = 1) -> None:
        """Waits for the turn of a request that counts as so many units."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next, self._paused_until)
        self._next = turn + units * self._seconds * self._stretch
        self._stretch = max(1.0, self._stretch * CLOSE)
        await asyncio.sleep(turn - now)

    def refused(self, retry_after: float | None) -> None:
        """Takes in a 429: nothing goes out for a while, and then more slowly."""
        now = asyncio.get_running_loop().time()
        if now >= self._paused_until:  # not for each request that was under way already
            self._stretch = min(self._stretch * WIDEN, WIDEST)
        seconds = (retry_after or PAUSE_SECONDS) * random.uniform(1, 1.25)
        self._paused_until = max(self._paused_until, now + seconds)
