"""The triggers: what the host is told about them, and that loading them is light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.functions as func
import pytest

import function_app
from sync.health import health_of
from sync.record import find_run, list_runs
from sync.storage import ROSTERS, Storage, shared_storage
from tests.indexed import functions
from tests.sync.entra import entra

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HEAVY = ("duckdb", "msgraph", "httpx", "pydantic", "starlette", "azure.identity", "azure.data",
         "azure.storage", "azure.core")  # fmt: skip


def bindings() -> dict[str, dict[str, Any]]:
    """The trigger of each function, by name."""
    return {f.get_function_name(): f.get_trigger().get_dict_repr() for f in functions()}


def test_loading_the_triggers_loads_nothing_heavy() -> None:
    code = "import sys, function_app; print([m for m in sys.argv[1:] if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_host_is_told_of_every_trigger() -> None:
    found = {
        name: (trigger["type"], trigger.get("queueName") or trigger.get("route"))
        for name, trigger in bindings().items()
    }
    assert found == {
        "hourly": ("timerTrigger", None),
        "arrivals": ("queueTrigger", "arrivals"),
        "runs": ("queueTrigger", "runs"),
        "changes": ("queueTrigger", "changes"),
        "arrivals_poison": ("queueTrigger", "arrivals-poison"),
        "runs_poison": ("queueTrigger", "runs-poison"),
        "changes_poison": ("queueTrigger", "changes-poison"),
        "health": ("httpTrigger", "api/health"),
        "portal": ("httpTrigger", "portal/{*path}"),
    }


def test_the_timer_ticks_every_hour_and_not_at_start() -> None:
    timer = bindings()["hourly"]
    assert timer["schedule"] == "0 0 * * * *"
    assert not timer.get("runOnStartup")


def test_every_queue_is_reached_through_the_hosts_own_storage() -> None:
    queues = [t for t in bindings().values() if t["type"] == "queueTrigger"]
    assert {t["connection"] for t in queues} == {"AzureWebJobsStorage"}


def test_the_host_is_configured_as_the_code_expects() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["extensions"]["http"]["routePrefix"] == ""
    assert host["extensions"]["queues"]["maxDequeueCount"] == 5
    assert host["extensions"]["queues"]["messageEncoding"] == "base64"
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"


def test_the_package_holds_what_runs_and_nothing_else() -> None:
    ignored = (ROOT / ".funcignore").read_text(encoding="utf-8").split()
    for name in ("local/", "cli/", "bench/", "docs/", "tests/", "infra/"):
        assert name in ignored
    for name in ("connectors", "directory", "graph", "roster", "sync", "portal", "host.json"):
        assert not {name, f"{name}/"} & set(ignored)


@pytest.fixture
def app(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """The triggers over the test's storage account."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite)
    shared_storage.cache_clear()
    function_app._portal.cache_clear()  # pyright: ignore[reportPrivateUsage]
    yield storage
    shared_storage.cache_clear()


def message(body: Any) -> func.QueueMessage:
    return func.QueueMessage(id="q1", body=json.dumps(body).encode())


def test_an_arrival_starts_a_run_and_its_first_step_is_done(app: Storage) -> None:
    app.write(ROSTERS, "Not Legal/roster.zip", b"x")
    function_app.arrivals(message({"source": "Not Legal"}))
    [run] = list_runs(app)
    function_app.runs(message({"run": run.run, "step": "extract"}))
    found = find_run(app, run.run)
    assert found is not None
    assert found.status == "failed"
    assert "not a source of this tenant" in found.error


def test_the_timer_finds_what_no_event_told_of(app: Storage) -> None:
    app.write(ROSTERS, "district/roster.zip", b"x")
    function_app.hourly(None)
    assert len(list_runs(app)) == 1


def test_poison_messages_are_closed(app: Storage) -> None:
    function_app.arrivals_poison(message({"source": "district"}))
    function_app.runs_poison(message({"run": "unknown"}))
    function_app.changes_poison(message({}))
    assert [run.status for run in list_runs(app)] == ["failed"]


async def test_a_change_of_a_run_that_is_unknown_is_dropped(app: Storage) -> None:
    change = {"run": "r9", "id": "m", "phase": 1, "kind": "person", "key": "U", "action": "create"}
    await function_app.changes(message(change))
    assert app.waiting("changes") == 0


def test_health_answers_as_json(app: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    health_of.cache_clear()
    with entra(monkeypatch):
        answer = function_app.health(func.HttpRequest("GET", "/api/health", body=b""))
    assert answer.status_code == 200
    assert json.loads(answer.get_body())["status"] == "ok"


async def test_the_portal_answers_through_the_triggers(
    app: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED", raising=False)
    request = func.HttpRequest("GET", "http://127.0.0.1/portal/", body=b"", route_params={})
    answer = await function_app.portal(request, None)
    assert answer.status_code in (200, 401)
    assert b"Rollcall" in answer.get_body()
