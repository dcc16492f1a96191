"""What those who watch a run see of it: one trace, metrics, events, and no name of a person."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from connectors import session
from sync.drop import drop
from sync.pulls import start_pull
from sync.record import get_run, list_runs
from sync.run import on_control
from sync.storage import CONFIG, Storage, shared_storage
from sync.tracing import ids_of
from tests.collected import collecting
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, write
from tests.sync.systems import SOURCE, configure, running

if TYPE_CHECKING:
    from pathlib import Path

CREATE = b"people: {mode: create}\nsources: [{name: district}]\n"
ROSTER = {
    **FILES,
    "users.csv": FILES["users.csv"].replace("Uma", "Quetzalcoatl"),
    "enrollments.csv": FILES["enrollments.csv"] + "C1,U9,student\n",
}


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def test_a_run_is_one_trace_with_metrics_and_events(
    storage: Storage, tenant: Entra, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write(CONFIG, "rollcall.yaml", CREATE)
    caplog.set_level(logging.INFO)
    lost = {"path": "/education/users", "status": 429, "times": 1, "retryAfter": 1}
    with collecting() as collected:
        drop(storage, write(tmp_path, ROSTER), "district")
        tenant.fail_next({"method": "POST", **lost})
        work_off(storage)
        metrics = collected.metrics()
    [run] = list_runs(storage)
    assert (run.status, run.failed) == ("finished", 0)
    trace, root = ids_of(run.run)
    assert {span.context.trace_id for span in collected.spans} == {trace}
    names = [span.name for span in collected.spans]
    for step in ("extract", "normalise", "plan", "send", "wait", "finish"):
        assert f"step {step}" in names
    applied = [span for span in collected.spans if span.name.startswith("apply ")]
    assert {dict(span.attributes or {})["outcome"] for span in applied} == {"done"}
    assert {span.context.span_id for span in collected.spans if span.name == "run"} == {root}
    known = {span.context.span_id for span in collected.spans}
    assert all(span.parent.span_id in known for span in collected.spans if span.parent)
    batches = [span for span in collected.spans if span.name == "graph batch"]
    parents = {span.context.span_id: span.name for span in applied}
    assert any(batch.parent and batch.parent.span_id in parents for batch in batches)
    assert any(dict(batch.attributes or {})["throttled"] for batch in batches)

    assert sum(metrics["rollcall.graph.writes"].values()) == run.writes
    assert sum(metrics["rollcall.graph.requests"].values()) == run.requests - run.read_requests
    assert sum(metrics["rollcall.graph.throttled"].values()) >= 1
    planned = sum(n for actions in run.changes.values() for n in actions.values())
    assert sum(metrics["rollcall.changes"].values()) == planned
    assert sum(metrics["rollcall.findings"].values()) == sum(run.findings.values()) > 0
    assert metrics["rollcall.run.duration"] == {(("status", "finished"),): run.seconds}
    assert "rollcall.queue.length" in metrics

    lines = [r.getMessage() for r in caplog.records if r.name == "sync.events"]
    assert lines[0].startswith("Rollcall run_started ")
    ended = json.loads(lines[-1].removeprefix("Rollcall run_finished "))
    assert (ended["run"], ended["changes"], ended["writes"]) == (run.run, run.changes, run.writes)

    told = "".join(span.to_json() for span in collected.spans) + str(metrics) + "".join(lines)
    assert "Quetzalcoatl" in json.dumps(tenant.dump())
    for name in ("Quetzalcoatl", "contoso.edu", '"U1"', "U1@"):
        assert name.lower() not in told.lower()


@pytest.mark.usefixtures("tenant")
def test_a_run_that_fails_is_told_with_its_step(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write(CONFIG, "rollcall.yaml", CREATE)
    drop(storage, write(tmp_path, FILES), "district")
    storage.write(CONFIG, "rollcall.yaml", b"people: 3")
    with collecting() as collected:
        work_off(storage)
    [run] = list_runs(storage)
    assert run.status == "failed"
    line, _ = [r.getMessage() for r in caplog.records if r.name == "sync.events"]
    assert line.startswith("Rollcall run_failed ")
    assert json.loads(line.split(" ", 2)[2])["step"] == "extract"
    [whole] = [span for span in collected.spans if span.name == "run"]
    assert not whole.status.is_ok


def test_the_pages_of_a_pull_stand_below_its_step(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.001)
    with running() as system, collecting() as collected:
        configure(storage, system.settings())
        run = start_pull(storage, SOURCE)
        assert run is not None
        on_control(storage, {"run": run, "step": "extract"}, 1)
    assert get_run(storage, run).position == "normalise"
    [step] = [span for span in collected.spans if span.name == "step extract"]
    pages = [span for span in collected.spans if span.name == "extract page"]
    assert pages
    assert all(page.parent and page.parent.span_id == step.context.span_id for page in pages)
    assert all(set(page.attributes or {}) == {"collection", "rows"} for page in pages)
