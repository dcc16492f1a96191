"""Pulls as runs make them: real storage, a real system over HTTP, steps by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from connectors import session
from local.sis.faults import Fault
from roster.database import open_database
from roster.errors import Refused, Terminal, Transient
from sync import pulls
from sync.pages import BlobPages
from sync.pulls import forget_pages, pull_pages, read_known, read_pull, start_pull
from sync.record import PULLED, artefact, get_run, read_json
from sync.step import Again, Next, Step, Work
from sync.storage import RUNS, RUNS_QUEUE, STATE, Storage
from tests.sync.systems import SOURCE, System, running

if TYPE_CHECKING:
    from pathlib import Path

    from sync.pulls import Known


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.001)
    with running() as system:
        yield system


def begun(storage: Storage, **how: Any) -> Work:
    run = start_pull(storage, SOURCE, **how)
    assert run is not None
    return Work(storage, get_run(storage, run), Step("extract"), {})


def read(work: Work, system: System, folder: Path) -> dict[str, int]:
    """Reads a pull as the step `normalise` does; the rows by table."""
    with open_database() as con:
        staged = read_pull(work, con, folder / work.run.run, system.source(), None)
        return staged.describe().counts


def pulled(storage: Storage, system: System, folder: Path, **how: Any) -> dict[str, int]:
    work = begun(storage, **how)
    assert isinstance(pull_pages(work, system.source()), Next)
    return read(work, system, folder)


def known(storage: Storage) -> Known:
    found = read_known(storage, SOURCE)
    assert found is not None
    return found


def is_full(work: Work) -> bool:
    return read_json(work.storage, work.run.run, "pull.json")["pull"]["full"]


def test_a_night_starts_one_pull_and_every_wish_another(storage: Storage) -> None:
    first = start_pull(storage, SOURCE, night="2026-11-26")
    assert first is not None
    assert start_pull(storage, SOURCE, night="2026-11-26") is None
    others = [
        start_pull(storage, SOURCE, night="2026-11-27"),
        start_pull(storage, "other", night="2026-11-26"),
        start_pull(storage, SOURCE),
        start_pull(storage, SOURCE),
    ]
    assert len({first, *others}) == 5
    run = get_run(storage, first)
    assert (run.trigger, run.source, run.status) == (PULLED, SOURCE, "extracting")
    assert storage.waiting(RUNS_QUEUE) == 5


def test_a_pull_is_asked_once_and_read(storage: Storage, system: System, tmp_path: Path) -> None:
    work = begun(storage)
    result = pull_pages(work, system.source())
    assert isinstance(result, Next)
    assert result.position == Step("normalise")
    assert result.changes["pulled"]
    seen = len(system.faults.seen)
    counts = read(work, system, tmp_path)
    assert counts["users"] == system.records.rows("SELECT count(*) FROM users")[0][0]
    assert len(system.faults.seen) == seen
    forget_pages(storage, work.run.run)
    assert storage.list_files(RUNS, artefact(work.run.run, "pages")) == []
    assert read_json(storage, work.run.run, "pull.json")["pull"]


def test_when_its_time_is_up_another_instance_goes_on_and_asks_no_page_twice(
    storage: Storage, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pulled(storage, system, tmp_path)
    monkeypatch.setattr(pulls, "STEP_SECONDS", 0.5)
    system.faults.clear()
    system.suffer(Fault("slow", seconds=0.05, times=None))
    source = system.source(page_size=25, parallel=1)
    work, steps = begun(storage, full=True), 1
    while (result := pull_pages(work, source)) == Again(0):
        steps += 1
        assert steps < 600
    assert isinstance(result, Next)
    assert steps > 2
    system.faults.clear()
    heads = BlobPages(storage, work.run.run, tmp_path / "heads").heads()
    assert len({head.request.name for head in heads}) == len(heads) > 10
    assert read(work, system, tmp_path) == expected


def test_no_page_is_asked_for_again_after_the_pull_began(
    storage: Storage, system: System, tmp_path: Path
) -> None:
    work = begun(storage)
    system.suffer(Fault("status", after=25, times=None))
    source = system.source(page_size=10, parallel=1)
    with pytest.raises(Transient, match="answered 503"):
        pull_pages(work, source)
    saved = BlobPages(storage, work.run.run, tmp_path / "heads").heads()
    assert saved
    system.faults.clear()
    assert isinstance(pull_pages(work, source), Next)
    paged = [address for address in system.faults.seen if "offset=" in address]
    assert len(paged) == len(set(paged))
    every = BlobPages(storage, work.run.run, tmp_path / "all").heads()
    assert len(paged) == len(every) - len(saved)


def test_an_outage_is_transient_with_the_time_that_the_system_asks_for(
    storage: Storage, system: System
) -> None:
    system.suffer(Fault("throttle", seconds=900, times=None))
    with pytest.raises(Transient, match="429") as error:
        pull_pages(begun(storage), system.source())
    assert error.value.retry_after == 900


def test_refused_credentials_are_terminal(storage: Storage, system: System) -> None:
    source = system.source(**system.kind.refused)
    with pytest.raises(Terminal, match="credentials of source sis") as error:
        pull_pages(begun(storage), source)
    assert "not-the-secret" not in str(error.value)


def test_the_next_pull_asks_for_changes_and_ends_in_the_same_roster(
    storage: Storage, system: System, tmp_path: Path
) -> None:
    before = pulled(storage, system, tmp_path)
    first = known(storage)
    assert first.mark.full_at == first.mark.at
    assert "users.parquet" in first.tables
    work = begun(storage)
    pull_pages(work, system.source())
    assert not is_full(work)
    assert read(work, system, tmp_path) == before
    system.records.advance(1, 0.2)
    work = begun(storage)
    pull_pages(work, system.source())
    assert not is_full(work)
    changed = read(work, system, tmp_path)
    last = known(storage)
    assert last.mark.full_at == first.mark.full_at < last.mark.at
    kept = {file.name.split("/")[2] for file in storage.list_files(STATE, f"sources/{SOURCE}")}
    assert kept == {work.run.run}
    assert pulled(storage, system, tmp_path, full=True) == changed
    assert known(storage).mark.full_at > first.mark.full_at


@pytest.mark.parametrize(("days", "full"), [(0, True), (7, False)])
def test_full_days_say_when_everything_is_asked_for_again(
    storage: Storage, system: System, tmp_path: Path, days: int, full: bool
) -> None:
    pulled(storage, system, tmp_path)
    work = begun(storage)
    pull_pages(work, system.source(full_days=days))
    assert is_full(work) is full


def test_other_settings_ask_for_everything(
    storage: Storage, system: System, tmp_path: Path
) -> None:
    pulled(storage, system, tmp_path)
    work = begun(storage)
    pull_pages(work, system.source(active_only=True))
    assert is_full(work)


@pytest.mark.parametrize("lost", [f"sources/{SOURCE}.json", "users.parquet"])
def test_what_was_remembered_and_is_lost_is_asked_for_again(
    storage: Storage, system: System, tmp_path: Path, lost: str
) -> None:
    expected = pulled(storage, system, tmp_path)
    [blob] = [file for file in storage.list_files(STATE, "sources") if file.name.endswith(lost)]
    storage.delete(STATE, blob)
    assert read_known(storage, SOURCE) is None
    work = begun(storage)
    pull_pages(work, system.source())
    assert is_full(work)
    assert read(work, system, tmp_path) == expected


def test_tables_that_are_lost_while_changes_are_pulled_stop_the_run(
    storage: Storage, system: System, tmp_path: Path
) -> None:
    pulled(storage, system, tmp_path)
    work = begun(storage)
    pull_pages(work, system.source())
    [blob] = [f for f in storage.list_files(STATE, "sources") if f.name.endswith("/users.parquet")]
    storage.delete(STATE, blob)
    with pytest.raises(Refused, match="rollcall pull sis --full"):
        read(work, system, tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"mark": {}, "prefix": ""}', b"\xff"])
def test_a_damaged_memory_says_which_blob_to_delete(
    storage: Storage, system: System, data: bytes
) -> None:
    storage.write(STATE, f"sources/{SOURCE}.json", data)
    with pytest.raises(Refused, match=r"state/sources/sis\.json.*delete that blob"):
        pull_pages(begun(storage), system.source())


def test_a_step_that_is_repeated_after_a_crash_gives_the_same(
    storage: Storage, system: System, tmp_path: Path
) -> None:
    pulled(storage, system, tmp_path)
    system.records.advance(2, 0.2)
    work = begun(storage)
    pull_pages(work, system.source())
    first = read(work, system, tmp_path / "1")
    mark = known(storage)
    assert isinstance(pull_pages(work, system.source()), Next)
    assert read(work, system, tmp_path / "2") == first
    assert known(storage) == mark
    assert pulled(storage, system, tmp_path, full=True) == first


def test_a_crash_before_the_tables_count_leaves_the_old_ones(
    storage: Storage, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(storage, system, tmp_path)
    before = known(storage)
    work = begun(storage)
    pull_pages(work, system.source())
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read(work, system, tmp_path / "1")
    assert known(storage) == before
    read(work, system, tmp_path / "2")
    assert known(storage).prefix == f"sources/{SOURCE}/{work.run.run}"
