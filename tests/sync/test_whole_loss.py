"""Whole runs after something was lost, or an old copy was put back. Nothing is removed for it.

The directory is the only truth: what is kept beside it may be lost. docs/operations.md says what
each loss costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sync.apply import apply_change
from sync.approval import approve
from sync.arrivals import look
from sync.drop import drop
from sync.leavers import LEAVERS
from sync.lock import LOCK_BLOB
from sync.record import Run, list_runs
from sync.run import on_control
from sync.schedule import tick
from sync.storage import (
    APPROVALS_TABLE,
    ARCHIVE,
    CHANGES_QUEUE,
    CONFIG,
    OUTCOMES_TABLE,
    RUNS_QUEUE,
    RUNS_TABLE,
    STATE,
    TABLES,
    Storage,
    shared_storage,
)
from sync.workspace import workspace
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, put, write
from tests.sync.test_whole_run import CREATE, members, people

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TWO = b"people: {mode: create, disable_after_days: 0}\nsources: [{name: district}, {name: hr}]\n"
WITHOUT_U2 = {
    name: "".join(line for line in text.splitlines(keepends=True) if "U2" not in line)
    for name, text in FILES.items()
}
HR = {
    "orgs.csv": "sourcedId,name,type\nS1,Lincoln High,school\n",
    "users.csv": "sourcedId,username,givenName,familyName\nH1,hana,Hana,Hsu\n",
    "roles.csv": "userSourcedId,orgSourcedId,role\nH1,S1,staff\n",
}


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    storage.write(CONFIG, "rollcall.yaml", CREATE)
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


@pytest.fixture
def run(storage: Storage, tenant: Entra, tmp_path: Path) -> Callable[..., Run]:
    """Drops files and works them off; the last run of the source."""

    def run(files: dict[str, str] = FILES, source: str = "district") -> Run:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        drop(storage, write(folder, files), source)
        work_off(storage)
        return latest(storage, source)

    return run


def latest(storage: Storage, source: str = "district") -> Run:
    return max((r for r in list_runs(storage) if r.source == source), key=lambda r: r.started)


def lose_state(storage: Storage, start: str = "") -> None:
    for file in storage.list_files(STATE):
        if file.name.startswith(start) and file.name != LOCK_BLOB:
            storage.delete(STATE, file)


def lose_rows(storage: Storage, *tables: str) -> None:
    for name in tables:
        table = storage.table(name)
        for row in table.list_entities(select=["PartitionKey", "RowKey"]):
            table.delete_entity(row["PartitionKey"], row["RowKey"])


def copied(storage: Storage) -> dict[str, bytes]:
    """A copy of the state."""
    names = [file.name for file in storage.list_files(STATE) if file.name != LOCK_BLOB]
    return {name: storage.read(STATE, name) or b"" for name in names}


def put_back(storage: Storage, copy: dict[str, bytes]) -> None:
    lose_state(storage)
    for name, data in copy.items():
        storage.write(STATE, name, data)


def test_after_each_loss_the_same_roster_writes_nothing(
    storage: Storage, run: Callable[..., Run]
) -> None:
    run()
    for lost in ("mirror", "state", "tables", "both"):
        if lost in ("mirror", "state", "both"):
            lose_state(storage, "mirror" if lost == "mirror" else "")
        if lost in ("tables", "both"):
            lose_rows(storage, *TABLES)
        again = run()
        assert (again.status, again.writes, again.changes) == ("finished", 0, {}), lost


@pytest.mark.parametrize("lost", ["state", "both"])
def test_after_the_state_is_lost_removals_wait_for_a_person_once(
    storage: Storage, tenant: Entra, run: Callable[..., Run], lost: str
) -> None:
    run()
    lose_state(storage)
    if lost == "both":
        lose_rows(storage, *TABLES)
    held = run(WITHOUT_U2)
    assert (held.status, held.writes) == ("held", 0)
    assert ("nothing is remembered" if lost == "both" else "was left by no run") in held.why_held[0]
    assert people(tenant)["U2"]
    assert members(tenant, "C1")[0] == {"U1", "U2"}
    again = run(WITHOUT_U2)
    assert (again.status, people(tenant)["U2"]) == ("finished", False)
    assert members(tenant, "C1")[0] == {"U1"}


def test_who_left_before_the_state_was_lost_is_given_the_whole_grace_again(
    storage: Storage, tenant: Entra, run: Callable[..., Run]
) -> None:
    storage.write(CONFIG, "rollcall.yaml", CREATE.replace(b"_days: 0", b"_days: 7"))
    run()
    run(WITHOUT_U2)
    with workspace() as (con, folder):
        LEAVERS.load(storage, con, folder)
        con.execute("UPDATE leavers SET since = since - 6")
        con.execute(f"COPY leavers TO '{folder}/l.parquet' (FORMAT parquet)")
        storage.upload(STATE, LEAVERS.blob, folder / "l.parquet")
    lose_state(storage)
    run(WITHOUT_U2)
    with workspace() as (con, folder):
        LEAVERS.load(storage, con, folder)
        [(who, since)] = con.execute("SELECT external_id, since FROM leavers").fetchall()
    assert (who, since) == ("U2", datetime.now(UTC).date())
    assert people(tenant)["U2"]


def test_who_was_disabled_before_the_state_was_lost_is_not_enabled_on_return(
    storage: Storage, tenant: Entra, run: Callable[..., Run]
) -> None:
    run()
    run(WITHOUT_U2)
    assert not people(tenant)["U2"]
    lose_state(storage)
    back = run()
    assert back.status == "finished"
    assert not people(tenant)["U2"]


def test_an_old_state_that_was_put_back_removes_nobody_and_the_night_takes_the_last_files(
    storage: Storage, tenant: Entra, run: Callable[..., Run]
) -> None:
    run(WITHOUT_U2)
    old = copied(storage)
    run()
    put_back(storage, old)
    tick(storage, datetime.now(UTC).replace(hour=3, minute=0) + timedelta(days=1))
    work_off(storage)
    night = latest(storage)
    assert (night.trigger, night.status, night.writes) == ("nightly", "finished", 0)
    assert members(tenant, "C1")[0] == {"U1", "U2"}
    put_back(storage, old)
    held = run(WITHOUT_U2)
    assert (held.status, held.writes) == ("held", 0)
    assert people(tenant)["U2"]


def test_of_several_sources_none_loses_its_people_because_another_one_came_first(
    storage: Storage, tenant: Entra, run: Callable[..., Run]
) -> None:
    storage.write(CONFIG, "rollcall.yaml", TWO)
    run()
    run(HR, "hr")
    lose_state(storage)
    first = run()
    assert first.status == "held"
    assert people(tenant) == {"T1": True, "U1": True, "U2": True, "H1": True}
    still = run()
    assert (still.status, people(tenant)["H1"]) == ("held", True)
    assert "source hr: what it delivered in run" in still.why_held[0]
    second = run(HR, "hr")
    assert (second.status, second.changes) == ("finished", {})
    assert people(tenant)["H1"]


def test_without_the_archive_the_night_fails_and_changes_nothing(
    storage: Storage, tenant: Entra, run: Callable[..., Run]
) -> None:
    run()
    for file in storage.list_files(ARCHIVE):
        storage.delete(ARCHIVE, file)
    tick(storage, datetime.now(UTC).replace(hour=3, minute=0) + timedelta(days=1))
    work_off(storage)
    night = latest(storage)
    assert (night.trigger, night.status, night.writes) == ("nightly", "failed", 0)
    assert members(tenant, "C1")[0] == {"U1", "U2"}


@pytest.mark.parametrize("tables", [(OUTCOMES_TABLE,), (RUNS_TABLE, APPROVALS_TABLE)])
def test_after_tables_are_lost_in_the_middle_of_a_run_the_next_one_does_what_is_left(
    storage: Storage,
    tenant: Entra,
    run: Callable[..., Run],
    take: Callable[[str], list[dict[str, Any]]],
    tables: tuple[str, ...],
) -> None:
    put(storage)
    look(storage, "district", complete=True)
    while not latest(storage).position.startswith("wait/2"):
        work_some(storage, take)
    lose_rows(storage, *tables)
    work_off(storage)
    if RUNS_TABLE in tables:
        assert list_runs(storage) == []
    else:  # nobody knows any more which accounts phase 1 made
        assert latest(storage).failed
    run()
    assert (latest(storage).status, latest(storage).failed) == ("finished", 0)
    assert people(tenant) == {"T1": True, "U1": True, "U2": True}
    assert members(tenant, "C1") == ({"U1", "U2"}, {"T1"})
    dump = tenant.dump()
    assert len([g for g in dump["groups"] if g["externalId"] == "C1"]) == 1
    assert len(dump["administrativeUnits"]) == 1


def work_some(storage: Storage, take: Callable[[str], list[dict[str, Any]]]) -> None:
    if latest(storage).position.startswith("wait/1"):
        for message in take(CHANGES_QUEUE):
            asyncio.run(apply_change(message, "q"))
    for message in take(RUNS_QUEUE):
        on_control(storage, message, 1)


def test_an_approval_after_a_loss_lets_the_removals_through(
    storage: Storage, tenant: Entra, run: Callable[..., Run]
) -> None:
    run()
    lose_state(storage)
    held = run(WITHOUT_U2)
    approve(storage, held.run, who="ada", why="U2 left")
    work_off(storage)
    assert not people(tenant)["U2"]
