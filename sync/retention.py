"""Retention: how long the rows of tables are kept; blobs have lifecycle rules of the account.

Rows are removed by the hourly tick, oldest first and so many at a time, so that a tick is short and
the next one goes on. Ids of runs begin with the time at which they began, so a range of keys is all
that is older. Kept whatever their age: runs that are held or under way, with their outcomes; the
last run of each source; the occasion of files that still lie in a source's folder, or they would be
taken again; and the partition `tried` of the outcomes (outcomes.py), which is no run's.

A transaction deletes up to a hundred rows of one partition
(https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING

from . import beginning, record
from .beginning import occasion_key
from .drop import Drop, dropped_files
from .record import END, list_runs
from .storage import APPROVALS_TABLE, OUTCOMES_TABLE, ROSTERS, RUNS_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from .config import Retention
    from .storage import Storage

    Key = tuple[str, str]

logger = logging.getLogger(__name__)

MOST_ROWS = 20_000
A_TRANSACTION = 100


def prune(storage: Storage, retention: Retention, at: datetime) -> int:
    """Removes rows that are older than the retention, at most MOST_ROWS; the number of them."""
    outcomes = _before(at, retention.outcomes_days)
    runs = _before(at, retention.runs_days)
    found = list_runs(storage)
    live = {run.run for run in found if run.position != END or run.status == "held"}
    last = {run.source: run.run for run in reversed(found)}
    of_runs = f"PartitionKey ge '2' and PartitionKey lt '{runs}'"
    removed = 0
    for table, query, kept in (
        (OUTCOMES_TABLE, f"PartitionKey ge '2' and PartitionKey lt '{outcomes}'", live),
        (APPROVALS_TABLE, of_runs, live),
        (
            RUNS_TABLE,
            f"PartitionKey eq '{record.PARTITION}' and RowKey lt '{runs}'",
            {*live, *last.values()},
        ),
        (
            RUNS_TABLE,
            f"PartitionKey eq '{beginning.PARTITION}' and run lt '{runs}'",
            _occasions(storage),
        ),
    ):
        rows = list(islice(_rows(storage, table, query, kept), MOST_ROWS - removed))
        _remove(storage, table, rows)
        removed += len(rows)
    if removed:
        logger.info("%d rows that are older than the retention were removed", removed)
    return removed


def _before(at: datetime, days: int) -> str:
    """What the ids of all runs are less than that began more than so many days ago."""
    return f"{at - timedelta(days=days):%Y%m%dT%H%M%SZ}"


def _occasions(storage: Storage) -> set[str]:
    """The row keys of the drops that lie in the folders of sources."""
    names = {file.name.partition("/")[0] for file in storage.list_files(ROSTERS)}
    drops = {name: Drop(ROSTERS, tuple(dropped_files(storage, name))) for name in names}
    return {occasion_key(drop.occasion(name)) for name, drop in drops.items()}


def _rows(storage: Storage, table: str, query: str, kept: set[str]) -> Iterator[Key]:
    """The keys of the rows, by partition; without those of what is kept."""
    for row in storage.table(table).query_entities(query, select=["PartitionKey", "RowKey"]):
        values: dict[str, str] = dict(row)
        key = values["PartitionKey"], values["RowKey"]
        if not kept.intersection(key):
            yield key


def _remove(storage: Storage, table: str, rows: list[Key]) -> None:
    client = storage.table(table)
    for partition, group in groupby(rows, lambda key: key[0]):
        while chunk := list(islice(group, A_TRANSACTION)):
            client.submit_transaction(
                ("delete", {"PartitionKey": partition, "RowKey": key}) for _, key in chunk
            )
