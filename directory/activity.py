"""What is active today: sessions, roles, classes, enrollments.

A row counts when its own status is active, its dates (if any) cover today, the session it names
(if any) is current, and everything it refers to counts too. A class that names several sessions
counts while any of them is current. Both end dates are inclusive.

Vendor page: https://learn.microsoft.com/schooldatasync/sds-v2.1-csv-file-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from roster.values import ORG_ROLES

if TYPE_CHECKING:
    from datetime import date

    from duckdb import DuckDBPyConnection

    from .policy import Sessions

_ROLE_GROUPS = {"staff": "staff", "student": "students"}

_ROLES = """
CREATE OR REPLACE TABLE active_roles AS
SELECT r.user_sourced_id, r.org_sourced_id, r.role, g.role_group, r.grade,
       coalesce(r.is_primary, false) AS is_primary, r.origin_file, r.origin_row
FROM roles r
JOIN role_groups g ON g.role = r.role
JOIN users u ON u.sourced_id = r.user_sourced_id AND u.active
JOIN orgs o ON o.sourced_id = r.org_sourced_id AND o.active
WHERE r.active
  AND coalesce(r.start_date, $today) <= $today AND coalesce(r.end_date, $today) >= $today
  AND (r.session_sourced_id IS NULL
       OR r.session_sourced_id IN (SELECT sourced_id FROM current_sessions))
"""

_CLASSES = """
CREATE OR REPLACE TABLE active_classes AS
SELECT c.* FROM classes c
JOIN orgs o ON o.sourced_id = c.org_sourced_id AND o.active
WHERE c.active
  AND (len(coalesce(c.session_sourced_ids, [])) = 0 OR c.sourced_id IN (
        SELECT named.class FROM (
            SELECT sourced_id AS class, unnest(session_sourced_ids) AS session FROM classes
        ) named JOIN current_sessions s ON s.sourced_id = named.session))
"""

_ENROLLMENTS = """
CREATE OR REPLACE TABLE active_enrollments AS
SELECT e.class_sourced_id, e.user_sourced_id, e.role, e.origin_file, e.origin_row
FROM enrollments e
SEMI JOIN active_classes c ON c.sourced_id = e.class_sourced_id
SEMI JOIN active_roles r ON r.user_sourced_id = e.user_sourced_id
WHERE e.active
  AND coalesce(e.start_date, $today) <= $today AND coalesce(e.end_date, $today) >= $today
"""


def find_active(con: DuckDBPyConnection, sessions: Sessions, today: date) -> None:
    """Makes the tables role_groups, current_sessions, active_roles, _classes, _enrollments."""
    con.execute("CREATE OR REPLACE TABLE role_groups (role VARCHAR, role_group VARCHAR)")
    grouped = [(r.name, _ROLE_GROUPS[r.group]) for r in ORG_ROLES if r.group in _ROLE_GROUPS]
    con.executemany("INSERT INTO role_groups VALUES (?, ?)", grouped)
    con.execute(
        """CREATE OR REPLACE TABLE current_sessions AS
        SELECT sourced_id, title FROM academic_sessions
        WHERE start_date - $before::INTEGER <= $today AND end_date + $after::INTEGER >= $today""",
        {
            "today": today,
            "before": sessions.open_days_before,
            "after": sessions.close_days_after,
        },
    )
    con.execute(_ROLES, {"today": today})
    con.execute(_CLASSES)
    con.execute(_ENROLLMENTS, {"today": today})
