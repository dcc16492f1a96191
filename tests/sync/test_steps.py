"""The first steps of a run, up to the plan. Planning itself needs a directory: tests/e2e."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from roster.errors import BadInput, Refused
from sync import lock
from sync.accepted import Accepted, write_accepted
from sync.drop import Drop, start_run
from sync.record import END, Run, add_run, artefact, get_run, read_json, write_json
from sync.step import Again, Next, Step, Stop, Work
from sync.steps import extract, normalise, plan, take_lock
from sync.storage import CONFIG, ROSTERS, RUNS, Storage
from tests.sync.rosters import FILES, PEOPLE_ONLY, put

Take = Callable[[str], list[dict[str, Any]]]
START = datetime(2026, 11, 24, tzinfo=UTC)


def work(storage: Storage, step: str = "extract", files: dict[str, str] = FILES) -> Work:
    put(storage, "district", files)
    drop = Drop(ROSTERS, tuple(storage.list_files(ROSTERS, "district")))
    run = start_run(storage, "district", drop)
    assert run is not None
    return Work(storage, get_run(storage, run), Step(step), {})


def test_the_files_are_copied_as_they_were_when_the_run_began(storage: Storage) -> None:
    asked = work(storage)
    assert extract(asked) == Next(Step("normalise"))
    storage.write(ROSTERS, "district/users.csv", b"tomorrow's")
    assert extract(asked) == Next(Step("normalise"))
    copy = storage.read(RUNS, artefact(asked.run.run, "source/users.csv"))
    assert copy == FILES["users.csv"].encode()


def test_files_that_no_instance_could_hold_are_refused_before_they_are_copied(
    storage: Storage,
) -> None:
    asked = work(storage)
    drop = read_json(storage, asked.run.run, "drop.json")
    drop["files"][0]["size"] = 9 * 1024**3
    write_json(storage, asked.run.run, "drop.json", drop)
    with pytest.raises(BadInput, match=r"5 files of 9,663,676,\d+ bytes together; allowed: 8,589,"):
        extract(asked)
    assert storage.list_files(RUNS, artefact(asked.run.run, "source")) == []


def test_files_that_changed_before_they_were_copied_get_their_own_run(storage: Storage) -> None:
    asked = work(storage)
    storage.write(ROSTERS, "district/users.csv", b"tomorrow's")
    result = extract(asked)
    assert isinstance(result, Stop)
    assert "the new ones get their own run" in result.why


def test_a_roster_is_read_and_its_tables_remembered(storage: Storage) -> None:
    asked = work(storage)
    extract(asked)
    result = normalise(asked)
    assert result.position == Step("plan")
    assert result.changes["findings"]["error"] == 0
    tables = read_json(storage, asked.run.run, "tables.json")
    assert set(tables) == {"orgs", "users", "roles", "classes", "enrollments"}
    assert storage.list_files(RUNS, artefact(asked.run.run, "roster"))


def test_a_roster_that_cannot_be_used_is_refused_and_stays_where_it_is(storage: Storage) -> None:
    asked = work(storage, files=PEOPLE_ONLY | {"roles.csv": "nothing,here\n1,2\n"})
    extract(asked)
    with pytest.raises(BadInput, match=r"roles\.csv"):
        normalise(asked)
    assert len(storage.list_files(ROSTERS)) == 3


def test_a_roster_that_lacks_what_the_last_one_had_is_refused(storage: Storage) -> None:
    write_accepted(storage, Accepted("district", "r0", ("users", "enrollments")))
    asked = work(storage, files=PEOPLE_ONLY)
    extract(asked)
    with pytest.raises(Refused, match="enrollments"):
        normalise(asked)
    text = b"sources: [{name: district, may_be_missing: [enrollments]}]"
    storage.write(CONFIG, "rollcall.yaml", text)
    assert normalise(asked).position == Step("plan")


def test_the_words_of_a_system_are_read_as_the_configuration_says(storage: Storage) -> None:
    roles = FILES["roles.csv"].replace(",09", ",Freshman")
    asked = work(storage, files=FILES | {"roles.csv": roles})
    extract(asked)
    assert normalise(asked).changes["findings"]["warning"] == 1
    text = b"sources: [{name: district, mappings: {grades: {Freshman: '09'}}}]"
    storage.write(CONFIG, "rollcall.yaml", text)
    assert normalise(asked).changes["findings"]["warning"] == 0


def test_a_run_waits_while_another_one_holds_the_lock(storage: Storage) -> None:
    add_run(storage, Run("r1", "other", "applying", "wait/1/safe", START))
    assert lock.acquire(storage, "r1", lambda _: False)
    asked = work(storage, "plan")
    assert take_lock(asked) == Again(5.0)
    assert plan(asked) == Again(5.0)


@pytest.mark.parametrize("holder", ["r1", "unknown"])
def test_the_lock_of_a_run_that_ended_or_never_was_is_taken(storage: Storage, holder: str) -> None:
    add_run(storage, Run("r1", "other", "failed", END, START))
    assert lock.acquire(storage, holder, lambda _: False)
    assert take_lock(work(storage, "plan")) is None


def test_a_run_that_comes_to_its_turn_after_a_newer_plan_gives_up(storage: Storage) -> None:
    asked = work(storage, "plan")
    late = Run("3", "district", "finished", END, START, checksum="c")
    add_run(storage, late)
    assert take_lock(asked) == Stop("superseded by run 3")


def test_newer_runs_of_another_source_or_without_a_plan_do_not_matter(storage: Storage) -> None:
    asked = work(storage, "plan")
    add_run(storage, Run("3", "district", "failed", END, START))
    add_run(storage, Run("4", "other", "finished", END, START, checksum="c"))
    assert take_lock(asked) is None
