"""The time of the emulated service: the machine's, moved on as far as a test likes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Runs with the machine's clock, or stands still from `at` (UTC) on until it is moved.

    `before_move`: called before each move, so that what happened until then is noticed in time.
    """

    def __init__(self, at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._fixed = at
        self._ahead = timedelta()
        self.before_move: list[Callable[[], object]] = []

    def now(self) -> datetime:
        """The service's time, in UTC."""
        with self._lock:
            return (self._fixed or datetime.now(UTC)) + self._ahead

    def advance(self, seconds: float) -> None:
        """Moves the time on."""
        for notice in self.before_move:
            notice()
        with self._lock:
            self._ahead += timedelta(seconds=seconds)

    def set(self, at: datetime) -> None:
        """The time stands still at `at` from now on."""
        for notice in self.before_move:
            notice()
        with self._lock:
            self._fixed, self._ahead = at, timedelta()
