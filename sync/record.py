"""The record of a run: one row of the table `runs`, and the artefacts it points to.

A run's position is the step that is due, as text (`plan`, `send/1/safe/0`, see sync/run.py). Every
change of a record is guarded by its ETag: of two instances that work on the same step, one wins
(https://learn.microsoft.com/rest/api/storageservices/update-entity2).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from roster.errors import BadInput, Transient

from .format import FORMAT
from .storage import RUNS, RUNS_TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.data.tables import TableEntity

    from .storage import Storage

PARTITION = "runs"
ENDED = ("finished", "failed", "cancelled")
END = "end"
REPORT_BLOB = "report.json"
DROPPED, NIGHTLY, PULLED = "drop", "nightly", "pull"

Counts = dict[str, dict[str, int]]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_run_id(started: datetime) -> str:
    """An id that sorts by time: `20261124T134700Z-3f2a`."""
    return f"{started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:4]}"


@dataclass(frozen=True)
class Run:
    """One run. `changes` and `held` count the plan by kind and action; `failed` counts outcomes.

    `status`: extracting, normalising, planning, applying, held, finished, failed or cancelled;
    `error` says why in the last two. `trigger`: drop, pull or nightly. `previous`: the position
    before. `pulled`: what was asked of an API and why, such as everything or only changes.
    `read_requests`: those of planning. `expected_writes`: those that the plan takes, without what
    is held, unless that was approved. `expected`: messages of the phase that is waited for.
    `format`: of its artefacts and messages; 0 is that of versions which did not tell.
    """

    run: str
    source: str
    status: str
    position: str
    started: datetime
    trigger: str = DROPPED
    previous: str = ""
    ended: datetime | None = None
    changes: Counts = field(default_factory=dict[str, dict[str, int]])
    held: Counts = field(default_factory=dict[str, dict[str, int]])
    why_held: tuple[str, ...] = ()
    findings: Mapping[str, int] = field(default_factory=dict[str, int])
    checksum: str = ""
    writes: int = 0
    expected_writes: int = 0
    requests: int = 0
    read_requests: int = 0
    expected: int = 0
    failed: int = 0
    pulled: str = ""
    error: str = ""
    format: int = FORMAT
    etag: str = field(default="", compare=False)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen in this run."""
        return self.status in ENDED

    @property
    def held_count(self) -> int:
        """Number of held changes."""
        return sum(n for actions in self.held.values() for n in actions.values())

    @property
    def seconds(self) -> float:
        """Time from the start to the end, or until now."""
        return round(((self.ended or now()) - self.started).total_seconds(), 3)

    def as_dict(self) -> dict[str, Any]:
        """The record for JSON, as reports, the command line and the portal show it."""
        return {
            "run": self.run,
            "source": self.source,
            "trigger": self.trigger,
            "status": self.status,
            "step": self.position,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "seconds": self.seconds,
            "changes": self.changes,
            "held": self.held_count,
            "held_changes": self.held,
            "why_held": list(self.why_held),
            "findings": dict(self.findings),
            "checksum": self.checksum,
            "writes": self.writes,
            "expected_writes": self.expected_writes,
            "requests": self.requests,
            "failed": self.failed,
            "pulled": self.pulled,
            "error": self.error,
        }


def add_run(storage: Storage, run: Run) -> bool:
    """Writes a new record; False if there is one with that id already."""
    from azure.core.exceptions import ResourceExistsError

    try:
        storage.table(RUNS_TABLE).create_entity(_to_entity(run))
    except ResourceExistsError:
        return False
    return True


def find_run(storage: Storage, run: str) -> Run | None:
    """The record of a run, or None."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        entity = storage.table(RUNS_TABLE).get_entity(PARTITION, run)
    except ResourceNotFoundError:
        return None
    return _from_entity(entity)


def get_run(storage: Storage, run: str) -> Run:
    """The record of a run; raises BadInput for an unknown one."""
    found = find_run(storage, run) if run else None
    if found is None:
        raise BadInput(f"There is no run {run!r}; `rollcall runs` lists them")
    return found


def list_runs(storage: Storage, limit: int | None = None) -> list[Run]:
    """The runs, newest first."""
    entities = storage.table(RUNS_TABLE).query_entities(f"PartitionKey eq '{PARTITION}'")
    runs = sorted(map(_from_entity, entities), key=lambda run: run.run, reverse=True)
    return runs[:limit]


def update_run(storage: Storage, run: Run, **changes: Any) -> Run:
    """The record with `changes`, written; raises Transient if it changed meanwhile."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError
    from azure.data.tables import UpdateMode

    changed = replace(run, **changes)
    try:
        answer = storage.table(RUNS_TABLE).update_entity(
            _to_entity(changed),
            UpdateMode.REPLACE,
            etag=run.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    except ResourceModifiedError as error:
        raise Transient(f"Run {run.run} was changed by another instance meanwhile") from error
    return replace(changed, etag=answer["etag"])


def move_run(storage: Storage, run: Run, position: str, **changes: Any) -> Run:
    """Sets the step that is due, and `changes`."""
    return update_run(storage, run, position=position, previous=run.position, **changes)


def artefact(run: str, name: str) -> str:
    """The blob name of an artefact of a run, in the container `runs`."""
    return f"{run}/{name}"


def read_json(storage: Storage, run: str, name: str) -> Any:
    """A JSON artefact of a run, or None if it has not been written."""
    data = storage.read(RUNS, artefact(run, name))
    return None if data is None else json.loads(data)


def write_json(storage: Storage, run: str, name: str, value: Any) -> None:
    """Writes a JSON artefact of a run."""
    storage.write(RUNS, artefact(run, name), json.dumps(value, indent=2).encode())


def _to_entity(run: Run) -> dict[str, Any]:
    return {
        "PartitionKey": PARTITION,
        "RowKey": run.run,
        "source": run.source,
        "trigger": run.trigger,
        "status": run.status,
        "position": run.position,
        "previous": run.previous,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else "",
        "changes": json.dumps(run.changes),
        "held": json.dumps(run.held),
        "why_held": json.dumps(run.why_held),
        "findings": json.dumps(dict(run.findings)),
        "checksum": run.checksum,
        "writes": run.writes,
        "expected_writes": run.expected_writes,
        "requests": run.requests,
        "read_requests": run.read_requests,
        "expected": run.expected,
        "failed": run.failed,
        "pulled": run.pulled,
        "error": run.error,
        "format": run.format,
    }


def _from_entity(entity: TableEntity) -> Run:
    known = {"RowKey", *(one.name for one in fields(Run))}
    values: dict[str, Any] = {"format": 0} | {
        name: value for name, value in dict[str, Any](entity).items() if name in known
    }
    return Run(
        run=values.pop("RowKey"),
        started=datetime.fromisoformat(values.pop("started")),
        ended=datetime.fromisoformat(ended) if (ended := values.pop("ended")) else None,
        changes=json.loads(values.pop("changes")),
        held=json.loads(values.pop("held")),
        why_held=tuple(json.loads(values.pop("why_held"))),
        findings=json.loads(values.pop("findings")),
        etag=entity.metadata["etag"] or "",
        **values,
    )
