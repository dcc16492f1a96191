"""The host against a real storage account, as a process of its own, with an app of its own."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from local.processes import Child, python_command

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path(__file__).parent / "sample_app"
LEASE = 2


class Running:
    """A host and what its functions noted."""

    def __init__(self, azurite: str, folder: Path, *options: str) -> None:
        self.notes = folder / "notes.txt"
        self.notes.touch()
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = python_command(
            "local.host", "--app", str(APP), "--ready-file", str(ready),
            "--lease-seconds", str(LEASE), *options,
        )  # fmt: skip
        self.child = Child(
            "host", command, folder / "host.log",
            environment={"AzureWebJobsStorage": azurite, "NOTES": str(self.notes)},
        )  # fmt: skip
        told = self.child.wait_for(
            lambda: json.loads(ready.read_text(encoding="utf-8")) if ready.exists() else None
        )
        self.http = httpx.Client(base_url=told["http"])
        self.master, self.function_key = told["master_key"], told["function_key"]

    def lines(self) -> list[str]:
        return self.notes.read_text(encoding="utf-8").splitlines()

    def wait(self, count: int, seconds: float = 20) -> list[str]:
        stop = time.monotonic() + seconds
        while len(found := self.lines()) < count:
            assert time.monotonic() < stop, found
            time.sleep(0.05)
        return found


@pytest.fixture
def queues(azurite: str) -> QueueServiceClient:
    service = QueueServiceClient.from_connection_string(azurite, api_version="2025-11-05")
    for name in ("plain", "slow", "plain-poison", "slow-poison"):
        try:
            service.get_queue_client(name).clear_messages()
        except ResourceNotFoundError:
            service.create_queue(name)
    return service


@pytest.fixture
def host(azurite: str, queues: QueueServiceClient, tmp_path: Path) -> Iterator[Running]:
    running = Running(azurite, tmp_path)
    yield running
    running.child.stop()


def send(queues: QueueServiceClient, queue: str, text: str, *, encoded: bool = True) -> None:
    content = base64.b64encode(text.encode()).decode() if encoded else text
    queues.get_queue_client(queue).send_message(content)


def poisoned(queues: QueueServiceClient, queue: str) -> list[Any]:
    stop = time.monotonic() + 20
    while not (found := list(queues.get_queue_client(f"{queue}-poison").peek_messages(5))):
        assert time.monotonic() < stop, "nothing was poisoned"
        time.sleep(0.05)
    return [message.content for message in found]


class TestQueues:
    def test_a_message_reaches_its_function_decoded_and_is_gone(
        self, host: Running, queues: QueueServiceClient
    ) -> None:
        send(queues, "plain", "hello")
        assert host.wait(1) == ["plain hello 1"]
        time.sleep(0.3)
        assert (
            queues.get_queue_client("plain").get_queue_properties().approximate_message_count == 0
        )

    def test_a_message_that_fails_every_time_is_poisoned_as_it_was_sent(
        self, host: Running, queues: QueueServiceClient
    ) -> None:
        send(queues, "plain", "fail")
        assert poisoned(queues, "plain") == [base64.b64encode(b"fail").decode()]
        assert host.lines() == ["plain fail 1", "plain fail 2", "plain fail 3"]

    def test_what_is_not_base64_never_reaches_the_function(
        self, host: Running, queues: QueueServiceClient
    ) -> None:
        send(queues, "plain", "not base64 at all!", encoded=False)
        assert poisoned(queues, "plain") == ["not base64 at all!"]
        assert host.lines() == []

    def test_as_many_run_at_once_as_host_json_says(
        self, host: Running, queues: QueueServiceClient
    ) -> None:
        for _ in range(12):
            send(queues, "slow", "0.4")
        lines = [line.split() for line in host.wait(24)]
        events = sorted((float(at), 1 if what == "begin" else -1) for what, at in lines)
        running, most = 0, 0
        for _, change in events:
            running += change
            most = max(most, running)
        assert 2 <= most <= 4 + 2

    def test_the_lease_outlasts_its_length_while_a_function_runs(
        self, host: Running, queues: QueueServiceClient
    ) -> None:
        send(queues, "slow", str(LEASE * 2))
        host.wait(2)
        time.sleep(LEASE / 2)
        assert len(host.lines()) == 2

    def test_a_killed_hosts_message_comes_back_after_its_lease(
        self, host: Running, queues: QueueServiceClient, azurite: str, tmp_path: Path
    ) -> None:
        send(queues, "slow", "1")
        host.wait(1)
        host.child.kill()
        folder = tmp_path / "second"
        folder.mkdir()
        second = Running(azurite, folder)
        try:
            assert [line.split()[0] for line in second.wait(2)] == ["begin", "end"]
        finally:
            second.child.stop()


class TestHttp:
    def test_routes_take_what_they_say(self, host: Running) -> None:
        assert host.http.get("/api/things/a/b?q=1").text == "GET a/b 1 nobody"
        assert host.http.get("/api/things/a").headers["x-own"] == "1"
        assert host.http.delete("/api/things/a").status_code in (404, 405)
        assert host.http.get("/api/nothing").status_code == 404

    def test_keys_open_what_is_locked(self, host: Running) -> None:
        assert host.http.get("/api/locked").status_code == 401
        opened = host.http.get("/api/locked", headers={"x-functions-key": host.function_key})
        assert (opened.status_code, opened.text) == (202, "locked")
        assert host.http.get("/api/locked", params={"code": host.master}).status_code == 202

    def test_an_error_of_a_function_tells_nothing(self, host: Running) -> None:
        answer = host.http.get("/api/broken")
        assert answer.status_code == 500
        assert "as asked" not in answer.text

    def test_nobody_can_say_who_they_are(self, host: Running) -> None:
        forged = {"x-ms-client-principal-name": "principal"}
        assert host.http.get("/api/things/a", headers=forged).text.endswith("nobody")

    def test_a_person_is_signed_in_only_at_the_start(self, azurite: str, tmp_path: Path) -> None:
        running = Running(azurite, tmp_path, "--sign-in", "Ann:Rollcall.Reader")
        try:
            assert running.http.get("/api/things/a").text.endswith("Ann")
        finally:
            running.child.stop()

    def test_the_admin_endpoint_runs_a_timer_now(self, host: Running) -> None:
        path = "/admin/functions/nightly"
        assert host.http.post(path, json={"input": ""}).status_code == 401
        key = {"x-functions-key": host.master}
        assert host.http.post(path, json={"input": ""}, headers=key).status_code == 202
        assert host.wait(1)[0].startswith("nightly")


def test_it_ends_cleanly_when_asked(host: Running) -> None:
    host.child.stop()
    assert not host.child.running
    assert "Traceback" not in host.child.log.read_text(encoding="utf-8")


EVENT_GRID = """
import azure.functions as func
app = func.FunctionApp()
@app.event_grid_trigger(arg_name="e")
def f(e: func.EventGridEvent): ...
"""


@pytest.mark.parametrize(
    ("source", "told"), [(EVENT_GRID, "eventGridTrigger"), ("", "FunctionApp")]
)
def test_an_app_that_it_cannot_run_is_refused_at_the_start(
    azurite: str, tmp_path: Path, source: str, told: str
) -> None:
    (tmp_path / "function_app.py").write_text(source, encoding="utf-8")
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "local.host", "--app", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
        env={"AzureWebJobsStorage": azurite, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 2
    assert told in done.stderr
