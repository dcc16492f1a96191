"""Readings at rest, and how those of several sources come together."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import roster.gathering
from roster.database import open_database
from roster.errors import BadInput
from roster.gathering import gather
from roster.schema import literal
from roster.staging import Description, Staged, describe
from roster.together import Combining, validate_all
from roster.validate import settle
from tests.roster.rosters import SOUND, TODAY, Row, Tables, combine, plus, rows, stage, take_in

FAULTY = plus(SOUND, users=[{"sourced_id": None, "username": "x"}, SOUND["users"][0]])


def test_a_staged_reading_describes_itself(tmp_path: Path) -> None:
    saved = describe(stage(tmp_path, "sis", FAULTY))
    assert saved == Description(
        source="sis",
        format="test",
        fed=tuple(SOUND),
        counts={name: len(found) for name, found in SOUND.items()},
        dropped={"users": 2},
        unreadable={"users": 1},
        without_end=(),
    )


def test_a_folder_without_a_reading_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no staged reading is here \(staged.json is missing\)"):
        describe(tmp_path)


def test_a_reading_of_a_tenant_with_one_source_is_checked_as_it_is(
    con: duckdb.DuckDBPyConnection,
) -> None:
    intake = take_in(con, FAULTY)
    settle(con, intake.ledger)
    roster = Staged(con, intake, "sis", "sds-v2.1").check()
    assert roster.format == "sds-v2.1"
    assert roster.finding_counts() == {"error": 1, "warning": 1}


def test_a_file_that_is_cut_off_is_refused_with_its_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    half = {"class_sourced_id": "C1", "user_sourced_id": "U", "role": "coach"}
    cut = plus(SOUND, enrollments=[half])
    with open_database() as other:
        intake = take_in(other, cut, source="sis")
        settle(other, intake.ledger)
        Staged(other, intake, "sis", "test", ("roles.csv", "enrollments.csv")).save(tmp_path / "s")
    lms = stage(tmp_path, "lms", SOUND)
    with pytest.raises(BadInput, match=r"^sis/enrollments.csv:4: the file ends without a line end"):
        validate_all(con, [lms, tmp_path / "s"], Combining(), today=TODAY, fresh=["sis"])
    with pytest.raises(BadInput, match=r"^enrollments.csv:4: the file ends without"):
        validate_all(con, [tmp_path / "s"], Combining(), today=TODAY, fresh=["sis"])
    validate_all(con, [lms, tmp_path / "s"], Combining(), today=TODAY, fresh=["lms"])


def test_files_get_numbers_of_their_own_and_findings_the_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = combine(con, tmp_path, {"b": FAULTY, "a": FAULTY})
    numbers = "SELECT source, count(*), min(id), max(id) FROM files GROUP BY 1 ORDER BY 1"
    assert rows(con, numbers) == [("a", 10, 10, 19), ("b", 10, 0, 9)]
    found = {(f.rule, f.file, f.line) for f in roster.findings()}
    assert found == {
        (rule, f"{source}/users.csv", line)
        for rule, line in (("users.sourced_id.required", 6), ("users.sourced_id.duplicate", 7))
        for source in "ab"
    }
    assert roster.dropped()["users"] == 4
    assert rows(con, "FROM unreadable") == [("users", 2)]
    assert roster.format == "test"


def test_references_may_lead_from_one_source_into_another(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    people = {
        name: SOUND[name] for name in ("users", "relationships", "demographics", "user_flags")
    }
    classes = {name: found for name, found in SOUND.items() if name not in people}
    roster = combine(con, tmp_path, {"lms": classes, "hr": people})
    assert list(roster.findings()) == []
    assert roster.counts() == {name: len(found) for name, found in SOUND.items()}


def test_a_fault_in_one_source_is_the_cause_of_what_it_drops_in_another(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    class_: Row = {**SOUND["classes"][0], "title": None}
    classes: Tables = {"classes": [class_]}
    rest = {name: found for name, found in SOUND.items() if name != "classes"}
    roster = combine(con, tmp_path, {"lms": classes, "sis": rest})
    dropped = [f for f in roster.findings() if f.rule == "enrollments.class_sourced_id.dropped"]
    assert [(f.file, f.cause) for f in dropped] == [("sis/enrollments.csv", "classes:C1")] * 2


def test_own_ids_are_renamed_in_lists_and_in_what_is_uncertain_too(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    session = SOUND["academic_sessions"][0]
    tables = plus(
        SOUND,
        academic_sessions=[{**session, "sourced_id": "Y2", "title": None}],
        classes=[{**SOUND["classes"][0], "sourced_id": "C2", "session_sourced_ids": "Y1,Y2"}],
        enrollments=[
            {"class_sourced_id": key, "user_sourced_id": "U2", "role": role}
            for key, role in (("C2", "student"), ("C2", "wizard"))
        ],
        users=[{**SOUND["users"][0], "sourced_id": "U9", "username": "u9", "email": "no"}],
    )
    folder = stage(tmp_path, "lms", tables)
    gather(con, [folder], (), {"lms": ("academic_sessions", "users")})
    assert rows(con, "SELECT session_sourced_ids FROM classes ORDER BY sourced_id") == [
        (["lms:Y1"],), (["lms:Y1", "lms:Y2"],)
    ]  # fmt: skip
    assert rows(con, "SELECT school_year_sourced_id, org_sourced_id FROM courses") == [
        ("lms:Y1", "S1")
    ]
    assert rows(con, "FROM uncertain ORDER BY ALL") == [
        ("enrollment", "C2", "lms:U2"), ("user", "lms:U9", None)
    ]  # fmt: skip
    assert rows(con, "SELECT tbl, key FROM dropped_keys") == [("academic_sessions", "lms:Y2")]


def test_a_reading_that_an_earlier_version_saved_lacks_columns_and_tables(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = stage(tmp_path, "sis", SOUND)
    (folder / "user_flags.parquet").unlink()
    users = literal(str(folder / "users.parquet"))
    con.execute(f"CREATE TEMP TABLE old AS SELECT * EXCLUDE (identifier, active) FROM {users}")
    con.execute(f"COPY (SELECT *, 1 AS no_longer_known FROM old) TO {users} (FORMAT parquet)")
    gather(con, [folder], (), {})
    assert rows(con, "SELECT DISTINCT identifier, active FROM users") == [(None, True)]
    assert rows(con, "FROM user_flags") == []


def test_readings_that_cannot_be_one_roster_are_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stage(tmp_path, "sis", SOUND)
    with pytest.raises(BadInput, match="no source has delivered a roster yet"):
        gather(con, [], (), {})
    with pytest.raises(BadInput, match="source sis was given twice"):
        gather(con, [folder, folder], (), {})
    monkeypatch.setattr(roster.gathering, "MOST_FILES", 9)
    with pytest.raises(BadInput, match="more than 9 files together"):
        gather(con, [folder], (), {})
