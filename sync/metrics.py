"""Metrics: numbers over time, under names that the workbook and docs/monitoring.md use.

They are collected by OpenTelemetry, and cost nothing where nobody collects them
(https://learn.microsoft.com/azure/azure-monitor/app/opentelemetry-add-modify#add-custom-metrics).
In Log Analytics each is a row of AppMetrics: `Name`, `Sum`, `ItemCount`, and its dimensions in
`Properties`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .storage import QUEUES
from .telemetry import collector

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from .storage import Storage


@dataclass(frozen=True)
class Metric:
    """`form`: of OpenTelemetry; `unit` in UCUM; `dimensions`: what it is counted by."""

    name: str
    form: Literal["counter", "gauge", "histogram"]
    unit: str
    dimensions: tuple[str, ...]
    meaning: str


CHANGES = Metric(
    "rollcall.changes", "counter", "{change}", ("kind", "action", "outcome"),
    "changes that got their outcome, by the entity whose message brought them",
)  # fmt: skip
WRITES = Metric("rollcall.graph.writes", "counter", "{write}", (), "writes that Graph carried out")
REQUESTS = Metric(
    "rollcall.graph.requests", "counter", "{request}", (), "operations that were sent to apply"
)
THROTTLED = Metric(
    "rollcall.graph.throttled", "counter", "{request}", (), "those that Graph answered with 429"
)
QUEUE_LENGTH = Metric(
    "rollcall.queue.length", "gauge", "{message}", ("queue",), "messages, hidden ones too"
)
QUEUE_AGE = Metric(
    "rollcall.queue.age", "gauge", "s", ("queue",), "age of the oldest message that is not hidden"
)
FINDINGS = Metric(
    "rollcall.findings", "counter", "{finding}", ("rule", "severity"), "findings of a run's plan"
)
RUN_DURATION = Metric(
    "rollcall.run.duration", "histogram", "s", ("status",), "from a run's start until it ended"
)
METRICS = (
    CHANGES, WRITES, REQUESTS, THROTTLED, QUEUE_LENGTH, QUEUE_AGE, FINDINGS, RUN_DURATION,
)  # fmt: skip

Recorder = Callable[[float, dict[str, str]], None]


def record(metric: Metric, value: float, **dimensions: str) -> None:
    """Adds to a counter, sets a gauge, or notes a value of a histogram."""
    collecting = collector()
    if collecting is not None:
        _recorders(collecting.meter)[metric.name](value, dimensions)


def record_queues(storage: Storage) -> None:
    """Notes how long each queue is and how old its oldest message, if anybody collects metrics."""
    if collector() is None:
        return
    for queue in QUEUES:
        record(QUEUE_LENGTH, storage.waiting(queue), queue=queue)
        record(QUEUE_AGE, storage.oldest(queue), queue=queue)


@functools.lru_cache(maxsize=1)
def _recorders(meter: Meter) -> dict[str, Recorder]:
    return {metric.name: _recorder(meter, metric) for metric in METRICS}


def _recorder(meter: Meter, metric: Metric) -> Recorder:
    if metric.form == "counter":
        return meter.create_counter(metric.name, metric.unit, metric.meaning).add
    if metric.form == "gauge":
        return meter.create_gauge(metric.name, metric.unit, metric.meaning).set
    return meter.create_histogram(metric.name, metric.unit, metric.meaning).record
