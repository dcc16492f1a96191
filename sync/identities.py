"""Which account was matched to whom: external_id, object_id, since, rule.

A plan leaves its matches; when the run ends, the accounts that it created come on top. Accounts
that are gone for good are forgotten, those in the recycle bin are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from directory.identities import IDENTITIES as COLUMNS

from .state import StateTable

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

IDENTITIES = StateTable("identities", COLUMNS)


def leave_identities(con: DuckDBPyConnection, folder: Path, today: date) -> None:
    """Leaves the matches of a plan, and what still holds of the old ones."""
    IDENTITIES.leave(
        con,
        folder,
        """SELECT l.external_id, l.object_id, coalesce(i.since, $today) AS since,
               CASE WHEN l.rule IN ('kept', 'remembered') THEN coalesce(i.rule, l.rule)
                    ELSE l.rule END AS rule
        FROM links l LEFT JOIN identities i USING (external_id, object_id)
        UNION ALL
        SELECT i.external_id, i.object_id, i.since, i.rule
        FROM identities i
        LEFT JOIN existing_people a ON a.id = i.object_id
        WHERE i.external_id NOT IN (SELECT external_id FROM links)
          AND i.object_id NOT IN (SELECT object_id FROM links)
          AND (a.id IS NOT NULL OR i.object_id IN (SELECT id FROM deleted_people))
          AND NOT coalesce(a.external_source = 'sis' AND a.external_id <> i.external_id, false)""",
        {"today": today},
    )


def settle_identities(storage: Storage, con: DuckDBPyConnection, folder: Path, today: date) -> None:
    """Writes the identities of a plan back, with the accounts that its run made (`created`)."""
    IDENTITIES.settle(
        storage,
        con,
        folder,
        """SELECT * FROM planned
        WHERE external_id NOT IN (SELECT key FROM created WHERE kind = 'person')
        UNION ALL
        SELECT key, object_id, $today, 'created' FROM created WHERE kind = 'person'""",
        {"today": today},
    )
