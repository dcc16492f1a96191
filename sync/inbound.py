"""Accounts by way of the provisioning service: what is handed over, and what became of it.

In mode `inbound` an account is made and kept in on-premises AD (or wherever the provisioning job
writes), by handing over the person's record. Rollcall never waits for the account: it is found by
its employeeId in a later run, and only then joins classes and groups.

What was handed over is remembered, one row a person: external_id, content (hash of the record),
sent, status (sent, done, failed), reason. So a record goes out when it is needed and has not gone
out lately, and again

    at once        when it differs from what was handed over
    a day later    when the service's log says that it failed
    two days later when the log says nothing, or the account still differs

A record is always whole, because the service takes what is missing for empty.

A day's records are bounded by the calls that the tenant may make in a day; the rest follows on the
next run. https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-concepts
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from directory.findings import report

from .state import StateTable

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from directory.policy import Policy
    from graph.client import Graph

    from .storage import Storage

UPLOADS = StateTable(
    "uploads",
    "external_id VARCHAR, content VARCHAR, sent TIMESTAMP, status VARCHAR, reason VARCHAR",
)
RECORDS_A_CALL = 50
LONGEST_ID = 16
LOG_KEPT = timedelta(days=7)

_NEEDED = """
CREATE OR REPLACE TABLE needed_records AS
SELECT d.external_id, a.id AS object_id, d.school, d.origin_file, d.origin_row,
       CASE WHEN a.id IS NULL THEN 'create' WHEN NOT a.account_enabled AND v.disabled THEN 'enable'
            ELSE 'update' END AS action,
       CASE WHEN a.id IS NULL THEN 'in the roster, without an account'
            WHEN NOT a.account_enabled AND v.disabled THEN 'back in the roster'
            ELSE 'the roster differs' END AS reason,
       json_merge_patch('{}', to_json({
           'external_id': d.external_id, 'upn': coalesce(a.upn, d.upn),
           'display_name': d.display_name, 'given_name': d.given_name, 'surname': d.surname,
           'primary_role': d.primary_role, 'school': o.name, 'grade': d.grade,
           'account_enabled': true})) AS record
FROM desired_people d
LEFT JOIN links l USING (external_id)
LEFT JOIN existing_people a ON a.id = l.object_id
LEFT JOIN leavers v ON v.external_id = d.external_id
LEFT JOIN orgs o ON o.sourced_id = d.school
LEFT JOIN username_faults f ON f.external_id = d.external_id
WHERE d.active_today AND d.external_id NOT IN (SELECT external_id FROM contested)
  AND (a.id IS NOT NULL OR f.fault IS NULL)
  AND (a.id IS NULL OR (NOT a.account_enabled AND v.disabled)
       OR (a.display_name, a.given_name, a.surname)
          IS DISTINCT FROM (d.display_name, coalesce(d.given_name, a.given_name),
                            coalesce(d.surname, a.surname)))
UNION ALL
SELECT l.external_id, a.id, s.school, NULL, NULL, 'disable', 'not in the roster since ' || l.since,
       json_merge_patch('{}', to_json({
           'external_id': l.external_id, 'upn': a.upn, 'display_name': a.display_name,
           'given_name': a.given_name, 'surname': a.surname, 'primary_role': a.primary_role,
           'account_enabled': false}))
FROM absent_people l
JOIN existing_people a ON a.external_id = l.external_id AND a.external_source = 'sis'
LEFT JOIN last_schools s ON s.external_id = l.external_id
WHERE a.account_enabled AND l.since + $days::INTEGER <= $today
"""

_DUE = """
CREATE OR REPLACE TABLE due_records AS
SELECT n.*, sha256(n.record::VARCHAR) AS content, u.sent, u.status, u.reason AS failure,
       u.content IS NULL OR u.content <> sha256(n.record::VARCHAR)
       OR u.sent::DATE + CASE u.status WHEN 'failed' THEN 1 ELSE 2 END <= $today AS due
FROM needed_records n LEFT JOIN uploads u USING (external_id)
WHERE length(n.external_id) <= $longest
"""

_CHANGES = """
INSERT INTO changes (phase, kind, key, action, school, before, after, reason, origin_file,
    origin_row, target, person, object_id, via)
SELECT 1, 'person', external_id, action, school, NULL, record, reason, origin_file, origin_row,
       external_id, external_id, object_id, 'inbound'
FROM due_records WHERE due
QUALIFY row_number() OVER (ORDER BY action <> 'disable', external_id) <= $room
"""


async def follow_up(graph: Graph, con: DuckDBPyConnection, policy: Policy) -> None:
    """Enters into `uploads` what the service's log says of what was handed over last."""
    from graph.provisioning import Provisioning

    [(oldest,)] = con.execute("SELECT min(sent) FROM uploads WHERE status = 'sent'").fetchall()
    if oldest is None or policy.inbound is None:
        return
    since = max(oldest.replace(tzinfo=UTC), datetime.now(UTC) - LOG_KEPT)
    job = Provisioning(graph, policy.inbound.service_principal, policy.inbound.job)
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as file:
        async for attempt in job.attempts(f"{since:%Y-%m-%dT%H:%M:%SZ}"):
            file.write(json.dumps(asdict(attempt)) + "\n")
        file.flush()
        _enter(con, file.name)


def _enter(con: DuckDBPyConnection, attempts: str) -> None:
    """The last word of the log on each record that was handed over before it."""
    con.execute(
        """UPDATE uploads SET reason = a.reason,
               status = CASE a.status WHEN 'failure' THEN 'failed' ELSE 'done' END
        FROM (
            SELECT external_id, arg_max(status, "at") AS status,
                   arg_max(reason, "at") AS reason, max("at") AS last
            FROM read_json(?, format = 'newline_delimited', columns = {
                "at": 'TIMESTAMP', external_id: 'VARCHAR', status: 'VARCHAR', reason: 'VARCHAR'})
            WHERE status IN ('success', 'failure', 'skipped') GROUP BY external_id
        ) a
        WHERE a.external_id = uploads.external_id AND a.last >= uploads.sent
          AND uploads.status = 'sent'""",
        [attempts],
    )


def want_records(con: DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Adds the records that are due to `changes`; reports those that cannot go or did not work.

    Needs desired, `absent_people`, `leavers` and `uploads`.
    """
    assert policy.inbound is not None
    days = policy.people.disable_after_days
    con.execute(_NEEDED, {"days": days, "today": today})
    con.execute(_DUE, {"today": today, "longest": LONGEST_ID})
    [(lately,)] = con.execute(
        "SELECT count(*) FROM uploads WHERE sent::DATE = ?", [today]
    ).fetchall()
    room = max(0, policy.inbound.daily_calls * RECORDS_A_CALL - lately)
    con.execute(_CHANGES, {"room": room})
    _explain(con)


def _explain(con: DuckDBPyConnection) -> None:
    rows = "SELECT external_id, origin_file, origin_row, {} AS value FROM {} WHERE {}"
    too_long = f"length(external_id) > {LONGEST_ID}"
    report(con, "person.inbound.id", rows.format("external_id", "needed_records", too_long))
    report(con, "person.inbound.failed", rows.format("failure", "due_records", "status = 'failed'"))
    report(
        con,
        "person.inbound.waiting",
        rows.format("sent::DATE::VARCHAR", "due_records",
                    "due AND action = 'create' AND status IN ('sent', 'done')"),
    )  # fmt: skip
    waits = "due AND external_id NOT IN (SELECT key FROM changes WHERE via = 'inbound')"
    report(con, "person.inbound.tomorrow", rows.format("NULL", "due_records", waits))


def leave_uploads(con: DuckDBPyConnection, folder: Path) -> None:
    """Leaves the uploads that a plan sees."""
    UPLOADS.leave(con, folder, "FROM uploads")


def settle_uploads(
    storage: Storage, con: DuckDBPyConnection, folder: Path, moment: datetime
) -> None:
    """Writes back what a plan handed over, as its outcomes (`change_outcomes`) say.

    `moment`: before anything was handed over, or the log would seem older.
    """
    UPLOADS.settle(
        storage,
        con,
        folder,
        """WITH handed_over AS (
            SELECT c.key AS external_id, sha256(c.after) AS content, $now::TIMESTAMP AS sent,
                   'sent' AS status, NULL::VARCHAR AS reason
            FROM plan_changes c JOIN change_outcomes o USING (id)
            WHERE c.via = 'inbound' AND o.status = 'done'
        )
        FROM handed_over
        UNION ALL
        FROM planned WHERE external_id NOT IN (SELECT external_id FROM handed_over)""",
        {"now": moment.replace(tzinfo=None)},
    )
