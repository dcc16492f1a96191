"""Approving and rejecting held runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from roster.errors import BadInput, Refused
from sync.approval import approve, reject, stop
from sync.record import END, Run, add_run, get_run, now
from sync.storage import APPROVALS_TABLE, CONFIG, RUNS_QUEUE, Storage

Take = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def held(storage: Storage) -> Storage:
    at = now()
    run = Run("r1", "district", "held", END, at, ended=at, checksum="c0ffee", previous="finish")
    add_run(storage, run)
    return storage


def test_an_approval_is_kept_and_sends_the_held_changes_on(held: Storage, take: Take) -> None:
    approved = approve(held, "r1", who="ada", why="they moved away", checksum="c0ffee")
    assert (approved.status, approved.ended) == ("applying", None)
    assert take(RUNS_QUEUE) == [{"run": "r1", "step": "send/1/held/0"}]
    row = held.table(APPROVALS_TABLE).get_entity("r1", "c0ffee")
    assert (row["decision"], row["who"], row["why"]) == ("approved", "ada", "they moved away")


def test_a_rejected_run_is_cancelled_with_who_and_why(held: Storage, take: Take) -> None:
    rejected = reject(held, "r1", who="ada", why="the export was cut")
    assert rejected.status == "cancelled"
    assert get_run(held, "r1").error == "rejected by ada: the export was cut"
    row = held.table(APPROVALS_TABLE).get_entity("r1", "c0ffee")
    assert row["decision"] == "rejected"
    assert take(RUNS_QUEUE) == []


@pytest.mark.parametrize("decide", [approve, reject])
def test_who_and_why_must_be_said(held: Storage, decide: Any) -> None:
    for who, why in (("", "because"), ("ada", "  ")):
        with pytest.raises(BadInput, match="Who decides, and why"):
            decide(held, "r1", who=who, why=why)


@pytest.mark.parametrize("decide", [approve, reject])
def test_only_the_plan_that_was_looked_at_is_decided(held: Storage, decide: Any) -> None:
    with pytest.raises(Refused, match="another plan"):
        decide(held, "r1", who="ada", why="fine", checksum="beef")
    assert get_run(held, "r1").status == "held"


@pytest.mark.parametrize("decide", [approve, reject])
def test_a_run_is_decided_once(held: Storage, decide: Any) -> None:
    decide(held, "r1", who="ada", why="fine")
    with pytest.raises(Refused, match="only a held run"):
        approve(held, "r1", who="ada", why="fine")


def test_an_old_plan_is_not_approved(held: Storage) -> None:
    at = now() - timedelta(days=8)
    add_run(held, Run("r0", "district", "held", END, at, ended=at, checksum="c"))
    with pytest.raises(Refused, match="more than 7 days"):
        approve(held, "r0", who="ada", why="fine")
    held.write(CONFIG, "rollcall.yaml", b"guards: {approval_days: 10}")
    with pytest.raises(Refused, match="superseded by run r1"):
        approve(held, "r0", who="ada", why="fine")


def test_a_newer_run_of_another_source_or_without_a_plan_does_not_matter(held: Storage) -> None:
    add_run(held, Run("r2", "district", "failed", END, now()))
    add_run(held, Run("r3", "other", "finished", END, now(), checksum="c"))
    assert approve(held, "r1", who="ada", why="fine").status == "applying"


def test_a_run_under_way_is_stopped_with_who_and_why(storage: Storage) -> None:
    add_run(storage, Run("r1", "district", "applying", "wait/2/safe", now(), checksum="c"))
    stopped = stop(storage, "r1", who="ada", why="wrong school year")
    assert (stopped.status, stopped.position) == ("cancelled", END)
    assert get_run(storage, "r1").error == "stopped by ada: wrong school year"
    row = storage.table(APPROVALS_TABLE).get_entity("r1", "stopped-c")
    assert (row["decision"], row["who"], row["why"]) == ("stopped", "ada", "wrong school year")
    with pytest.raises(Refused, match=r"Run r1 is cancelled: nothing of it is under way$"):
        stop(storage, "r1", who="ada", why="again")


def test_a_held_run_is_rejected_and_not_stopped(held: Storage) -> None:
    with pytest.raises(Refused, match="nothing of it is under way; reject it instead"):
        stop(held, "r1", who="ada", why="wrong")
    with pytest.raises(BadInput, match="must be said"):
        stop(held, "r1", who="ada", why=" ")
