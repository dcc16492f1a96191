"""Rows of tables are removed when they are older than the retention, and some never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sync import retention
from sync.beginning import begin_run
from sync.config import Retention
from sync.drop import Drop, start_run
from sync.record import END, Run, add_run, list_runs
from sync.retention import prune
from sync.storage import APPROVALS_TABLE, OUTCOMES_TABLE, ROSTERS, RUNS_TABLE
from tests.sync.rosters import put

if TYPE_CHECKING:
    from sync.storage import Storage

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEPT = Retention(outcomes_days=90, runs_days=400)


def run_of(days: int, source: str = "district", **values: Any) -> Run:
    """A run that began so many days ago."""
    started = AT - timedelta(days=days)
    usual: dict[str, Any] = {"status": "finished", "position": END, "ended": started}
    return Run(f"{started:%Y%m%dT%H%M%SZ}-aaaa", source, started=started, **usual | values)


def past(storage: Storage, run: Run, messages: int = 1) -> Run:
    """A run with an approval and so many outcomes."""
    add_run(storage, run)
    storage.table(APPROVALS_TABLE).upsert_entity({"PartitionKey": run.run, "RowKey": "c"})
    for number in range(messages):
        row = {"PartitionKey": run.run, "RowKey": f"1-{number:03}", "status": "done"}
        storage.table(OUTCOMES_TABLE).upsert_entity(row)
    return run


def partitions(storage: Storage, table: str) -> list[str]:
    return sorted({row["PartitionKey"] for row in storage.table(table).list_entities()})


def test_outcomes_go_first_then_the_record_with_its_approvals(storage: Storage) -> None:
    ancient, old, young = (past(storage, run_of(days)) for days in (401, 91, 89))
    assert prune(storage, KEPT, AT) == 4
    assert partitions(storage, OUTCOMES_TABLE) == [young.run]
    assert partitions(storage, APPROVALS_TABLE) == [old.run, young.run]
    assert [run.run for run in list_runs(storage)] == [young.run, old.run]
    assert ancient.run not in partitions(storage, APPROVALS_TABLE)
    assert prune(storage, KEPT, AT) == 0


@pytest.mark.parametrize("values", [{"status": "held"}, {"position": "wait/1/safe"}])
def test_a_run_that_is_held_or_under_way_keeps_everything(
    storage: Storage, values: dict[str, Any]
) -> None:
    run = past(storage, run_of(500, **values))
    past(storage, run_of(10))
    assert prune(storage, KEPT, AT) == 0
    assert run.run in partitions(storage, OUTCOMES_TABLE)


def test_the_last_run_of_each_source_stays(storage: Storage) -> None:
    past(storage, run_of(501), 0)
    last = past(storage, run_of(500), 0)
    other = past(storage, run_of(502, "hr"), 0)
    prune(storage, KEPT, AT)
    assert [run.run for run in list_runs(storage)] == [last.run, other.run]


def test_what_was_tried_is_no_run_and_stays(storage: Storage) -> None:
    storage.table(OUTCOMES_TABLE).upsert_entity({"PartitionKey": "tried", "RowKey": "made-x"})
    assert prune(storage, KEPT, AT) == 0
    assert partitions(storage, OUTCOMES_TABLE) == ["tried"]


def test_a_drop_that_still_lies_there_is_not_taken_again(storage: Storage) -> None:
    put(storage)
    drop = Drop(ROSTERS, tuple(storage.list_files(ROSTERS, "district")))
    assert start_run(storage, "district", drop)
    assert begin_run(storage, "district", "a night long ago", "nightly", ("drop.json", {}))
    for row in storage.table(RUNS_TABLE).query_entities("PartitionKey eq 'drops'"):
        storage.table(RUNS_TABLE).update_entity(dict(row) | {"run": run_of(500).run})
    assert prune(storage, KEPT, AT) == 1
    assert len(list(storage.table(RUNS_TABLE).query_entities("PartitionKey eq 'drops'"))) == 1
    assert start_run(storage, "district", drop) is not None  # its record was never there
    assert begin_run(storage, "district", "a night long ago", "nightly", ("drop.json", {}))


def test_only_so_many_rows_go_at_a_time_and_the_next_tick_goes_on(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    past(storage, run_of(401), 130)
    past(storage, run_of(95), 120)
    past(storage, run_of(1), 3)
    monkeypatch.setattr(retention, "MOST_ROWS", 120)
    removed = [prune(storage, KEPT, AT) for _ in range(4)]
    assert removed == [120, 120, 12, 0]
    assert len(list(storage.table(OUTCOMES_TABLE).list_entities())) == 3
