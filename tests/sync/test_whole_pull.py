"""Whole runs over systems with an API, alone and beside a folder of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from connectors import session
from sync.approval import approve
from sync.drop import drop
from sync.pulls import start_pull
from sync.record import Run, artefact, get_run, list_runs
from sync.schedule import tick
from sync.storage import ROSTERS, RUNS, STATE, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import write
from tests.sync.systems import SOURCE, System, configure, running

if TYPE_CHECKING:
    from pathlib import Path

HR = {"name": "hr", "settle_seconds": 0}
FEW = {"guards": {"removals": {"percent": 0, "count": 0}}}
ANY = {"guards": {"removals": {"percent": 100}, "school_removals": {"percent": 100}}}
BY_HR = {"merge": {"precedence": {"users": {"columns": {"email": ["hr"], "given_name": ["hr"]}}}}}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.001)
    with running() as system:
        yield system


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def pull(storage: Storage, **how: Any) -> Run:
    run = start_pull(storage, SOURCE, **how)
    assert run is not None
    work_off(storage)
    return get_run(storage, run)


def deliver(storage: Storage, folder: Path, files: dict[str, str]) -> Run:
    drop(storage, write(folder, files), "hr")
    work_off(storage)
    return list_runs(storage)[0]


def staff(system: System, *, also: str = "", given_name: str = "") -> dict[str, str]:
    """What personnel delivers: one teacher of the system, with corrections, and somebody else."""
    [(org, school)] = system.records.rows(
        "SELECT sourced_id, name FROM orgs WHERE type = 'school' LIMIT 1"
    )
    teacher = a_teacher(system)
    users = f"{teacher},,{given_name or 'Ada'},,ada@elsewhere.edu\n"
    roles = f"{teacher},{org},teacher\n"
    if also:
        users += f"{also},{also.lower()}@contoso.edu,Grace,Hopper,\n"
        roles += f"{also},{org},staff\n"
    return {
        "orgs.csv": f"sourcedId,name,type\n{org},{school},school\n",
        "users.csv": "sourcedId,username,givenName,familyName,email\n" + users,
        "roles.csv": "userSourcedId,orgSourcedId,role\n" + roles,
    }


def a_teacher(system: System) -> str:
    [(teacher,)] = system.records.rows(
        "SELECT user_id FROM roles WHERE role = 'teacher' ORDER BY user_id LIMIT 1"
    )
    return str(teacher)


def removals(run: Run) -> dict[str, dict[str, int]]:
    """What of a plan takes something away."""
    counts = {
        kind: {a: n for a, n in actions.items() if a in ("remove", "disable", "archive")}
        for kind, actions in run.changes.items()
    }
    return {kind: actions for kind, actions in counts.items() if actions}


def people(tenant: Entra) -> dict[str, dict[str, Any]]:
    return {u["externalId"]: u for u in tenant.dump()["users"] if u["externalId"]}


def test_a_first_pull_creates_the_next_writes_nothing_and_a_day_later_only_the_difference(
    storage: Storage, tenant: Entra, system: System
) -> None:
    configure(storage, system.settings(), **ANY)
    first = pull(storage)
    assert (first.status, first.failed, first.error) == ("finished", 0, "")
    assert set(first.changes["person"]) == {"create"}
    assert len(people(tenant)) == first.changes["person"]["create"]
    assert storage.list_files(RUNS, artefact(first.run, "pages")) == []
    again = pull(storage)
    assert (again.status, again.writes, again.changes) == ("finished", 0, {})
    assert again.pulled.startswith("what changed since")
    system.records.advance(1, 0.2)
    later = pull(storage)
    assert later.status == "finished"
    assert 0 < later.writes < first.writes / 2
    full = pull(storage, full=True)
    assert (full.writes, full.changes, full.pulled) == (0, {}, "everything (as was asked for)")


def test_files_in_the_folder_of_a_system_are_refused_and_stay_there(
    storage: Storage, tenant: Entra, system: System
) -> None:
    configure(storage, system.settings())
    storage.write(ROSTERS, f"{SOURCE}/roster.zip", b"x")
    storage.send("arrivals", {"source": SOURCE, "complete": True})
    work_off(storage)
    [failed] = list_runs(storage)
    assert failed.status == "failed"
    assert "rollcall pull sis" in failed.error
    assert len(storage.list_files(ROSTERS)) == 1


def test_a_pull_of_what_became_a_folder_of_files_is_refused(
    storage: Storage, tenant: Entra
) -> None:
    configure(storage, {"name": SOURCE})
    assert "drop its files into rosters/sis" in pull(storage).error


def test_two_sources_correct_each_other_and_neither_removes_people_of_the_other(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, system.settings(), HR, **BY_HR)
    first = pull(storage)
    assert first.status == "finished", first.error
    alone = people(tenant)
    corrected = deliver(storage, tmp_path / "1", staff(system, also="H1"))
    assert (corrected.status, corrected.error) == ("finished", "")
    assert corrected.changes["person"] == {"create": 1, "update": 1}
    assert removals(corrected) == {}
    both = people(tenant)
    assert both.keys() == alone.keys() | {"H1"}
    assert both[a_teacher(system)]["givenName"] == "Ada"
    assert both[a_teacher(system)]["surname"] == alone[a_teacher(system)]["surname"]
    storage.download(
        RUNS, artefact(corrected.run, "roster/users.parquet"), tmp_path / "users.parquet"
    )
    emails = dict(
        duckdb.sql(f"SELECT sourced_id, email FROM '{tmp_path / 'users.parquet'}'").fetchall()
    )
    assert emails[a_teacher(system)] == "ada@elsewhere.edu"
    again = pull(storage)
    assert (again.status, again.changes) == ("finished", {})
    gone = deliver(storage, tmp_path / "2", staff(system))
    assert gone.changes["person"] == {"disable": 1}
    assert not people(tenant)["H1"]["accountEnabled"]


def test_a_source_that_never_delivered_is_waited_for_by_nobody(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, system.settings(), HR)
    only = deliver(storage, tmp_path / "1", staff(system, also="H1"))
    assert only.status == "finished", only.error
    assert "H1" in people(tenant)
    both = pull(storage)
    assert (both.status, removals(both)) == ("finished", {})


def test_a_source_whose_reading_is_lost_stops_the_others_until_it_delivers_again(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, system.settings(), HR)
    pull(storage)
    for file in storage.list_files(STATE, "readings/sis"):
        storage.delete(STATE, file)
    stopped = deliver(storage, tmp_path / "1", staff(system, also="H1"))
    assert stopped.status == "failed"
    assert "rollcall pull sis" in stopped.error
    assert "H1" not in people(tenant)
    assert pull(storage).status == "finished"
    assert deliver(storage, tmp_path / "2", staff(system, also="H1")).status == "finished"


def test_a_source_that_is_taken_out_of_the_configuration_takes_nobody_along(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, HR, system.settings())
    pull(storage)
    deliver(storage, tmp_path / "1", staff(system, also="H1"))
    there = people(tenant)
    configure(storage, HR, **FEW)
    held = deliver(storage, tmp_path / "2", staff(system, also="H1"))
    assert held.status == "held"
    assert held.held["person"]["disable"] == len(there) - 2
    assert removals(held) == {kind: dict(actions) for kind, actions in held.held.items()}
    assert all(user["accountEnabled"] for user in people(tenant).values())


def test_what_a_source_delivered_before_it_was_the_only_one_is_not_taken_for_the_present(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, system.settings(), HR)
    pull(storage)
    configure(storage, system.settings(), **ANY)
    system.records.advance(1, 0.2)
    assert pull(storage).status == "finished"
    configure(storage, system.settings(), HR)
    stopped = deliver(storage, tmp_path / "1", staff(system, also="H1"))
    assert "source sis: what it delivered last is not there" in stopped.error


def test_held_changes_of_one_source_are_in_the_newer_plan_of_the_other(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, system.settings(), HR, **FEW)
    pull(storage)
    assert deliver(storage, tmp_path / "1", staff(system, also="H1")).status == "finished"
    held = deliver(storage, tmp_path / "2", staff(system))
    assert (held.status, held.held["person"]) == ("held", {"disable": 1})
    newer = pull(storage)
    assert get_run(storage, held.run).error == f"superseded by run {newer.run}"
    assert (newer.status, newer.held) == ("held", held.held)
    approve(storage, newer.run, who="ada", why="she left", checksum=newer.checksum)
    work_off(storage)
    assert get_run(storage, newer.run).status == "finished"
    assert not people(tenant)["H1"]["accountEnabled"]
    last = pull(storage)
    assert (last.status, last.changes) == ("finished", {})


def test_the_clock_asks_systems_every_night_and_no_files_beside_them(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, system.settings(), HR, schedule={"nightly": "02:00"})
    deliver(storage, tmp_path / "1", staff(system, also="H1"))
    night = (datetime.now(UTC) + timedelta(days=1)).replace(hour=2, minute=30)
    tick(storage, night)
    tick(storage, night)
    work_off(storage)
    newest, *_ = list_runs(storage)
    assert [(run.source, run.trigger) for run in list_runs(storage)] == [
        (SOURCE, "pull"),
        ("hr", "drop"),
    ]
    assert newest.status == "finished", newest.error
    tick(storage, night + timedelta(hours=1))
    assert len(list_runs(storage)) == 2


def test_a_nightly_run_over_files_lets_another_source_join(
    storage: Storage, tenant: Entra, system: System, tmp_path: Path
) -> None:
    configure(storage, HR)
    deliver(storage, tmp_path / "1", staff(system, also="H1"))
    configure(storage, HR, {"name": "other"})
    night = (datetime.now(UTC) + timedelta(days=1)).replace(hour=2, minute=30)
    tick(storage, night)
    work_off(storage)
    newest, *_ = list_runs(storage)
    assert (newest.trigger, newest.status, newest.changes) == ("nightly", "finished", {})
    pointer = storage.read(STATE, "readings/hr.json")
    assert pointer is not None
    assert json.loads(pointer) == {"prefix": f"readings/hr/{newest.run}"}
