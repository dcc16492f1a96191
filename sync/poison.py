"""Poison messages: those that failed at every try end up here, and here they are closed.

The host moves a message that failed five times to `<queue>-poison`
(https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages).
Nobody waits for a person to look into that queue: a change becomes a failed outcome, a run becomes
a failed run, and an arrival becomes a failed run that says so.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from .alerts import alert_run
from .change import ChangeMessage
from .ending import fail_run
from .outcomes import Outcome, has_outcome, write_outcome
from .record import END, Run, add_run, find_run, new_run_id, now

if TYPE_CHECKING:
    from .storage import Storage

logger = logging.getLogger(__name__)


def on_poison_change(storage: Storage, body: bytes) -> None:
    """Writes the failed outcome of a change that could not be applied."""
    try:
        message = ChangeMessage.model_validate_json(body)
    except ValidationError:
        logger.exception("A message of the queue changes cannot be read and is dropped")
        return
    if not has_outcome(storage, message):
        logger.error("Change %s of run %s failed at every try", message.id, message.run)
        error = "unexpected errors at every try; the log of the function app has them"
        outcome = Outcome("failed", message.object_id, error, "poison")
        write_outcome(storage, message, outcome)


def on_poison_run(storage: Storage, body: bytes) -> None:
    """Ends the run whose step failed at every try."""
    message = _read(body)
    run = find_run(storage, str(message.get("run", "-")))
    if run is None:
        logger.error("A message of the queue runs names no run and is dropped")
    elif message.get("step") == run.position:
        why = f"step {run.position} failed at every try; the log of the function app has the errors"
        fail_run(storage, run, why)


def on_poison_arrival(storage: Storage, body: bytes) -> None:
    """Makes an arrival that could not be handled visible, as a failed run."""
    event = _read(body)
    source = str(event.get("subject") or event.get("source") or "unknown")
    logger.error("An arrival failed at every try")
    started = now()
    error = (
        "the arrival of files could not be handled; the log of the function app has the errors. "
        "The files are where they were dropped; the hourly sweep looks at them again"
    )
    run = Run(new_run_id(started), source, "failed", END, started, ended=started, error=error)
    add_run(storage, run)
    alert_run(storage, run)


def _read(body: bytes) -> dict[str, Any]:
    """The JSON object of a message; empty if it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
