"""The time that the emulated directory lives by: the machine's, or one that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time to everything in the tenant: quotas, tokens, deleted items, delta links."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is moved, so that days pass in no time."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime.now(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, **span: float) -> None:
        """Moves on by the given span, in the words of `datetime.timedelta`."""
        self._now += timedelta(**span)


def stamp(moment: datetime) -> str:
    """A moment as Graph writes it: 2026-08-01T12:00:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
