"""Usernames that were given to people: external_id, upn, since, used.

They are remembered when a plan is made and before any of its changes is sent: whatever becomes of
that run, the next one gives everyone the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .state import StateTable
from .storage import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

USERNAMES = StateTable(
    "given_usernames", "external_id VARCHAR, upn VARCHAR, since DATE, used BOOLEAN"
)


def remember_usernames(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Remembers `given_usernames` as the plan left it."""
    USERNAMES.leave(con, folder, "FROM given_usernames")
    storage.upload(STATE, USERNAMES.blob, folder / USERNAMES.blob)
