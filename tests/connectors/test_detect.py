from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from connectors.reading import read_roster
from roster.errors import BadInput
from tests.connectors.samples import CLEVER, V1, V21, uk, write


def _without(drop: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in drop.items() if name not in names}


@pytest.mark.parametrize(
    ("files", "name"), [(V21, "sds-v2.1"), (V1, "sds-v1"), (uk(), "sds-v1-uk"), (CLEVER, "clever")]
)
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_a_format_is_known_by_its_files_in_any_case(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, files: dict[str, str], name: str, spelling: type
) -> None:
    drop = {spelling(file): text for file, text in files.items()}
    assert read_roster(write(tmp_path / "drop", drop), con).format == name


def _refuse(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, files: dict[str, str], said: str
) -> str:
    with pytest.raises(BadInput, match=said) as refusal:
        read_roster(write(tmp_path / "drop", files), con)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (_without(V21, "roles.csv"), r"^roles\.csv: missing \(found: academicSessions\.csv"),
        (
            _without(V21, "classes.csv"),
            r"^classes\.csv: missing .*classes\.csv \+ enrollments\.csv",
        ),
        (_without(V21, "enrollments.csv"), r"^enrollments\.csv: missing"),
        (_without(V1, "Teacher.csv"), r"^Teacher\.csv: missing .*expected sds-v1"),
        (_without(V1, "TeacherRoster.csv"), r"^TeacherRoster\.csv: missing"),
        (_without(V1, "GuardianRelationship.csv"), r"^GuardianRelationship\.csv: missing"),
        (
            {**V21, "School.csv": V1["School.csv"]},
            r"^files of several formats .*School\.csv.* sds-v2\.1: orgs\.csv",
        ),
        (
            {**V21, "enrolments.csv": "x"},
            r"^enrolments\.csv: no format has such a file .*expected one of: sds-v2\.1",
        ),
    ],
)
def test_an_incomplete_mixed_or_unknown_set_of_files_is_refused(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, files: dict[str, str], said: str
) -> None:
    _refuse(tmp_path, con, files, said)


@pytest.mark.parametrize(
    "files",
    [
        _without(V21, "classes.csv", "enrollments.csv", "courses.csv", "academicSessions.csv",
                 "demographics.csv", "userFlags.csv", "relationships.csv"),
        _without(V1, "Section.csv", "StudentEnrollment.csv", "TeacherRoster.csv", "User.csv",
                 "GuardianRelationship.csv"),
    ],
)  # fmt: skip
def test_the_smallest_sets_are_enough(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, files: dict[str, str]
) -> None:
    counts = read_roster(write(tmp_path / "drop", files), con).counts()
    assert counts["users"] >= 3
    assert "enrollments" not in counts


def _header(file: str, header: str) -> dict[str, str]:
    return {**V21, file: header + "\n" + V21[file].split("\n", 1)[1]}


def test_a_file_without_header_is_refused_without_naming_anyone(
    tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    text = V21["users.csv"].split("\n", 1)[1]
    said = _refuse(
        tmp_path,
        con,
        {**V21, "users.csv": text},
        r"^users\.csv:1: no line of column names: none of the \d+ values in it is a column of"
        r" users\.csv \(sds-v2\.1\); expected at least sourcedId, username",
    )
    assert "ada" not in said.lower()


@pytest.mark.parametrize(
    ("file", "header", "said"),
    [
        ("orgs.csv", "sourcedId,name,parentSourcedId,x",
         r"^orgs\.csv:1: required columns are missing: type .*sourcedId, name, parentSourcedId"),
        ("orgs.csv", "sourcedId,name,Name,type",
         r"^orgs\.csv:1: the column “name” stands there 2 times"),
        ("orgs.csv", "sourcedId,Sourced ID,name,type",
         r"^orgs\.csv:1: the column “sourcedId” stands there 2 times"),
    ],
)  # fmt: skip
def test_wrong_columns_are_refused(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, file: str, header: str, said: str
) -> None:
    _refuse(tmp_path, con, _header(file, header), said)


def test_an_empty_file_is_refused(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    _refuse(tmp_path, con, {**V21, "courses.csv": ""}, r"^courses\.csv:1: the file is empty")
