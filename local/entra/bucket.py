"""One limit of the service on the tenant's clock: a token bucket, or a number in a window."""

from __future__ import annotations

_SLOT = 10.0  # seconds over which, twice, the share of refused load is told
_DEBT = 10.0  # seconds of refill: the most that requests made while throttled can add up to
_GRACE = 1.0  # seconds until a caller can have read that it is throttled


class Bucket:
    """A token bucket: holds `capacity`, and refills evenly within `seconds`, or at `rate`.

    `drain` is what others take of it each second. Moments are seconds of the tenant's clock.
    """

    __slots__ = (
        "_accepted",
        "_at",
        "_level",
        "_refused",
        "_since",
        "_slot",
        "_until",
        "capacity",
        "drain",
        "rate",
        "seconds",
    )  # fmt: skip

    def __init__(self, capacity: float, seconds: float, now: float, rate: float = 0.0) -> None:
        self.capacity = float(capacity)
        self.seconds = seconds
        self.rate = rate or capacity / seconds
        self.drain = 0.0
        self._level = self.capacity
        self._at = now
        self._since = 0.0
        self._until = 0.0
        self._slot = 0
        self._accepted = [0.0, 0.0]
        self._refused = [0.0, 0.0]

    def lack(self, cost: float, now: float, keep: float = 0.0) -> float:
        """How much is missing for `cost` if `keep` has to stay; 0 or less where it is there."""
        self._refill(now)
        return cost + keep - self._level

    def take(self, cost: float, now: float) -> None:
        """Takes what `lack` said was there."""
        self._level -= cost
        self._count(self._accepted, cost, now)

    def refuse(self, cost: float, now: float, lack: float, *, accrue: bool) -> float:
        """Notes a refusal; the seconds after which there is enough.

        `accrue`: a request that comes before callers were told to counts all the same.
        """
        if now >= self._until:
            self._since = now
        elif accrue and now >= self._since + _GRACE:
            taken = min(cost, max(0.0, self._level + self.rate * _DEBT))
            self._level -= taken
            lack += taken
        self._count(self._refused, cost, now)
        wait = lack / (self.rate - self.drain)
        self._until = max(self._until, now + wait)
        return wait

    def lose(self, amount: float, now: float) -> None:
        """Others take their share."""
        self._refill(now)
        self._level = max(0.0, self._level - amount)

    def used(self, now: float) -> float:
        """The share that is used up, 0 to 1; above 1 by the share of load that was refused."""
        self._turn(now)
        refused = sum(self._refused)
        if refused:
            return 1 + min(0.8, refused / (refused + sum(self._accepted)))
        return min(1.0, 1 - self._level / self.capacity)

    def _refill(self, now: float) -> None:
        gained = (now - self._at) * (self.rate - self.drain)
        self._level = min(self.capacity, self._level + gained)
        self._at = now

    def _count(self, counts: list[float], cost: float, now: float) -> None:
        self._turn(now)
        counts[1] += cost

    def _turn(self, now: float) -> None:
        """Begins a new slot where the time has come, and forgets what is older than two."""
        slot = int(now / _SLOT)
        if slot == self._slot:
            return
        kept = 1 if slot == self._slot + 1 else 0
        for counts in (self._accepted, self._refused):
            counts[0], counts[1] = counts[1] * kept, 0.0
        self._slot = slot


class Window:
    """A number of operations in a window that begins with the first of them: so many a day."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._began = 0.0
        self._count = 0.0

    def lack(self, cost: float, now: float, keep: float = 0.0) -> float:
        """How much is missing for `cost`; 0 or less where it is there."""
        if now >= self._began + self._seconds:
            self._began, self._count = now, 0.0
        return self._count + cost + keep - self._most

    def take(self, cost: float, now: float) -> None:
        """Takes what `lack` said was there, at `now`."""
        del now
        self._count += cost

    def refuse(self, cost: float, now: float, lack: float, *, accrue: bool) -> float:
        """The seconds until the next window."""
        del cost, lack, accrue
        return self._began + self._seconds - now

    def used(self, now: float) -> float:
        """The share that is used up, 0 to 1."""
        del now
        return self._count / self._most
