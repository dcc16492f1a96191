"""Beginning a run: exactly one for each occasion, however often its news comes.

An occasion is a row of the table `runs` (partition `drops`), written before anything else: of many
events about one drop, or of several instances that notice the same night, one gets to write it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .events import RUN_STARTED, tell
from .record import Run, add_run, find_run, new_run_id, now, write_json
from .step import Step, ask_for
from .storage import RUNS_TABLE

if TYPE_CHECKING:
    from .storage import Storage

PARTITION = "drops"


def begin_run(
    storage: Storage,
    source: str,
    occasion: str,
    trigger: str,
    inputs: tuple[str, Any],
    *,
    delay: float = 0,
) -> str | None:
    """Starts a run; its id, or None if there was one for this occasion.

    `occasion`: a text that names it; `inputs`: the name and content of the JSON artefact that the
    first step needs; `delay`: the seconds until that. What an instance that crashed left half done
    is completed.
    """
    from azure.core.exceptions import ResourceExistsError

    started = now()
    run = new_run_id(started)
    table, key = storage.table(RUNS_TABLE), occasion_key(occasion)
    try:
        table.create_entity({"PartitionKey": PARTITION, "RowKey": key, "run": run})
    except ResourceExistsError:
        run = begun_run(storage, occasion)
        if find_run(storage, run):
            return None
    write_json(storage, run, *inputs)
    step = Step("extract")
    add_run(storage, Run(run, source, "extracting", str(step), started, trigger))
    ask_for(storage, run, step, delay)
    tell(RUN_STARTED, run=run, source=source, trigger=trigger)
    return run


def begun_run(storage: Storage, occasion: str) -> str:
    """The run of an occasion that had one."""
    row: dict[str, Any] = dict(
        storage.table(RUNS_TABLE).get_entity(PARTITION, occasion_key(occasion))
    )
    return str(row["run"])


def occasion_key(occasion: str) -> str:
    """The row key of an occasion."""
    return hashlib.sha256(occasion.encode()).hexdigest()
