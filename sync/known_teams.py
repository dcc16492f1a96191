"""What is known of class teams: external_id, object_id, school, archived.

One row a team of a class group; `school` is the last that was known, `archived` by Rollcall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .state import StateTable

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

KNOWN_TEAMS = StateTable(
    "known_teams", "external_id VARCHAR, object_id VARCHAR, school VARCHAR, archived BOOLEAN"
)


def leave_known_teams(con: DuckDBPyConnection, folder: Path) -> None:
    """Leaves the teams that a plan sees."""
    KNOWN_TEAMS.leave(
        con,
        folder,
        "SELECT external_id, object_id, school, archived FROM class_teams ORDER BY object_id",
    )


def settle_known_teams(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Writes the teams of a plan back, as its outcomes (`change_outcomes`) left them."""
    KNOWN_TEAMS.settle(
        storage,
        con,
        folder,
        """WITH done AS (
            SELECT key AS external_id, action FROM change_outcomes
            WHERE kind = 'team' AND action IN ('archive', 'restore') AND status = 'done'
        )
        SELECT t.external_id, t.object_id, t.school,
               CASE d.action WHEN 'archive' THEN true WHEN 'restore' THEN false
                             ELSE t.archived END AS archived
        FROM planned t LEFT JOIN done d USING (external_id)""",
    )
