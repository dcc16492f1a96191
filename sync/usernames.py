"""Usernames that were given to people, remembered from run to run.

The blob `usernames.parquet` of the container `state`: external_id, upn, since, used. It is written
when a plan is made and before any of its changes is sent, by the run that holds the lock: whatever
becomes of that run, the next one gives everyone the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .storage import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

USERNAMES = "usernames.parquet"


def load_usernames(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Makes the table `given_usernames` for planning, as the last run left it."""
    start_usernames(con)
    if (data := storage.read(STATE, USERNAMES)) is not None:
        path = folder / USERNAMES
        path.write_bytes(data)
        con.execute("INSERT INTO given_usernames BY NAME FROM read_parquet(?)", [str(path)])


def start_usernames(con: DuckDBPyConnection) -> None:
    """Makes the empty table `given_usernames`."""
    con.execute(
        "CREATE OR REPLACE TABLE given_usernames "
        "(external_id VARCHAR, upn VARCHAR, since DATE, used BOOLEAN)"
    )


def save_usernames(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Remembers `given_usernames` as the plan left it."""
    path = folder / USERNAMES
    con.table("given_usernames").write_parquet(str(path))
    storage.upload(STATE, USERNAMES, path)
