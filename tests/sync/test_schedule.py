"""What the hourly tick does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.accepted import Accepted, write_accepted
from sync.drop import read_drop
from sync.record import END, Run, add_run, get_run, list_runs
from sync.schedule import tick
from sync.storage import ARCHIVE, CONFIG, ROSTERS, RUNS_QUEUE, STATE, Storage
from tests.sync.rosters import FILES
from tests.sync.webhook import webhook

Take = Callable[[str], list[dict[str, Any]]]
NIGHT = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
BEFORE = NIGHT - timedelta(hours=5)
DONE = Run("r1", "district", "finished", END, BEFORE, ended=BEFORE, checksum="c")


def configure(storage: Storage, text: str) -> None:
    storage.write(CONFIG, "rollcall.yaml", text.encode())


@pytest.fixture
def accepted(storage: Storage) -> Storage:
    """A roster was accepted yesterday; nights begin at two in Oslo, which is one in UTC."""
    add_run(storage, DONE)
    for name, text in FILES.items():
        storage.write(ARCHIVE, f"r1/{name}", text.encode())
    write_accepted(storage, Accepted("district", "r1", ("orgs",)))
    configure(storage, "time_zone: Europe/Oslo")
    return storage


def nightly(storage: Storage) -> list[Run]:
    return [run for run in list_runs(storage) if run.trigger == "nightly"]


def test_the_nightly_run_takes_the_last_accepted_roster_once(accepted: Storage) -> None:
    tick(accepted, NIGHT)
    tick(accepted, NIGHT)
    [run] = nightly(accepted)
    drop = read_drop(accepted, run.run)
    assert (run.source, drop.container) == ("district", ARCHIVE)
    assert {file.file_name for file in drop.files} == set(FILES)


def test_night_is_night_in_the_configured_time_zone(accepted: Storage) -> None:
    tick(accepted, NIGHT - timedelta(minutes=31))
    assert nightly(accepted) == []
    tick(accepted, NIGHT - timedelta(minutes=30))
    assert len(nightly(accepted)) == 1


@pytest.mark.parametrize(
    "last",
    [
        replace(DONE, run="r2", started=NIGHT - timedelta(minutes=10)),
        replace(DONE, run="r2", position="wait/1/safe", status="applying"),
        replace(DONE, run="r2", status="held"),
    ],
)
def test_no_nightly_run_after_during_or_over_another_one(accepted: Storage, last: Run) -> None:
    add_run(accepted, last)
    tick(accepted, NIGHT)
    assert nightly(accepted) == []


def test_the_nightly_run_can_be_switched_off(accepted: Storage) -> None:
    configure(accepted, "schedule: {nightly: null}")
    tick(accepted, NIGHT)
    assert nightly(accepted) == []


def test_before_the_first_roster_nothing_is_due(storage: Storage) -> None:
    tick(storage, NIGHT)
    assert list_runs(storage) == []


def test_lost_events_are_found_even_with_a_wrong_configuration(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    configure(storage, "people: 3")
    storage.write(ROSTERS, "district/roster.zip", b"x")
    tick(storage)
    assert len(list_runs(storage)) == 1
    assert 'Rollcall config_wrong {"error":"BadInput"}' in caplog.text
    assert "rollcall.yaml" in caplog.text


def test_a_run_whose_control_message_was_lost_goes_on(storage: Storage, take: Take) -> None:
    add_run(storage, replace(DONE, run="r1", position="plan", status="planning"))
    add_run(storage, replace(DONE, run="r2"))
    tick(storage, NIGHT)
    assert take(RUNS_QUEUE) == [{"run": "r1", "step": "plan"}]


def test_a_run_that_still_has_its_message_is_left_alone(storage: Storage, take: Take) -> None:
    add_run(storage, replace(DONE, position="plan", status="planning"))
    storage.send(RUNS_QUEUE, {"run": "r1", "step": "plan"}, delay=60)
    tick(storage, NIGHT)
    assert storage.waiting(RUNS_QUEUE) == 1


def test_held_runs_end_when_they_can_no_longer_be_approved(storage: Storage) -> None:
    old, young = NIGHT - timedelta(days=8), NIGHT - timedelta(days=6)
    add_run(storage, replace(DONE, run="r1", status="held", started=old, ended=old))
    add_run(storage, replace(DONE, run="r2", status="held", started=young, ended=young))
    tick(storage, NIGHT)
    assert get_run(storage, "r1").error == "nobody approved or rejected it within 7 days"
    assert get_run(storage, "r2").status == "held"


def test_silence_is_told_once_until_a_roster_comes_again(storage: Storage) -> None:
    add_run(storage, DONE)
    add_run(storage, replace(DONE, run="r1n", trigger="nightly", started=NIGHT))
    with webhook(storage) as alerts:
        tick(storage, BEFORE + timedelta(hours=25))
        assert alerts == []
        tick(storage, BEFORE + timedelta(hours=27))
        tick(storage, BEFORE + timedelta(hours=28))
        [alert] = alerts
        assert (alert["alert"], alert["run"]) == ("no_run", "r1")
        add_run(storage, replace(DONE, run="r2", started=BEFORE + timedelta(hours=29)))
        tick(storage, BEFORE + timedelta(hours=60))
        assert [alert["run"] for alert in alerts] == ["r1", "r2"]
    assert storage.read(STATE, "silence.txt") == b"r2"
