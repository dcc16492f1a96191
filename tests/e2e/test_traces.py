"""Traces and metrics of a run whose host ends in the middle, as Application Insights gets them."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from cli.watching import upload
from local.district import generate
from local.stack import Stack
from sync.metrics import METRICS
from sync.record import list_runs
from sync.telemetry import CONNECTION
from sync.tracing import ids_of
from tests.e2e.test_stack import SOURCE, Place
from tests.ingestion import ingesting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("stack")


def test_a_run_over_two_hosts_is_one_trace_without_names(tmp_path: Path) -> None:
    pytest.importorskip("azure.monitor.opentelemetry.exporter")
    district = generate(people=40, seed=9, today=date.today())  # noqa: DTZ011
    district.write(tmp_path / "drop")
    with ingesting() as ingestion, Stack() as stack:
        stack.stop_host()
        often = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "500"}
        stack.environment.update({CONNECTION: ingestion.connection} | often)
        place = Place(stack)
        upload(place.storage, tmp_path / "drop", SOURCE)
        stack.start_host()
        until(lambda: any(run.checksum for run in list_runs(place.storage)), "no plan is made")
        runs = list_runs(place.storage)
        stack.restart_host()
        run = place.wait(runs[0].run)
        dump = place.dump()
        until(lambda: "rollcall.run.duration" in str(ingestion.items), "no metrics come")
        until(lambda: ingestion.of("RequestData"), "the run's own span does not come")
    assert run.status == "finished"
    trace, first = (f"{one:x}" for one in ids_of(run.run))
    spans = ingestion.of("RequestData") + ingestion.of("RemoteDependencyData")
    assert {span["tags"]["ai.operation.id"].lstrip("0") for span in spans} == {trace.lstrip("0")}
    names = [span["data"]["baseData"]["name"] for span in spans]
    assert names.count("run") == 1
    assert {"step extract", "step finish", "apply person", "graph batch"} <= set(names)
    below = [span for span in spans if span["tags"].get("ai.operation.parentId") == first]
    assert "apply person" in {span["data"]["baseData"]["name"] for span in below}
    metrics = [item["data"]["baseData"]["metrics"][0] for item in ingestion.of("MetricData")]
    assert {metric["name"] for metric in metrics} <= {metric.name for metric in METRICS}
    # What was not sent yet when the first host ended is lost.
    assert 0 < total(metrics, "rollcall.graph.writes") <= run.writes
    told = str(ingestion.items).lower()
    people = [user["userPrincipalName"].lower() for user in dump["users"]]
    assert len(people) == 40
    assert not [name for name in people if name in told or name.partition("@")[0] in told]


def until(happens: Callable[[], object], else_say: str) -> None:
    stop = time.monotonic() + 90
    while not happens():
        assert time.monotonic() < stop, else_say
        time.sleep(0.05)


def total(metrics: list[dict[str, Any]], name: str) -> float:
    return sum(metric["value"] for metric in metrics if metric["name"] == name)
