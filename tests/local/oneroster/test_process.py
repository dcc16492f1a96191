"""`python -m local.oneroster` serves one version or both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).parents[3]


def test_a_process_serves_the_version_that_it_is_told(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [
        sys.executable, "-m", "local.oneroster", "--version", "1.1", "--people", "60",
        "--client", "me", "--secret", "mine", "--quirks", '{"default_limit": 5}',
        "--ready-file", str(ready),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = json.loads(process.stdout.readline())["port"]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
                form = {"grant_type": "client_credentials"}
                token = http.post("/token", data=form, auth=("me", "mine")).json()["access_token"]
                headers = {"Authorization": f"Bearer {token}"}
                users = http.get("/ims/oneroster/v1p1/users", headers=headers)
                assert len(users.json()["users"]) == 5
                assert int(users.headers["X-Total-Count"]) >= 60
                other = http.get("/ims/oneroster/rostering/v1p2/users", headers=headers)
                assert other.status_code == 404
            assert json.loads(ready.read_text(encoding="utf-8"))["port"] == port
        finally:
            process.terminate()
    assert process.returncode in (0, -15)


def test_a_switch_that_there_is_not_ends_the_process() -> None:
    command = [sys.executable, "-m", "local.oneroster", "--quirks", '{"colour": "red"}']
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "no switch 'colour'" in ended.stderr
