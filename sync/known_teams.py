"""What the tenant remembers of class teams between runs, as the blob `teams.parquet` in `state`.

One row a team of a class group: external_id, object_id, school (the last that was known), archived
(by Rollcall). Written only by the run that holds the lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .storage import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage

TEAMS = "teams.parquet"


def start_known_teams(con: DuckDBPyConnection) -> None:
    """Makes the empty table `known_teams`."""
    con.execute(
        "CREATE OR REPLACE TABLE known_teams (external_id VARCHAR, object_id VARCHAR, "
        "school VARCHAR, archived BOOLEAN)"
    )


def load_known_teams(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Makes the table `known_teams` for planning."""
    start_known_teams(con)
    if (data := storage.read(STATE, TEAMS)) is not None:
        path = folder / TEAMS
        path.write_bytes(data)
        con.execute("INSERT INTO known_teams BY NAME FROM read_parquet(?)", [str(path)])


def save_known_teams(con: DuckDBPyConnection, folder: Path) -> None:
    """Writes teams.parquet as a plan sees it: the teams that are there."""
    con.sql(
        "SELECT external_id, object_id, school, archived FROM class_teams ORDER BY object_id"
    ).write_parquet(str(folder / TEAMS))


def settle_known_teams(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Writes the teams of a plan back, as its outcomes (`change_outcomes`) left them."""
    planned, settled = (folder / TEAMS).as_posix(), folder / f"settled-{TEAMS}"
    con.execute(
        f"""COPY (
            WITH done AS (
                SELECT key AS external_id, action FROM change_outcomes
                WHERE kind = 'team' AND action IN ('archive', 'restore') AND status = 'done'
            )
            SELECT t.external_id, t.object_id, t.school,
                   CASE d.action WHEN 'archive' THEN true WHEN 'restore' THEN false
                                 ELSE t.archived END AS archived
            FROM read_parquet('{planned}') t LEFT JOIN done d USING (external_id)
        ) TO '{settled.as_posix()}' (FORMAT parquet)"""
    )
    storage.write(STATE, TEAMS, settled.read_bytes())
