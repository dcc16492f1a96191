"""The pace by itself: what it learns from each kind of answer."""

from __future__ import annotations

import random

from graph.pace import FIRST_CUT, LONGEST_BACKOFF, REST_SECONDS, Pace
from graph.quota import Quota

QUOTA = Quota()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def write(pace: Pace, clock: Clock, writes: int = 20, used: float | None = None) -> None:
    assert await pace.open(10)
    sent = pace.spend(writes)
    clock.now += 0.2
    pace.heard(sent, used)


def made() -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(QUOTA, clock, clock.sleep, random.Random(1)), clock


async def test_it_starts_at_the_quotas_rate_and_grows_while_nothing_is_said() -> None:
    pace, clock = made()
    assert pace.rate == QUOTA.rate
    for _ in range(60):
        await write(pace, clock)
    assert pace.rate > QUOTA.rate


async def test_it_does_not_grow_while_there_is_nothing_to_do() -> None:
    pace, clock = made()
    before = pace.rate
    for _ in range(60):
        clock.now += 30
        await write(pace, clock, 1)
    assert pace.rate == before


async def test_it_slows_down_by_how_near_the_limit_is() -> None:
    rates: list[float] = []
    for used in (0.85, 0.95, 1.2):
        pace, clock = made()
        for _ in range(100):
            await write(pace, clock, used=used)
        rates.append(pace.rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 * QUOTA.rate


async def test_a_refusal_cuts_the_rate_once_for_all_that_was_under_way() -> None:
    pace, clock = made()
    sent = [pace.spend(20) for _ in range(4)]
    before = pace.rate
    clock.now += 1
    for one in sent:
        pace.refused(one, 3, write=True)
    assert pace.rate == before * FIRST_CUT
    assert 3 <= pace.paused_for <= 3 * 1.25
    start = clock.now
    assert await pace.open(10)
    assert clock.now - start >= 3


async def test_a_refused_read_makes_it_wait_and_not_slower() -> None:
    pace, _ = made()
    before = pace.rate
    pace.refused(pace.spend(0), 3, write=False)
    assert pace.rate == before
    assert pace.paused_for >= 3


async def test_without_retry_after_it_waits_ever_longer_up_to_the_window() -> None:
    pace, clock = made()
    waits: list[float] = []
    for _ in range(12):
        pace.refused(pace.spend(1), None, write=True)
        waits.append(pace.paused_for)
        clock.now += pace.paused_for
    assert waits[0] <= 1
    assert max(waits) <= LONGEST_BACKOFF
    assert waits[-1] >= LONGEST_BACKOFF / 2
    pace.heard(pace.spend(1), None)
    pace.refused(pace.spend(1), None, write=True)
    assert pace.paused_for <= 1


async def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    pace, clock = made()
    pace.refused(pace.spend(1), 60, write=True)
    start = clock.now
    assert not await pace.open(10)
    assert clock.now - start == 10


async def test_after_a_rest_it_starts_anew() -> None:
    pace, clock = made()
    for _ in range(60):
        await write(pace, clock)
    before = pace.rate
    clock.now += REST_SECONDS + 1
    await write(pace, clock)
    assert QUOTA.rate <= pace.rate < before / 2
