"""Traces: every span of a run is in one trace, wherever and whenever it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.trace import SpanKind

from roster.errors import Transient
from roster.spans import span
from sync.record import Run
from sync.tracing import ids_of, in_run, write_run
from tests.collected import collecting

START = datetime(2026, 11, 24, 13, 47, tzinfo=UTC)
RUN = Run("r1", "district", "finished", "end", START, ended=START + timedelta(seconds=90))


def test_ids_follow_from_the_run_alone() -> None:
    assert ids_of("r1") == ids_of("r1")
    assert not set(ids_of("r1")) & set(ids_of("r2"))
    trace, first = ids_of("r1")
    assert 0 < trace < 2**128
    assert 0 < first < 2**64


def test_nothing_is_written_while_nobody_collects() -> None:
    with in_run("r1", "step plan", step="plan"):
        write_run(RUN)


def test_spans_of_two_processes_and_the_run_itself_are_one_trace() -> None:
    with collecting() as first, in_run("r1", "step plan", step="plan"), span("graph batch"):
        pass
    with collecting() as second:
        with in_run("r1", "apply class", kind="class"):
            pass
        write_run(RUN)
    batch, step = first.spans
    apply, whole = second.spans
    trace, root = ids_of("r1")
    for one in (batch, step, apply, whole):
        assert one.context.trace_id == trace
    assert whole.context.span_id == root
    assert whole.parent is None
    for below in (step, apply):
        assert below.parent is not None
        assert below.parent.span_id == root
    assert batch.parent is not None
    assert batch.parent.span_id == step.context.span_id
    assert dict(step.attributes or {}) == {"run": "r1", "step": "plan"}


def test_a_run_spans_from_its_start_to_its_end() -> None:
    with collecting() as collected:
        write_run(RUN)
    [whole] = collected.spans
    assert (whole.name, whole.kind) == ("run", SpanKind.SERVER)
    assert whole.start_time == int(START.timestamp() * 1e9)
    assert whole.end_time == whole.start_time + 90 * 10**9
    assert whole.status.is_ok or whole.status.is_unset
    assert dict(whole.attributes or {}) == {
        "run": "r1",
        "source": "district",
        "status": "finished",
    }


def test_a_failed_run_is_a_failed_request_and_says_no_text() -> None:
    failed = Run("r1", "d", "failed", "end", START, ended=START, error="Ada Lovelace twice")
    with collecting() as collected:
        write_run(failed)
    [whole] = collected.spans
    assert not whole.status.is_ok
    assert not whole.status.is_unset
    assert "Ada" not in whole.to_json()


def test_a_run_without_an_end_is_not_written() -> None:
    with collecting() as collected:
        write_run(Run("r1", "district", "planning", "plan", START))
    assert not collected.spans


def test_ids_are_left_to_chance_elsewhere() -> None:
    with collecting() as collected:
        write_run(RUN)
        with span("alone"):
            pass
    whole, alone = collected.spans
    assert alone.context.trace_id != whole.context.trace_id
    assert alone.context.span_id != whole.context.span_id


def test_a_step_that_fails_is_a_failed_span() -> None:
    with (
        collecting() as collected,
        pytest.raises(Transient),
        in_run("r1", "step plan", step="plan"),
    ):
        raise Transient("later")
    [step] = collected.spans
    assert not step.status.is_ok
