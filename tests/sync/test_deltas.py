"""Packages of changes over runs: what they build on, and when they are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from roster.database import open_database
from roster.errors import BadInput, Refused, Transient
from roster.roster import Roster
from sync import steps
from sync.accepted import Accepted, write_accepted
from sync.deltas import FOLDER, read_left
from sync.drop import Drop, drop, start_run
from sync.record import Run, get_run, update_run
from sync.step import Next, Step, Stop, Work
from sync.steps import extract, normalise
from sync.storage import CONFIG, ROSTERS, RUNS, STATE, Storage
from tests.sync.packages import ORGS, bulk, delta, manifest, user
from tests.sync.rosters import FILES, put, write

if TYPE_CHECKING:
    from collections.abc import Mapping

SIS = "sis"


@pytest.fixture(autouse=True)
def ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one second are in order, too."""
    numbers = iter(range(1000, 9999))
    monkeypatch.setattr("sync.beginning.new_run_id", lambda _: f"20261126T040000Z-{next(numbers)}")


def begin(storage: Storage, files: Mapping[str, str], night: str = "") -> Run:
    """A run over a package, its files copied."""
    for file in storage.list_files(ROSTERS, SIS):
        storage.delete(ROSTERS, file)
    put(storage, SIS, dict(files))
    dropped = Drop(ROSTERS, tuple(storage.list_files(ROSTERS, SIS)))
    run = start_run(storage, SIS, dropped, night=night)
    assert run
    return get_run(storage, run)


def work(storage: Storage, run: Run, step: str = "extract") -> Work:
    return Work(storage, run, Step(step), {})


def read(storage: Storage, files: Mapping[str, str], night: str = "") -> Run:
    run = begin(storage, files, night)
    assert extract(work(storage, run)) == Next(Step("normalise"))
    normalise(work(storage, run))
    return run


def fail(storage: Storage, run: Run) -> None:
    update_run(storage, get_run(storage, run.run), status="failed")


def people(storage: Storage, run: Run, tmp_path: Path) -> set[tuple[str, str, bool]]:
    folder = tmp_path / run.run
    storage.download_folder(RUNS, f"{run.run}/roster", folder)
    with open_database() as con:
        Roster.load(con, folder)
        return set(con.execute("SELECT sourced_id, family_name, active FROM users").fetchall())


def kept(storage: Storage) -> dict[str, bytes | None]:
    files = storage.list_files(STATE, f"{FOLDER}/{SIS}/tables")
    return {file.name: storage.read(STATE, file.name) for file in files}


def rows_kept(storage: Storage, folder: Path) -> dict[str, list[tuple[object, ...]]]:
    storage.download_folder(STATE, f"{FOLDER}/{SIS}/tables/{last_run(storage)}", folder)
    with open_database() as con:
        return {
            file.name: con.execute(f"SELECT * FROM '{file}' ORDER BY ALL").fetchall()
            for file in folder.glob("*.parquet")
        }


def last_run(storage: Storage) -> str:
    left = read_left(storage, SIS)
    assert left
    return left.run


def unread(storage: Storage) -> list[str]:
    return [file.file_name for file in storage.list_files(STATE, f"{FOLDER}/{SIS}/unread")]


def test_changes_are_applied_to_what_the_runs_before_read(storage: Storage, tmp_path: Path) -> None:
    read(storage, bulk("U1", "U2"))
    read(storage, delta(user("U3"), user("U1", status="tobedeleted")))
    last = read(storage, delta(user("U2", "Ueda")))
    assert people(storage, last, tmp_path) == {
        ("T1", "Urban", True), ("U1", "Urban", False), ("U2", "Ueda", True), ("U3", "Urban", True),
    }  # fmt: skip
    assert last_run(storage) == last.run
    assert {name.split("/")[3] for name in kept(storage)} == {last.run}
    assert unread(storage) == []


def test_a_file_that_is_not_in_the_package_counts_as_delivered(
    storage: Storage, tmp_path: Path
) -> None:
    first = read(storage, bulk("U1"))
    write_accepted(
        storage, Accepted(SIS, first.run, ("orgs", "users", "roles", "classes", "enrollments"))
    )
    last = read(storage, delta(user("U2")))
    assert ("U1", "Urban", True) in people(storage, last, tmp_path)


def test_a_step_that_is_repeated_leaves_the_same(storage: Storage, tmp_path: Path) -> None:
    read(storage, bulk("U1", "U2"))
    run = read(storage, delta(user("U3"), user("", "Nobody"), user("U1", status="tobedeleted")))
    once = rows_kept(storage, tmp_path / "once")
    normalise(work(storage, run, "normalise"))
    assert rows_kept(storage, tmp_path / "twice") == once
    assert unread(storage) == []


def test_a_crash_before_the_tables_count_changes_nothing(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(storage, bulk("U1"))
    run = begin(storage, delta(user("U2")))
    extract(work(storage, run))

    def crash(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(steps, "settle", crash)
        with pytest.raises(RuntimeError):
            normalise(work(storage, run))
    assert last_run(storage) == first.run
    assert unread(storage) == [run.run]
    normalise(work(storage, run))
    assert ("U1", "Urban", True) in people(storage, run, tmp_path)
    assert ("U2", "Urban", True) in people(storage, run, tmp_path)
    assert unread(storage) == []


def test_changes_after_a_package_that_was_not_read_are_refused_until_a_whole_one(
    storage: Storage, tmp_path: Path
) -> None:
    read(storage, bulk("U1"))
    bad = begin(storage, {**delta(user("U2")), "orgs.csv": "sourcedId,name,type\nS2,East,school\n"})
    extract(work(storage, bad))
    with pytest.raises(BadInput, match=r"whether orgs\.csv is whole"):
        normalise(work(storage, bad))
    later = begin(storage, delta(user("U3")))
    extract(work(storage, later))
    with pytest.raises(Transient, match=f"run {bad.run} is read first"):
        normalise(work(storage, later))
    fail(storage, bad)
    with pytest.raises(Refused, match=rf"was not read \(run {bad.run}\).*all files in full"):
        normalise(work(storage, later))
    fail(storage, later)
    assert unread(storage) == [bad.run, later.run]
    read(storage, bulk("U1", "U2", "U3"))
    last = read(storage, delta(user("U4")))
    assert len(people(storage, last, tmp_path)) == 5
    assert unread(storage) == []


@pytest.mark.parametrize("more", [False, True])
def test_packages_that_could_not_be_read_may_come_again_in_their_order(
    storage: Storage, tmp_path: Path, more: bool
) -> None:
    """Of loose files, also with one more that had not arrived."""
    read(storage, bulk("U1"))
    storage.write(CONFIG, "rollcall.yaml", b"people: nonsense")
    states = {"users": "delta", **({"orgs": "delta"} if more else {})}
    changes = {**delta(user("U1", "First"), user("U2")), "manifest.csv": manifest(**states)}
    run = begin(storage, changes)
    with pytest.raises(BadInput):
        extract(work(storage, run))
    fail(storage, run)
    storage.write(CONFIG, "rollcall.yaml", b"")
    other = begin(storage, delta(user("U1", "Second")))
    extract(work(storage, other))
    normalise_refused(storage, other, f"run {run.run}.* then those after it")
    fail(storage, other)
    again = read(storage, {**changes, **({"orgs.csv": ORGS} if more else {})})
    assert ("U1", "First", True) in people(storage, again, tmp_path)
    assert unread(storage) == [other.run]
    normalise(work(storage, again, "normalise"))
    third = begin(storage, delta(user("U3")))
    extract(work(storage, third))
    normalise_refused(storage, third, f"run {other.run}")
    fail(storage, third)
    last = read(storage, delta(user("U1", "Second")))
    assert people(storage, last, tmp_path) >= {("U1", "Second", True), ("U2", "Urban", True)}
    assert unread(storage) == [third.run]


def test_files_that_were_gone_before_they_were_copied_leave_a_gap(storage: Storage) -> None:
    read(storage, bulk("U1"))
    run = begin(storage, delta(user("U2")))
    put(storage, SIS, delta(user("U3")))
    assert isinstance(extract(work(storage, run)), Stop)
    fail(storage, run)
    later = begin(storage, delta(user("U3")))
    extract(work(storage, later))
    normalise_refused(storage, later, run.run)


def normalise_refused(storage: Storage, run: Run, said: str) -> None:
    with pytest.raises(Refused, match=said):
        normalise(work(storage, run))


def test_changes_of_a_source_that_delivered_nothing_are_refused(storage: Storage) -> None:
    run = begin(storage, delta(user("U1")))
    extract(work(storage, run))
    normalise_refused(storage, run, "deliver all files in full")
    assert unread(storage) == [run.run]


def test_a_whole_package_that_is_cut_is_nothing_to_build_on(storage: Storage) -> None:
    first = read(storage, bulk("U1"))
    cut = bulk("U1", "U2")
    cut["enrollments.csv"] += "E9,,C1,U2,stud"
    run = begin(storage, cut)
    extract(work(storage, run))
    with pytest.raises(BadInput, match="truncated"):
        normalise(work(storage, run))
    assert last_run(storage) == first.run
    assert unread(storage) == [run.run]


def test_a_roster_that_came_another_way_ends_the_chain(storage: Storage) -> None:
    read(storage, bulk("U1"))
    write_accepted(storage, Accepted(SIS, "20991126T040000Z-9999", ()))
    run = begin(storage, delta(user("U2")))
    extract(work(storage, run))
    normalise_refused(storage, run, "not delivered as OneRoster")


def test_files_of_another_format_end_the_chain(storage: Storage) -> None:
    read(storage, bulk("U1"))
    read(storage, FILES)
    assert read_left(storage, SIS) is None
    assert kept(storage) == {}
    assert unread(storage) == []
    read(storage, FILES)
    run = begin(storage, delta(user("U2")))
    extract(work(storage, run))
    normalise_refused(storage, run, "not delivered as OneRoster")


def test_changes_that_are_read_after_those_of_a_later_run_are_refused(
    storage: Storage, tmp_path: Path
) -> None:
    early = begin(storage, delta(user("U2")))
    extract(work(storage, early))
    late = read(storage, bulk("U1"))
    normalise_refused(storage, early, f"later run {late.run}")
    whole = begin(storage, bulk("U1", "U7"))
    extract(work(storage, whole))
    last = read(storage, bulk("U1", "U8"))
    normalise(work(storage, whole))
    assert last_run(storage) == last.run
    assert ("U7", "Urban", True) in people(storage, whole, tmp_path)


def test_the_night_takes_what_was_read_last_and_folds_nothing(
    storage: Storage, tmp_path: Path
) -> None:
    read(storage, bulk("U1", "U2"))
    accepted = delta(user("U1", "Accepted"), user("U2", "Accepted"))
    read(storage, accepted)
    last = read(storage, delta(user("U2", "Later")))
    before = kept(storage)
    night = read(storage, accepted, "2026-11-27")
    assert people(storage, night, tmp_path) == people(storage, last, tmp_path)
    assert kept(storage) == before
    assert unread(storage) == []
    whole = read(storage, bulk("U1"), "2026-11-28")
    assert people(storage, whole, tmp_path) == {("T1", "Urban", True), ("U1", "Urban", True)}
    assert kept(storage) == before
    read(storage, FILES, "2026-11-29")
    assert kept(storage) == before


def test_of_several_sources_the_tables_count_once_the_roster_is_whole(
    storage: Storage, tmp_path: Path
) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"sources: [{name: sis}, {name: other}]")
    run = read(storage, bulk("U1"))
    assert read_left(storage, SIS) is None
    with open_database() as con:
        config = steps.load_config(storage)
        steps._whole_roster(
            work(storage, run, "plan"), con, config, steps.now().date(), tmp_path / "plan"
        )
    assert last_run(storage) == run.run


def test_a_package_that_is_dropped_by_hand_is_checked_against_the_one_before(
    storage: Storage, tmp_path: Path
) -> None:
    folder = write(tmp_path / "delta", delta(user("U2")))
    with pytest.raises(Refused, match="in full"):
        drop(storage, folder, SIS)
    first = read(storage, bulk("U1"))
    before = kept(storage)
    drop(storage, folder, SIS)
    assert kept(storage) == before
    assert unread(storage) == []
    assert {file.file_name for file in storage.list_files(ROSTERS, SIS)} == {
        "manifest.csv", "users.csv",
    }  # fmt: skip
    gap = begin(storage, delta(user("U3")))
    extract(work(storage, gap))
    with pytest.raises(Transient):
        drop(storage, folder, SIS)
    fail(storage, gap)
    with pytest.raises(Refused, match="was not read"):
        drop(storage, folder, SIS)
    assert first.run
