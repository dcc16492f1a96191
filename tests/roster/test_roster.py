from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from roster.database import open_database
from roster.errors import BadInput
from roster.roster import Roster
from roster.schema import SIDE_TABLES, TABLES
from tests.roster.rosters import SOUND, plus, read, rows

FAULTY = plus(
    SOUND,
    orgs=[{**SOUND["orgs"][1], "sourced_id": "S2", "parent_sourced_id": "nowhere"}],
    users=[
        {**SOUND["users"][0], "sourced_id": "=1+1", "username": None},
        {**SOUND["users"][0], "sourced_id": "U9", "username": "nina", "phone": "@SUM(A1)"},
        {**SOUND["users"][0], "sourced_id": None},
    ],
    roles=[{**SOUND["roles"][0], "user_sourced_id": "U9", "grade": "99"}],
)


def test_counts_name_only_what_the_source_fed(con: duckdb.DuckDBPyConnection) -> None:
    tables = {name: SOUND[name] for name in ("orgs", "users", "roles", "academic_sessions")}
    roster = read(con, tables)
    assert roster.counts() == {"orgs": 2, "academic_sessions": 1, "users": 4, "roles": 3}
    assert roster.dropped() == {"orgs": 0, "academic_sessions": 0, "users": 0, "roles": 0}
    assert rows(con, "SELECT count(*) FROM enrollments") == [(0,)]


def test_rules_come_errors_first_with_an_example(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, FAULTY)
    assert roster.finding_counts() == {"error": 1, "warning": 5}
    assert [(rule.id, rule.severity, rule.count) for rule in roster.rules()] == [
        ("users.sourced_id.required", "error", 1),
        ("orgs.parent_sourced_id.missing", "warning", 1),
        ("roles.grade.enum", "warning", 1),
        ("users.phone.format", "warning", 1),
        ("users.role.none", "warning", 1),
        ("users.username.none", "warning", 1),
    ]
    example = roster.rules()[2].example
    assert example == "roles.csv:5 grade “99”: the value is not one of the list"


def test_findings_can_be_limited(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, FAULTY)
    every = list(roster.findings())
    assert len(every) == 6
    assert list(roster.findings(limit=2)) == every[:2]
    assert every == sorted(every, key=lambda f: (f.severity, f.file, f.line or 0))


def test_the_findings_file_holds_no_formula(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "report" / "findings.csv"
    assert read(con, FAULTY).write_findings(path) == 6
    with path.open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert "'=1+1" in cells
    assert "'@SUM(A1)" in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_a_saved_roster_comes_back_whole(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    saved = read(con, FAULTY)
    saved.save(tmp_path / "roster")
    with open_database(tmp_path / "other") as other:
        read(other, SOUND)
        loaded = Roster.load(other, tmp_path / "roster")
        assert loaded.format == saved.format
        assert loaded.counts() == saved.counts()
        assert loaded.dropped() == saved.dropped()
        assert list(loaded.findings()) == list(saved.findings())
        for table in (*TABLES, *SIDE_TABLES):
            assert rows(other, f"DESCRIBE {table}") == rows(con, f"DESCRIBE {table}")
            query = f"SELECT * FROM {table} ORDER BY ALL"
            assert rows(other, query) == rows(con, query)


def test_a_roster_can_be_read_where_one_was_loaded(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    read(con, FAULTY).save(tmp_path)
    con.execute("CREATE VIEW another AS SELECT 1")
    Roster.load(con, tmp_path)
    assert read(con, SOUND).counts()["users"] == 4
    assert rows(con, "FROM another") == [(1,)]


def test_loading_from_an_empty_folder_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"no saved roster is here \(roster\.json is missing\)"):
        Roster.load(con, tmp_path)
