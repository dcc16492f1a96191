"""A collector that keeps what it gets, for tests of what is told to whoever watches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sync import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan


class Collected:
    """Spans that ended, and metrics as {name: {dimensions as sorted items: value}}."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.collector = telemetry.collect(SimpleSpanProcessor(self._exporter), self._reader)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def metrics(self) -> dict[str, dict[tuple[tuple[str, Any], ...], float]]:
        found: dict[str, dict[tuple[tuple[str, Any], ...], float]] = {}
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        value = getattr(point, "value", None)
                        value = point.sum if value is None else value
                        key = tuple(sorted(point.attributes.items()))
                        found.setdefault(metric.name, {})[key] = value
        return found


@contextmanager
def collecting() -> Iterator[Collected]:
    """Collects in this process while the block runs, and nothing afterwards."""
    collected = Collected()
    telemetry.use(collected.collector)
    try:
        yield collected
    finally:
        telemetry.use(None)
