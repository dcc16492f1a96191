"""Poison messages: everything that failed at every try is closed, visibly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync.change import ChangeMessage
from sync.outcomes import Outcome, list_outcomes, write_outcome
from sync.poison import on_poison_arrival, on_poison_change, on_poison_run
from sync.record import Run, add_run, get_run, list_runs

if TYPE_CHECKING:
    import pytest

    from sync.storage import Storage

CHANGE = ChangeMessage(run="r1", id="m1", phase=1, kind="person", key="U1", action="create")


def test_a_poison_change_becomes_a_failed_outcome(storage: Storage) -> None:
    on_poison_change(storage, CHANGE.model_dump_json().encode())
    [outcome] = list_outcomes(storage, "r1", 1)
    assert (outcome["status"], outcome["code"]) == ("failed", "poison")


def test_an_outcome_that_is_there_stays(storage: Storage) -> None:
    write_outcome(storage, CHANGE, Outcome("done", "o1"))
    on_poison_change(storage, CHANGE.model_dump_json().encode())
    [outcome] = list_outcomes(storage, "r1", 1)
    assert outcome["status"] == "done"


def test_a_change_that_is_no_change_is_logged_and_dropped(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    on_poison_change(storage, b"\xff not json")
    on_poison_change(storage, b'{"key": "Ada"}')
    assert caplog.text.count('Rollcall poison_message {"queue":"changes","run":""') == 2
    assert "Ada" not in caplog.text


def test_a_poison_step_fails_its_run(storage: Storage) -> None:
    add_run(storage, Run("r1", "district", "planning", "plan", datetime(2026, 11, 24, tzinfo=UTC)))
    on_poison_run(storage, json.dumps({"run": "r1", "step": "extract"}).encode())
    assert get_run(storage, "r1").status == "planning"
    on_poison_run(storage, json.dumps({"run": "r1", "step": "plan"}).encode())
    run = get_run(storage, "r1")
    assert run.status == "failed"
    assert run.error.startswith("step plan failed at every try")


def test_a_step_of_no_run_is_logged_and_dropped(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    for body in (b"nonsense", b"[1]", b'{"run": "unknown", "step": "plan"}'):
        on_poison_run(storage, body)
    assert caplog.text.count('Rollcall poison_message {"queue":"runs","run":""') == 3


def test_a_poison_arrival_is_seen_as_a_failed_run(storage: Storage) -> None:
    subject = "/blobServices/default/containers/rosters/blobs/north/users.csv"
    event = {"subject": subject, "eventType": "Microsoft.Storage.BlobCreated"}
    on_poison_arrival(storage, json.dumps(event).encode())
    on_poison_arrival(storage, b'{"source": "district"}')
    on_poison_arrival(storage, b"nonsense")
    runs = list_runs(storage)
    assert {run.status for run in runs} == {"failed"}
    assert {run.source for run in runs} == {"north", "district", "unknown"}
    assert "the hourly sweep looks at them again" in runs[0].error
