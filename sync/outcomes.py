"""Outcomes: one row of the table `outcomes` for each message of a run, and what they add up to.

    PartitionKey  the run
    RowKey        `<phase>-<message id>`: the outcome; while its message is in work, a claim
                  `made-<kind>-<hash of the key>`: the directory object that a create brought

A claim is taken before something is created that the directory does not itself keep unique
(schools and classes): of two copies of a message only one creates. A claim says when a try last
left in doubt whether it created something, because its answer was lost or it broke off: until what
was created then must be found by all means, nothing is created.

Nothing but its roster id tells a school from another one, and a run that follows at once on another
may not see yet what that one made. So when a school was last to be created is kept beyond the
run, in the partition `tried`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from .metrics import CHANGES, record
from .record import now
from .storage import OUTCOMES_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from graph.references import FailedReference

    from .change import ChangeMessage
    from .storage import Storage

Claim = Literal["new", "again", "left", "busy", "ended"]
CLAIMED = ("school", "class")
REFERRED_TO = ("class", "group")
# A claim older than this was left behind by a crash: no write takes that long.
CLAIM_LIFE = timedelta(minutes=5)
# What was created longer ago than this is found by all means: a directory says of itself that a
# search may miss what is some seconds old, and seconds have been known to be a minute.
FOUND_AFTER = timedelta(minutes=3)
TRIED = "tried"
LONGEST_ERROR = 1000
LONGEST_REFERENCE_ERROR = 300


@dataclass(frozen=True)
class Outcome:
    """How a message ended: `status` done or failed; `writes` and `requests` it cost.

    What is done may lack some references: `failed`.
    """

    status: Literal["done", "failed"]
    object_id: str | None = None
    error: str = ""
    code: str = ""
    writes: int = 0
    requests: int = 0
    failed: tuple[FailedReference, ...] = ()


def write_outcome(storage: Storage, message: ChangeMessage, outcome: Outcome) -> None:
    """Writes the outcome of a message; after a create also where its object is found."""
    from azure.data.tables import UpdateMode

    about = {"kind": message.kind, "action": message.action, "outcome": outcome.status}
    record(CHANGES, message.count, **about)
    table = storage.table(OUTCOMES_TABLE)
    row = {
        "PartitionKey": message.run,
        "status": outcome.status,
        "kind": message.kind,
        "key": message.key,
        "action": message.action,
        "object_id": outcome.object_id or "",
    }
    if message.action == "create" and message.kind in REFERRED_TO:
        table.upsert_entity(row | {"RowKey": _made_key(message)}, UpdateMode.REPLACE)
    table.upsert_entity(
        row
        | {
            "RowKey": _row_key(message),
            "message": message.id,
            "count": message.count,
            "error": outcome.error[:LONGEST_ERROR],
            "code": outcome.code,
            "writes": outcome.writes,
            "requests": outcome.requests,
            "failed_references": _by_error(outcome.failed),
        },
        UpdateMode.REPLACE,
    )


def has_outcome(storage: Storage, message: ChangeMessage) -> bool:
    """Whether the message was dealt with already."""
    row = _row(storage, message.run, _row_key(message))
    return row is not None and row["status"] != "claimed"


def made_object(storage: Storage, message: ChangeMessage) -> tuple[str, str] | None:
    """(status, object id) of the create of the entity that a message is about, once it ended."""
    row = _row(storage, message.run, _made_key(message))
    return None if row is None else (row["status"], row["object_id"])


def claim(storage: Storage, message: ChangeMessage, holder: str) -> Claim:
    """Takes the right to create for `holder`, a queue message's id.

    new: nobody tried before; again: something was tried before, and what it made is found if it
    made anything; left: what a try made may not be found yet; busy: another copy of the message is
    in work; ended: there is an outcome.
    """
    from azure.core.exceptions import ResourceExistsError

    tried = _tried_before(storage, message) if message.kind == "school" else ""
    row = {
        "PartitionKey": message.run,
        "RowKey": _row_key(message),
        "status": "claimed",
        "holder": holder,
        "since": now().isoformat(),
        "in_doubt": tried,
    }
    try:
        storage.table(OUTCOMES_TABLE).create_entity(row)
    except ResourceExistsError:
        found = _claim_again(storage, row)
    else:
        found = _doubt(tried) if tried else "new"
    if message.kind == "school" and found not in ("busy", "ended"):
        _note_try(storage, message)
    return found


def unclaim(storage: Storage, message: ChangeMessage, *, in_doubt: bool) -> None:
    """Gives a claim back, so that the next copy of the message may try at once.

    `in_doubt`: something may have been created just now; every copy has to know that.
    """
    from azure.data.tables import UpdateMode

    row = {"PartitionKey": message.run, "RowKey": _row_key(message), "holder": ""}
    if in_doubt:
        row["in_doubt"] = now().isoformat()
    storage.table(OUTCOMES_TABLE).update_entity(row, UpdateMode.MERGE)


def count_outcomes(storage: Storage, run: str, phase: int) -> int:
    """Number of messages of a phase that have their outcome."""
    rows = storage.table(OUTCOMES_TABLE).query_entities(
        f"{_phase(run, phase)} and status ne 'claimed'", select=["RowKey"], results_per_page=1000
    )
    return sum(1 for _ in rows)


def list_outcomes(storage: Storage, run: str, phase: int) -> Iterator[dict[str, Any]]:
    """The outcomes of a phase."""
    for row in storage.table(OUTCOMES_TABLE).query_entities(
        f"{_phase(run, phase)} and status ne 'claimed'", results_per_page=1000
    ):
        yield dict(row)


def load_outcomes(storage: Storage, con: DuckDBPyConnection, run: str, folder: Path) -> None:
    """Makes the tables of all messages so far.

    `outcomes`, one row a message; `created`, what they made; `failed_references`, what messages
    that are done could not add or remove.
    """
    path, failed = folder / "outcomes.ndjson", folder / "failed_references.ndjson"
    with path.open("w", encoding="utf-8") as file, failed.open("w", encoding="utf-8") as other:
        for phase in (1, 2, 3):
            for row in list_outcomes(storage, run, phase):
                other.writelines(_failed_lines(row))
                file.write(json.dumps(row) + "\n")
    con.execute(
        """CREATE OR REPLACE TABLE outcomes AS
        SELECT message, status, kind, key, action, nullif(object_id, '') AS object_id,
               nullif(error, '') AS error, nullif(code, '') AS code, writes, requests
        FROM read_json(?, format = 'newline_delimited', columns = {
            message: 'VARCHAR', status: 'VARCHAR', kind: 'VARCHAR', key: 'VARCHAR',
            action: 'VARCHAR', object_id: 'VARCHAR', error: 'VARCHAR', code: 'VARCHAR',
            writes: 'BIGINT', requests: 'BIGINT'})""",
        [str(path)],
    )
    con.execute(
        """CREATE OR REPLACE TABLE created AS SELECT kind, key, object_id FROM outcomes
        WHERE action = 'create' AND status = 'done'"""
    )
    con.execute(
        """CREATE OR REPLACE TABLE failed_references AS
        FROM read_json(?, format = 'newline_delimited', columns = {
            message: 'VARCHAR', action: 'VARCHAR', relation: 'VARCHAR', person: 'VARCHAR',
            error: 'VARCHAR'})""",
        [str(failed)],
    )


def _by_error(failed: Iterable[FailedReference]) -> str:
    """Failed references as JSON, each error once; '' for none. At most some 20 KB."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for one in failed:
        places = found.setdefault(one.error[:LONGEST_REFERENCE_ERROR], [])
        places.append((one.action, one.relation, one.person))
    return json.dumps(found) if found else ""


def _failed_lines(row: dict[str, Any]) -> Iterator[str]:
    """The failed references of an outcome, each as a line of JSON."""
    for error, places in json.loads(row.pop("failed_references", "") or "{}").items():
        for action, relation, person in places:
            values = {"action": action, "relation": relation, "person": person, "error": error}
            yield json.dumps({"message": row["message"]} | values) + "\n"


def _tried_before(storage: Storage, message: ChangeMessage) -> str:
    """When an earlier run was last to create the same; '' for never."""
    row = _row(storage, TRIED, _made_key(message))
    return "" if row is None else row["since"]


def _note_try(storage: Storage, message: ChangeMessage) -> None:
    row = {"PartitionKey": TRIED, "RowKey": _made_key(message), "since": now().isoformat()}
    storage.table(OUTCOMES_TABLE).upsert_entity(row)


def _claim_again(storage: Storage, row: dict[str, Any]) -> Claim:
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError
    from azure.data.tables import UpdateMode

    table = storage.table(OUTCOMES_TABLE)
    entity = table.get_entity(row["PartitionKey"], row["RowKey"])
    found: dict[str, Any] = dict(entity)
    if found["status"] != "claimed":
        return "ended"
    oldest = (now() - CLAIM_LIFE).isoformat()
    if found["holder"] not in ("", row["holder"]) and found["since"] >= oldest:
        return "busy"
    # Whoever holds the claim still has broken off, nobody knows when.
    in_doubt: str = now().isoformat() if found["holder"] else found["in_doubt"]
    try:
        table.update_entity(
            row | {"in_doubt": in_doubt},
            UpdateMode.REPLACE,
            etag=entity.metadata["etag"],
            match_condition=MatchConditions.IfNotModified,
        )
    except ResourceModifiedError:
        return "busy"
    return _doubt(in_doubt)


def _doubt(since: str) -> Claim:
    return "left" if since >= (now() - FOUND_AFTER).isoformat() else "again"


def _row(storage: Storage, run: str, key: str) -> dict[str, Any] | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return dict(storage.table(OUTCOMES_TABLE).get_entity(run, key))
    except ResourceNotFoundError:
        return None


def _row_key(message: ChangeMessage) -> str:
    return f"{message.phase}-{message.id}"


def _made_key(message: ChangeMessage) -> str:
    return f"made-{message.kind}-{hashlib.sha256(message.key.encode()).hexdigest()}"


def _phase(run: str, phase: int) -> str:
    # '.' follows '-' in the order of characters.
    return f"PartitionKey eq '{run}' and RowKey ge '{phase}-' and RowKey lt '{phase}.'"
