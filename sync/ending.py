"""How a run ends before its time: failed, cancelled, superseded; and what is told of any end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import lock
from .alerts import alert_run
from .events import ENDINGS, tell
from .metrics import RUN_DURATION, record
from .record import END, REPORT_BLOB, Run, list_runs, now, update_run, write_json
from .step import APPROVED
from .tracing import write_run

if TYPE_CHECKING:
    from .storage import Storage


def fail_run(storage: Storage, run: Run, why: str) -> None:
    """Ends a run as failed, gives the lock back, writes its report and sends the alert."""
    ended = _end(storage, run, "failed", why)
    write_json(storage, run.run, REPORT_BLOB, ended.as_dict())
    alert_run(storage, ended)


def cancel_run(storage: Storage, run: Run, why: str) -> Run:
    """Ends a run as cancelled and gives the lock back."""
    return _end(storage, run, "cancelled", why)


def tell_end(run: Run, step: str) -> None:
    """Tells whoever watches that a run has ended, or is held, after `step`."""
    tell(
        ENDINGS[run.status],
        run=run.run,
        source=run.source,
        trigger=run.trigger,
        step=step,
        seconds=run.seconds,
        changes=run.changes,
        held=run.held_count,
        failed=run.failed,
        findings=dict(run.findings),
        writes=run.writes,
        expected_writes=run.expected_writes,
        requests=run.requests,
    )
    record(RUN_DURATION, run.seconds, status=run.status)
    if run.has_ended:
        write_run(run)


def cancel_held(storage: Storage, newer: Run) -> None:
    """Cancels the held runs that a newer plan supersedes: it is about the same whole tenant.

    What they hold is in the newer plan too, for their readings count as accepted. An approved run
    that still waits for the lock is one of them: the newer one holds the lock.
    """
    for run in list_runs(storage):
        waits = run.status == "held" or run.position == str(APPROVED)
        if waits and run.run != newer.run:
            cancel_run(storage, run, f"superseded by run {newer.run}")


def _end(storage: Storage, run: Run, status: str, why: str) -> Run:
    ended = update_run(storage, run, status=status, error=why, ended=now(), position=END)
    lock.release(storage, run.run)
    tell_end(ended, run.position)
    return ended
