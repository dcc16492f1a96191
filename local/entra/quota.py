"""The write quota of an app in a tenant: a token bucket that refills evenly.

3,000 writes in 150 seconds (https://learn.microsoft.com/graph/throttling-limits). From 80 % on,
answers tell the share that is used up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra.errors import GraphError

if TYPE_CHECKING:
    from local.entra.clock import Clock

WRITES = 3_000
SECONDS = 150.0


class WriteQuota:
    """Counts directory writes; `spend` refuses one that is over the quota."""

    def __init__(self, clock: Clock, writes: int = WRITES, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._capacity = float(writes)
        self._rate = writes / seconds
        self._level = float(writes)
        self._filled = clock.now()
        self.throttled = 0

    def spend(self, scope: str) -> None:
        """Takes one write, or raises 429 with the wait until there is one."""
        now = self._clock.now()
        passed = (now - self._filled).total_seconds()
        self._level = min(self._capacity, self._level + passed * self._rate)
        self._filled = now
        if self._level >= 1:
            self._level -= 1
            return
        self.throttled += 1
        wait = max(1, round((1 - self._level) / self._rate))
        raise GraphError(
            429,
            "TooManyRequests",
            "Too many requests.",
            headers={
                "Retry-After": str(wait),
                "x-ms-throttle-scope": f"Tenant_Application/Write/{scope}",
                "x-ms-throttle-information": "WriteLimitExceeded",
            },
        )

    def headers(self) -> dict[str, str]:
        """The early warning, from 80 % on."""
        used = 1 - self._level / self._capacity
        return {"x-ms-throttle-limit-percentage": f"{used:.2f}"} if used >= 0.8 else {}
