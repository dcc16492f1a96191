"""Several sources, one roster: gathering, and the order of it all."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from roster.database import open_database
from roster.schema import SIDE_TABLES, TABLES
from roster.together import Combining, validate_all
from tests.roster.rosters import SOUND, plus, read, rows, stage

TODAY = date(2026, 2, 1)


def everything(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows(con, f"FROM {name} ORDER BY ALL") for name in (*TABLES, *SIDE_TABLES)}


def test_one_reading_is_the_roster_that_it_would_be_by_itself(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = plus(
        SOUND,
        users=[
            {**SOUND["users"][0], "sourced_id": "U8", "username": "ada", "email": "no mail"},
            {"sourced_id": None, "username": "nobody"},
            SOUND["users"][1],
        ],
        enrollments=[{"class_sourced_id": "C9", "user_sourced_id": "U1", "role": "student"}],
        roles=[{**SOUND["roles"][0], "user_sourced_id": "U8"}],
    )
    alone = read(con, tables)
    with open_database() as other:
        together = validate_all(other, [stage(tmp_path, "test", tables)], Combining(), today=TODAY)
        assert everything(other) == everything(con)
        assert together.counts() == alone.counts()
        assert together.dropped() == alone.dropped()
        assert together.format == alone.format
        assert list(together.findings()) == list(alone.findings())
    assert alone.finding_counts()["error"] > 3
