"""The state machine of a run: which step follows which, and what happens when one fails.

    extract → normalise → plan → send/1/safe/0 → wait/1/safe → … → wait/3/safe → finish → end
                                 send/1/held/0 → … (after approval) …            → finish → end

One control message on the queue `runs` asks for one step; the record holds the position, which is
the step that is due. A step is done, the record moves on, the next message is sent, in this order:

    crash during the step     the message comes again, the step is repeated (each step may be)
    crash before the message  the message comes again, finds that its step is the previous one,
                              and only sends the next message
    a second copy             finds that the record moved on, and is dropped

Errors by consequence: Transient waits, longer each time, and tries the step again, for some four
hours; BadInput, Refused and Terminal end the run as failed; anything else is raised, tried again by
the host and, from the poison queue, ends the run as failed too.

A run that another version of Rollcall began is begun again, at whatever step it is (upgrading.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from roster.errors import RollcallError, Transient

from . import lock
from .alerts import alert_run
from .barrier import send, wait
from .ending import cancel_run, fail_run, tell_end
from .events import RUN_UNKNOWN, STEP_DONE, STEP_RETRIED, tell
from .record import END, find_run, move_run
from .report import finish
from .step import Again, Next, Step, Stop, Work, ask_for
from .steps import extract, normalise, plan
from .tracing import in_run
from .upgrading import begin_again, is_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .storage import Storage

LARGEST_TRIES = 30
RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 600.0
STEPS: dict[str, Callable[[Work], Next | Again | Stop]] = {
    "extract": extract,
    "normalise": normalise,
    "plan": plan,
    "send": send,
    "wait": wait,
    "finish": finish,
}
STATUS = {"normalise": "normalising", "plan": "planning"}


def on_control(storage: Storage, message: Mapping[str, Any], dequeue_count: int) -> None:
    """Does the step that a control message asks for, and asks for the next one."""
    run = find_run(storage, message["run"])
    if run is None:
        tell(RUN_UNKNOWN, run=str(message["run"]))
        return
    if run.has_ended or run.position == END:
        lock.release(storage, run.run)
    elif is_foreign(run):
        begin_again(storage, run)
    elif message["step"] == run.position:
        step = Step.parse(run.position)
        with in_run(run.run, f"step {step.name}", step=run.position):
            _do(Work(storage, run, step, message))
    elif dequeue_count > 1 and message["step"] == run.previous:
        ask_for(storage, run.run, run.position)


def _do(work: Work) -> None:
    started = time.monotonic()
    try:
        result = STEPS[work.step.name](work)
    except Transient as error:
        _try_again(work, error)
        return
    except RollcallError as error:
        fail_run(work.storage, work.run, str(error))
        return
    run = work.run.run
    if isinstance(result, Stop):
        cancel_run(work.storage, work.run, result.why)
    elif isinstance(result, Again):
        ask_for(work.storage, run, work.step, result.delay, **result.notes)
    else:
        seconds = round(time.monotonic() - started, 3)
        tell(STEP_DONE, run=run, source=work.run.source, step=str(work.step), seconds=seconds)
        _move_on(work, result)


def _move_on(work: Work, result: Next) -> None:
    position = str(result.position)
    status = {"status": STATUS.get(position, "applying")} | dict(result.changes)
    run = move_run(work.storage, work.run, position, **status)
    if position != END:
        ask_for(work.storage, run.run, position)
        return
    lock.release(work.storage, run.run)
    tell_end(run, str(work.step))
    alert_run(work.storage, run)


def _try_again(work: Work, error: Transient) -> None:
    tries = int(work.message.get("tries", 1))
    if tries >= LARGEST_TRIES:
        fail_run(work.storage, work.run, f"Given up after {tries} tries: {error}")
        return
    delay = error.retry_after or min(RETRY_SECONDS * 2 ** (tries - 1), LONGEST_RETRY_SECONDS)
    tell(
        STEP_RETRIED,
        run=work.run.run,
        source=work.run.source,
        step=str(work.step),
        tries=tries,
        delay=round(delay, 3),
        error=type(error).__name__,
    )
    notes = {name: value for name, value in work.message.items() if name not in ("run", "step")}
    ask_for(work.storage, work.run.run, work.step, delay, **notes | {"tries": tries + 1})
