"""Desired class groups: one for each class that is active today, with owners and members.

Someone who has both an owner role and a member role in a class is its owner. Owners are not also
members unless the policy says so: other tools take members for students.

The mail nickname is fixed when the class is created and never changed afterwards, because it is
part of an address that people have written down. Here it is made legal; where two classes, or a
class and another group of the tenant, would share one, a digest of the class id is appended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .naming import template_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .policy import Classes

_WANTED = """
CREATE OR REPLACE TABLE wanted_classes AS
SELECT c.sourced_id AS external_id, c.org_sourced_id AS school, c.title AS external_name,
       c.code AS class_code, c.origin_file, c.origin_row,
       display({display_name}) AS display_name,
       nickname({mail_nickname}, c.sourced_id) AS mail_nickname
FROM active_classes c
LEFT JOIN orgs o ON o.sourced_id = c.org_sourced_id
LEFT JOIN courses k ON k.sourced_id = c.course_sourced_id
LEFT JOIN (SELECT named.class, string_agg(s.title, ', ' ORDER BY s.title) AS title FROM (
               SELECT sourced_id AS class, unnest(session_sourced_ids) AS session
               FROM active_classes) named
           JOIN current_sessions s ON s.sourced_id = named.session GROUP BY named.class) t
  ON t.class = c.sourced_id
"""

_NAMED = """
CREATE OR REPLACE TABLE desired_classes AS
SELECT w.* EXCLUDE (mail_nickname), e.id AS object_id,
       CASE WHEN count(*) OVER (PARTITION BY lower(w.mail_nickname)) > 1 OR g.id IS NOT NULL
            THEN with_digest(w.mail_nickname, w.external_id, 64)
            ELSE w.mail_nickname END AS mail_nickname
FROM wanted_classes w
LEFT JOIN owned_classes e USING (external_id)
LEFT JOIN (SELECT lower(mail_nickname) AS name, any_value(id) AS id FROM existing_groups
           GROUP BY 1) g
  ON g.name = lower(w.mail_nickname) AND g.id IS DISTINCT FROM e.id
"""

_MEMBERS = """
INSERT INTO desired_members
WITH enrolled AS (
    SELECT e.class_sourced_id AS class, e.user_sourced_id AS person, c.school,
           bool_or(e.role IN (SELECT unnest($owner_roles))) AS owner,
           min(e.role) AS role, first(e.origin_file ORDER BY e.origin_row) AS origin_file,
           min(e.origin_row) AS origin_row
    FROM active_enrollments e
    JOIN desired_classes c ON c.external_id = e.class_sourced_id
    SEMI JOIN placed_people p ON p.external_id = e.user_sourced_id
    WHERE e.role IN (SELECT unnest($owner_roles || $member_roles))
    GROUP BY e.class_sourced_id, e.user_sourced_id, c.school
)
SELECT 'class_membership', class, person, unnest(CASE WHEN NOT owner THEN ['member']
       WHEN $both THEN ['owner', 'member'] ELSE ['owner'] END), school,
       'enrolled as ' || role, origin_file, origin_row
FROM enrolled
"""


def want_classes(con: DuckDBPyConnection, classes: Classes) -> None:
    """Makes `owned_classes` and `desired_classes`; adds class memberships to `desired_members`."""
    con.execute(
        """CREATE OR REPLACE TABLE owned_classes AS
        SELECT * FROM existing_classes WHERE external_source = 'sis' AND external_id IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY external_id ORDER BY id) = 1"""
    )
    columns = {
        "title": "c.title",
        "code": "c.code",
        "sourced_id": "c.sourced_id",
        "school": "o.name",
        "course": "k.title",
        "session": "t.title",
    }
    con.execute(
        _WANTED.format(
            display_name=template_sql(classes.display_name, columns),
            mail_nickname=template_sql(classes.mail_nickname, columns),
        )
    )
    if not classes.enabled:
        con.execute("DELETE FROM wanted_classes")
    con.execute(_NAMED)
    con.execute(
        _MEMBERS,
        {
            "owner_roles": list(classes.owner_roles),
            "member_roles": list(classes.member_roles),
            "both": classes.teachers_as_members,
        },
    )
