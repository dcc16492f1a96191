"""`python -m local.powerschool` serves a district with a plugin until it is told to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.local.powerschool.conftest import STUDENTS, ZIP
from tests.local.powerschool.plugin_zip import Caller

ROOT = Path(__file__).parents[3]


def start(*options: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.powerschool", "--people", "30", *map(str, options)]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_the_process_serves_a_plugin_with_the_credentials_given(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.zip"
    plugin.write_bytes(ZIP)
    process = start("--plugin", plugin, "--client-id", "me", "--client-secret", "mine")
    try:
        assert process.stdout
        port = json.loads(process.stdout.readline())["port"]
        caller = Caller(f"http://127.0.0.1:{port}", ("me", "mine"))
        assert caller.records(STUDENTS.name)
        assert caller.http.post("/_emulator/advance", json={"seed": 2}).status_code == 200
        assert caller.records(STUDENTS.name, {"$q": "enroll_status==2;student_number=gt=999999"})
        caller.http.close()
    finally:
        process.terminate()
        process.communicate()


def test_a_faulty_plugin_ends_the_process_with_the_reason(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.zip"
    plugin.write_text("nothing")
    with start("--plugin", plugin) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.strip() == "The upload is no ZIP file."
