"""The state machine: what follows what, whatever crashes or comes twice. Steps are scripted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from roster.errors import BadInput, Refused, Terminal, Transient
from sync import lock
from sync.ending import cancel_held
from sync.record import END, Run, add_run, get_run, now, read_json, update_run
from sync.run import LARGEST_TRIES, STEPS, on_control
from sync.step import APPROVED, Again, Next, Step, Stop, Work
from sync.storage import RUNS_QUEUE, Storage
from tests.sync.webhook import webhook

Take = Callable[[str], list[dict[str, Any]]]
Script = Callable[[Any], None]


def a_run(storage: Storage, position: str = "plan", **values: Any) -> Run:
    usual: dict[str, Any] = {
        "run": "r1",
        "source": "district",
        "status": "planning",
        "started": datetime(2026, 11, 24, tzinfo=UTC),
    }
    run = Run(position=position, **usual | values)
    add_run(storage, run)
    return run


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Makes every step answer, or raise, the same."""

    def script(result: Any) -> None:
        def step(_work: Work) -> Any:
            if isinstance(result, Exception):
                raise result
            return result

        for name in list(STEPS):
            monkeypatch.setitem(STEPS, name, step)

    return script


def control(storage: Storage, step: str = "plan", tries: int = 1, count: int = 1) -> None:
    on_control(storage, {"run": "r1", "step": step, "tries": tries}, count)


@pytest.mark.parametrize(
    "step",
    [Step("plan"), Step("send", 2, held=True, offset=500), Step("wait", 3), Step("finish")],
)
def test_a_step_is_told_from_its_position(step: Step) -> None:
    assert Step.parse(str(step)) == step


def test_a_step_that_is_done_moves_the_record_on_and_asks_for_the_next(
    storage: Storage, script: Script, take: Take
) -> None:
    a_run(storage)
    script(Next(Step("send", 1), {"checksum": "c"}))
    control(storage)
    run = get_run(storage, "r1")
    assert (run.position, run.previous, run.status) == ("send/1/safe/0", "plan", "applying")
    assert run.checksum == "c"
    assert take(RUNS_QUEUE) == [{"run": "r1", "step": "send/1/safe/0"}]


@pytest.mark.parametrize(("step", "status"), [("normalise", "normalising"), ("plan", "planning")])
def test_each_step_has_its_status(storage: Storage, script: Script, step: str, status: str) -> None:
    a_run(storage, "extract")
    script(Next(Step(step)))
    control(storage, "extract")
    assert get_run(storage, "r1").status == status


def test_the_end_gives_the_lock_back_and_tells_what_is_held(
    storage: Storage, script: Script, take: Take
) -> None:
    a_run(storage, "finish", why_held=("21 of 30 existing",))
    lock.acquire(storage, "r1", lambda _: False)
    held = {"person": {"disable": 21}}
    script(Next(END, {"status": "held", "held": held, "ended": now()}))
    with webhook(storage) as alerts:
        control(storage, "finish")
    assert get_run(storage, "r1").status == "held"
    assert take(RUNS_QUEUE) == []
    assert lock.acquire(storage, "r2", lambda _: False)
    [alert] = alerts
    assert (alert["alert"], alert["run"], alert["source"]) == ("run_held", "r1", "district")
    assert "holds 21 changes" in alert["text"]
    assert "21 of 30 existing" in alert["text"]


def test_a_run_whose_changes_failed_says_so(storage: Storage, script: Script) -> None:
    a_run(storage, "finish")
    script(Next(END, {"status": "finished", "failed": 2}))
    with webhook(storage) as alerts:
        control(storage, "finish")
    assert [alert["alert"] for alert in alerts] == ["changes_failed"]


def test_a_run_that_went_well_tells_nobody(storage: Storage, script: Script) -> None:
    a_run(storage, "finish")
    script(Next(END, {"status": "finished"}))
    with webhook(storage) as alerts:
        control(storage, "finish")
    assert alerts == []


def test_a_step_that_is_not_done_is_asked_for_again_with_its_notes(
    storage: Storage, script: Script, take: Take
) -> None:
    a_run(storage, "wait/1/safe")
    script(Again(0, {"looks": 3}))
    control(storage, "wait/1/safe")
    assert get_run(storage, "r1").position == "wait/1/safe"
    assert take(RUNS_QUEUE) == [{"run": "r1", "step": "wait/1/safe", "looks": 3}]


def test_a_run_that_gives_up_is_cancelled(storage: Storage, script: Script) -> None:
    a_run(storage)
    script(Stop("superseded by run r2"))
    with webhook(storage) as alerts:
        control(storage)
    run = get_run(storage, "r1")
    assert (run.status, run.error, run.position) == ("cancelled", "superseded by run r2", END)
    assert alerts == []


@pytest.mark.parametrize("error", [BadInput("no"), Refused("no"), Terminal("no")])
def test_an_error_that_stays_ends_the_run_and_gives_the_lock_back(
    storage: Storage, script: Script, error: Exception, take: Take
) -> None:
    a_run(storage)
    lock.acquire(storage, "r1", lambda _: False)
    script(error)
    with webhook(storage) as alerts:
        control(storage)
    run = get_run(storage, "r1")
    assert (run.status, run.error) == ("failed", "no")
    assert read_json(storage, "r1", "report.json")["error"] == "no"
    assert run.ended is not None
    assert [alert["alert"] for alert in alerts] == ["run_failed"]
    assert lock.acquire(storage, "r2", lambda _: False)
    assert take(RUNS_QUEUE) == []


def test_an_error_that_may_pass_is_waited_for(
    storage: Storage, script: Script, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(storage)
    script(Transient("no answer", 0.0))
    monkeypatch.setattr("sync.run.RETRY_SECONDS", 0.0)
    on_control(storage, {"run": "r1", "step": "plan", "looks": 1}, 1)
    assert get_run(storage, "r1").status == "planning"
    assert take(RUNS_QUEUE) == [{"run": "r1", "step": "plan", "looks": 1, "tries": 2}]


def test_but_not_for_ever(storage: Storage, script: Script) -> None:
    a_run(storage)
    script(Transient("no answer"))
    control(storage, tries=LARGEST_TRIES)
    assert get_run(storage, "r1").error == "Given up after 30 tries: no answer"


def test_what_nobody_foresaw_is_left_to_the_host(storage: Storage, script: Script) -> None:
    a_run(storage)
    script(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        control(storage)
    assert get_run(storage, "r1").status == "planning"


def test_after_a_crash_before_the_next_message_it_is_sent_when_the_old_one_returns(
    storage: Storage, script: Script, take: Take
) -> None:
    a_run(storage, "send/1/safe/0", previous="plan")
    script(ZeroDivisionError())
    control(storage, "plan", count=2)
    assert take(RUNS_QUEUE) == [{"run": "r1", "step": "send/1/safe/0"}]


def test_a_second_copy_of_a_message_is_dropped(
    storage: Storage, script: Script, take: Take
) -> None:
    a_run(storage, "send/1/safe/0", previous="plan")
    script(ZeroDivisionError())
    control(storage, "plan")
    control(storage, "extract", count=2)
    assert take(RUNS_QUEUE) == []


def test_of_two_instances_on_one_step_one_wins_and_the_other_comes_back_to_nothing(
    storage: Storage, script: Script, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(storage)

    def slow(work: Work) -> Next:
        update_run(storage, work.run, position="send/1/safe/0", previous="plan")
        return Next(Step("send", 1))

    monkeypatch.setitem(STEPS, "plan", slow)
    with pytest.raises(Transient):
        control(storage)
    assert take(RUNS_QUEUE) == []


def test_messages_of_runs_that_ended_only_give_the_lock_back(
    storage: Storage, script: Script, take: Take
) -> None:
    a_run(storage, END, status="failed")
    lock.acquire(storage, "r1", lambda _: False)
    script(ZeroDivisionError())
    control(storage)
    assert lock.acquire(storage, "r2", lambda _: False)
    on_control(storage, {"run": "unknown", "step": "plan"}, 1)
    assert take(RUNS_QUEUE) == []


def test_a_newer_plan_supersedes_what_waits_for_approval_or_for_the_lock(storage: Storage) -> None:
    a_run(storage, END, run="r1", status="held")
    a_run(storage, str(APPROVED), run="r2", status="applying")
    a_run(storage, END, run="r3", status="finished")
    a_run(storage, END, run="r4", status="held", source="other")
    newer = a_run(storage, run="r5")
    a_run(storage, END, run="r6", status="held")
    cancel_held(storage, newer)
    found = {name: get_run(storage, name) for name in ("r1", "r2", "r3", "r4", "r6")}
    assert [run.status for run in found.values()] == [
        "cancelled",
        "cancelled",
        "finished",
        "cancelled",
        "cancelled",
    ]
    assert found["r1"].error == "superseded by run r5"
