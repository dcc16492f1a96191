"""Desired class teams, and the classes that are over.

A team needs an owner, so a class without a teacher who takes part gets none; the reason is a
finding (https://learn.microsoft.com/graph/api/team-post).

Design note, when a class is over. A team is archived only when that is known, never because
something is missing. A class is over when it is not active any more, and either it left the
roster, or all the sessions that it names have ended. It is not known to be over when its row, or
a session that it names, was dropped or doubted; when the roster has no class at all; or when it is
inactive for another reason, such as a school that was set inactive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report

if TYPE_CHECKING:
    from datetime import date

    from duckdb import DuckDBPyConnection

    from .policy import Policy

_DESIRED = """
CREATE OR REPLACE TABLE desired_teams AS
SELECT external_id, school, object_id, origin_file, origin_row,
       coalesce(object_id IN (SELECT id FROM existing_groups WHERE has_team), false) AS has_team,
       external_id IN (SELECT target FROM desired_members
                       WHERE kind = 'class_membership' AND relation = 'owner') AS has_owner
FROM desired_classes
WHERE $enabled AND (len($schools) = 0 OR school IN (SELECT unnest($schools)))
"""

_ENDED = """
CREATE OR REPLACE TABLE ended_classes AS
WITH named AS (
    SELECT sourced_id AS class, unnest(session_sourced_ids) AS session FROM classes
), over AS (
    SELECT n.class FROM named n
    LEFT JOIN academic_sessions s ON s.sourced_id = n.session
     AND s.sourced_id NOT IN (SELECT entity FROM findings WHERE tbl = 'academic_sessions')
    GROUP BY n.class
    HAVING bool_and(coalesce(s.end_date + $close_days_after::INTEGER < $today, false))
)
SELECT o.external_id, o.id AS object_id,
       CASE WHEN c.active THEN 'its session ended' ELSE 'the class left the roster' END AS reason
FROM owned_classes o
LEFT JOIN classes c ON c.sourced_id = o.external_id
WHERE (c.sourced_id IS NULL OR NOT c.active OR o.external_id IN (SELECT class FROM over))
  AND o.external_id NOT IN (SELECT sourced_id FROM active_classes)
  AND o.external_id NOT IN (SELECT key FROM uncertain WHERE kind = 'class')
  AND o.external_id NOT IN (SELECT entity FROM findings
                            WHERE tbl = 'classes' AND starts_with(rule, 'classes.session_'))
  AND EXISTS (FROM classes) AND $classes
"""


def want_teams(con: DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Makes `desired_teams` and `ended_classes`; needs desired classes and their members."""
    teams = policy.teams
    con.execute(_DESIRED, {"enabled": teams.enabled, "schools": list(teams.schools)})
    report(
        con,
        "class.team.ownerless",
        """SELECT external_id, origin_file, origin_row, NULL AS value FROM desired_teams
        WHERE NOT has_owner AND NOT has_team""",
    )
    con.execute("DELETE FROM desired_teams WHERE NOT has_owner")
    con.execute(
        _ENDED,
        {
            "today": today,
            "close_days_after": policy.sessions.close_days_after,
            "classes": policy.classes.enabled,
        },
    )
