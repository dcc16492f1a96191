"""Outcomes and claims in table storage."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from graph.references import FailedReference
from sync import outcomes
from sync.change import ChangeMessage
from sync.outcomes import Outcome, claim, count_outcomes, has_outcome, load_outcomes, write_outcome
from sync.record import now
from sync.storage import OUTCOMES_TABLE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sync.storage import Storage


def message(id_: str = "m1", **values: object) -> ChangeMessage:
    usual = {"run": "r1", "id": id_, "phase": 2, "kind": "class", "key": "C1", "action": "create"}
    return ChangeMessage.model_validate(usual | values)


def test_an_outcome_is_counted_in_its_phase_and_run_only(storage: Storage) -> None:
    write_outcome(storage, message("a"), Outcome("done", "o1"))
    write_outcome(storage, message("a"), Outcome("done", "o1"))
    write_outcome(storage, message("b", kind="group"), Outcome("failed", error="no"))
    write_outcome(storage, message("c", phase=3), Outcome("done"))
    write_outcome(storage, message("d", run="r2"), Outcome("done"))
    assert [count_outcomes(storage, "r1", phase) for phase in (1, 2, 3)] == [0, 2, 1]


def test_a_claim_is_no_outcome(storage: Storage) -> None:
    assert claim(storage, message(), "q1") == "new"
    assert not has_outcome(storage, message())
    assert count_outcomes(storage, "r1", 2) == 0
    write_outcome(storage, message(), Outcome("done", "o1"))
    assert has_outcome(storage, message())
    assert count_outcomes(storage, "r1", 2) == 1


def test_only_one_copy_of_a_message_may_create(storage: Storage) -> None:
    assert claim(storage, message(), "q1") == "new"
    assert claim(storage, message(), "q2") == "busy"


def test_the_same_message_delivered_again_knows_that_a_try_broke_off(storage: Storage) -> None:
    assert claim(storage, message(), "q1") == "new"
    assert claim(storage, message(), "q1") == "left"


def test_a_claim_that_was_given_back_or_left_behind_is_taken_over(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(storage, message(), "q1")
    outcomes.unclaim(storage, message(), in_doubt=False)
    assert claim(storage, message(), "q2") == "again"
    monkeypatch.setattr(outcomes, "now", lambda: now() + timedelta(minutes=6))
    assert claim(storage, message(), "q3") == "left"


def test_every_copy_of_a_message_learns_that_something_may_have_been_created(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(storage, message(), "q1")
    outcomes.unclaim(storage, message(), in_doubt=True)
    assert claim(storage, message(), "q2") == "left"
    outcomes.unclaim(storage, message(), in_doubt=False)
    assert claim(storage, message(), "q3") == "left"
    outcomes.unclaim(storage, message(), in_doubt=False)
    monkeypatch.setattr(outcomes, "now", lambda: now() + timedelta(minutes=4))
    assert claim(storage, message(), "q4") == "again"
    outcomes.unclaim(storage, message(), in_doubt=True)
    assert claim(storage, message(), "q5") == "left"


def test_a_school_that_an_earlier_run_tried_to_create_is_looked_for(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def school(run: str, key: str = "S1") -> ChangeMessage:
        return message(key, run=run, kind="school", key=key)

    assert claim(storage, school("r1"), "q1") == "new"
    assert claim(storage, school("r2"), "q2") == "left"
    outcomes.unclaim(storage, school("r2"), in_doubt=False)
    assert claim(storage, school("r2"), "q3") == "left"
    assert claim(storage, school("r2", "S2"), "q4") == "new"
    monkeypatch.setattr(outcomes, "now", lambda: now() + timedelta(minutes=4))
    assert claim(storage, school("r3"), "q5") == "again"
    assert claim(storage, school("r4"), "q6") == "left"


def test_of_two_that_take_a_claim_over_one_wins(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(storage, message(), "q1")
    outcomes.unclaim(storage, message(), in_doubt=False)
    table = storage.table(OUTCOMES_TABLE)
    seen = table.get_entity("r1", "2-m1")
    assert claim(storage, message(), "q2") == "again"
    monkeypatch.setattr("azure.data.tables.TableClient.get_entity", lambda *_: seen)
    assert claim(storage, message(), "q3") == "busy"


def test_a_message_that_ended_is_not_claimed_again(storage: Storage) -> None:
    write_outcome(storage, message(), Outcome("failed", error="no"))
    assert claim(storage, message(), "q1") == "ended"


def test_what_a_create_made_is_found_by_its_key(storage: Storage) -> None:
    part = message("m2", action="members")
    assert outcomes.made_object(storage, part) is None
    write_outcome(storage, message(), Outcome("done", "o1"))
    assert outcomes.made_object(storage, part) == ("done", "o1")
    assert outcomes.made_object(storage, message("m3", key="C2/é#?")) is None


def test_outcomes_are_loaded_with_what_was_created(storage: Storage, tmp_path: Path) -> None:
    person = message("p", phase=1, kind="person", key="U1")
    write_outcome(storage, person, Outcome("done", "o1", writes=2, requests=1))
    write_outcome(storage, message("c"), Outcome("failed", error="x" * 5000, code="Bad"))
    write_outcome(storage, message("u", phase=3, action="update"), Outcome("done", "o9"))
    claim(storage, message("open"), "q1")
    con = duckdb.connect()
    load_outcomes(storage, con, "r1", tmp_path)
    rows = con.execute(
        "SELECT message, status, object_id, length(error), code, writes, requests FROM outcomes"
    ).fetchall()
    assert rows == [
        ("p", "done", "o1", None, None, 2, 1),
        ("c", "failed", None, 1000, "Bad", 0, 0),
        ("u", "done", "o9", None, None, 0, 0),
    ]
    assert con.execute("FROM created").fetchall() == [("person", "U1", "o1")]


def test_references_that_failed_are_loaded_one_by_one(storage: Storage, tmp_path: Path) -> None:
    failed = (
        FailedReference("add", "member", "p1", "x" * 500, heals=True),
        FailedReference("add", "owner", "p1", "x" * 500, heals=True),
        FailedReference("remove", "member", "p2", "no", heals=False),
    )
    write_outcome(storage, message("c"), Outcome("done", "o1", failed=failed))
    write_outcome(storage, message("d", key="C2"), Outcome("done", "o2"))
    con = duckdb.connect()
    load_outcomes(storage, con, "r1", tmp_path)
    rows = con.execute(
        "SELECT message, action, relation, person, length(error) FROM failed_references"
    ).fetchall()
    assert rows == [
        ("c", "add", "member", "p1", 300),
        ("c", "add", "owner", "p1", 300),
        ("c", "remove", "member", "p2", 2),
    ]


def test_a_run_without_outcomes_loads_as_nothing(storage: Storage, tmp_path: Path) -> None:
    con = duckdb.connect()
    load_outcomes(storage, con, "r1", tmp_path)
    for table in ("outcomes", "created", "failed_references"):
        assert con.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
