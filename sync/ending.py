"""How a run ends before its time: failed, cancelled, superseded. The lock is given back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from . import lock
from .alerts import alert_run
from .record import END, REPORT_BLOB, Run, list_runs, now, update_run, write_json
from .step import APPROVED

if TYPE_CHECKING:
    from .storage import Storage

logger = logging.getLogger(__name__)


def fail_run(storage: Storage, run: Run, why: str) -> None:
    """Ends a run as failed, gives the lock back, writes its report and sends the alert."""
    logger.error("Run %s failed at %s", run.run, run.position)
    ended = _end(storage, run, "failed", why)
    write_json(storage, run.run, REPORT_BLOB, ended.as_dict())
    alert_run(storage, ended)


def cancel_run(storage: Storage, run: Run, why: str) -> Run:
    """Ends a run as cancelled and gives the lock back."""
    return _end(storage, run, "cancelled", why)


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
    return ended
