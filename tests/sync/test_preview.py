"""A preview reads and plans as a run does, and writes nothing."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import duckdb
import httpx
import pytest

from graph.client import connect
from local.district import generate
from roster.errors import BadInput
from sync.config import Config
from sync.preview import preview, write_changes
from tests.sync.entra import entra
from tests.worlds import TODAY, World

if TYPE_CHECKING:
    from pathlib import Path

CREATE = Config.model_validate({"people": {"mode": "create"}})


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    generate(people=20, seed=3, today=TODAY).write(tmp_path / "drop")
    return tmp_path / "drop"


def test_against_an_empty_directory_everything_is_made(drop: Path) -> None:
    said: list[str] = []
    with preview(drop, CREATE, progress=said.append) as seen:
        assert seen.plan.counts["person"] == {"create": 20}
        assert seen.roster.format == "sds-v2.1"
    assert "planning" in said


def test_the_domains_of_the_settings_are_taken_for_verified(drop: Path) -> None:
    people = {"mode": "create", "domains": {"students": "students.example.org"}}
    with preview(drop, Config.model_validate({"people": people})) as seen:
        assert seen.plan.counts["person"] == {"create": 20}
        upns = seen.con.execute("SELECT upn FROM desired_people WHERE role_group = 'students'")
        assert {upn.partition("@")[2] for (upn,) in upns.fetchall()} == {"students.example.org"}


def test_against_a_directory_only_the_difference_is_planned(
    drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with preview(drop, CREATE) as seen:
        [(upn,)] = seen.con.execute("SELECT min(upn) FROM desired_people").fetchall()
    with entra(monkeypatch) as tenant:
        seed = {"users": [{"userPrincipalName": upn, "displayName": "x", "mailNickname": "x"}]}
        httpx.post(f"{tenant.address}/emulator/seed", json=seed).raise_for_status()
        with preview(drop, CREATE, graph=connect) as seen:
            assert seen.plan.counts["person"] == {"create": 19, "update": 1}
        assert httpx.get(f"{tenant.address}/emulator/counters").json()["writes"] == 0


def test_a_roster_that_no_run_would_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput), preview(tmp_path, CREATE):
        pass


class TestFiles:
    @pytest.fixture
    def world(self) -> World:
        world = World()
        world.school("=cmd|' /C calc'!A0")
        world.plan(people={"mode": "create"})
        return world

    def test_json_holds_every_change(self, world: World, tmp_path: Path) -> None:
        assert write_changes(world.con, tmp_path / "plan.json") == 1
        [change] = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
        assert (change["kind"], change["action"]) == ("school", "create")

    def test_csv_is_safe_to_open_in_a_spreadsheet(self, world: World, tmp_path: Path) -> None:
        write_changes(world.con, tmp_path / "plan.csv")
        with (tmp_path / "plan.csv").open(encoding="utf-8", newline="") as file:
            [change] = csv.DictReader(file)
        assert change["key"] == "'=cmd|' /C calc'!A0"

    def test_parquet_can_be_read_again(self, world: World, tmp_path: Path) -> None:
        write_changes(world.con, tmp_path / "plan.parquet")
        found = duckdb.sql(f"SELECT count(*) FROM '{tmp_path / 'plan.parquet'}'").fetchall()
        assert found == [(1,)]

    def test_another_ending_is_refused_with_those_that_work(
        self, world: World, tmp_path: Path
    ) -> None:
        with pytest.raises(BadInput, match=r"\.json, \.csv, \.parquet"):
            write_changes(world.con, tmp_path / "plan.xlsx")
