"""What the tenant remembers between runs: the tables that planning reads and a run's end renews.

Each is a blob of the container `state` with a module of its own:

    leavers           who is missing since when, and whom Rollcall disabled     accepted.py
    identities        which account was matched to whom                         identities.py
    given_usernames   usernames that were given, taken by nobody else           usernames.py
    known_teams       teams of class groups, and which of them are archived     known_teams.py
    uploads           what the provisioning service was handed                  inbound.py
    kept              what the last run left behind, to tell drift from         drift.py

Nothing of it is needed to find out what is in the directory: without a blob its table is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accepted import load_leavers, save_leavers, settle_leavers, start_leavers
from .drift import load_kept, save_wanted, settle_kept, start_kept
from .identities import load_identities, save_identities, settle_identities, start_identities
from .inbound import load_uploads, save_uploads, settle_uploads, start_uploads
from .known_teams import (
    load_known_teams,
    save_known_teams,
    settle_known_teams,
    start_known_teams,
)
from .usernames import load_usernames, save_usernames, start_usernames

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage


def start_memory(con: DuckDBPyConnection) -> None:
    """Makes the tables of a tenant that remembers nothing."""
    for start in (
        start_leavers,
        start_identities,
        start_usernames,
        start_known_teams,
        start_uploads,
        start_kept,
    ):
        start(con)


def load_memory(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Makes the tables as the last run left them."""
    for load in (
        load_leavers,
        load_identities,
        load_usernames,
        load_known_teams,
        load_uploads,
        load_kept,
    ):
        load(storage, con, folder)


def save_memory(storage: Storage, con: DuckDBPyConnection, folder: Path, today: date) -> None:
    """Writes into `folder`, beside the plan, what its end will need; usernames count at once."""
    save_usernames(storage, con, folder)
    save_leavers(con, folder)
    save_identities(con, folder, today)
    save_known_teams(con, folder)
    save_uploads(con, folder)
    save_wanted(con, folder)


def settle_memory(
    storage: Storage, con: DuckDBPyConnection, folder: Path, moment: datetime
) -> None:
    """Renews the blobs by what became of the plan in `folder` (`change_outcomes`, `created`)."""
    settle_leavers(storage, con, folder)
    settle_identities(storage, con, folder, moment.date())
    settle_known_teams(storage, con, folder)
    settle_uploads(storage, con, folder, moment)
    settle_kept(storage, con, folder)
