"""A roster read with the settings of a run, outside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roster.database import open_database
from roster.errors import BadInput
from roster.roster import Roster
from sync.config import Config
from sync.reading import read_alone
from tests.connectors.samples import V21, write

SOURCE = {"name": "sis", "mappings": {"org_roles": {"Lehrkraft": "teacher"}}}
FILES = {**V21, "roles.csv": V21["roles.csv"].replace("T1,S1,teacher", "T1,S1,Lehrkraft")}


def read(folder: Path, overrides: Path | None = None, **settings: Any) -> dict[str, Any]:
    with open_database() as con:
        drop = write(folder / "drop", FILES)
        roster = read_alone(drop, con, Config.model_validate(settings), overrides=overrides)
        source = con.execute("SELECT max(source) FROM files").fetchall()
        return {**summary(roster), "source": source}


def summary(roster: Roster) -> dict[str, Any]:
    return {
        "findings": roster.finding_counts(),
        "classes": roster.counts()["classes"],
        "left_out": [count.rule for count in roster.left_out()],
    }


def test_the_words_of_the_source_are_understood(tmp_path: Path) -> None:
    fine = {"error": 0, "warning": 0}
    plain = {"findings": fine, "classes": 1, "left_out": [], "source": [("sis",)]}
    assert read(tmp_path, sources=[SOURCE]) == plain
    assert read(tmp_path)["findings"]["error"] == 1
    assert read(tmp_path)["source"] == [("local",)]


def test_rules_and_corrections_apply(tmp_path: Path) -> None:
    lines = tmp_path / "lines.csv"
    lines.write_text("table,key,column,value\nenrollments,C1/U2,drop,\n", encoding="utf-8")
    found = read(tmp_path, lines, sources=[SOURCE])
    assert found["left_out"] == ["lines.csv:2"]
    assert found["findings"] == {"error": 0, "warning": 0}
    select = [{"name": "no contacts", "leave_out": {"roles": ["other"]}}]
    assert read(tmp_path, sources=[SOURCE], select=select)["left_out"] == ["no contacts"]


def test_a_cut_file_is_refused_on_either_way(tmp_path: Path) -> None:
    cut = {**FILES, "enrollments.csv": V21["enrollments.csv"] + "C1,U2,stud"}
    select = [{"name": "a", "leave_out": {"roles": ["other"]}}]
    for settings in ({}, {"select": select}):
        with open_database() as con, pytest.raises(BadInput, match="it is truncated"):
            read_alone(write(tmp_path / "cut", cut), con, Config.model_validate(settings))
