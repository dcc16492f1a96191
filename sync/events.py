"""Events: the lines of the log that operations depend on, stable in name and fields.

    Rollcall run_finished {"run":"20261124T134700Z-3f2a","source":"district","seconds":41.7,…}

A person reads such a line as it stands, and a query takes it apart with

    | parse Message with "Rollcall " Event " " Fields
    | extend Fields = parse_json(Fields)

(https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces). Alerts and the
workbook are built on these names; docs/monitoring.md lists them. Fields hold ids of runs and
changes, names that the configuration gives, numbers, and types of errors: never a text of an error,
a key of a change or anything else that may name a person.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from logging import ERROR, INFO, WARNING
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

PREFIX = "Rollcall"
_ENDED = (
    "run", "source", "trigger", "step", "seconds", "changes", "held", "failed", "findings",
    "writes", "expected_writes", "requests",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """`level`: of Python's logging; `fields`: exactly these; `meaning`: for people."""

    name: str
    level: int
    fields: tuple[str, ...]
    meaning: str


RUN_STARTED = Event("run_started", INFO, ("run", "source", "trigger"), "a run began")
RUN_UNKNOWN = Event("run_unknown", ERROR, ("run",), "a message asks for a step of an unknown run")
STEP_DONE = Event("step_done", INFO, ("run", "source", "step", "seconds"), "a step was done")
STEP_RETRIED = Event(
    "step_retried", WARNING, ("run", "source", "step", "tries", "delay", "error"),
    "a step could not be done and is tried again after `delay` seconds",
)  # fmt: skip
RUN_HELD = Event("run_held", WARNING, _ENDED, "a run waits until somebody approves or rejects")
RUN_FINISHED = Event("run_finished", INFO, _ENDED, "a run did all that it planned")
RUN_FAILED = Event("run_failed", ERROR, _ENDED, "a run failed at `step`")
RUN_CANCELLED = Event("run_cancelled", INFO, _ENDED, "a run was rejected, superseded or given up")
CHANGE_FAILED = Event(
    "change_failed", WARNING, ("run", "change", "kind", "action", "code"),
    "the directory refused a change for good; the run's outcomes say why",
)  # fmt: skip
CHANGE_DROPPED = Event(
    "change_dropped", WARNING, ("run", "change"), "a change came whose run is not applying"
)
MESSAGES_LOST = Event(
    "messages_lost", WARNING, ("run", "phase", "count", "round"),
    "messages of changes were lost, and are sent again",
)  # fmt: skip
THROTTLED = Event(
    "throttled", WARNING, ("run", "seconds"),
    "Graph wants a pause; told at most once a minute by each process",
)  # fmt: skip
POISON_MESSAGE = Event(
    "poison_message", ERROR, ("queue", "run", "change"), "a message failed at every try"
)
NO_RUN = Event("no_run", ERROR, ("run", "source", "hours"), "no roster came since `run`")
ALERT_SENT = Event("alert_sent", INFO, ("alert", "run"), "the webhook was told")
ALERT_NOT_SENT = Event(
    "alert_not_sent", WARNING, ("alert", "run", "error"), "the webhook could not be told"
)
CONFIG_WRONG = Event(
    "config_wrong", ERROR, ("error",), "rollcall.yaml is wrong: nothing is done by the clock"
)
PART_FAILING = Event(
    "part_failing", WARNING, ("part", "error"), "the health probe found a part that does not work"
)
TELEMETRY_OFF = Event(
    "telemetry_off", WARNING, ("error",), "traces and metrics cannot be sent; runs go on without"
)
EVENTS = (
    RUN_STARTED, RUN_UNKNOWN, STEP_DONE, STEP_RETRIED,
    RUN_HELD, RUN_FINISHED, RUN_FAILED, RUN_CANCELLED,
    CHANGE_FAILED, CHANGE_DROPPED, MESSAGES_LOST, THROTTLED, POISON_MESSAGE, NO_RUN, ALERT_SENT,
    ALERT_NOT_SENT, CONFIG_WRONG, PART_FAILING, TELEMETRY_OFF,
)  # fmt: skip
ENDINGS = {
    "held": RUN_HELD,
    "finished": RUN_FINISHED,
    "failed": RUN_FAILED,
    "cancelled": RUN_CANCELLED,
}


def tell(event: Event, **fields: str | float | Mapping[str, Any]) -> None:
    """Writes the line of an event; its fields are exactly those that it declares."""
    assert fields.keys() == set(event.fields), f"{event.name} tells {event.fields}"
    if logger.isEnabledFor(event.level):
        ordered = {name: fields[name] for name in event.fields}
        text = json.dumps(ordered, separators=(",", ":"))
        logger.log(event.level, "%s %s %s", PREFIX, event.name, text)
