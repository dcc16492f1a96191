"""Spans: nothing while nobody collects, and never a text that may name a person."""

from __future__ import annotations

import pytest

from roster.spans import here, note, span, span_of
from tests.collected import collecting


def test_nobody_collects_so_a_span_is_nothing() -> None:
    with span("one", rows=1), span("two"):
        note(more=2)
        assert here() is None


def test_a_span_tells_its_attributes_and_where_it_belongs() -> None:
    with collecting() as collected:
        with span("outer", rows=1):
            note(more="two")
            context = here()
            with span("inner"):
                pass
        assert context is not None
        with span("later", context, [span_of(context)]):
            pass
    inner, outer, later = collected.spans
    assert dict(outer.attributes or {}) == {"rows": 1, "more": "two"}
    for below in (inner, later):
        assert below.parent is not None
        assert below.parent.span_id == outer.context.span_id
    [link] = later.links
    assert link.context.span_id == outer.context.span_id


def test_a_failure_is_told_by_its_type_alone() -> None:
    with (
        collecting() as collected,
        pytest.raises(ValueError, match="Ada"),
        span("failing"),
    ):
        raise ValueError("Ada Lovelace is no number")
    [failing] = collected.spans
    assert not failing.status.is_ok
    assert "Ada" not in failing.to_json()
    assert "ValueError" in failing.to_json()
