"""The steps that apply a plan: send the messages of a phase, then wait for all their outcomes.

Message ids are part of the plan and outcomes are kept by them, so sending a message twice is
harmless, and so is counting too early: a phase is over when as many outcomes are there as messages.
A queue reports at least the messages it holds
(https://learn.microsoft.com/rest/api/storageservices/get-queue-metadata), so when it reports none
and outcomes are still missing, messages were lost; they are sent again, and in the end what cannot
get an outcome is given a failed one, so that a run always ends.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from . import outcomes
from .change import ChangeMessage
from .events import MESSAGES_LOST, tell
from .metrics import record_queues
from .outcomes import Outcome, load_outcomes
from .plan import Plan, messages
from .record import artefact
from .step import Again, Next, Step, Stop, Work
from .steps import take_lock
from .storage import CHANGES_QUEUE, RUNS
from .workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from duckdb import DuckDBPyConnection

    from .storage import Storage

LAST_PHASE = 3
SENDERS, SENT_AT_ONCE = 8, 256
SEND_SECONDS = 240.0
# Within one call: short looks, so that small runs are quick. Between calls: ever longer waits.
LOOK_SECONDS, FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT = 10.0, 0.2, 2.0, 15.0
# With more messages than this to do, counting the outcomes, which reads them all, can wait.
FAR_FROM_DONE = 200
# How long the queues must be empty before messages count as lost; how often they are sent again.
IDLE_SECONDS, RESENDS = 5.0, 3


def send(work: Work) -> Next | Again | Stop:
    """Sends the messages of a phase, from `offset` on, for as long as one call may take."""
    step = work.step
    if waiting := take_lock(work):
        return waiting
    with _loaded(work) as (con, plan):
        left = islice(messages(con, plan, step.phase, held=step.held), step.offset, None)
        sent, all_sent = _send(work.storage, left)
        offset = step.offset + sent
        if not all_sent:
            return Next(Step("send", step.phase, step.held, offset))
        safe = messages(con, plan, step.phase, held=False) if step.held else ()
        expected = offset + sum(1 for _ in safe)
    if not offset:
        return Next(_after(step))
    return Next(Step("wait", step.phase, step.held), {"expected": expected})


def wait(work: Work) -> Next | Again:
    """Waits until every message of the phase has its outcome."""
    storage, run, step = work.storage, work.run, work.step
    record_queues(storage)
    stop, pause = time.monotonic() + LOOK_SECONDS, FIRST_PAUSE
    idle_since = work.message.get("idle_since")
    while True:
        left = storage.waiting(CHANGES_QUEUE) + storage.waiting(f"{CHANGES_QUEUE}-poison")
        if left <= FAR_FROM_DONE and (
            outcomes.count_outcomes(storage, run.run, step.phase) >= run.expected
        ):
            return Next(_after(step))
        idle_since = None if left else idle_since or time.time()
        if idle_since and time.time() - idle_since >= IDLE_SECONDS:
            return _mend(work)
        if time.monotonic() + pause > stop:
            break
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    looks = int(work.message.get("looks", 0))
    notes = {"resends": work.message.get("resends", 0), "looks": looks + 1}
    return Again(min(looks, LONGEST_WAIT), notes | {"idle_since": idle_since})


def _mend(work: Work) -> Again:
    """Sends lost messages again; after some rounds gives them failed outcomes."""
    storage, step = work.storage, work.step
    resends = int(work.message.get("resends", 0))
    with _loaded(work) as (con, plan):
        wanted = list(messages(con, plan, step.phase, held=step.held))
        there = {id_ for (id_,) in con.execute("SELECT message FROM outcomes").fetchall()}
    lost = [message for message in wanted if message.id not in there]
    tell(MESSAGES_LOST, run=plan.run, phase=step.phase, count=len(lost), round=resends + 1)
    if resends < RESENDS:
        _send(storage, iter(lost))
    else:
        for message in lost:
            outcome = Outcome("failed", error=f"its message was lost {resends + 1} times")
            outcomes.write_outcome(storage, message, outcome)
    return Again(1, {"resends": resends + 1})


def _send(storage: Storage, some: Iterator[ChangeMessage]) -> tuple[int, bool]:
    """Sends messages until the time is up: how many were sent, and whether those were all."""
    stop, sent = time.monotonic() + SEND_SECONDS, 0

    def send(message: ChangeMessage) -> None:
        storage.send(CHANGES_QUEUE, message.model_dump(mode="json"))

    with ThreadPoolExecutor(SENDERS) as senders:
        while chunk := list(islice(some, SENT_AT_ONCE)):
            if time.monotonic() >= stop:
                return sent, False
            sent += len(list(senders.map(send, chunk)))
    return sent, True


@contextmanager
def _loaded(work: Work) -> Generator[tuple[DuckDBPyConnection, Plan]]:
    """The plan of a run, with what its messages brought so far."""
    run = work.run.run
    with workspace() as (con, folder):
        work.storage.download_folder(RUNS, artefact(run, "plan"), folder / "plan")
        plan = Plan.load(con, folder / "plan")
        load_outcomes(work.storage, con, run, folder)
        yield con, plan


def _after(step: Step) -> Step:
    """What follows when a phase is over."""
    if step.phase < LAST_PHASE:
        return Step("send", step.phase + 1, step.held)
    return Step("finish")
