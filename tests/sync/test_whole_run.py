"""Whole runs in one process: real storage, the real client, an emulated tenant, no host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from sync.approval import approve
from sync.drop import drop
from sync.record import Run, list_runs
from sync.storage import CONFIG, ROSTERS, STATE, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, put, write

if TYPE_CHECKING:
    from pathlib import Path

CREATE = b"people: {mode: create, disable_after_days: 0}\nsources: [{name: district}]\n"


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    storage.write(CONFIG, "rollcall.yaml", CREATE)
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def run(storage: Storage, folder: Path, files: dict[str, str] = FILES) -> Run:
    drop(storage, write(folder, files), "district")
    work_off(storage)
    return list_runs(storage)[0]


def people(tenant: Entra) -> dict[str, bool]:
    return {u["externalId"]: u["accountEnabled"] for u in tenant.dump()["users"]}


def members(tenant: Entra, key: str) -> tuple[set[str], set[str]]:
    """Members and owners of a class, by roster id."""
    dump = tenant.dump()
    names = {u["id"]: u["externalId"] for u in dump["users"]}
    [group] = [g for g in dump["groups"] if g["externalId"] == key]
    return {names[i] for i in group["members"]}, {names[i] for i in group["owners"]}


def test_a_roster_fills_an_empty_directory_and_the_same_one_again_writes_nothing(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    first = run(storage, tmp_path / "1")
    assert (first.status, first.failed, first.error) == ("finished", 0, "")
    assert first.writes > 0
    assert first.requests > first.writes
    assert people(tenant) == {"T1": True, "U1": True, "U2": True}
    assert members(tenant, "C1") == ({"U1", "U2"}, {"T1"})
    again = run(storage, tmp_path / "2")
    assert (again.status, again.writes, again.changes) == ("finished", 0, {})
    assert len({f.name.split("/")[1] for f in storage.list_files(STATE, "mirror")}) == 1


def test_only_the_difference_of_the_next_day_is_written(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    run(storage, tmp_path / "1")
    enrollments = FILES["enrollments.csv"].replace("C1,U2,student\n", "")
    second = run(storage, tmp_path / "2", FILES | {"enrollments.csv": enrollments})
    assert second.changes == {"class_membership": {"remove": 1}}
    assert (second.status, second.writes) == ("finished", 1)
    assert members(tenant, "C1") == ({"U1"}, {"T1"})


def test_a_person_who_leaves_is_disabled_and_enabled_on_return(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    run(storage, tmp_path / "1")
    without = {
        name: "".join(line for line in text.splitlines(keepends=True) if "U2" not in line)
        for name, text in FILES.items()
    }
    left = run(storage, tmp_path / "2", without)
    assert left.changes["person"] == {"disable": 1}
    assert people(tenant) == {"T1": True, "U1": True, "U2": False}
    back = run(storage, tmp_path / "3")
    assert back.changes["person"] == {"enable": 1}
    assert people(tenant)["U2"]


def test_held_removals_are_made_when_they_were_approved(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    limit = b"guards: {removals: {percent: 0, count: 0}}\n"
    run(storage, tmp_path / "1")
    storage.write(CONFIG, "rollcall.yaml", CREATE + limit)
    enrollments = FILES["enrollments.csv"].replace("C1,U2,student\n", "")
    held = run(storage, tmp_path / "2", FILES | {"enrollments.csv": enrollments})
    assert (held.status, held.held_count, held.writes) == ("held", 1, 0)
    assert members(tenant, "C1")[0] == {"U1", "U2"}
    approve(storage, held.run, who="ada", why="they moved", checksum=held.checksum)
    work_off(storage)
    [finished] = [r for r in list_runs(storage) if r.run == held.run]
    assert (finished.status, finished.held_count, finished.writes) == ("finished", 0, 1)
    assert members(tenant, "C1")[0] == {"U1"}


def test_where_everything_is_held_nothing_is_written_before_the_approval(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    storage.write(CONFIG, "rollcall.yaml", CREATE + b"guards: {hold: everything}\n")
    held = run(storage, tmp_path / "1")
    assert (held.status, held.writes, tenant.dump()["users"]) == ("held", 0, [])
    approve(storage, held.run, who="ada", why="looked at", checksum=held.checksum)
    work_off(storage)
    assert (list_runs(storage)[0].status, list_runs(storage)[0].failed) == ("finished", 0)
    assert members(tenant, "C1") == ({"U1", "U2"}, {"T1"})
    again = run(storage, tmp_path / "2")
    assert (again.status, again.changes) == ("finished", {})


def test_a_newer_plan_takes_the_place_of_a_held_one(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    run(storage, tmp_path / "1")
    storage.write(CONFIG, "rollcall.yaml", CREATE + b"guards: {removals: {percent: 0, count: 0}}\n")
    enrollments = FILES["enrollments.csv"].replace("C1,U2,student\n", "")
    held = run(storage, tmp_path / "2", FILES | {"enrollments.csv": enrollments})
    newer = run(storage, tmp_path / "3")
    [old] = [r for r in list_runs(storage) if r.run == held.run]
    assert (old.status, old.error) == ("cancelled", f"superseded by run {newer.run}")


def test_a_refused_roster_stays_where_it_is_and_nothing_is_written(
    storage: Storage, tenant: Entra
) -> None:
    put(storage, files=FILES | {"roles.csv": "nothing,here\n1,2\n"})
    storage.send("arrivals", {"source": "district", "complete": True})
    work_off(storage)
    [failed] = list_runs(storage)
    assert failed.status == "failed"
    assert "roles.csv" in failed.error
    assert len(storage.list_files(ROSTERS)) == 5
    assert people(tenant) == {}
    storage.send("arrivals", {"source": "district", "complete": True})
    work_off(storage)
    assert len(list_runs(storage)) == 1


TROUBLES = [
    {"method": "POST", "path": "/education/users", "status": 0, "when": "after"},
    {"method": "POST", "path": "/education/users", "status": 429, "when": "after", "retryAfter": 1},
    {"method": "POST", "path": "/education/schools", "status": 0, "when": "after"},
    {"method": "POST", "path": "/education/classes", "status": 429, "when": "after"},
    {"method": "POST", "path": "/education/classes", "status": 503, "when": "before"},
    {"method": "PATCH", "path": "/groups", "status": 429, "when": "after", "retryAfter": 1},
    {"method": "PATCH", "path": "/groups", "status": 504, "when": "after"},
]


def test_a_directory_in_trouble_ends_up_the_same_with_nothing_twice(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    tenant.fail_next(*TROUBLES)
    first = run(storage, tmp_path / "1")
    assert (first.status, first.failed, first.error) == ("finished", 0, "")
    dump = tenant.dump()
    assert len(dump["users"]) == 3
    assert len(dump["administrativeUnits"]) == 1
    assert len([g for g in dump["groups"] if g["externalId"] == "C1"]) == 1
    assert members(tenant, "C1") == ({"U1", "U2"}, {"T1"})
    again = run(storage, tmp_path / "2")
    assert (again.status, again.writes, again.changes) == ("finished", 0, {})
