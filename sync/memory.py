"""What the tenant remembers between runs: the tables that planning reads and a run's end renews.

Nothing of it is needed to find out what is in the directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drift import KEPT, leave_wanted, settle_kept
from .identities import IDENTITIES, leave_identities, settle_identities
from .inbound import UPLOADS, leave_uploads, settle_uploads
from .known_teams import KNOWN_TEAMS, leave_known_teams, settle_known_teams
from .leavers import LEAVERS, leave_leavers, settle_leavers
from .usernames import USERNAMES, remember_usernames

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

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
