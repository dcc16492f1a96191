"""Events: lines that a person reads and a query takes apart."""

from __future__ import annotations

import json
import logging

import pytest

from sync import events
from sync.events import EVENTS, RUN_STARTED, STEP_DONE, tell


def test_a_line_is_a_name_and_its_fields_in_order(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tell(STEP_DONE, seconds=1.5, step="plan", source="district", run="r1")
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == (
        'Rollcall step_done {"run":"r1","source":"district","step":"plan","seconds":1.5}'
    )


def test_what_nobody_listens_to_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tell(RUN_STARTED, run="r1", source="district", trigger="drop")
    assert not caplog.records


def test_an_event_tells_exactly_what_it_declares() -> None:
    with pytest.raises(AssertionError, match="run_started"):
        tell(RUN_STARTED, run="r1", name="Ada")


def test_the_list_of_events_is_complete_and_no_name_begins_another() -> None:
    declared = [value for value in vars(events).values() if isinstance(value, events.Event)]
    assert declared == list(EVENTS)
    names = [event.name for event in EVENTS]
    assert not [a for a in names for b in names if a != b and b.startswith(a + " ")]
    assert len(set(names)) == len(names)
    assert all(event.fields and event.meaning for event in EVENTS)


def test_fields_are_json_whatever_a_source_is_called(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tell(RUN_STARTED, run="r1", source='a "b"\n{c}', trigger="drop")
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    prefix, name, fields = record.getMessage().split(" ", 2)
    assert (prefix, name) == (events.PREFIX, "run_started")
    assert json.loads(fields)["source"] == 'a "b"\n{c}'
