"""Many instances on one quota, on a virtual clock: near the floor in time, and hardly a 429.

The service is a model: a bucket that refills evenly, warns from 80 % on and answers 429 when it is
empty. The instances are real batchers with real paces, each with as many workers as a host runs.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from graph.batch import Batcher
from graph.exchange import GraphRequest, GraphResponse
from graph.pace import Pace
from graph.quota import Quota
from roster.errors import Transient
from tests.graph.virtual import run

QUOTA = Quota()
WORKERS = 96
WRITES = 60_000


@dataclass
class Service:
    """A tenant's quota; `others` writes a second are taken by somebody else."""

    warns: bool = True
    others: float = 0.0
    cost: int = 1
    retry_after: int = 1
    level: float = float(QUOTA.writes)
    filled: float = 0.0
    done: int = 0
    refused: int = 0
    slots: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
        await asyncio.sleep(self.chance.uniform(0.5, 1.5))
        answers = {number: self._answer() for number, _ in enumerate(requests)}
        await asyncio.sleep(self.chance.uniform(0.1, 0.5))
        return answers

    def _answer(self) -> GraphResponse:
        now = asyncio.get_running_loop().time()
        refill = QUOTA.rate - self.others
        self.level = min(float(QUOTA.writes), self.level + (now - self.filled) * refill)
        self.filled = now
        slot = self.slots.setdefault(int(now // 10), [0, 0])
        if self.level < self.cost:
            self.refused += 1
            slot[1] += 1
            return GraphResponse(429, {}, {"retry-after": str(self.retry_after)})
        self.level -= self.cost
        self.done += 1
        slot[0] += 1
        used = self._used(slot, self.slots.get(int(now // 10) - 1, [0, 0]))
        warning = {"x-ms-throttle-limit-percentage": f"{used:.2f}"}
        return GraphResponse(204, {}, warning if self.warns and used >= 0.8 else {})

    def _used(self, *slots: list[int]) -> float:
        """The share of the quota; above 1 by the share of the last seconds that was refused."""
        accepted, refused = (sum(slot[n] for slot in slots) for n in (0, 1))
        if refused:
            return 1 + refused / (accepted + refused)
        return 1 - self.level / QUOTA.writes


class Work:
    """A queue of writes that all instances share; what is handed back comes again later."""

    def __init__(self, writes: int, references: int) -> None:
        self.body = {"members@odata.bind": ["x"] * references}
        self.left = writes
        self.unfinished = writes

    async def instance(self, service: Service, start: float, stop: float, seed: int) -> None:
        await asyncio.sleep(start)
        loop = asyncio.get_running_loop()
        pace = Pace(Quota(bind_cost="thirds"), loop.time, asyncio.sleep, random.Random(seed))
        batcher = Batcher(service.post, pace)

        async def worker() -> None:
            while self.unfinished and loop.time() < stop:
                if not self.left:
                    await asyncio.sleep(1)
                    continue
                self.left -= 1
                number = self.left
                try:
                    request = GraphRequest("PATCH", "/groups/g", self.body, object=str(number))
                    await batcher.send(request)
                except Transient as error:
                    await asyncio.sleep(error.retry_after or 1)
                    self.left += 1
                else:
                    self.unfinished -= 1

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        await batcher.close()


class Figures(NamedTuple):
    seconds: float
    refused: float


def measure(
    service: Service,
    instances: list[tuple[float, float]],
    writes: int = WRITES,
    references: int = 1,
) -> Figures:
    async def all_instances() -> float:
        work = Work(writes, references)
        await asyncio.gather(
            *(work.instance(service, *span, seed) for seed, span in enumerate(instances))
        )
        return asyncio.get_running_loop().time()

    seconds = run(all_instances())
    assert service.done == writes
    return Figures(seconds, service.refused / (service.done + service.refused))


ALWAYS = (0.0, float("inf"))


def from_to(count: int) -> list[tuple[float, float]]:
    """One instance that stays, and others that come and go one after the other."""
    return [ALWAYS, *((200.0 * n, 200.0 * n + 600.0) for n in range(count - 1))]


@pytest.mark.parametrize(
    "instances",
    [
        pytest.param([ALWAYS], id="one"),
        pytest.param([ALWAYS] * 4, id="four", marks=pytest.mark.thorough),
        pytest.param([ALWAYS] * 10, id="ten"),
        pytest.param(from_to(10), id="coming and going"),
    ],
)
def test_the_quota_is_used_to_the_full_and_hardly_anything_is_refused(
    instances: list[tuple[float, float]],
) -> None:
    figures = measure(Service(), instances)
    assert figures.seconds <= 1.10 * WRITES / QUOTA.rate
    # The first 3,000 go beyond what is refilled; even without them the bar is met.
    assert figures.seconds <= 1.10 * (WRITES - QUOTA.writes) / QUOTA.rate
    assert figures.refused < 0.02


@pytest.mark.parametrize("instances", [1, pytest.param(4, marks=pytest.mark.thorough), 10])
def test_what_others_leave_of_the_quota_is_used_to_the_full(instances: int) -> None:
    figures = measure(Service(others=QUOTA.rate / 2), [ALWAYS] * instances, WRITES // 2)
    assert figures.seconds <= 1.10 * (WRITES // 2) / (QUOTA.rate / 2)
    assert figures.refused < 0.02


def test_writes_that_cost_more_than_was_thought_still_go_at_the_quota() -> None:
    figures = measure(Service(cost=3), [ALWAYS] * 4, WRITES // 3)
    assert figures.seconds <= 1.10 * WRITES / QUOTA.rate
    assert figures.refused < 0.04


@pytest.mark.parametrize("instances", [pytest.param(1, marks=pytest.mark.thorough), 10])
def test_a_service_that_never_warns_is_still_used_to_the_full(instances: int) -> None:
    figures = measure(Service(warns=False, retry_after=5), [ALWAYS] * instances)
    assert figures.seconds <= 1.10 * WRITES / QUOTA.rate
    assert figures.refused < 0.03


def test_binds_that_cost_less_than_was_feared_still_go_at_the_quota() -> None:
    figures = measure(Service(), [ALWAYS], 20_000, references=20)
    assert figures.seconds <= 1.10 * 20_000 / QUOTA.rate
    assert figures.refused < 0.02


def test_a_small_run_is_over_before_the_quota_would_have_refilled() -> None:
    figures = measure(Service(), [ALWAYS], 2_000)
    assert figures.seconds < 0.75 * 2_000 / QUOTA.rate
    assert figures.refused == 0


def test_an_instance_that_starts_late_sends_no_burst_into_a_quota_that_is_used_up() -> None:
    service = Service(level=100.0)
    measure(service, [ALWAYS], 2_000)
    assert service.refused <= 40
