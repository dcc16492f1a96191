"""Records of runs in table storage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from roster.errors import BadInput, Transient
from sync.record import (
    Run,
    add_run,
    artefact,
    find_run,
    get_run,
    list_runs,
    move_run,
    new_run_id,
    read_json,
    update_run,
    write_json,
)

if TYPE_CHECKING:
    from sync.storage import Storage

START = datetime(2026, 11, 24, 13, 47, tzinfo=UTC)
FULL = Run(
    run="20261124T134700Z-3f2a",
    source="district",
    status="held",
    position="end",
    started=START,
    trigger="nightly",
    previous="finish",
    ended=START + timedelta(seconds=61.5),
    changes={"person": {"create": 3}},
    held={"class_membership": {"remove": 21}, "person": {"disable": 2}},
    why_held=("21 of 30",),
    findings={"error": 1, "warning": 2},
    checksum="c0ffee",
    writes=9,
    requests=12,
    read_requests=5,
    expected=4,
    failed=1,
    error="none",
)


def test_a_record_comes_back_as_it_was_written(storage: Storage) -> None:
    assert add_run(storage, FULL)
    assert find_run(storage, FULL.run) == FULL


def test_a_record_is_written_only_once(storage: Storage) -> None:
    assert add_run(storage, FULL)
    assert not add_run(storage, replace(FULL, source="other"))
    assert get_run(storage, FULL.run).source == "district"


def test_an_unknown_run_is_bad_input(storage: Storage) -> None:
    for name in ("nope", ""):
        with pytest.raises(BadInput, match="There is no run"):
            get_run(storage, name)


def test_runs_are_listed_newest_first(storage: Storage) -> None:
    for name in ("20261124T100000Z-aaaa", "20261126T100000Z-aaaa", "20261125T100000Z-aaaa"):
        add_run(storage, replace(FULL, run=name))
    assert [run.run[:8] for run in list_runs(storage)] == ["20261126", "20261125", "20261124"]
    assert len(list_runs(storage, 2)) == 2


def test_of_two_updates_from_one_state_only_the_first_wins(storage: Storage) -> None:
    add_run(storage, FULL)
    seen = get_run(storage, FULL.run)
    first = update_run(storage, seen, status="finished")
    with pytest.raises(Transient, match="changed by another instance"):
        update_run(storage, seen, status="failed")
    assert update_run(storage, first, writes=10).writes == 10
    assert get_run(storage, FULL.run).status == "finished"


def test_moving_remembers_the_step_before(storage: Storage) -> None:
    add_run(storage, FULL)
    moved = move_run(storage, get_run(storage, FULL.run), "plan", status="planning")
    assert (moved.position, moved.previous, moved.status) == ("plan", "end", "planning")


def test_ids_sort_by_time_and_do_not_collide() -> None:
    assert new_run_id(START).startswith("20261124T134700Z-")
    assert new_run_id(START) < new_run_id(START + timedelta(seconds=1))
    assert new_run_id(START) != new_run_id(START)


def test_a_record_for_json_has_numbers_and_times() -> None:
    shown = FULL.as_dict()
    assert shown["held"] == 23
    assert shown["seconds"] == 61.5
    assert shown["started"] == "2026-11-24T13:47:00+00:00"
    unended = replace(FULL, ended=None).as_dict()
    assert unended["ended"] is None
    assert unended["seconds"] > 0


def test_artefacts_are_json_under_the_name_of_the_run(storage: Storage) -> None:
    assert read_json(storage, "r1", "a.json") is None
    write_json(storage, "r1", "a.json", ["x"])
    assert read_json(storage, "r1", "a.json") == ["x"]
    assert artefact("r1", "plan/plan.json") == "r1/plan/plan.json"
