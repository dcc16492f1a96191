from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.demo import run_result
from cli.demo_tenant import demo_settings
from cli.main import run
from roster.errors import BadInput
from sync.config import parse_config
from sync.record import Run

START = datetime(2026, 11, 24, 13, 47, tzinfo=UTC)


def settings(tmp_path: Path, text: str) -> dict[str, Any]:
    config = tmp_path / "rollcall.yaml"
    config.write_text(text, encoding="utf-8")
    made = demo_settings(config, "local")
    parse_config(made, "made")
    return json.loads(made)


def test_the_demo_creates_people_and_settles_at_once() -> None:
    config = parse_config(demo_settings(None, "local"), "made")
    assert config.people.mode == "create"
    assert [(s.name, s.settle_seconds) for s in config.sources] == [("local", 1)]


def test_settings_go_on_top_section_by_section(tmp_path: Path) -> None:
    made = settings(
        tmp_path,
        "people: {guardians: true}\nguards: {removals: {percent: 5}}\nsources: [{name: sis}]\n"
        "matching: {staff: [{from: email, to: mail}]}",
    )
    assert made["people"] == {"mode": "create", "guardians": True}
    assert made["guards"] == {"removals": {"percent": 5}}
    assert made["sources"][0]["name"] == "local"
    assert made["matching"] == {"staff": [{"from": "email", "to": "mail"}]}


def test_what_a_file_says_itself_wins(tmp_path: Path) -> None:
    assert settings(tmp_path, "people: {mode: match}")["people"] == {"mode": "match"}


def test_a_wrong_file_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "rollcall.yaml"
    config.write_text("people:\n  mode: guess\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"rollcall\.yaml:2"):
        demo_settings(config, "local")
    assert run(["demo", "--once", "--config", str(config)]) == 2
    assert capsys.readouterr().out == ""


def test_a_roster_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    assert run(["demo", "--once", "--roster", str(tmp_path / "nothing")]) == 2


def test_a_run_is_told_with_the_promised_keys() -> None:
    record = Run(
        run="r1",
        source="local",
        status="held",
        position="end",
        started=START,
        ended=START + timedelta(seconds=2.5),
        changes={"person": {"disable": 41}},
        held={"person": {"disable": 41}},
        findings={"warning": 2},
        writes=7,
        requests=3,
    )
    assert run_result(record) == {
        "run": "r1",
        "status": "held",
        "changes": {"person": {"disable": 41}},
        "writes": 7,
        "requests": 3,
        "findings": {"error": 0, "warning": 2},
        "held": 41,
        "seconds": 2.5,
    }
