"""Desired people: every active user of the roster with a staff or student role.

Someone who is in the roster but has no role that counts today (a school holiday between two
sessions, say) stays a desired person with `active_today` false: nothing is created or written for
them, and they never become a leaver.

Which role group rules a person with both kinds of role follows the vendor's identity rules: staff,
unless only student roles are marked primary
(https://learn.microsoft.com/schooldatasync/identity-matching).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .naming import quoted, template_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .policy import People

_ROLE_GROUP = """
CREATE OR REPLACE TABLE person_roles AS
WITH every_role AS (
    SELECT r.user_sourced_id AS person, g.role_group, coalesce(r.is_primary, false) AS is_primary,
           r.grade, r.org_sourced_id AS org, false AS today
    FROM roles r JOIN role_groups g ON g.role = r.role WHERE r.active
    UNION ALL
    SELECT user_sourced_id, role_group, is_primary, grade, org_sourced_id, true FROM active_roles
), deciding AS (  -- roles of today decide; where there are none, all of them
    SELECT * FROM every_role
    QUALIFY today = bool_or(today) OVER (PARTITION BY person)
)
SELECT person,
       CASE WHEN bool_or(role_group = 'students') AND (
                     NOT bool_or(role_group = 'staff')
                     OR (bool_or(is_primary AND role_group = 'students')
                         AND NOT bool_or(is_primary AND role_group = 'staff')))
            THEN 'students' ELSE 'staff' END AS role_group,
       arg_min(grade, (NOT is_primary, org, grade)) FILTER (role_group = 'students'
                                                            AND grade IS NOT NULL) AS grade,
       arg_min(org, (NOT is_primary, org)) AS school,
       bool_or(today) AS active_today
FROM deciding GROUP BY person
"""

_PEOPLE = """
CREATE OR REPLACE TABLE desired_people AS
SELECT u.sourced_id AS external_id, p.role_group, p.active_today, p.school,
       CASE p.role_group WHEN 'students' THEN 'student' ELSE 'teacher' END AS primary_role,
       CASE p.role_group WHEN 'students' THEN p.grade END AS grade,
       u.username, u.email, u.active_directory_match_id, {given_name} AS given_name,
       {family_name} AS surname,
       coalesce(nullif(display({display_name}), ''), u.username) AS display_name,
       CASE WHEN contains(u.username, '@') THEN u.username
            ELSE u.username || '@' || CASE p.role_group WHEN 'students' THEN {students}
                                                        ELSE {staff} END END AS upn,
       u.origin_file, u.origin_row
FROM users u JOIN person_roles p ON p.person = u.sourced_id
WHERE u.active
"""

_CONTACTS = """
CREATE OR REPLACE TABLE desired_contacts AS
SELECT student AS external_id,
       to_json(list({'displayName': name, 'emailAddress': email, 'mobilePhone': phone,
                     'relationship': relationship} ORDER BY email, relationship)) AS contacts
FROM (
    SELECT DISTINCT r.user_sourced_id AS student, c.email, coalesce(c.sms, c.phone) AS phone,
           coalesce(r.role, 'other') AS relationship,
           coalesce(nullif(display(coalesce(c.given_name, '') || ' '
                                   || coalesce(c.family_name, '')), ''), c.email) AS name
    FROM relationships r
    JOIN users c ON c.sourced_id = r.relationship_user_sourced_id AND c.active
    JOIN desired_people p ON p.external_id = r.user_sourced_id AND p.role_group = 'students'
    WHERE c.email IS NOT NULL
) GROUP BY student
"""


def want_people(con: DuckDBPyConnection, people: People, default_domain: str) -> None:
    """Makes the tables desired_people and desired_contacts (empty unless guardians are wanted)."""
    names = {"given_name": "u.given_name", "family_name": "u.family_name"}
    if people.use_preferred_names:
        names = {name: f"coalesce(u.preferred_{name}, {legal})" for name, legal in names.items()}
    columns = {
        **names,
        "middle_name": "u.middle_name",
        "username": "u.username",
        "sourced_id": "u.sourced_id",
    }
    con.execute(_ROLE_GROUP)
    con.execute(
        _PEOPLE.format(
            **names,
            display_name=template_sql(people.display_name, columns),
            students=quoted(people.domains.students or default_domain),
            staff=quoted(people.domains.staff or default_domain),
        )
    )
    con.execute(_CONTACTS)
    if not people.guardians:
        con.execute("DELETE FROM desired_contacts")
