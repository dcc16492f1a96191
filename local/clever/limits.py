"""Requests a minute, counted for each token in minutes that begin with its first request.

See https://dev.clever.com/reference (rate limits): a counter that starts anew, no average.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE = 60


@dataclass(frozen=True)
class Count:
    """One request counted. `resets`: the Unix second in which the counter starts anew."""

    limit: int
    used: int
    resets: int
    wait: int

    @property
    def exceeded(self) -> bool:
        """Whether it was one too many."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """What every answer to a token tells."""
        return {
            "X-RateLimit-Bucket": "bearer",
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.resets),
        }


class Limits:
    """The counters of all tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: dict[str, tuple[float, int]] = {}

    def count(self, token: str, limit: int, at: datetime) -> Count:
        """Counts a request of this token."""
        second = at.astimezone(UTC).timestamp()
        with self._lock:
            start, used = self._minutes.get(token, (-math.inf, 0))
            if not start <= second < start + MINUTE:
                start, used = second, 0
            self._minutes[token] = (start, used + 1)
        resets = math.ceil(start + MINUTE)
        return Count(limit, used + 1, resets, max(1, math.ceil(resets - second)))
