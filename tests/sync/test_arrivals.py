"""Arrivals: events about blobs, and the folders that they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sync import arrivals
from sync.arrivals import on_arrival, sweep
from sync.record import list_runs, now
from sync.storage import ARRIVALS_QUEUE, CONFIG, ROSTERS, Storage
from tests.sync.rosters import FILES, PEOPLE_ONLY, put

Take = Callable[[str], list[dict[str, Any]]]
SUBJECT = "/blobServices/default/containers/rosters/blobs/district/users.csv"
EVENT_GRID = {"subject": SUBJECT, "eventType": "Microsoft.Storage.BlobCreated", "data": {}}
CLOUD_EVENT = {"subject": SUBJECT, "type": "Microsoft.Storage.BlobCreated", "source": "/topics/a"}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of arrivals on by seconds."""

    def later(seconds: float) -> None:
        monkeypatch.setattr(arrivals, "now", lambda: now() + timedelta(seconds=seconds))

    return later


@pytest.mark.parametrize("event", [EVENT_GRID, CLOUD_EVENT, [EVENT_GRID], {"source": "district"}])
def test_each_shape_of_event_leads_to_its_folder(
    storage: Storage, later: Callable[[float], None], event: Any
) -> None:
    put(storage)
    later(61)
    on_arrival(storage, event)
    [run] = list_runs(storage)
    assert run.source == "district"


@pytest.mark.parametrize(
    "event",
    [
        EVENT_GRID | {"eventType": "Microsoft.Storage.BlobDeleted"},
        EVENT_GRID | {"subject": "/blobServices/default/containers/other/blobs/district/a.csv"},
        EVENT_GRID | {"subject": "/blobServices/default/containers/rosters/blobs/loose.csv"},
        {},
    ],
)
def test_events_about_anything_else_are_passed_over(
    storage: Storage, later: Callable[[float], None], event: Any
) -> None:
    put(storage)
    later(61)
    on_arrival(storage, event)
    assert list_runs(storage) == []


def test_loose_files_wait_until_nothing_new_came_for_the_settle_time(
    storage: Storage, take: Take, later: Callable[[float], None]
) -> None:
    put(storage)
    on_arrival(storage, EVENT_GRID)
    assert list_runs(storage) == []
    assert take(ARRIVALS_QUEUE) == []
    assert storage.waiting(ARRIVALS_QUEUE) == 1
    later(61)
    on_arrival(storage, {"source": "district"})
    on_arrival(storage, {"source": "district"})
    assert len(list_runs(storage)) == 1


def test_the_settle_time_is_a_setting(storage: Storage) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"sources: [{name: district, settle_seconds: 0}]")
    put(storage)
    on_arrival(storage, EVENT_GRID)
    assert len(list_runs(storage)) == 1


def test_a_wrong_configuration_does_not_stop_the_run_that_will_report_it(
    storage: Storage, later: Callable[[float], None]
) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"sources: 3")
    put(storage)
    on_arrival(storage, EVENT_GRID)
    assert list_runs(storage) == []
    later(61)
    on_arrival(storage, EVENT_GRID)
    assert len(list_runs(storage)) == 1


def test_one_zip_needs_no_waiting(storage: Storage) -> None:
    storage.write(ROSTERS, "district/Roster.ZIP", b"zip")
    on_arrival(storage, EVENT_GRID)
    assert len(list_runs(storage)) == 1


def test_an_announced_drop_needs_no_waiting(storage: Storage) -> None:
    put(storage)
    on_arrival(storage, {"source": "district", "complete": True})
    assert len(list_runs(storage)) == 1


def test_a_set_that_lacks_a_file_waits_an_hour_and_then_fails_visibly(
    storage: Storage, later: Callable[[float], None]
) -> None:
    put(storage, files={"orgs.csv": FILES["orgs.csv"]})
    later(61)
    on_arrival(storage, EVENT_GRID)
    assert list_runs(storage) == []
    assert storage.waiting(ARRIVALS_QUEUE) == 0
    later(3601)
    sweep(storage)
    assert len(list_runs(storage)) == 1


def test_the_sweep_finds_folders_whose_event_was_lost(
    storage: Storage, later: Callable[[float], None]
) -> None:
    put(storage, "a", PEOPLE_ONLY)
    put(storage, "b")
    storage.write(ROSTERS, "loose.csv", b"x")
    later(61)
    sweep(storage)
    sweep(storage)
    assert sorted(run.source for run in list_runs(storage)) == ["a", "b"]


def test_a_folder_without_roster_files_is_no_drop(
    storage: Storage, later: Callable[[float], None]
) -> None:
    storage.write(ROSTERS, "district/readme.txt", b"x")
    storage.write(ROSTERS, "district/old/users.csv", b"x")
    later(3601)
    sweep(storage)
    assert list_runs(storage) == []
