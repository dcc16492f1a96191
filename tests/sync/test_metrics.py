"""Metrics: recorded where somebody collects them, under the names that are declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync import metrics
from sync.metrics import CHANGES, METRICS, QUEUE_AGE, RUN_DURATION, record, record_queues
from sync.storage import QUEUES, RUNS_QUEUE
from tests.collected import collecting

if TYPE_CHECKING:
    from sync.storage import Storage


def test_nothing_is_recorded_while_nobody_collects(storage: Storage) -> None:
    record(CHANGES, 1, kind="person", action="create", outcome="done")
    record_queues(storage)


def test_each_form_keeps_its_values() -> None:
    about = {"kind": "person", "action": "create", "outcome": "done"}
    with collecting() as collected:
        for count in (2, 3):
            record(CHANGES, count, **about)
            record(QUEUE_AGE, count, queue="runs")
            record(RUN_DURATION, count, status="finished")
        found = collected.metrics()
    assert found == {
        "rollcall.changes": {tuple(sorted(about.items())): 5},
        "rollcall.queue.age": {(("queue", "runs"),): 3},
        "rollcall.run.duration": {(("status", "finished"),): 5},
    }


def test_queues_tell_their_length_and_the_age_of_what_waits(storage: Storage) -> None:
    storage.send(RUNS_QUEUE, {"run": "r1", "step": "plan"})
    with collecting() as collected:
        record_queues(storage)
        found = collected.metrics()
    lengths = {dict(key)["queue"]: value for key, value in found["rollcall.queue.length"].items()}
    ages = {dict(key)["queue"]: value for key, value in found["rollcall.queue.age"].items()}
    assert lengths == dict.fromkeys(QUEUES, 0) | {RUNS_QUEUE: 1}
    assert ages[RUNS_QUEUE] < 60
    assert [queue for queue, age in ages.items() if age == 0] >= [
        queue for queue in QUEUES if queue != RUNS_QUEUE
    ]


def test_the_list_of_metrics_is_complete() -> None:
    declared = [value for value in vars(metrics).values() if isinstance(value, metrics.Metric)]
    assert declared == list(METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)
