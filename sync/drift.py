"""Drift: what somebody changed by hand in what Rollcall keeps.

A run compares the directory with the roster, so a change by hand comes up again as a change of the
plan. It is told from a change of the roster by what the last finished run left behind: when the
directory held what is wanted, and what is wanted is the same today, then the directory changed.

    somebody removed, renamed or deleted    the plan would bring back what was there already
    somebody added                          the plan would remove what no run had put there

The policy `drift` says what becomes of it: `repair` makes the change, with a reason that says so;
`report` leaves the directory as it is, and reports each as a finding. What was left behind is the
table `kept`: kind, key, content (a JSON object of the fields).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from directory.findings import report

from .state import StateTable

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from directory.policy import Policy

    from .storage import Storage

KEPT = StateTable("kept", "kind VARCHAR, key VARCHAR, content VARCHAR")

_WANTED = """
SELECT kind, key, json_merge_patch('{}', fields)::VARCHAR AS content FROM (
    SELECT kind, concat_ws('/', target, relation, person) AS key, '{}' AS fields
    FROM desired_members
    UNION ALL
    SELECT 'person', d.external_id, to_json({
        'display_name': d.display_name, 'given_name': d.given_name, 'surname': d.surname,
        'upn': lower(d.upn), 'primary_role': d.primary_role, 'grade': d.grade})
    FROM desired_people d SEMI JOIN placed_people p USING (external_id) WHERE d.active_today
    UNION ALL
    SELECT 'school', external_id, to_json({'display_name': display_name}) FROM desired_schools
    UNION ALL
    SELECT 'class', external_id,
           to_json({'display_name': display_name, 'class_code': class_code})
    FROM desired_classes
    UNION ALL
    SELECT 'group', unique_name, to_json({'display_name': display_name}) FROM desired_groups
)
"""

_FIND = """
CREATE OR REPLACE TABLE drift AS
SELECT c.kind, c.key, c.action,
       CASE c.action WHEN 'create' THEN 'deleted by hand' WHEN 'add' THEN 'removed by hand'
                     WHEN 'remove' THEN 'added by hand' ELSE 'changed by hand' END AS reason,
       c.origin_file, c.origin_row
FROM changes c
LEFT JOIN kept k ON k.kind = c.kind AND k.key = c.key
LEFT JOIN desired_people p ON p.external_id = c.person
WHERE (c.action IN ('create', 'add') AND k.key IS NOT NULL)
   OR (c.action = 'update' AND k.key IS NOT NULL
       AND json_merge_patch(k.content, c.after)::VARCHAR = k.content)
   OR (c.action = 'remove' AND k.key IS NULL AND p.active_today
       AND EXISTS (FROM kept) AND c.target IN (SELECT target FROM desired_members))
"""


def find_drift(con: DuckDBPyConnection, policy: Policy) -> None:
    """Makes the table `drift`, and does to `changes` what the policy says of it."""
    con.execute(_FIND)
    if policy.drift == "repair":
        con.execute(
            """UPDATE changes SET reason = changes.reason || ' (' || d.reason || ')' FROM drift d
            WHERE d.kind = changes.kind AND d.key = changes.key AND d.action = changes.action"""
        )
        return
    con.execute(
        """DELETE FROM changes WHERE (kind, key, action) IN (SELECT (kind, key, action) FROM drift)
        OR (action = 'add' AND (
            (split_part(kind, '_', 1), target) IN (
                SELECT (kind, key) FROM drift WHERE action = 'create')
            OR person IN (SELECT key FROM drift WHERE kind = 'person' AND action = 'create')))"""
    )
    report(
        con,
        "drift.reported",
        """SELECT replace(kind, '_', ' ') || ' ' || key AS external_id, origin_file, origin_row,
               reason AS value FROM drift""",
    )


def leave_wanted(con: DuckDBPyConnection, folder: Path) -> None:
    """Leaves what a plan wants."""
    KEPT.leave(con, folder, _WANTED)


def settle_kept(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Writes back what the plan left behind: what is wanted, less what was not done.

    A removal that was not done stands in it too: what it was to remove was not added by hand.
    """
    KEPT.settle(
        storage,
        con,
        folder,
        """SELECT w.* FROM planned w
        ANTI JOIN (SELECT kind, key FROM change_outcomes WHERE status <> 'done') o
          ON o.kind = w.kind AND o.key = w.key
        UNION ALL
        SELECT kind, key, '{}' FROM change_outcomes
        WHERE action = 'remove' AND status <> 'done'""",
    )
