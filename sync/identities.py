"""Which account was matched to whom, remembered between runs in `identities.parquet`.

A blob of the container `state`, written only by the run that holds the lock: external_id,
object_id, since, rule. A plan leaves its matches in a file of its own; when the run ends, the
accounts that it created come on top. Accounts that are gone for good are forgotten, those in the
recycle bin are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from directory.identities import IDENTITIES

from .storage import STATE

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

BLOB = "identities.parquet"


def load_identities(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Makes the table `identities` for planning."""
    start_identities(con)
    if (data := storage.read(STATE, BLOB)) is not None:
        path = folder / BLOB
        path.write_bytes(data)
        con.execute("INSERT INTO identities BY NAME FROM read_parquet(?)", [str(path)])


def start_identities(con: DuckDBPyConnection) -> None:
    """Makes the table `identities`, empty."""
    con.execute(f"CREATE OR REPLACE TABLE identities ({IDENTITIES})")


def save_identities(con: DuckDBPyConnection, folder: Path, today: date) -> None:
    """Writes identities.parquet as a plan sees it: its matches, and what still holds of the old."""
    path = (folder / BLOB).as_posix()
    con.execute(
        """CREATE OR REPLACE TABLE kept_identities AS
        SELECT l.external_id, l.object_id, coalesce(i.since, $today) AS since,
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
    con.execute(f"COPY kept_identities TO '{path}' (FORMAT parquet)")


def settle_identities(storage: Storage, con: DuckDBPyConnection, folder: Path, today: date) -> None:
    """Writes the identities of a plan back, with the accounts that its run made (`created`)."""
    planned, settled = (folder / BLOB).as_posix(), folder / f"settled-{BLOB}"
    con.execute(
        f"""CREATE OR REPLACE TABLE settled_identities AS
        SELECT * FROM read_parquet('{planned}')
        WHERE external_id NOT IN (SELECT key FROM created WHERE kind = 'person')
        UNION ALL
        SELECT key, object_id, $today, 'created' FROM created WHERE kind = 'person'""",
        {"today": today},
    )
    con.execute(f"COPY settled_identities TO '{settled.as_posix()}' (FORMAT parquet)")
    storage.upload(STATE, BLOB, settled)
