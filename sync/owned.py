"""What Rollcall owns in the directory, and whom it knows there.

known_people     accounts that carry a roster id of ours, or were matched in this or an earlier
                 run
owned_*          schools and classes marked externalSource 'sis', groups of our families
managed_members  existing memberships of known people in owned containers without a rule
doubtful_people  those of whom the roster's rows, or the match, leave too much open
synced_groups    desired groups whose name a group from on-premises AD has: they are not ours
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SYNCED_GROUPS = """
CREATE OR REPLACE TABLE synced_groups AS
SELECT d.* FROM desired_groups d
SEMI JOIN (SELECT unique_name FROM existing_groups WHERE on_premises_sync) g USING (unique_name);

DELETE FROM desired_groups WHERE unique_name IN (SELECT unique_name FROM synced_groups);
DELETE FROM desired_members
WHERE kind = 'group_membership' AND target IN (SELECT unique_name FROM synced_groups);
"""

_OWNED = """
CREATE OR REPLACE TABLE known_people AS
SELECT id AS object_id, external_id FROM existing_people
WHERE external_source = 'sis' AND external_id IS NOT NULL
UNION
SELECT object_id, external_id FROM links
UNION
SELECT object_id, external_id FROM remembered
WHERE here AND object_id NOT IN (SELECT object_id FROM links);

CREATE OR REPLACE TABLE owned_schools AS
SELECT * FROM existing_schools WHERE external_source = 'sis' AND external_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY external_id ORDER BY id) = 1;

CREATE OR REPLACE TABLE owned_groups AS
SELECT g.* EXCLUDE (membership_rule),
       CASE WHEN list_contains(g.group_types, 'DynamicMembership') THEN g.membership_rule
       END AS membership_rule  -- an assigned group may still carry its old rule
FROM existing_groups g
JOIN group_families f ON starts_with(g.unique_name, f.prefix)
WHERE NOT coalesce(g.on_premises_sync, false);

CREATE OR REPLACE TABLE managed_members AS
WITH containers AS (
    SELECT 'school_membership' AS kind, 'school' AS container_kind, o.unit_id AS id,
           external_id AS target, external_id AS school
    FROM owned_schools o LEFT JOIN desired_schools d USING (external_id)
    WHERE coalesce(o.membership_rule, d.membership_rule) IS NULL
    UNION ALL
    SELECT 'class_membership', CASE WHEN o.unique_name IS NULL THEN 'class' ELSE 'group' END,
           o.id, o.external_id, c.org_sourced_id
    FROM owned_classes o LEFT JOIN classes c ON c.sourced_id = o.external_id
    UNION ALL
    SELECT 'group_membership', 'group', o.id, o.unique_name, d.school
    FROM owned_groups o LEFT JOIN desired_groups d USING (unique_name)
    WHERE coalesce(o.membership_rule, d.membership_rule) IS NULL
)
SELECT c.kind, c.target, c.id AS container_id, c.school, k.external_id AS person, m.member_id,
       m.relation
FROM existing_members m
JOIN containers c ON c.container_kind = m.container_kind AND c.id = m.container_id
JOIN known_people k ON k.object_id = m.member_id;

CREATE OR REPLACE TABLE last_schools AS
SELECT external_id, min(school) AS school FROM (
    SELECT person AS external_id, target AS school FROM managed_members
    WHERE kind = 'school_membership'
    UNION ALL SELECT external_id, school FROM rule_values WHERE old IS NOT NULL
) GROUP BY external_id;

-- Of a class or group that left the roster with its school, the people still tell the school.
UPDATE managed_members SET school = s.school FROM last_schools s
WHERE managed_members.school IS NULL AND s.external_id = managed_members.person;

CREATE OR REPLACE TABLE doubtful_people AS
SELECT key AS person FROM uncertain WHERE kind IN ('user', 'role')
UNION SELECT external_id FROM contested
UNION SELECT k.external_id FROM known_people k JOIN opted_out USING (object_id);
"""


def find_owned(con: DuckDBPyConnection) -> None:
    """Makes these tables from desired and existing; desired loses what AD has taken."""
    con.execute(_SYNCED_GROUPS)
    con.execute(_OWNED)
