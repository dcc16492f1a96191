"""Batching: operations that wait at the same time go out together, twenty to a request.

    send() ──► waiting ──► [≤ 20, no two on one object] ──► POST /$batch ──► answers by id
                  ▲                                                  │
                  └────────── throttled or failed for now ◄──────────┘

A batch saves requests, not quota: each item counts, and each is throttled by itself. So each item
is retried by itself, after the longest wait that any item of its batch was told. Items of one batch
run in any order, which is why two operations on one object never share one
(https://learn.microsoft.com/graph/json-batching).

A worker waits here for its turn, which keeps the rest of the work in the queue. It does not wait
here for long because the service said so: then its operation ends with Throttled, and the message
behind it is sent again for later. A creation that cannot be repeated is never sent twice from here,
not even after a 429: such answers were seen although the deed was done. It ends with
AmbiguousWrite, and whoever wants it looks first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roster.errors import Transient
from roster.spans import here, note, span, span_of

from .errors import AmbiguousWrite, EnvelopeRefused, NotSent, Throttled, reaction_to
from .exchange import GraphRequest, GraphResponse
from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from opentelemetry.context import Context

    from .pace import Pace

log = logging.getLogger(__name__)

ITEMS = 20
LINGER = 0.02
IN_FLIGHT = 4
TRIES = 5
# Seconds that a worker may be held because the service wants a pause.
HOLD = 10.0
# Operations waiting here at the same time; more wait in `send`, in their order.
MOST_WAITING = 1_000
FIRST_BACKOFF = 0.5


@dataclass(eq=False)
class _Waiting:
    request: GraphRequest
    cost: int
    answer: asyncio.Future[GraphResponse]
    below: Context | None = None
    tries: int = 0
    under_way: bool = False


class Batcher:
    """Sends operations in batches. `post` sends the items of one batch and returns their answers.

    `post` returns answers by item number. An item without one, or an exception of type OSError or
    Transient, means that the item's fate is unknown; NotSent, that nothing went out;
    EnvelopeRefused, that nothing was carried out because the batch as a whole cannot be read.
    """

    def __init__(
        self,
        post: Callable[[list[GraphRequest]], Awaitable[dict[int, GraphResponse]]],
        pace: Pace,
    ) -> None:
        self._post = post
        self._pace = pace
        self._waiting: deque[_Waiting] = deque()
        self._open: set[_Waiting] = set()
        self._turns = Turns()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self._trouble = "no answer"

    async def send(self, request: GraphRequest) -> GraphResponse:
        """The answer to one operation; answers that say "later" are retried a few times first.

        Raises Throttled when the service wants a longer wait than is worth holding a worker for,
        Transient when it stays busy, and AmbiguousWrite when an operation that is not repeatable
        may or may not have been carried out.
        """
        async with self._room:
            if self._closed:
                raise Transient("the connection to Graph is being closed")
            future: asyncio.Future[GraphResponse] = asyncio.get_running_loop().create_future()
            entry = _Waiting(request, self._pace.quota.cost(request), future, here())
            self._open.add(entry)
            self._waiting.append(entry)
            if self._pump is None or self._pump.done():
                self._pump = asyncio.create_task(self._run())
            self._wake.set()
            try:
                return await future
            finally:
                self._open.discard(entry)

    async def close(self) -> None:
        """Ends what is under way; nobody is left waiting for an answer."""
        self._closed = True
        tasks = [*self._tasks, *([self._pump] if self._pump else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for entry in list(self._open):
            if entry.under_way and not entry.request.repeatable:
                _fail(entry, AmbiguousWrite("the connection was closed during a write"))
            _fail(entry, Transient("the connection to Graph was closed"))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if len(self._waiting) < ITEMS:
                await self._pace.sleep(LINGER)
            self._wake.clear()
            while self._waiting:
                await self._slots.acquire()
                if not await self._pace.open(HOLD):
                    self._hand_back()
                batch = self._take()
                if not batch:  # what waits is being changed: _wake is set when that is over
                    self._slots.release()
                    break
                self._start(self._deliver(batch))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hand_back(self) -> None:
        """Ends everything that waits: the service wants a pause longer than a worker is held."""
        seconds = self._pace.paused_for
        for entry in self._waiting:
            _fail(entry, Throttled("Graph wants a pause", seconds))
        self._waiting.clear()

    def _take(self) -> list[_Waiting]:
        """Up to twenty operations in order, within the budget, none on an object in change."""
        taken: list[_Waiting] = []
        passed: list[_Waiting] = []
        ahead = Turns()  # nothing overtakes an operation on the same object
        budget = self._pace.budget
        while self._waiting and len(taken) < ITEMS:
            entry = self._waiting.popleft()
            name, kind = entry.request.object, entry.request.kind
            if entry.answer.done():  # whoever wanted it is gone
                continue
            if not (self._turns.is_free(name, kind) and ahead.is_free(name)):
                passed.append(entry)
                ahead.take(name)
                continue
            if taken and entry.cost > budget:
                self._waiting.appendleft(entry)
                break
            budget -= entry.cost
            self._turns.take(name)
            taken.append(entry)
        self._waiting.extendleft(reversed(passed))
        return taken

    async def _deliver(self, batch: list[_Waiting]) -> None:
        throttled: list[_Waiting] = []
        try:
            for entry in batch:
                entry.under_way = True
            sent = self._pace.spend(sum(entry.cost for entry in batch))
            answers = await self._watched(batch)
            self._listen(sent, batch, answers)
            for number, entry in enumerate(batch):
                entry.under_way = False
                if self._settle(entry, answers.get(number, NO_ANSWER)):
                    self._give_back(entry)
                elif _meaning(answers.get(number, NO_ANSWER)) == "throttled":
                    throttled.append(entry)
                else:
                    self._start(self._again(entry))
        except Exception as error:  # whatever it was, nobody may be left waiting
            for entry in batch:
                _fail(entry, error)
                self._give_back(entry)
        finally:
            self._slots.release()
        for entry in reversed(throttled):
            self._give_back(entry)
            self._waiting.appendleft(entry)
        self._wake.set()

    async def _again(self, entry: _Waiting) -> None:
        """Puts an operation back at the front after a while; its object stays taken till then."""
        backoff = FIRST_BACKOFF * 2**entry.tries
        await self._pace.sleep(backoff * self._pace.chance.uniform(0.5, 1))
        self._give_back(entry)
        self._waiting.appendleft(entry)
        self._wake.set()

    def _give_back(self, entry: _Waiting) -> None:
        self._turns.give_back(entry.request.object)

    async def _watched(self, batch: list[_Waiting]) -> dict[int, GraphResponse]:
        """The answers by number, in a span that is below the first of those that it serves."""
        below = {id(entry.below): entry.below for entry in batch}
        first, *others = below.values()
        links = [span_of(other) for other in others if other is not None]
        with span("graph batch", first, links, operations=len(batch)):
            answers = await self._answers(batch)
            note(throttled=sum(_meaning(answer) == "throttled" for answer in answers.values()))
        return answers

    async def _answers(self, batch: list[_Waiting]) -> dict[int, GraphResponse]:
        """The answers by number; where an item spoils its batch, the batch is halved."""
        try:
            return await self._post([entry.request for entry in batch])
        except EnvelopeRefused as refused:
            if len(batch) == 1:
                return {0: refused.response}
            half = len(batch) // 2
            first, second = await self._answers(batch[:half]), await self._answers(batch[half:])
            return first | {half + number: answer for number, answer in second.items()}
        except (OSError, Transient) as error:
            log.warning("batch without answer: %s", type(error).__name__)
            self._trouble = str(error) if isinstance(error, Transient) else type(error).__name__
            not_sent = isinstance(error, NotSent)
            return dict.fromkeys(range(len(batch)), NOT_SENT) if not_sent else {}

    def _listen(
        self, sent: float, batch: list[_Waiting], answers: dict[int, GraphResponse]
    ) -> None:
        """Tells the pace what the answers say of the limits."""
        refused = {n: a for n, a in answers.items() if _meaning(a) == "throttled"}
        if refused:
            waits = [a.retry_after for a in refused.values() if a.retry_after is not None]
            write = any(batch[number].cost for number in refused)
            self._pace.refused(sent, max(waits, default=None), write=write)
        elif any(batch[n].cost and 0 < a.status < 500 for n, a in answers.items()):
            shares = [a.limit_share for a in answers.values() if a.limit_share is not None]
            self._pace.heard(sent, max(shares, default=None))

    def _settle(self, entry: _Waiting, response: GraphResponse) -> bool:
        """Hands the answer over if it is one; says whether that ended the matter."""
        entry.tries += 1
        meaning = _meaning(response)
        if meaning not in ("throttled", "retry", "busy"):
            _answer(entry, response)
            return True
        if meaning == "busy":
            self._turns.one_by_one(entry.request.object, entry.request.kind)
        in_doubt = response is not NOT_SENT and meaning != "busy"
        if in_doubt and not entry.request.repeatable:
            lost = AmbiguousWrite("the answer to a write was lost", response.retry_after)
            _fail(entry, lost)
            return True
        if entry.tries < TRIES:
            return False
        kind = Throttled if meaning == "throttled" else Transient
        text = f"Graph is busy ({response.status})" if response.status else self._trouble
        _fail(entry, kind(text, response.retry_after))
        return True


# Stand-ins for answers that never came: the item's fate is unknown; the item never went out.
NO_ANSWER = GraphResponse(0, {}, {})
NOT_SENT = GraphResponse(0, {}, {})


def _meaning(response: GraphResponse) -> str:
    """What an answer means; '' for a success."""
    if response.status == 0:
        return "retry"
    if response.status == 503 and response.retry_after is not None:
        return "throttled"
    return "" if response.ok else reaction_to(response).meaning


def _answer(entry: _Waiting, response: GraphResponse) -> None:
    if not entry.answer.done():
        entry.answer.set_result(response)


def _fail(entry: _Waiting, error: Exception) -> None:
    if not entry.answer.done():
        entry.answer.set_exception(error)
