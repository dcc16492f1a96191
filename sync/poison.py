"""Poison messages: those that failed at every try end up here, and here they are closed.

The host moves a message that failed five times to `<queue>-poison`
(https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages).
Nobody waits for a person to look into that queue: a change becomes a failed outcome, a run becomes
a failed run, and an arrival becomes a failed run that says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from .alerts import alert_run
from .arrivals import source_of
from .change import ChangeMessage
from .ending import fail_run, tell_end
from .events import POISON_MESSAGE, tell
from .outcomes import Outcome, has_outcome, write_outcome
from .record import END, Run, add_run, find_run, new_run_id, now
from .storage import ARRIVALS_QUEUE, CHANGES_QUEUE, RUNS_QUEUE

if TYPE_CHECKING:
    from .storage import Storage


def on_poison_change(storage: Storage, body: bytes) -> None:
    """Writes the failed outcome of a change that could not be applied."""
    try:
        message = ChangeMessage.model_validate_json(body)
    except ValidationError:
        tell(POISON_MESSAGE, queue=CHANGES_QUEUE, run="", change="")
        return
    if not has_outcome(storage, message):
        tell(POISON_MESSAGE, queue=CHANGES_QUEUE, run=message.run, change=message.id)
        error = "unexpected errors at every try; the log of the function app has them"
        outcome = Outcome("failed", message.object_id, error, "poison")
        write_outcome(storage, message, outcome)


def on_poison_run(storage: Storage, body: bytes) -> None:
    """Ends the run whose step failed at every try."""
    message = _read(body)
    run = find_run(storage, str(message.get("run", "-")))
    tell(POISON_MESSAGE, queue=RUNS_QUEUE, run=run.run if run else "", change="")
    if run is not None and message.get("step") == run.position:
        why = f"step {run.position} failed at every try; the log of the function app has the errors"
        fail_run(storage, run, why)


def on_poison_arrival(storage: Storage, body: bytes) -> None:
    """Makes an arrival that could not be handled visible, as a failed run."""
    event = _read(body)
    source = source_of(event) or "unknown"
    started = now()
    run_id = new_run_id(started)
    tell(POISON_MESSAGE, queue=ARRIVALS_QUEUE, run=run_id, change="")
    error = (
        "the arrival of files could not be handled; the log of the function app has the errors. "
        "The files are where they were dropped; the hourly sweep looks at them again"
    )
    run = Run(run_id, source, "failed", END, started, ended=started, error=error)
    add_run(storage, run)
    tell_end(run, "arrival")
    alert_run(storage, run)


def _read(body: bytes) -> dict[str, Any]:
    """The JSON object of a message; empty if it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
