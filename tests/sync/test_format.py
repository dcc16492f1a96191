"""What a run leaves for its own later steps, in full, beside the number of that format.

When this fails, a step of one version would meet what another version left: raise FORMAT in
sync/format.py, then write the file anew with ROLLCALL_UPDATE_GOLDEN=1. Files of earlier numbers
stay as they are.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.connector import Mark, Pull
from graph.mirror import TABLES as MIRROR
from roster.schema import SIDE_TABLES, columns_of
from roster.schema import TABLES as ROSTER
from sync import memory, outcomes
from sync.change import ChangeMessage, PasswordOrder
from sync.drop import Drop, to_json
from sync.format import FORMAT
from sync.plan import Plan, messages, start_created
from sync.record import artefact, now
from sync.run import STEPS
from sync.step import Step
from sync.storage import OUTCOMES_TABLE, RUNS, RUNS_TABLE, StoredFile
from sync.workspace import workspace
from tests.sync.planned import planned, school

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from sync.storage import Storage

GOLDEN = Path(__file__).parent.parent / "golden" / "format"


def left(storage: Storage, folder: Path) -> dict[str, Any]:
    """All that is left, by name: its columns, keys or fields."""
    run = planned(storage, school(), folder, position="send/1/safe/0")
    with workspace() as (con, place):
        storage.download_folder(RUNS, artefact(run.run, "plan"), place / "plan")
        plan = Plan.load(con, place / "plan")
        parquet = {
            path.name: columns(con, f"FROM read_parquet('{path}')")
            for path in sorted((place / "plan").glob("*.parquet"))
        }
        start_created(con)
        [message, *_] = messages(con, plan, 1, held=False)
    outcomes.write_outcome(storage, message, outcomes.Outcome("done", "o1"))
    one = Drop("rosters", (StoredFile("d/a.csv", "e", 1, now()),))
    return {
        "record": keys(storage, RUNS_TABLE, f"PartitionKey eq 'runs' and RowKey eq '{run.run}'"),
        "positions": [*sorted(STEPS), str(Step("send", 2, held=True, offset=5))],
        "outcome": keys(storage, OUTCOMES_TABLE, f"PartitionKey eq '{message.run}'"),
        "change message": models(ChangeMessage),
        "password order": models(PasswordOrder),
        "drop.json": [sorted(to_json(one)), sorted(to_json(one)["files"][0])],
        "pull.json": [str(field.name) for field in fields(Pull)],
        "mark": [str(field.name) for field in fields(Mark)],
        "plan.json": sorted(plan.as_dict()),
        "plan": parquet,
        "roster": {name: dict(columns_of(name)) for name in (*ROSTER, *SIDE_TABLES)},
        "mirror": sorted(MIRROR),
        "state": {table.name: table.columns for table in memory.TABLES},
    }


def columns(con: DuckDBPyConnection, query: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {query}").fetchall()}


def keys(storage: Storage, table: str, query: str) -> list[str]:
    return sorted({name for row in storage.table(table).query_entities(query) for name in row})


def models(model: Any) -> dict[str, str]:
    return {name: str(field.annotation) for name, field in model.model_fields.items()}


def test_what_a_run_leaves_is_what_the_number_of_its_format_says(
    storage: Storage, tmp_path: Path
) -> None:
    path = GOLDEN / f"{FORMAT}.json"
    found = json.loads(json.dumps(left(storage, tmp_path)))
    if os.environ.get("ROLLCALL_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(path.read_text(encoding="utf-8")), __doc__


def test_each_number_has_its_file() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == [
        str(number) for number in range(1, FORMAT + 1)
    ]
