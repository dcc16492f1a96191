"""Another version of Rollcall starts while runs are under way, a later one or an earlier one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from azure.data.tables import UpdateMode

from roster.errors import Refused
from sync import upgrading
from sync.accepted import Accepted, write_accepted
from sync.apply import apply_change
from sync.approval import approve
from sync.arrivals import look
from sync.drop import drop, read_drop
from sync.format import FORMAT
from sync.leavers import LEAVERS
from sync.poison import on_poison_change
from sync.pulls import read_known
from sync.record import (
    END,
    NIGHTLY,
    Run,
    add_run,
    get_run,
    list_runs,
    now,
    read_json,
    update_run,
)
from sync.run import on_control
from sync.schedule import tick
from sync.storage import (
    ARCHIVE,
    CHANGES_QUEUE,
    CONFIG,
    OUTCOMES_TABLE,
    ROSTERS,
    RUNS,
    RUNS_QUEUE,
    RUNS_TABLE,
    STATE,
    Storage,
    shared_storage,
)
from sync.tenant import POINTER
from sync.upgrading import begin_again
from sync.workspace import workspace
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, put, write
from tests.sync.systems import SOURCE
from tests.sync.test_whole_run import CREATE, members, people

if TYPE_CHECKING:
    from pathlib import Path

Take = Callable[[str], list[dict[str, Any]]]
EARLIER, LATER = 0, FORMAT + 1
LIMIT = b"guards: {removals: {percent: 0, count: 0}}\n"


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    monkeypatch.setattr(upgrading, "AGAIN_SECONDS", 1)
    storage.write(CONFIG, "rollcall.yaml", CREATE)
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def work_until(storage: Storage, take: Take, position: str) -> Run:
    """Works on the only run until a step is due; its message is in the queue."""
    while True:
        [run] = list_runs(storage)
        if run.position == position:
            return run
        if position.startswith("send/2") or position == "finish":
            for message in take(CHANGES_QUEUE):
                asyncio.run(apply_change(message, "q"))
        for message in take(RUNS_QUEUE):
            on_control(storage, message, 1)


def of_another_version(storage: Storage, run: Run, number: int) -> Run:
    """Makes the run look as if that version had begun it: nothing of it can be read."""
    for file in storage.list_files(RUNS, run.run):
        if "/source/" not in file.name:
            storage.write(RUNS, file.name, b"of another version")
    return update_run(storage, run, format=number)


@pytest.mark.parametrize(
    ("position", "number"),
    [
        ("extract", LATER),
        pytest.param("normalise", EARLIER, marks=pytest.mark.thorough),
        ("plan", LATER),
        pytest.param("send/1/safe/0", EARLIER, marks=pytest.mark.thorough),
        ("wait/1/safe", LATER),
        pytest.param("send/2/safe/0", LATER, marks=pytest.mark.thorough),
        ("finish", EARLIER),
    ],
)
def test_a_run_is_begun_again_whatever_step_it_is_at(
    storage: Storage, tenant: Entra, take: Take, position: str, number: int
) -> None:
    put(storage)
    look(storage, "district", complete=True)
    old = of_another_version(storage, work_until(storage, take, position), number)
    work_off(storage)
    new = after(storage, old)
    assert (new.status, new.failed, new.format) == ("finished", 0, FORMAT)
    assert people(tenant) == {"T1": True, "U1": True, "U2": True}
    assert members(tenant, "C1") == ({"U1", "U2"}, {"T1"})
    dump = tenant.dump()
    assert len([g for g in dump["groups"] if g["externalId"] == "C1"]) == 1
    assert len(dump["administrativeUnits"]) == 1
    assert storage.list_files(ROSTERS) == []
    assert len(storage.list_files(ARCHIVE, new.run)) == len(FILES)


def test_what_another_version_left_between_runs_is_read_anew_and_nothing_is_written(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    drop(storage, write(tmp_path / "1", FILES), "district")
    work_off(storage)
    pointer = json.loads(storage.read(STATE, POINTER) or b"")
    assert pointer["format"] == FORMAT
    for file in storage.list_files(STATE, "mirror"):
        storage.write(STATE, file.name, b"of another version")
    storage.write(STATE, POINTER, json.dumps(pointer | {"format": LATER}).encode())
    drop(storage, write(tmp_path / "2", FILES), "district")
    work_off(storage)
    again = max(list_runs(storage), key=lambda run: run.started)
    assert (again.status, again.writes) == ("finished", 0)


def test_change_messages_of_another_version_are_not_applied(
    storage: Storage, tenant: Entra, take: Take, caplog: pytest.LogCaptureFixture
) -> None:
    put(storage)
    look(storage, "district", complete=True)
    run = work_until(storage, take, "wait/1/safe")
    for message in take(CHANGES_QUEUE):
        asyncio.run(apply_change(message | {"format": LATER, "colour": "blue"}, "q"))
        on_poison_change(storage, json.dumps(message | {"colour": "blue"}).encode())
    assert f'Rollcall change_dropped {{"run":"{run.run}"' in caplog.text
    assert list(storage.table(OUTCOMES_TABLE).list_entities()) == []
    assert people(tenant) == {}


@pytest.mark.parametrize("decides", [True, False])
def test_a_held_run_is_planned_again_by_the_tick_or_when_somebody_decides(
    storage: Storage, tenant: Entra, tmp_path: Path, decides: bool
) -> None:
    drop(storage, write(tmp_path / "1", FILES), "district")
    work_off(storage)
    storage.write(CONFIG, "rollcall.yaml", CREATE + LIMIT)
    fewer = FILES["enrollments.csv"].replace("C1,U2,student\n", "")
    drop(storage, write(tmp_path / "2", FILES | {"enrollments.csv": fewer}), "district")
    work_off(storage)
    [held] = [run for run in list_runs(storage) if run.status == "held"]
    of_another_version(storage, held, LATER)
    if decides:
        with pytest.raises(Refused, match=r"begun by another version .* does it again; look at"):
            approve(storage, held.run, who="ada", why="they moved")
    else:
        tick(storage)
    work_off(storage)
    new = after(storage, held)
    assert (new.status, new.held_count, new.trigger) == ("held", 1, NIGHTLY)
    assert members(tenant, "C1")[0] == {"U1", "U2"}
    approve(storage, new.run, who="ada", why="they moved")
    work_off(storage)
    assert members(tenant, "C1")[0] == {"U1"}


def after(storage: Storage, old: Run) -> Run:
    """The run that was begun in place of another one, which was cancelled."""
    found = get_run(storage, old.run)
    assert found.status == "cancelled"
    [new] = [run for run in list_runs(storage) if f"; run {run.run} does it again" in found.error]
    return new


def record(storage: Storage, run: str = "20261124T010000Z-aaaa", **values: Any) -> Run:
    """A run of another version, of which there is nothing but the record."""
    usual: dict[str, Any] = {"source": "district", "status": "applying", "position": "wait/1/safe"}
    assert add_run(storage, Run(run, started=now(), format=LATER, **usual | values))
    return get_run(storage, run)


def test_a_pull_asks_for_everything_again(storage: Storage, take: Take) -> None:
    old = record(storage, trigger="pull", source=SOURCE)
    begin_again(storage, old)
    new = after(storage, old)
    assert (new.trigger, new.source) == ("pull", SOURCE)
    assert read_json(storage, new.run, "pull.json") == {"full": True}


def test_a_nightly_run_takes_the_accepted_files_again(storage: Storage) -> None:
    write_accepted(storage, Accepted("district", "r1", ("orgs",)))
    storage.write(ARCHIVE, "r1/orgs.csv", b"x")
    old = record(storage, trigger=NIGHTLY)
    begin_again(storage, old)
    drop = read_drop(storage, after(storage, old).run)
    assert [(drop.container, file.name) for file in drop.files] == [(ARCHIVE, "r1/orgs.csv")]


@pytest.mark.parametrize("trigger", ["drop", "nightly"])
def test_a_run_whose_files_are_gone_is_cancelled_and_says_so(
    storage: Storage, trigger: str
) -> None:
    ended = begin_again(storage, record(storage, trigger=trigger))
    assert (ended.status, ended.position) == ("cancelled", END)
    assert (
        ended.error == "begun by another version of Rollcall; its files are gone; drop them again"
    )


def test_a_crash_on_the_way_begins_no_second_run(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage)
    old = record(storage)
    with monkeypatch.context() as patch:
        patch.setattr(upgrading, "cancel_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            begin_again(storage, old)
    begin_again(storage, old)
    assert len(list_runs(storage)) == 2
    assert after(storage, old).status == "extracting"


def test_a_record_with_more_or_fewer_columns_is_read(storage: Storage) -> None:
    run = record(storage)
    table = storage.table(RUNS_TABLE)
    row: dict[str, Any] = dict(table.get_entity("runs", run.run))
    del row["format"], row["pulled"]
    table.upsert_entity(row | {"colour": "blue"}, UpdateMode.REPLACE)
    assert get_run(storage, run.run) == replace(run, format=0)


def test_the_tables_of_a_pull_by_another_version_are_not_known(storage: Storage) -> None:
    mark = {"at": "a", "full_at": "a", "position": "p", "settings": "s"}
    values = {"mark": mark, "prefix": "sources/sis/r1", "tables": [], "format": FORMAT}
    storage.write(STATE, "sources/sis.json", json.dumps(values).encode())
    assert read_known(storage, "sis") is not None
    values |= {"format": LATER, "mark": {}}
    storage.write(STATE, "sources/sis.json", json.dumps(values).encode())
    assert read_known(storage, "sis") is None


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ("'U1' AS external_id, DATE '2026-11-24' AS since", ("U1", date(2026, 11, 24), None)),
        (
            "'U1' AS external_id, DATE '2026-11-24' AS since, true AS disabled, 1 AS colour",
            ("U1", date(2026, 11, 24), True),
        ),
    ],
)
def test_of_what_is_remembered_the_columns_that_are_known_are_taken(
    storage: Storage, tmp_path: Path, saved: str, expected: tuple[Any, ...]
) -> None:
    with workspace() as (con, folder):
        path = tmp_path / "leavers.parquet"
        con.execute(f"COPY (SELECT {saved}) TO '{path}' (FORMAT parquet)")
        storage.upload(STATE, LEAVERS.blob, path)
        LEAVERS.load(storage, con, folder)
        assert con.execute("FROM leavers").fetchall() == [expected]
