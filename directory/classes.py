"""Desired class groups: one for each class that is active today, with owners and members.

Someone who has both an owner role and a member role in a class is its owner. Owners are not also
members unless the policy says so: other tools take members for students.

A class is an education class, or a plain Microsoft 365 group that is known by its `uniqueName`,
made from the class's id (https://learn.microsoft.com/graph/api/group-upsert). The policy says what
a new class becomes; one that exists stays what it is, so that no class ever has two groups. The
id cannot be read off a plain group, so it is found again among the ids that the roster names, those
of faulty rows included; a group of no such id is known by its unique name.

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

PREFIX = "rollcall-class-"

_OWNED = f"""
CREATE OR REPLACE TABLE owned_classes AS
WITH named AS (
    SELECT '{PREFIX}' || long_key(id) AS unique_name, min(id) AS external_id
    FROM (SELECT sourced_id AS id FROM classes UNION SELECT class_sourced_id FROM enrollments
          UNION SELECT key FROM uncertain WHERE kind IN ('class', 'enrollment'))
    WHERE id IS NOT NULL GROUP BY 1
), marked AS (
    SELECT id, external_id, display_name, mail_nickname, class_code,
           NULL::VARCHAR AS unique_name FROM existing_classes
    WHERE external_source = 'sis' AND external_id IS NOT NULL
    UNION ALL
    SELECT g.id, coalesce(n.external_id, g.unique_name), g.display_name, g.mail_nickname, NULL,
           g.unique_name
    FROM existing_groups g LEFT JOIN named n USING (unique_name)
    WHERE starts_with(g.unique_name, '{PREFIX}')
)
SELECT * FROM marked
QUALIFY row_number() OVER (PARTITION BY external_id ORDER BY unique_name NULLS FIRST, id) = 1
"""

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
       CASE WHEN e.id IS NOT NULL THEN e.unique_name
            WHEN $kind = 'group' THEN $prefix || long_key(w.external_id) END AS unique_name,
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


def find_owned_classes(con: DuckDBPyConnection) -> None:
    """Makes `owned_classes`: the groups of classes that carry our mark."""
    con.execute(_OWNED)


def want_classes(con: DuckDBPyConnection, classes: Classes) -> None:
    """Makes `desired_classes`, and adds class memberships to `desired_members`."""
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
    con.execute(_NAMED, {"kind": classes.kind, "prefix": PREFIX})
    con.execute(
        _MEMBERS,
        {
            "owner_roles": list(classes.owner_roles),
            "member_roles": list(classes.member_roles),
            "both": classes.teachers_as_members,
        },
    )
