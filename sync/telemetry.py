"""Telemetry: where traces and metrics of this process go, if the environment names a place.

The place is Application Insights: APPLICATIONINSIGHTS_CONNECTION_STRING, the setting that the
Functions host goes by too, and APPLICATIONINSIGHTS_AUTHENTICATION_STRING for sign-in with an
identity (https://learn.microsoft.com/azure/azure-functions/functions-app-settings). Without the
first, or with OTEL_SDK_DISABLED=true, nothing is collected, and nothing of OpenTelemetry imported.

Only the exporter is used, not the worker's own way (azure-monitor-opentelemetry, switched on by
PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY): that one watches every HTTP request by itself and so
writes addresses with usernames. Logs go through the host, as ever.
Everything is connected when it is first needed, not at a cold start's import.
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster import spans

from .events import TELEMETRY_OFF, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
DISABLED = "OTEL_SDK_DISABLED"
SCOPE = "rollcall"
# What the exporter would send or fetch besides: reports on itself, to Microsoft or to the school's
# own account, settings that Microsoft may change from afar, a metric about the process-wide tracer.
UNWANTED = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)
# The ids (trace, span) of the span that is about to begin, where they are not left to chance.
chosen_ids: ContextVar[tuple[int, int] | None] = ContextVar("chosen_ids", default=None)


@dataclass(frozen=True)
class Collector:
    """What collects; `close` sends what was collected and ends it."""

    tracer: Tracer
    meter: Meter
    close: Callable[[], None]


_lock = threading.Lock()
_asked = False
_collector: Collector | None = None


def collector() -> Collector | None:
    """What collects in this process; None if nothing does."""
    if not _asked:
        with _lock:
            if not _asked:
                use(_connected(os.environ))
    return _collector


def use(collector: Collector | None) -> None:
    """Lets something collect from here on, or nothing; closes what collected until then."""
    global _asked, _collector
    if _collector is not None:
        _collector.close()
    _collector, _asked = collector, True
    spans.use(collector.tracer if collector else None)


def collect(
    traces: SpanProcessor, metrics: MetricReader, env: Mapping[str, str] = os.environ
) -> Collector:
    """A collector that hands spans and metrics on as OpenTelemetry's SDK does."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            chosen = chosen_ids.get()
            return chosen[0] if chosen else super().generate_trace_id()

        def generate_span_id(self) -> int:
            chosen = chosen_ids.get()
            return chosen[1] if chosen else super().generate_span_id()

    resource = Resource.create(
        {
            "service.name": env.get("WEBSITE_SITE_NAME", SCOPE),
            "service.instance.id": env.get("WEBSITE_INSTANCE_ID", "local"),
        }
    )
    tracers = TracerProvider(resource=resource, id_generator=Ids())
    tracers.add_span_processor(traces)
    meters = MeterProvider([metrics], resource=resource)

    def close() -> None:
        tracers.shutdown()
        meters.shutdown()

    return Collector(tracers.get_tracer(SCOPE), meters.get_meter(SCOPE), close)


def _connected(env: Mapping[str, str]) -> Collector | None:
    connection = env.get(CONNECTION)
    if not connection or env.get(DISABLED, "").lower() == "true":
        return None
    for name in UNWANTED:
        os.environ.setdefault(name, "true")
    try:
        from azure.monitor.opentelemetry.exporter import (
            AzureMonitorMetricExporter,
            AzureMonitorTraceExporter,
        )
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        where = {"connection_string": connection, "disable_offline_storage": True}
        traces = BatchSpanProcessor(AzureMonitorTraceExporter(**where))
        metrics = PeriodicExportingMetricReader(AzureMonitorMetricExporter(**where))
        return collect(traces, metrics, env)
    except Exception as error:  # whatever it is, a run must not suffer from being watched
        tell(TELEMETRY_OFF, error=type(error).__name__)
        return None
