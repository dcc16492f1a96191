"""Sending the messages of a phase and waiting for their outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sync import barrier, lock
from sync.barrier import send, wait
from sync.change import ChangeMessage
from sync.outcomes import Outcome, count_outcomes, list_outcomes, write_outcome
from sync.record import Run
from sync.step import Again, Next, Step, Work
from sync.storage import CHANGES_QUEUE, Storage
from tests.sync.planned import emptied, planned, school

if TYPE_CHECKING:
    from pathlib import Path

Take = Callable[[str], list[dict[str, Any]]]


def work(storage: Storage, run: Run, step: Step, **message: Any) -> Work:
    return Work(storage, run, step, message)


def do(storage: Storage, bodies: list[dict[str, Any]], status: str = "done") -> None:
    for body in bodies:
        message = ChangeMessage.model_validate(body)
        outcome = Outcome(status, message.object_id or f"id-{message.key}")  # type: ignore[arg-type]
        write_outcome(storage, message, outcome)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks once, and counts messages as lost at once."""
    monkeypatch.setattr(barrier, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(barrier, "IDLE_SECONDS", 0.0)


def test_a_phase_is_sent_and_the_run_waits_for_as_many_outcomes(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="send/1/safe/0")
    result = send(work(storage, run, Step("send", 1)))
    sent = take(CHANGES_QUEUE)
    assert result == Next(Step("wait", 1), {"expected": 3})
    assert sorted((m["kind"], m["key"], m["action"]) for m in sent) == [
        ("person", "T1", "create"),
        ("person", "U1", "create"),
        ("school", "S1", "create"),
    ]
    assert {m["run"] for m in sent} == {run.run}


def test_what_a_phase_made_is_used_by_the_next_one(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="send/1/safe/0")
    send(work(storage, run, Step("send", 1)))
    do(storage, take(CHANGES_QUEUE))
    send(work(storage, run, Step("send", 2)))
    [class_] = [m for m in take(CHANGES_QUEUE) if m["kind"] == "class"]
    assert class_["add_owners"] == ["id-T1"]
    assert class_["add_members"] == ["id-U1"]


def test_sending_again_after_a_crash_sends_the_same_messages(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="send/1/safe/0")
    send(work(storage, run, Step("send", 1)))
    first = take(CHANGES_QUEUE)
    send(work(storage, run, Step("send", 1)))
    assert sorted(m["id"] for m in take(CHANGES_QUEUE)) == sorted(m["id"] for m in first)


def test_a_phase_without_changes_is_passed_over(storage: Storage, tmp_path: Path) -> None:
    run = planned(storage, school(), tmp_path, position="send/3/safe/0")
    assert send(work(storage, run, Step("send", 3))) == Next(Step("finish"))


def test_sending_that_takes_too_long_goes_on_where_it_stopped(
    storage: Storage, tmp_path: Path, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 999.0])
    run = planned(storage, school(), tmp_path, position="send/1/safe/0")
    monkeypatch.setattr(barrier, "SENT_AT_ONCE", 2)
    monkeypatch.setattr(barrier, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    first = send(work(storage, run, Step("send", 1)))
    assert first == Next(Step("send", 1, offset=2))
    monkeypatch.setattr(barrier, "time", time)
    assert send(work(storage, run, Step("send", 1, offset=2))) == Next(
        Step("wait", 1), {"expected": 3}
    )
    assert len({m["id"] for m in take(CHANGES_QUEUE)}) == 3


def test_held_changes_are_sent_only_when_they_were_approved(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, emptied(), tmp_path, position="send/3/safe/0")
    safe = send(work(storage, run, Step("send", 3)))
    before = take(CHANGES_QUEUE)
    assert not any(m["remove_members"] for m in before)
    held = send(work(storage, run, Step("send", 3, held=True)))
    after = take(CHANGES_QUEUE)
    assert sum(len(m["remove_members"]) for m in after) == 25
    assert isinstance(safe, Next)
    assert held == Next(Step("wait", 3, held=True), {"expected": len(before) + len(after)})


def test_an_approved_run_waits_for_the_lock(storage: Storage, tmp_path: Path) -> None:
    run = planned(storage, emptied(), tmp_path, position="send/1/held/0")
    lock.acquire(storage, "another", lambda _: False)
    storage.table("runs").create_entity(_busy("another"))
    assert isinstance(send(work(storage, run, Step("send", 1, held=True))), Again)


def _busy(run: str) -> dict[str, Any]:
    from datetime import UTC, datetime

    from sync.record import _to_entity  # pyright: ignore[reportPrivateUsage]

    return _to_entity(Run(run, "district", "applying", "wait/1/safe", datetime.now(UTC)))


def test_the_phase_is_over_when_every_outcome_is_there(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="wait/1/safe", expected=3)
    send(work(storage, run, Step("send", 1)))
    do(storage, take(CHANGES_QUEUE), "failed")
    assert wait(work(storage, run, Step("wait", 1))) == Next(Step("send", 2))
    assert wait(work(storage, run, Step("wait", 1, held=True))) == Next(Step("send", 2, held=True))


def test_while_messages_are_in_the_queue_it_looks_again_and_ever_more_rarely(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "LOOK_SECONDS", 0.5)
    run = planned(storage, school(), tmp_path, position="wait/1/safe", expected=3)
    send(work(storage, run, Step("send", 1)))
    first = wait(work(storage, run, Step("wait", 1)))
    assert first == Again(0, {"resends": 0, "looks": 1, "idle_since": None})
    later = wait(work(storage, run, Step("wait", 1), looks=99, resends=2))
    assert later == Again(15.0, {"resends": 2, "looks": 100, "idle_since": None})


@pytest.mark.usefixtures("hurried")
def test_far_from_the_end_outcomes_are_not_counted(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned(storage, school(), tmp_path, position="wait/1/safe", expected=0)
    monkeypatch.setattr(barrier, "FAR_FROM_DONE", 0)
    storage.send(CHANGES_QUEUE, {})
    assert isinstance(wait(work(storage, run, Step("wait", 1))), Again)


def test_an_empty_queue_is_given_time_before_messages_count_as_lost(
    storage: Storage, tmp_path: Path, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "LOOK_SECONDS", 0.0)
    run = planned(storage, school(), tmp_path, position="wait/1/safe", expected=3)
    result = wait(work(storage, run, Step("wait", 1)))
    assert isinstance(result, Again)
    assert result.notes["idle_since"] == pytest.approx(time.time(), abs=5)
    assert take(CHANGES_QUEUE) == []


@pytest.mark.usefixtures("hurried")
def test_lost_messages_are_sent_again(storage: Storage, tmp_path: Path, take: Take) -> None:
    run = planned(storage, school(), tmp_path, position="wait/1/safe", expected=3)
    send(work(storage, run, Step("send", 1)))
    sent = take(CHANGES_QUEUE)
    do(storage, sent[:1])
    assert wait(work(storage, run, Step("wait", 1))) == Again(1, {"resends": 1})
    assert {m["id"] for m in take(CHANGES_QUEUE)} == {m["id"] for m in sent[1:]}


@pytest.mark.usefixtures("hurried")
def test_messages_that_are_lost_every_time_become_failed_outcomes(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="wait/1/safe", expected=3)
    result = wait(work(storage, run, Step("wait", 1), resends=3))
    assert isinstance(result, Again)
    assert count_outcomes(storage, run.run, 1) == 3
    assert {o["error"] for o in list_outcomes(storage, run.run, 1)} == {
        "its message was lost 4 times"
    }
    assert take(CHANGES_QUEUE) == []
