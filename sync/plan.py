"""Plan: all changes of a run as one immutable, sorted, counted and checksummed value.

A plan is Parquet (`changes.parquet`, one row a change) and JSON (`plan.json`, the summary). The
checksum covers every change and what is held of it, so that an approval names exactly one plan.

Message ids are part of the plan: whoever enqueues it again, after a crash say, sends the same ids,
and an id that has its outcome is not applied twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from directory.desired import build_desired

from .change import ACTIONS, KINDS, Change, ChangeMessage, PasswordOrder
from .cost import Cost, find_costs
from .credentials import order_passwords
from .diff import find_changes
from .drift import find_drift
from .guard import hold
from .inbound import RECORDS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from graph.quota import Quota

    from .config import Config
    from .sealing import Sealing

# Whole binds of twenty, so that splitting an entity into messages takes no further write.
REFERENCES_PER_MESSAGE = 200
_TABLES = {
    "plan_changes": "changes.parquet",
    "directory_findings": "directory_findings.parquet",
    "first_passwords": "first_passwords.parquet",
}

_IDENTIFIED = f"""
CREATE OR REPLACE TABLE plan_changes AS
WITH entities AS (
    SELECT c.* REPLACE (CASE via WHEN 'inbound' THEN '' ELSE target END AS target),
           left(sha256(concat_ws('|', kind, key, action, before, after)), 32) AS id,
           CASE via WHEN 'inbound' THEN 'inbound'
                ELSE split_part(kind, '_', 1) END AS entity  -- of class_membership: class
    FROM changes c
), chunked AS (
    SELECT *, CASE WHEN via = 'inbound' THEN
        (row_number() OVER (PARTITION BY phase, via, why_held <> '' ORDER BY key) - 1)
            // {RECORDS_A_CALL}
        WHEN relation IS NULL THEN 0 ELSE
        (row_number() OVER (PARTITION BY phase, entity, target, why_held <> '', relation IS NULL
                            ORDER BY relation DESC, person) - 1) // {REFERENCES_PER_MESSAGE}
        END AS chunk
    FROM entities
)
SELECT e.id, phase, kind, key, action, school, before, after, reason, why_held,
       f.name || ':' || (s.line + (e.origin_row - s.row)) AS source,
       entity, target, person, relation, object_id, member_id, via,
       left(sha256(concat_ws('|', phase, entity, target, chunk, why_held <> '')), 24) AS message
FROM chunked e
LEFT JOIN files f ON f.id = e.origin_file
ASOF LEFT JOIN line_shifts s ON s.file = e.origin_file AND s.row <= e.origin_row
ORDER BY phase, kind, key, action
"""

_MESSAGES = """
WITH wanted AS (
    SELECT c.*, coalesce(c.object_id, o.object_id) AS container,
           coalesce(c.member_id, p.object_id) AS reference,
           CASE WHEN entity = 'team' THEN container IS NOT NULL
                ELSE relation IS NULL OR reference IS NOT NULL END AS possible,
           CASE WHEN f.external_id IS NOT NULL THEN {
               'kind': f.kind, 'length': f.length, 'force_change': f.force_change,
               'sealed': f.sealed, 'school': f.school, 'school_name': f.school_name
           } END AS password
    FROM plan_changes c
    LEFT JOIN first_passwords f
      ON c.entity = 'person' AND c.action = 'create' AND f.external_id = c.key
    LEFT JOIN created o ON o.key = c.target  -- a team is its class's group
     AND o.kind = CASE c.entity WHEN 'team' THEN 'class' ELSE c.entity END
    LEFT JOIN created p ON c.relation IS NOT NULL AND p.kind = 'person' AND p.key = c.person
    WHERE c.phase = $phase AND (c.why_held <> '') = $held
)
SELECT message, entity, target,
       CASE WHEN entity = 'team' THEN any_value(action)
            WHEN entity = 'inbound' THEN 'upload'
            WHEN bool_or(action = 'create') THEN 'create'
            WHEN bool_or(relation IS NULL) THEN 'update' ELSE 'members' END,
       any_value(container),
       coalesce(list(after ORDER BY action) FILTER (after IS NOT NULL), []),
       coalesce(list(reference ORDER BY reference)
                FILTER (action = 'add' AND relation = 'member' AND reference IS NOT NULL), []),
       coalesce(list(reference ORDER BY reference)
                FILTER (action = 'add' AND relation = 'owner' AND reference IS NOT NULL), []),
       coalesce(list(reference ORDER BY reference)
                FILTER (action = 'remove' AND relation = 'member'), []),
       coalesce(list(reference ORDER BY reference)
                FILTER (action = 'remove' AND relation = 'owner'), []),
       any_value(password),
       count(*) FILTER (possible)
FROM wanted
GROUP BY message, entity, target
HAVING count(*) FILTER (possible) > 0
-- Those on one object wait for each other: ids, as hashes, mix them with those on others.
ORDER BY bool_or(action = 'create') DESC, message
"""


@dataclass(frozen=True)
class Plan:
    """The summary of a plan; its changes are the table `plan_changes` of the connection.

    `counts` and `held` are {kind: {action: n}}; `why_held` lists each tripped guard once;
    `findings` counts what the directory could not take, by severity. `cost` is that of what flows,
    `held_cost` what an approval adds. `by_rule` counts the memberships that rules decide, by kind:
    they are no changes.
    """

    run: str
    checksum: str
    counts: dict[str, dict[str, int]]
    held: dict[str, dict[str, int]]
    why_held: tuple[str, ...]
    findings: dict[str, int]
    cost: Cost
    held_cost: Cost
    by_rule: dict[str, int]

    @property
    def size(self) -> int:
        """Number of changes, held ones included."""
        return sum(n for actions in self.counts.values() for n in actions.values())

    @property
    def held_size(self) -> int:
        """Number of held changes."""
        return sum(n for actions in self.held.values() for n in actions.values())

    def as_dict(self) -> dict[str, Any]:
        """The summary, ready for JSON."""
        return {
            "run": self.run,
            "checksum": self.checksum,
            "changes": self.counts,
            "held": self.held,
            "why_held": list(self.why_held),
            "findings": self.findings,
            "cost": self.cost.as_dict(),
            "held_cost": self.held_cost.as_dict(),
            "by_rule": self.by_rule,
        }

    def save(self, con: DuckDBPyConnection, folder: Path) -> None:
        """Writes plan.json and the tables of the plan, Parquet, into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for table, file in _TABLES.items():
            con.table(table).write_parquet(str(folder / file))
        (folder / "plan.json").write_text(json.dumps(self.as_dict(), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, con: DuckDBPyConnection, folder: Path) -> Plan:
        """Reads what `save` wrote; makes the views plan_changes, directory_findings and so on."""
        for view, file in _TABLES.items():
            con.read_parquet(str(folder / file)).create_view(view, replace=True)
        summary = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        return cls(
            run=summary["run"],
            checksum=summary["checksum"],
            counts=summary["changes"],
            held=summary["held"],
            why_held=tuple(summary["why_held"]),
            findings=summary["findings"],
            cost=Cost.from_dict(summary["cost"]),
            held_cost=Cost.from_dict(summary["held_cost"]),
            by_rule=summary["by_rule"],
        )


def make_plan(
    con: DuckDBPyConnection,
    config: Config,
    *,
    run: str,
    today: date,
    domains: Sequence[str],
    sealing: Sealing | None = None,
    doubt: str = "",
) -> Plan:
    """Plans the difference between the roster and the directory, both in `con`.

    Needs the roster tables, the existing_* tables, `deleted_people`, `leavers`, `identities` and
    `known_teams`; `domains` are the tenant's verified domains, its default one first; `sealing` is
    the app's, None for a preview; `doubt` is why all removals are held. Writes nothing anywhere.
    """
    build_desired(con, config, today=today, domains=domains)
    order_passwords(con, config.people, sealing)
    find_changes(con, config, today)
    find_drift(con, config)
    hold(con, config.guards, today, doubt)
    con.execute(_IDENTIFIED)
    return _summarise(con, run, config.graph.quota())


def _summarise(con: DuckDBPyConnection, run: str, quota: Quota) -> Plan:
    [(checksum,)] = con.execute(
        "SELECT sha256(coalesce(string_agg(id || why_held, ',' ORDER BY id), '')) FROM plan_changes"
    ).fetchall()
    why = con.execute(
        "SELECT DISTINCT kind || ' ' || action || ': ' || why_held FROM plan_changes "
        "WHERE why_held <> '' ORDER BY 1"
    ).fetchall()
    rows = con.execute("SELECT severity, count(*) FROM directory_findings GROUP BY 1").fetchall()
    findings: dict[str, int] = {"error": 0, "warning": 0, **dict(rows)}
    ruled = con.execute("SELECT kind, count(*) FROM ruled_members GROUP BY 1 ORDER BY 1").fetchall()
    cost, held_cost = find_costs(con, quota)
    return Plan(
        run=run,
        checksum=checksum,
        counts=_counts(con, "true"),
        held=_counts(con, "why_held <> ''"),
        why_held=tuple(reason for (reason,) in why),
        findings=findings,
        cost=cost,
        held_cost=held_cost,
        by_rule=dict(ruled),
    )


def _counts(con: DuckDBPyConnection, where: str) -> dict[str, dict[str, int]]:
    rows = con.execute(
        f"SELECT kind, action, count(*) FROM plan_changes WHERE {where} GROUP BY 1, 2"
    ).fetchall()
    found = {(kind, action): n for kind, action, n in rows}
    return {
        kind: actions
        for kind in KINDS
        if (actions := {a: found[kind, a] for a in ACTIONS if (kind, a) in found})
    }


def list_changes(
    con: DuckDBPyConnection, *, held: bool = False, limit: int | None = None
) -> Iterator[Change]:
    """The changes of the plan in `con`, in order; only the held ones with `held`."""
    names = tuple(Change.__dataclass_fields__)
    where = "WHERE why_held <> ''" if held else ""
    rows = con.execute(
        f"SELECT {', '.join(names)} FROM plan_changes {where} "
        f"ORDER BY phase, kind, key, action LIMIT {limit or 'ALL'}"
    )
    while row := rows.fetchone():
        yield Change(*row)


def start_created(con: DuckDBPyConnection) -> None:
    """Makes the empty table `created` (kind, key, object_id): what earlier phases brought."""
    con.execute("CREATE OR REPLACE TABLE created (kind VARCHAR, key VARCHAR, object_id VARCHAR)")


def messages(
    con: DuckDBPyConnection, plan: Plan, phase: int, *, held: bool
) -> Iterator[ChangeMessage]:
    """The messages of a phase: the safe changes, or with `held` those that were approved.

    Needs the table `created`. A membership of a person whose account could not be made is left
    out, and so is the team of a class whose group could not be made; `settle` reports it as failed.
    """
    for row in con.execute(_MESSAGES, {"phase": phase, "held": held}).fetchall():
        message, entity, target, action, container, afters, *references, password, count = row
        values: list[dict[str, Any]] = [json.loads(after) for after in afters]
        fields: dict[str, Any] = {"records": values} if entity == "inbound" else {}
        for value in () if entity == "inbound" else values:
            fields |= value
        add_members, add_owners, remove_members, remove_owners = map(tuple, references)
        yield ChangeMessage(
            run=plan.run,
            id=message,
            phase=phase,
            kind=entity,
            key=target,
            action=action,
            object_id=container,
            fields=fields,
            add_members=add_members,
            add_owners=add_owners,
            remove_members=remove_members,
            remove_owners=remove_owners,
            password=PasswordOrder(**password) if password else None,
            count=count,
        )


def settle(con: DuckDBPyConnection) -> None:
    """Makes `change_outcomes`: one row for each change, from the table `outcomes`.

    `outcomes` has a row for each message (message, status, error, code), `failed_references` one
    for each reference that a message could not add or remove. A change without outcome is `held`
    (not approved), or `failed` because its person has no account or its class no group.
    """
    con.execute(
        """CREATE TABLE IF NOT EXISTS failed_references
        (message VARCHAR, action VARCHAR, relation VARCHAR, person VARCHAR, error VARCHAR)"""
    )
    con.execute(
        """CREATE OR REPLACE TABLE change_outcomes AS
        SELECT c.id, c.phase, c.kind, c.key, c.action, c.reason, c.source, c.why_held,
               CASE WHEN o.status IS NULL AND c.why_held <> '' THEN 'held'
                    WHEN o.status IS NULL OR (c.relation IS NOT NULL AND c.member_id IS NULL
                                              AND p.object_id IS NULL) THEN 'failed'
                    WHEN r.error IS NOT NULL THEN 'failed'
                    ELSE o.status END AS status,
               CASE WHEN o.status IS NULL AND c.why_held <> '' THEN NULL
                    WHEN c.relation IS NOT NULL AND c.member_id IS NULL AND p.object_id IS NULL
                    THEN 'the person''s account could not be made'
                    WHEN o.status IS NULL AND c.kind = 'team' AND c.object_id IS NULL
                    THEN 'the class''s group could not be made'
                    WHEN o.status IS NULL THEN 'nothing is known of this change'
                    ELSE coalesce(r.error, o.error) END AS error,
               o.code
        FROM plan_changes c
        LEFT JOIN outcomes o USING (message)
        LEFT JOIN created p ON c.relation IS NOT NULL AND p.kind = 'person' AND p.key = c.person
        LEFT JOIN failed_references r
          ON r.message = c.message AND r.action = c.action AND r.relation = c.relation
             AND r.person = coalesce(c.member_id, p.object_id)
        ORDER BY c.phase, c.kind, c.key, c.action"""
    )
