"""Pace: as many directory writes as the quota allows, shared with instances that nobody counts.

Several processes spend one quota without knowing of each other, and other settings or apps may
take a part of it too. So a process learns what is left for it from the answers alone:

    warned    `x-ms-throttle-limit-percentage` (0.8 to 1.0 and above) comes with answers when most
              of the quota is used. Each answer shrinks the rate by a share and lets it grow by a
              fixed amount, both weighted by how near the limit is. Where the two balance, all
              processes have the same rate and their sum is what the quota refills.
    refused   a 429 cuts the rate, once for all that was under way, and lets nothing out until the
              longest Retry-After of its batch is over; without one, ever longer with chance in it
    neither   the rate grows from the quota's own with each answer, so ever faster, until the first
              warning or refusal. A process that starts late meets the warning with its first batch
              and never sends the burst that is used up.

The rate only grows while it is what holds the work back; after a rest it starts anew
(https://learn.microsoft.com/graph/throttling,
https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits).
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from .quota import Quota

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WARNED_FROM = 0.8
# Shares of the quota's rate: at the start, added by an answer while probing and later, at least.
START, PROBE_STEP, STEP, LEAST = 1.0, 0.2, 0.1, 0.01
# Without early warnings only refusals tell the limit: it is approached with far smaller steps,
# which grow with the time since the last refusal.
BLIND_STEP, BLIND_SECONDS = 0.0003, 60.0
# Shares of the own rate: lost by an answer at the very limit, held back there, left after a 429,
# left after the first word of a limit.
SHRINK, HELD_BACK, CUT, FIRST_CUT = 0.3, 0.6, 0.6, 0.3
MOST = 10.0
FIRST_BURST = 0.1  # share of the quota's writes at once, until the first word of a limit
# One batch holds what the rate allows in this time, so that news comes often at any rate. Where
# only refusals tell the limit, less of a batch should be refused.
BATCH_SECONDS, BLIND_BATCH_SECONDS = 5.0, 1.0
REST_SECONDS = 60.0
LONGEST_BACKOFF = 150.0
SLICE_SECONDS = 1.0


class Pace:
    """Lets writes out. `clock` gives seconds, `sleep` waits for some, `chance` spreads waits."""

    def __init__(
        self,
        quota: Quota | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self.quota = quota or Quota()
        self.clock = clock
        self.sleep = sleep
        self.chance = chance or random.Random()
        self._speed = self.quota.rate * START
        self._burst = self.quota.writes * FIRST_BURST
        self._tokens = self._burst
        self._filled = clock()
        self._pressure = 0.0
        self._probing = True
        self._held_back = False
        self._blind = False
        self._spent_at = clock()
        self._cut_at = clock()
        self._refusals = 0
        self._paused_until = 0.0

    @property
    def rate(self) -> float:
        """Writes a second that go out at present."""
        return self._speed * (1 - HELD_BACK * self._pressure)

    @property
    def paused_for(self) -> float:
        """Seconds that the service still wants nothing."""
        return max(0.0, self._paused_until - self.clock())

    @property
    def budget(self) -> float:
        """Writes that the next batch may count as; its first operation goes out whatever it is."""
        return max(1.0, self.rate * (BLIND_BATCH_SECONDS if self._blind else BATCH_SECONDS))

    async def open(self, longest: float) -> bool:
        """Waits until a batch may go out; False if the service wants more than `longest` seconds.

        Even then it has waited `longest`: whoever hands work back does so no faster than that.
        """
        stop = self.clock() + longest
        while True:
            if pause := self.paused_for:
                if self.clock() >= stop:
                    return False
                await self.sleep(min(pause, stop - self.clock()))
            elif wait := self._wait():
                self._held_back = True
                await self.sleep(min(wait, SLICE_SECONDS))
                stop = self.clock() + longest
            else:
                return True

    def spend(self, writes: int) -> float:
        """Takes the writes of a batch that goes out now; the time, for `heard`."""
        now = self.clock()
        if writes:
            if now - self._spent_at > REST_SECONDS:
                self._start_again()
            self._spent_at = now
        self._tokens -= writes
        return now

    def heard(self, sent: float, used: float | None) -> None:
        """Takes in an answer to a batch sent at `sent`; `used`: the share of the limit, if told."""
        self._refusals = 0
        self._pressure = min(1.0, max(0.0, ((used or 0.0) - WARNED_FROM) / (1 - WARNED_FROM)))
        if self._pressure:
            if self._probing:  # answers come late: by now it is more than was asked for
                self._set_speed(self._speed * FIRST_CUT)
            self._probing = self._blind = False
        if sent < self._cut_at:
            return
        step = self._step() if self._held_back else 0.0
        self._held_back = False
        shrunk = self._speed * (1 - SHRINK * self._pressure)
        self._set_speed(shrunk + self.quota.rate * step * (1 - self._pressure))

    def refused(self, sent: float, retry_after: float | None, *, write: bool) -> None:
        """Takes in a 429 to a batch sent at `sent`; `write`: it was for a write."""
        now = self.clock()
        if retry_after is None:
            wait = min(2.0**self._refusals, LONGEST_BACKOFF) * self.chance.uniform(0.5, 1)
        else:
            wait = retry_after * self.chance.uniform(1, 1.25)
        self._refusals += 1
        self._paused_until = max(self._paused_until, now + wait)
        if write and sent >= self._cut_at:
            self._set_speed(self._speed * (FIRST_CUT if self._probing else CUT))
            self._blind = self._blind or self._probing
            self._probing = False
            self._cut_at = now

    def _step(self) -> float:
        """By what share of the quota's rate an answer lets the own rate grow."""
        if not self._blind:
            return PROBE_STEP if self._probing else STEP
        return min(STEP, BLIND_STEP * (1 + ((self.clock() - self._cut_at) / BLIND_SECONDS) ** 2))

    def _wait(self) -> float:
        """Seconds until there is a token."""
        now = self.clock()
        self._tokens += (now - self._filled) * self.rate
        self._tokens = min(self._tokens, max(self._burst * self._probing, self.rate))
        self._filled = now
        return 0.0 if self._tokens > 0 else (1e-3 - self._tokens) / self.rate

    def _start_again(self) -> None:
        """After a rest nobody knows who else has come to write."""
        self._speed = min(self._speed, self.quota.rate * START)
        self._tokens = min(self._tokens, self._burst)
        self._probing, self._pressure = True, 0.0

    def _set_speed(self, speed: float) -> None:
        least, most = (self.quota.rate * share for share in (LEAST, MOST))
        self._speed = min(max(speed, least), most)
