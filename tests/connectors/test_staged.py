"""Drops of several sources, from their files to one roster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import pytest

from connectors.reading import read_roster, read_staged
from roster.database import open_database
from roster.errors import BadInput
from roster.merge import MergeRules
from roster.schema import SIDE_TABLES, TABLES
from roster.together import Combining, validate_all
from tests.connectors.samples import V1, V21, write

TODAY = date(2026, 2, 1)


def staged(folder: Path, source: str, files: Mapping[str, str | bytes]) -> Path:
    with open_database() as con:
        drop = write(folder / f"{source}-drop", files)
        read_staged(drop, con, source=source).save(folder / source)
    return folder / source


@pytest.mark.parametrize("files", [V1, V21], ids=["sds-v1", "sds-v2.1"])
def test_a_saved_reading_gives_the_roster_that_its_files_give(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, files: Mapping[str, str]
) -> None:
    faulty = {name: text + "?,?,?,?\n" for name, text in files.items()}
    direct = read_roster(write(tmp_path / "drop", faulty), con)
    with open_database() as other:
        reading = staged(tmp_path, "local", faulty)
        together = validate_all(other, [reading], Combining(), today=TODAY, fresh=["local"])
        for name in (*TABLES, *SIDE_TABLES):
            query = f"FROM {name} ORDER BY ALL"
            assert other.execute(query).fetchall() == con.execute(query).fetchall(), name
        assert together.format == direct.format
        assert together.dropped() == direct.dropped()
    assert direct.finding_counts()["error"] > 5


def test_people_and_classes_of_two_formats_become_one_roster(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    classes = ("classes.csv", "enrollments.csv", "academicSessions.csv", "courses.csv")
    people = {name: text for name, text in V21.items() if name not in classes}
    readings = [staged(tmp_path, "hr", people), staged(tmp_path, "sis", V1)]
    roster = validate_all(con, readings, Combining(MergeRules(("sis", "hr"))), today=TODAY)
    assert roster.format == "sds-v1 + sds-v2.1"
    assert roster.finding_counts()["error"] == 0
    people_now = con.execute(
        "SELECT sourced_id, username, email FROM users WHERE sourced_id <> 'P1' ORDER BY 1"
    ).fetchall()
    assert people_now[0] == ("T1", "tom", "tom@contoso.edu")
    assert con.execute(
        "SELECT role FROM roles WHERE user_sourced_id = 'T1' ORDER BY 1"
    ).fetchall() == [("teacher",)]


def test_a_cut_file_is_found_when_all_is_together(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut = {**V21, "enrollments.csv": V21["enrollments.csv"] + "C1,U2,stud"}
    readings = [staged(tmp_path, "sis", cut), staged(tmp_path, "hr", V1)]
    with pytest.raises(BadInput, match=r"^sis/enrollments.csv:5: .* it is truncated"):
        validate_all(con, readings, Combining(), today=TODAY, fresh=["sis"])
