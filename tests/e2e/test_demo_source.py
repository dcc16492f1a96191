"""The demo over an emulated system: what it ends with is what files of the same day say."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.district import generate, next_day
from tests.e2e.reading import differences, read

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.thorough]


def test_the_directory_equals_an_independent_reading_of_the_districts_files(
    tmp_path: Path,
) -> None:
    today = datetime.now(UTC).date()
    command = [str(Path(sys.executable).with_name("rollcall")), "demo", "--once", "--json"]
    command += ["--source", "oneroster", "--dump", str(tmp_path / "dump.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    first, second, third = [json.loads(line) for line in done.stdout.splitlines()]
    assert {run["status"] for run in (first, second, third)} == {"finished"}
    assert first["changes"]["person"] == {"create": 300}
    assert (second["changes"], second["writes"]) == ({}, 0)
    assert 0 < third["writes"] < first["writes"] / 3
    next_day(generate(300, 1, today=today, domain="contoso.edu"), 1).write(tmp_path / "day2")
    dump = json.loads((tmp_path / "dump.json").read_text(encoding="utf-8"))
    wanted = read(tmp_path / "day2", "contoso.edu", today)
    assert len(wanted.people) > 250
    assert differences(wanted, dump) == []
