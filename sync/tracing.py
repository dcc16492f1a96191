"""Traces: a run is one trace, whichever instances do its steps and apply its changes.

The ids of the trace and of its first span follow from the run's id. So no message carries them, a
message from before an upgrade belongs to its run's trace too, and a crash loses nothing but the
span it broke off.

    run                  from the start of the run to its end, written when it ended
    ├─ step plan         one call of a step
    │  └─ extract page   one answer of a source's API
    └─ apply class       one message of the queue `changes`
       └─ graph batch    up to twenty operations; it is linked to every message that it serves
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

from roster.spans import span

from .telemetry import chosen_ids, collector

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.context import Context

    from roster.spans import Value

    from .record import Run


def in_run(run: str, name: str, **attributes: Value) -> AbstractContextManager[None]:
    """A span of a run around a block."""
    if collector() is None:
        return span(name)
    return span(name, _below(run), (), run=run, **attributes)


def write_run(run: Run) -> None:
    """Writes the first span of a run that has ended."""
    collecting = collector()
    if collecting is None or run.ended is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, StatusCode

    token = chosen_ids.set(ids_of(run.run))
    try:
        opened = collecting.tracer.start_span(
            "run",
            context=Context(),
            kind=SpanKind.SERVER,
            start_time=int(run.started.timestamp() * 1e9),
            attributes={"run": run.run, "source": run.source, "status": run.status},
        )
    finally:
        chosen_ids.reset(token)
    if run.status == "failed":
        opened.set_status(StatusCode.ERROR)
    opened.end(int(run.ended.timestamp() * 1e9))


@functools.lru_cache(maxsize=64)
def ids_of(run: str) -> tuple[int, int]:
    """The ids of a run's trace and of its first span."""
    digest = hashlib.sha256(b"trace of run " + run.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


@functools.lru_cache(maxsize=64)
def _below(run: str) -> Context:
    """The context of spans below a run's first one."""
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    trace, first = ids_of(run)
    parent = SpanContext(trace, first, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent), Context())
