"""Leavers: people of ours who are not in the roster: external_id, since, disabled (by Rollcall)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .state import StateTable

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

LEAVERS = StateTable("leavers", "external_id VARCHAR, since DATE, disabled BOOLEAN")


def leave_leavers(con: DuckDBPyConnection, folder: Path) -> None:
    """Leaves who is missing, and who came back disabled, as a plan sees it.

    Who came back stays in it until the account is enabled again, and so does whose rows in the
    roster are too broken to tell.
    """
    LEAVERS.leave(
        con,
        folder,
        """SELECT external_id, since, disabled FROM absent_people
        UNION ALL
        SELECT external_id, since, disabled FROM leavers
        ANTI JOIN absent_people USING (external_id)
        WHERE external_id IN (
            SELECT k.external_id FROM known_people k
            JOIN existing_people a ON a.id = k.object_id
            WHERE NOT a.account_enabled
               OR k.external_id NOT IN (SELECT sourced_id FROM users WHERE active))""",
    )


def settle_leavers(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Writes the leavers of a plan back, as its outcomes (`change_outcomes`) left them."""
    LEAVERS.settle(
        storage,
        con,
        folder,
        """WITH done AS (
            SELECT key, action FROM change_outcomes WHERE kind = 'person' AND status = 'done'
        )
        SELECT external_id, since, disabled OR external_id IN (
            SELECT key FROM done WHERE action = 'disable') AS disabled
        FROM planned
        WHERE external_id NOT IN (SELECT key FROM done WHERE action = 'enable')""",
    )
