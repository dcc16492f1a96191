"""The demo command, as a user calls it: three drops, one dump, one record."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.district import generate, next_day
from tests.contract import breaches, needs_contract
from tests.e2e.reading import differences, read

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[dict[str, Any]]:
    first = generate(people=120, seed=7, today=date.today())  # noqa: DTZ011  (the demo's today)
    first.write(folder / "day1")
    next_day(first, 7).write(folder / "day2")
    command = [str(Path(sys.executable).with_name("rollcall")), "demo", "--once", "--json"]
    for day in ("day1", "day1", "day2"):
        command += ["--roster", str(folder / day)]
    command += ["--dump", str(folder / "dump.json"), "--record", str(folder / "record.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_first_drop_creates_the_second_writes_nothing_the_third_the_difference(
    runs: list[dict[str, Any]],
) -> None:
    first, second, third = runs
    assert {run["status"] for run in runs} == {"finished"}
    assert first["changes"]["person"] == {"create": 120}
    assert (second["changes"], second["writes"]) == ({}, 0)
    assert 0 < third["writes"] < first["writes"] / 3
    assert set(first) == {
        "run", "status", "changes", "writes", "requests", "findings", "held", "seconds",
    }  # fmt: skip


def test_the_directory_equals_an_independent_reading_of_the_last_files(
    runs: list[dict[str, Any]], folder: Path
) -> None:
    dump = json.loads((folder / "dump.json").read_text(encoding="utf-8"))
    wanted = read(folder / "day2", "contoso.edu", date.today())  # noqa: DTZ011
    assert wanted.people
    assert differences(wanted, dump) == []


@needs_contract
def test_every_request_keeps_to_the_contract_of_graph(
    runs: list[dict[str, Any]], folder: Path
) -> None:
    lines = (folder / "record.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 100
    assert sorted({breach for line in lines for breach in breaches(json.loads(line))}) == []


def test_the_record_holds_no_password(runs: list[dict[str, Any]], folder: Path) -> None:
    for line in (folder / "record.jsonl").read_text(encoding="utf-8").splitlines():
        profile = (json.loads(line)["body"] or {}).get("passwordProfile")
        assert profile is None or profile["password"] == "***"
