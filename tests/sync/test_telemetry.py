"""Telemetry: what reaches Application Insights, over its real exporter and real HTTP."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sync import telemetry
from sync.metrics import WRITES, record
from sync.record import Run
from sync.telemetry import CONNECTION, DISABLED, collector
from sync.tracing import ids_of, in_run, write_run
from tests.ingestion import Ingestion, ingesting

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def unasked() -> Iterator[None]:
    """Asks the environment anew, and collects nothing afterwards."""
    telemetry._asked = False
    yield
    telemetry.use(None)


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    with ingesting() as running:
        yield running


def test_spans_and_metrics_of_a_run_arrive(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("azure.monitor.opentelemetry.exporter")
    monkeypatch.setenv(CONNECTION, ingestion.connection)
    monkeypatch.setenv("WEBSITE_SITE_NAME", "rollcall-contoso")
    start = datetime(2026, 11, 24, tzinfo=UTC)
    with in_run("r1", "step plan", step="plan"):
        record(WRITES, 12)
    write_run(Run("r1", "district", "failed", "end", start, ended=start))
    telemetry.use(None)
    trace, first = ids_of("r1")
    [request], [dependency] = ingestion.of("RequestData"), ingestion.of("RemoteDependencyData")
    assert request["data"]["baseData"]["name"] == "run"
    assert request["data"]["baseData"]["success"] is False
    assert request["data"]["baseData"]["id"] == f"{first:016x}"
    assert dependency["data"]["baseData"]["name"] == "step plan"
    assert dependency["data"]["baseData"]["properties"] == {"run": "r1", "step": "plan"}
    for item in (request, dependency):
        assert item["tags"]["ai.operation.id"] == f"{trace:032x}"
        assert item["tags"]["ai.cloud.role"] == "rollcall-contoso"
    assert dependency["tags"]["ai.operation.parentId"] == f"{first:016x}"
    [metric] = ingestion.of("MetricData")
    [value] = metric["data"]["baseData"]["metrics"]
    assert (value["name"], value["value"]) == (WRITES.name, 12)
    # The exporter reports nothing about itself, and leaves no thread behind.
    assert len(ingestion.items) == 3
    threads = [thread.name for thread in threading.enumerate()]
    assert not [name for name in threads if name.startswith(("Otel", "Configuration"))]


@pytest.mark.parametrize("settings", [{}, {CONNECTION: "x", DISABLED: "true"}])
def test_without_a_place_nothing_is_collected(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    monkeypatch.delenv(CONNECTION, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert collector() is None
    assert collector() is None


def test_a_place_that_is_none_is_told_and_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CONNECTION, "no connection string")
    with caplog.at_level(logging.WARNING), in_run("r1", "step plan", step="plan"):
        record(WRITES, 1)
    assert collector() is None
    assert "Rollcall telemetry_off" in caplog.text


def test_another_thread_that_connected_meanwhile_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(CONNECTION, raising=False)
    found: list[object] = []
    with telemetry._lock:
        waiting = threading.Thread(target=lambda: found.append(collector()))
        waiting.start()
        telemetry._asked = True
    waiting.join(10)
    assert found == [None]


def test_nothing_of_opentelemetry_is_imported_where_nothing_is_collected() -> None:
    code = (
        "import sys; from sync.tracing import in_run; from sync.metrics import WRITES, record\n"
        "with in_run('r1', 'step plan'): record(WRITES, 1)\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.strip() == "[]"
