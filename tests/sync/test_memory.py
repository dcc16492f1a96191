"""Whether what is remembered may be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sync.memory import REMEMBERED, find_doubt, note_run
from sync.record import END, Run, add_run
from sync.storage import STATE
from tests.worlds import World

if TYPE_CHECKING:
    from sync.storage import Storage

START = datetime(2026, 11, 24, tzinfo=UTC)


def settled(storage: Storage, number: int, source: str = "sis", **values: Any) -> Run:
    started = START + timedelta(hours=number)
    usual: dict[str, Any] = {"status": "finished", "ended": started + timedelta(minutes=5)}
    run = Run(f"r{number}", source, position=END, started=started, **usual | values)
    add_run(storage, run)
    return run


def doubt(storage: Storage, *missing: str, marked: bool = True) -> str:
    world = World()
    if marked:
        world.account("a1", "U1")
    return find_doubt(storage, world.con, missing)


def test_a_new_tenant_is_not_doubted_but_one_with_marks_is(storage: Storage) -> None:
    assert doubt(storage, marked=False) == ""
    assert doubt(storage) == "nothing is remembered, yet 1 accounts have a roster's mark"


def test_what_the_last_run_left_is_trusted_and_also_when_the_records_are_lost(
    storage: Storage,
) -> None:
    note_run(storage, settled(storage, 1))
    assert doubt(storage) == ""
    settled(storage, 2, status="failed")
    assert doubt(storage) == ""
    for row in storage.table("runs").list_entities():
        storage.table("runs").delete_entity(row["PartitionKey"], row["RowKey"])
    assert doubt(storage) == ""


@pytest.mark.parametrize("left", ["r1", "pruned", None])
def test_what_an_earlier_run_left_is_doubted(storage: Storage, left: str | None) -> None:
    settled(storage, 1)
    settled(storage, 2, status="held")
    if left:
        storage.write(STATE, REMEMBERED, f'{{"run": "{left}"}}'.encode())
    was = f"run {left}" if left else "no run"
    assert doubt(storage) == (
        f"what is remembered was left by {was}, and run r2 came after it: it was lost, or an old "
        "copy of it was put back"
    )


@pytest.mark.parametrize("ended", [START + timedelta(hours=9), None])
def test_a_run_that_somebody_decided_on_since_is_not_earlier(
    storage: Storage, ended: datetime | None
) -> None:
    settled(storage, 2)
    note_run(storage, settled(storage, 1, status="cancelled", ended=ended))
    assert doubt(storage) == ""


def test_a_source_whose_last_reading_is_lost_is_doubted(storage: Storage) -> None:
    settled(storage, 1, "hr")
    note_run(storage, settled(storage, 2))
    assert doubt(storage, "clubs") == ""
    assert doubt(storage, "clubs", "hr") == "source hr: what it delivered in run r1 is lost"
