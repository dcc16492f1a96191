from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cli.main import run
from local.district.__main__ import main as district

ROOT = Path(__file__).parents[2]


def test_the_command_and_the_module_write_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--people", "60", "--seed", "4", "--today", "2026-11-24", "--format", "sds-v1"]
    assert run(["sample", str(tmp_path / "a"), "--json", *options]) == 0
    assert district([str(tmp_path / "b"), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(day["folder"]).name for day in told["days"]] == ["day1", "day2"]
    written = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.csv"))
    assert len(written) == 16
    for path in written:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_the_module_says_what_is_wrong(tmp_path: Path) -> None:
    assert district([str(tmp_path), "--people", "3"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_schema_accepts_the_example_and_refuses_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.validate({"people": {"mode": "create"}}, schema)
    example = yaml.safe_load((ROOT / "rollcall.example.yaml").read_text(encoding="utf-8")) or {}
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(example) <= set(schema["properties"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"people": {"mode": "guess"}}, schema)
