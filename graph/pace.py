"""Pace: keeps one process within the quota of directory writes, and still when told to wait.

An app may write 3,000 times in 150 seconds to a tenant; each item of a $batch counts
(https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits). A bucket
that refills at that rate lets a burst through and then spreads the rest evenly.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WRITES = 3_000
SECONDS = 150.0


class Pace:
    """A token bucket of writes. `clock` gives seconds; `sleep` waits for some."""

    def __init__(
        self,
        writes: int = WRITES,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = writes
        self._rate = writes / seconds
        self._clock = clock
        self._level = float(writes)
        self._filled = clock()
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Lets nothing out for `seconds`, because the service said so."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def wait_for(self, writes: int) -> float:
        """Takes `writes` out of the bucket; returns the seconds to wait before sending them."""
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._filled) * self._rate)
        self._filled = now
        self._level -= writes
        return max(-self._level / self._rate, self._paused_until - now, 0.0)

    async def take(self, writes: int) -> None:
        """Waits until `writes` may go out."""
        if (delay := self.wait_for(writes)) > 0:
            await asyncio.sleep(delay)
