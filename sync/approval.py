"""Deciding on a run: approving or rejecting what it holds, or stopping it while it is under way.

An approval names one plan, by its checksum.

Each decision is a row of the table `approvals` (partition: the run, row: the checksum): who, why,
when. An approval is refused when the run holds nothing, when the plan is another one than the
person saw, when another version of Rollcall made it, when too many days went by, and when a newer
plan of the same source exists.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from roster.errors import BadInput, Refused

from .config import load_config
from .ending import cancel_run
from .record import END, Run, get_run, list_runs, move_run, now
from .step import APPROVED, ask_for
from .storage import APPROVALS_TABLE
from .upgrading import begin_again, is_foreign

if TYPE_CHECKING:
    from .storage import Storage


def approve(storage: Storage, run: str, *, who: str, why: str, checksum: str | None = None) -> Run:
    """Lets the held changes of a run be applied; returns its record.

    `checksum`: of the plan that was looked at; without it, whatever the run holds. Raises BadInput
    for an unknown run or an empty reason, Refused as said above.
    """
    held = _held(storage, run, who, why, checksum)
    if is_foreign(held):
        raise Refused(f"Run {run} was {begin_again(storage, held).error}; look at its plan")
    days = load_config(storage).guards.approval_days
    if held.ended and now() - held.ended > timedelta(days=days):
        raise Refused(
            f"Run {run} has been held for more than {days} days; drop the files again for a new "
            "plan, or raise guards.approval_days"
        )
    for newer in list_runs(storage):
        if newer.run > run and newer.source == held.source and newer.checksum:
            raise Refused(f"Run {run} was superseded by run {newer.run}; look at that one")
    _record(storage, held, "approved", who, why)
    approved = move_run(storage, held, str(APPROVED), status="applying", ended=None)
    ask_for(storage, run, APPROVED)
    return approved


def reject(storage: Storage, run: str, *, who: str, why: str, checksum: str | None = None) -> Run:
    """Cancels a held run: its held changes are never made, the safe ones stay as they are."""
    held = _held(storage, run, who, why, checksum)
    _record(storage, held, "rejected", who, why)
    return cancel_run(storage, held, f"rejected by {who}: {why}")


def stop(storage: Storage, run: str, *, who: str, why: str) -> Run:
    """Cancels a run that is under way; returns its record.

    What it wrote stays, what it did not write stays undone: within seconds no instance takes
    another of its changes. The next run does what is left. Raises Refused if it is not under way,
    Transient if the record changed at the same moment.
    """
    _check_said(who, why)
    found = get_run(storage, run)
    if found.position == END:
        advice = "; reject it instead" if found.status == "held" else ""
        raise Refused(f"Run {run} is {found.status}: nothing of it is under way{advice}")
    _record(storage, found, "stopped", who, why)
    return cancel_run(storage, found, f"stopped by {who}: {why}")


def _held(storage: Storage, run: str, who: str, why: str, checksum: str | None) -> Run:
    _check_said(who, why)
    held = get_run(storage, run)
    if held.status != "held":
        raise Refused(f"Run {run} is {held.status}; only a held run can be approved or rejected")
    if checksum is not None and checksum != held.checksum:
        raise Refused(f"Run {run} holds another plan than the one that was looked at; look again")
    return held


def _check_said(who: str, why: str) -> None:
    if not who.strip() or not why.strip():
        raise BadInput("Who decides, and why, must be said: both are kept with the run")


def _record(storage: Storage, run: Run, decision: str, who: str, why: str) -> None:
    from azure.data.tables import UpdateMode

    storage.table(APPROVALS_TABLE).upsert_entity(
        {
            "PartitionKey": run.run,
            "RowKey": f"stopped-{run.checksum}" if decision == "stopped" else run.checksum,
            "decision": decision,
            "who": who,
            "why": why,
            "at": now().isoformat(),
        },
        UpdateMode.REPLACE,
    )
