"""Batching: operations that wait at the same time go out together, twenty to a request.

    send() ──► waiting ──► [≤ 20, no two on one object] ──► POST /$batch ──► answers by id
                  ▲                                                  │
                  └────────── throttled or failed for now ◄──────────┘

A batch saves requests, not quota: each item counts, and each is throttled by itself. So each item
is retried by itself, after the longest wait that any item of its batch was told. Items of one batch
run in any order, which is why two operations on one object never share one
(https://learn.microsoft.com/graph/json-batching).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster.errors import Terminal, Transient

from .errors import AmbiguousWrite, reaction_to
from .exchange import GraphRequest, GraphResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .pace import Pace

log = logging.getLogger(__name__)

ITEMS = 20
LINGER = 0.02
IN_FLIGHT = 4
TRIES = 5
LONGEST_WAIT = 30.0


@dataclass
class _Waiting:
    request: GraphRequest
    answer: asyncio.Future[GraphResponse]
    tries: int = 0


class Batcher:
    """Sends operations in batches. `post` sends the items of one batch and returns their answers.

    `post` returns answers by item number; an item without answer, or an exception of type OSError
    or Transient, means that the item's fate is unknown.
    """

    def __init__(
        self,
        post: Callable[[list[GraphRequest]], Awaitable[dict[int, GraphResponse]]],
        pace: Pace,
    ) -> None:
        self._post = post
        self._pace = pace
        self._waiting: deque[_Waiting] = deque()
        self._busy: set[str] = set()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None

    async def send(self, request: GraphRequest) -> GraphResponse:
        """The answer to one operation; answers that say "later" are retried a few times first.

        Raises Transient when the service wants a longer wait than is worth holding a worker for,
        and AmbiguousWrite when the answer to an operation that is not repeatable was lost.
        """
        entry = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run())
        self._wake.set()
        return await entry.answer

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = [*self._tasks, *([self._pump] if self._pump else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if len(self._waiting) < ITEMS:
                await asyncio.sleep(LINGER)
            self._wake.clear()
            while batch := self._take():
                await self._slots.acquire()
                task = asyncio.create_task(self._deliver(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Waiting]:
        """Up to twenty operations in order, none on an object that is being changed."""
        taken: list[_Waiting] = []
        passed: list[_Waiting] = []
        blocked = set(self._busy)
        while self._waiting and len(taken) < ITEMS:
            entry = self._waiting.popleft()
            name = entry.request.object
            (passed if name and name in blocked else taken).append(entry)
            if name:
                blocked.add(name)
        self._waiting.extendleft(reversed(passed))
        self._busy |= {entry.request.object for entry in taken if entry.request.object}
        return taken

    async def _deliver(self, batch: list[_Waiting]) -> None:
        try:
            await self._pace.take(sum(entry.request.is_write for entry in batch))
            answers = await self._answers(batch)
            again = [e for n, e in enumerate(batch) if not self._settle(e, answers.get(n))]
            if again:
                await self._wait(again, answers)
        except Terminal as error:  # no batch will ever go out: not signed in, for one
            for entry in batch:
                _fail(entry, error)
            return
        finally:
            self._busy -= {entry.request.object for entry in batch}
            self._slots.release()
        self._waiting.extendleft(reversed(again))
        self._wake.set()

    async def _answers(self, batch: list[_Waiting]) -> dict[int, GraphResponse]:
        try:
            return await self._post([entry.request for entry in batch])
        except (OSError, Transient) as error:
            log.warning("batch without answer: %s", type(error).__name__)
            return {}

    def _settle(self, entry: _Waiting, response: GraphResponse | None) -> bool:
        """Hands the answer over if it is one; says whether that ended the matter."""
        entry.tries += 1
        meaning = reaction_to(response).meaning if response and not response.ok else ""
        if response and meaning not in ("throttled", "retry"):
            _answer(entry, response)
            return True
        lost = response is None or (response.status >= 500 and meaning == "retry")
        if lost and not entry.request.repeatable:
            _fail(entry, AmbiguousWrite("the answer to a write was lost", _after(response)))
            return True
        if entry.tries >= TRIES or (_after(response) or 0) > LONGEST_WAIT:
            status = response.status if response else "no answer"
            _fail(entry, Transient(f"Graph is busy ({status})", _after(response)))
            return True
        return False

    async def _wait(self, again: list[_Waiting], answers: dict[int, GraphResponse]) -> None:
        asked = max((_after(a) or 0 for a in answers.values() if not a.ok), default=0)
        backoff = 0.25 * 2 ** max(entry.tries for entry in again)
        seconds = min(asked or backoff * random.uniform(0.5, 1.5), LONGEST_WAIT)
        if any(answer.status == 429 for answer in answers.values()):
            self._pace.pause(seconds)
        await asyncio.sleep(seconds)


def _after(response: GraphResponse | None) -> float | None:
    return response.retry_after if response else None


def _answer(entry: _Waiting, response: GraphResponse) -> None:
    if not entry.answer.done():
        entry.answer.set_result(response)


def _fail(entry: _Waiting, error: Exception) -> None:
    if not entry.answer.done():
        entry.answer.set_exception(error)
