from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.main import run
from local.district import generate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("day1")
    generate(60, 1, today=datetime.now(UTC).date()).write(target)
    return target


def test_against_an_empty_tenant_everything_is_created(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plan.csv"
    assert run(["plan", str(folder), "--json", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changes"]["person"] == {"create": 60}
    assert told["changes"]["school"] == {"create": 1}
    assert told["held"] == 0
    assert len(told["checksum"]) == 64
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(n for actions in told["changes"].values() for n in actions.values())


def test_people_read_counts_and_the_first_changes_with_their_source(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "create person 1000000" in shown
    assert "users.csv:2" in shown
    assert "more; write them all with --out" in shown


def test_the_plan_says_what_it_costs_and_what_rules_decide(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", str(folder), "--json"]) == 0
    assigned = json.loads(capsys.readouterr().out)["cost"]
    assert assigned["writes"] == assigned["least"] > 60
    config = tmp_path / "rollcall.yaml"
    config.write_text(
        "people: {mode: create}\nclasses: {kind: group}\nschools: {membership: dynamic}\n"
        "groups: {membership: dynamic}\ndynamic: {attribute: department}\n",
        encoding="utf-8",
    )
    assert run(["plan", str(folder), "--config", str(config)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert re.search(r"\d+ writes, least possible \d+ \(1\.\d\d\), \d+ batches, under a", shown)
    assert re.search(r"\d+ group memberships are decided by rule", shown)
    assert run(["plan", str(folder), "--json", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cost"]["writes"] < assigned["writes"]
    assert told["by_rule"]["school_membership"] == 60


def test_settings_shape_the_plan(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "rollcall.yaml"
    config.write_text("people: {mode: create}\nclasses: {enabled: false}\n", encoding="utf-8")
    assert run(["plan", str(folder), "--json", "--config", str(config)]) == 0
    assert "class" not in json.loads(capsys.readouterr().out)["changes"]


def test_in_mode_match_an_empty_tenant_matches_nobody(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "rollcall.yaml"
    config.write_text("people: {mode: match}\n", encoding="utf-8")
    assert run(["plan", str(folder), "--json", "--config", str(config)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert "person" not in told["changes"]
    assert told["findings"]["warning"] >= 60


def test_nothing_is_planned_against_a_demo_that_does_not_run(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert run(["plan", str(folder), "--against", "demo"]) == 2
    assert "No demo is running" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["plan.xlsx", "plan"])
def test_an_unknown_kind_of_file_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    assert run(["plan", str(folder), "--out", str(tmp_path / name)]) == 2
    assert not (tmp_path / name).exists()
