"""Whether runs happen: what is due by the clock, and when the last one was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.source import ApiSource

from ..accepted import list_accepted
from ..record import list_runs
from .check import Check

if TYPE_CHECKING:
    from datetime import datetime

    from ..config import Config
    from ..record import Run
    from ..storage import Storage

AREA = "Schedule"
# The timer ticks every hour, and a run that is put off until the next tick is no alarm.
LATE = timedelta(hours=26)


def check_schedule(storage: Storage, config: Config, at: datetime) -> list[Check]:
    """The nightly run and the last run, at the time `at`."""
    nightly = config.schedule.nightly
    if nightly is None:
        checks = [Check(AREA, "nightly", "ok", "off: files are planned when they come")]
    else:
        checks = [Check(AREA, "nightly", "ok", f"at {nightly}, {config.time_zone}")]
    last = next(iter(list_runs(storage)), None)
    if last is None:
        advice = "hand in files with `rollcall drop FOLDER`, or ask a system: `rollcall pull NAME`"
        return [*checks, Check(AREA, "last run", "warning", "none yet", advice)]
    is_asked = any(isinstance(source, ApiSource) for source in config.sources)
    is_due = nightly is not None and (is_asked or bool(list_accepted(storage)))
    return [*checks, _last(last, at - last.started, is_due=is_due)]


def _last(run: Run, age: timedelta, *, is_due: bool) -> Check:
    hours = age.total_seconds() / 3600
    found = f"{run.run} of {run.source}, {hours:,.0f} h ago: {run.status}"
    show = f"`rollcall show {run.run}`"
    if run.status == "held":
        return Check(AREA, "last run", "warning", found, f"{show}, then approve or reject it")
    if run.status == "failed":
        return Check(AREA, "last run", "problem", found, f"{show} says why")
    if is_due and age > LATE:
        advice = (
            "the timer does not start runs: look at the function `hourly` under Functions, and at "
            "Log stream"
        )
        return Check(AREA, "last run", "problem", found, advice)
    return Check(AREA, "last run", "ok", found)
