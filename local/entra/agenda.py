"""What the service does later by itself: teams, uploads, arrivals, log entries.

Work is done by the tenant's clock, just before the next request or look at the tenant is served.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count


class Agenda:
    """Work by the moment at which it is due; what is due at the same moment keeps its order."""

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._number = count()

    def put(self, now: datetime, seconds: float, work: Callable[[datetime], None]) -> None:
        """Does `work` some seconds after `now`; it is told the moment at which it was due."""
        due = now + timedelta(seconds=seconds)
        heapq.heappush(self._waiting, (due, next(self._number), work))

    def run(self, now: datetime) -> None:
        """Does all that is due, work that comes of it included."""
        while self._waiting and self._waiting[0][0] <= now:
            due, _, work = heapq.heappop(self._waiting)
            work(due)
