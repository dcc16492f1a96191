"""Class teams: made, archived, restored.

    class_teams   the teams of our class groups, with what is remembered of them
                  (external_id, object_id, school, archived, takes_part, at_rest, reason)

Whether a team is archived is not among the group's properties, and Teams does not want to be asked
again and again (https://learn.microsoft.com/graph/api/resources/teams-api-overview#polling-requirements),
so Rollcall remembers what it archived itself; only that does it restore. Archiving and restoring
twice does no harm.

A team that is archived, or about to be, is `at_rest`: it keeps its members, who may read on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from directory.policy import Teams

_TEAMS = """
CREATE OR REPLACE TABLE class_teams AS
SELECT o.external_id, o.id AS object_id, coalesce(c.org_sourced_id, k.school) AS school,
       coalesce(k.archived, false) AS archived,
       $enabled AND (len($schools) = 0 OR coalesce(list_contains(
           $schools::VARCHAR[], coalesce(c.org_sourced_id, k.school)), false)) AS takes_part,
       takes_part AND e.object_id IS NOT NULL AND ($archive OR coalesce(k.archived, false))
           AS at_rest,
       e.reason
FROM owned_classes o
JOIN existing_groups g ON g.id = o.id AND g.has_team
LEFT JOIN classes c ON c.sourced_id = o.external_id
LEFT JOIN known_teams k ON k.object_id = o.id
LEFT JOIN ended_classes e ON e.object_id = o.id
"""

_CHANGES = """
INSERT INTO changes BY NAME
SELECT 3 AS phase, 'team' AS kind, d.external_id AS key, 'create' AS action, d.school,
       'active today, without a team' AS reason, d.origin_file, d.origin_row,
       d.external_id AS target, d.object_id
FROM desired_teams d WHERE NOT d.has_team;

INSERT INTO changes BY NAME
SELECT 3 AS phase, 'team' AS kind, t.external_id AS key, 'archive' AS action, t.school,
       '{"archived":false}' AS before, '{"archived":true}' AS after, t.reason,
       t.external_id AS target, t.object_id
FROM class_teams t WHERE t.at_rest AND NOT t.archived;

INSERT INTO changes BY NAME
SELECT 3 AS phase, 'team' AS kind, d.external_id AS key, 'restore' AS action, d.school,
       '{"archived":true}' AS before, '{"archived":false}' AS after,
       'the class is active again' AS reason, d.origin_file, d.origin_row,
       d.external_id AS target, d.object_id
FROM desired_classes d JOIN class_teams t USING (external_id) WHERE t.archived AND t.takes_part;
"""


def find_team_changes(con: DuckDBPyConnection, teams: Teams) -> None:
    """Makes `class_teams`, and adds the changes of teams to `changes`.

    Needs the desired tables, ended_classes, owned_classes and known_teams.
    """
    con.execute(
        _TEAMS,
        {
            "enabled": teams.enabled,
            "archive": teams.archive_at_session_end,
            "schools": list(teams.schools),
        },
    )
    con.execute(_CHANGES)
