"""Spans: what took how long, for whoever collects traces; nearly free when nobody does.

    with span("graph batch", operations=20):
        ...
        note(throttled=3)

The tracer is given to `use`, and is not the process-wide one of OpenTelemetry: libraries write to
that one by themselves, and what they write are addresses, which hold names of people. For the same
reason a span never takes the text of an exception, only its type. Attributes are numbers and words
of our own (https://opentelemetry.io/docs/specs/otel/trace/api).
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from contextlib import AbstractContextManager

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext, Tracer

Value = str | int | float | bool

_tracer: Tracer | None = None
_OFF: AbstractContextManager[None] = nullcontext()


def use(tracer: Tracer | None) -> None:
    """Sends the spans of this process to a tracer, or nowhere."""
    global _tracer
    _tracer = tracer


def span(
    name: str,
    parent: Context | None = None,
    links: Iterable[SpanContext] = (),
    **attributes: Value,
) -> AbstractContextManager[None]:
    """A span around a block, below `parent`, or else below the span that is open here."""
    if _tracer is None:
        return _OFF
    return _open(_tracer, name, parent, links, attributes)


def note(**attributes: Value) -> None:
    """Adds attributes to the span that is open here."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(attributes)


def here() -> Context | None:
    """Where a span that begins later belongs: below what is open here. None if nobody collects."""
    if _tracer is None:
        return None
    from opentelemetry.context import get_current

    return get_current()


def span_of(context: Context) -> SpanContext:
    """The span that is open in a context."""
    from opentelemetry.trace import get_current_span

    return get_current_span(context).get_span_context()


@contextmanager
def _open(
    used: Tracer,
    name: str,
    parent: Context | None,
    links: Iterable[SpanContext],
    attributes: dict[str, Value],
) -> Generator[None]:
    from opentelemetry.trace import Link, StatusCode

    with used.start_as_current_span(
        name,
        context=parent,
        attributes=attributes,
        links=[Link(context) for context in links],
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield
        except BaseException as error:
            opened.set_status(StatusCode.ERROR, type(error).__name__)
            raise
