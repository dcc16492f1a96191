"""What the tenant remembers between runs: the tables that planning reads and a run's end renews.

Nothing of it is needed to find out what is in the directory. Yet it says who has left since when,
what several sources delivered, and, kept together with it, which files a source has to deliver. So
when it is lost, or an old copy was put back, all removals of the next plan are held: a person looks
at them once. That is told by the blob `remembered.json`, which names the run that left it last.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .drift import KEPT, leave_wanted, settle_kept
from .identities import IDENTITIES, leave_identities, settle_identities
from .inbound import UPLOADS, leave_uploads, settle_uploads
from .known_teams import KNOWN_TEAMS, leave_known_teams, settle_known_teams
from .leavers import LEAVERS, leave_leavers, settle_leavers
from .record import find_run, list_runs
from .storage import STATE
from .usernames import USERNAMES, remember_usernames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .record import Run
    from .storage import Storage

REMEMBERED = "remembered.json"
TABLES = (LEAVERS, IDENTITIES, USERNAMES, KNOWN_TEAMS, UPLOADS, KEPT)


def start_memory(con: DuckDBPyConnection) -> None:
    """Makes the tables of a tenant that remembers nothing."""
    for table in TABLES:
        table.start(con)


def load_memory(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Makes the tables as the last run left them."""
    for table in TABLES:
        table.load(storage, con, folder)


def save_memory(storage: Storage, con: DuckDBPyConnection, folder: Path, today: date) -> None:
    """Writes into `folder`, beside the plan, what its end will need; usernames count at once."""
    remember_usernames(storage, con, folder)
    leave_leavers(con, folder)
    leave_identities(con, folder, today)
    leave_known_teams(con, folder)
    leave_uploads(con, folder)
    leave_wanted(con, folder)


def settle_memory(
    storage: Storage, con: DuckDBPyConnection, folder: Path, moment: datetime
) -> None:
    """Renews the tables by what became of the plan in `folder` (`change_outcomes`, `created`)."""
    settle_leavers(storage, con, folder)
    settle_identities(storage, con, folder, moment.date())
    settle_known_teams(storage, con, folder)
    settle_uploads(storage, con, folder, moment)
    settle_kept(storage, con, folder)


def note_run(storage: Storage, run: Run) -> None:
    """Notes that what is remembered is what this run left."""
    storage.write(STATE, REMEMBERED, json.dumps({"run": run.run}).encode())


def find_doubt(storage: Storage, con: DuckDBPyConnection, missing: Sequence[str]) -> str:
    """Why what is remembered may be wrong, so that removals are held; '' if it may be trusted.

    `missing`: sources that count and of which nothing is remembered. Needs `existing_people`.
    """
    settled = [run for run in list_runs(storage) if run.status in ("finished", "held")]
    last = max(settled, key=lambda run: run.ended or run.started, default=None)
    left = json.loads(storage.read(STATE, REMEMBERED) or "{}").get("run", "")
    if last is None:
        marked = 0 if left else _marked(con)
        return (
            f"nothing is remembered, yet {marked} accounts have a roster's mark" if marked else ""
        )
    if left != last.run and _ended_before(storage, left, last):
        return (
            f"what is remembered was left by {f'run {left}' if left else 'no run'}, and run "
            f"{last.run} came after it: it was lost, or an old copy of it was put back"
        )
    lost = [run for run in settled if run.source in missing]
    return (
        f"source {lost[0].source}: what it delivered in run {lost[0].run} is lost" if lost else ""
    )


def _ended_before(storage: Storage, run: str, last: Run) -> bool:
    found = find_run(storage, run) if run else None
    if found is None:
        return True
    return found.ended is not None and last.ended is not None and found.ended < last.ended


def _marked(con: DuckDBPyConnection) -> int:
    query = "SELECT count(*) FROM existing_people WHERE external_source = 'sis'"
    [(number,)] = con.execute(query).fetchall()
    return number
