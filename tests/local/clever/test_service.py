"""The service while its district changes under it, and as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from .conftest import BASIC, Start


def test_pages_are_read_while_days_pass(start: Start) -> None:
    clever = start(people=150)
    done = threading.Event()

    def days() -> None:
        for seed in range(6):
            clever.records.advance(seed, 0.2)
        done.set()

    passing = threading.Thread(target=days)
    passing.start()
    while not done.is_set():
        for page in clever.pages("/users?limit=50"):
            ids = [item["data"]["id"] for item in page]
            assert ids == sorted({*ids})
    passing.join()
    known = clever.records.rows("SELECT sourced_id FROM classes WHERE NOT gone")
    assert {(row["sis_id"],) for row in clever.all("/sections?limit=1000")} == {*known}


def test_a_process_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "local.clever", "--people", "40", "--ready-file", str(ready)]
    command += ["--client-secret", "other", "--quirks", '{"rate_limit": 5}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            port = json.loads(process.stdout.readline())["port"]
            address = f"http://127.0.0.1:{port}"
            listed = httpx.get(
                f"{address}/oauth/tokens?owner_type=district", auth=(BASIC[0], "other"), timeout=20
            ).json()
            token = listed["data"][0]["access_token"]
            answer = httpx.get(
                f"{address}/v3.0/users", headers={"authorization": f"Bearer {token}"}, timeout=20
            )
            assert answer.headers["x-ratelimit-limit"] == "5"
            assert len(answer.json()["data"]) > 20
            assert json.loads(ready.read_text(encoding="utf-8")) == {"port": port}
        finally:
            process.terminate()
