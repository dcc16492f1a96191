"""The difference between desired and existing, as the table `changes`.

What is removed is only ever a person that Rollcall knows from a container that Rollcall owns
(`owned.py`), and it is not removed when the roster only seems to say so: rows that were dropped or
blanked (`uncertain`), people whose match is contested, and the last owner of a class all stay. A
value that the roster leaves empty never overwrites one that the directory has.

Accounts mastered by on-premises AD get what the cloud masters and nothing else (`hybrid.py`); all
accounts get no more than that in mode `match`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from directory.findings import report

from .hybrid import CLOUD_MASTERED, report_on_premises
from .inbound import want_records
from .owned import find_owned
from .team_changes import find_team_changes

if TYPE_CHECKING:
    from datetime import date

    from duckdb import DuckDBPyConnection

    from directory.policy import Policy

_CHANGES = """
CREATE OR REPLACE TABLE changes (
    phase UTINYINT, kind VARCHAR, key VARCHAR, action VARCHAR, school VARCHAR,
    before VARCHAR, after VARCHAR, reason VARCHAR, origin_file UTINYINT, origin_row UINTEGER,
    target VARCHAR, person VARCHAR, relation VARCHAR, object_id VARCHAR, member_id VARCHAR,
    why_held VARCHAR DEFAULT '', via VARCHAR DEFAULT '')
"""

_INSERT = """INSERT INTO changes (phase, kind, key, action, school, before, after, reason,
    origin_file, origin_row, target, person, relation, object_id, member_id) """

_SCHOOLS = """
SELECT 1, 'school', d.external_id, 'create', d.external_id, NULL,
       json_merge_patch('{}', to_json({
           'external_id': d.external_id, 'display_name': d.display_name,
           'membership_rule': d.membership_rule})),
       'a school of the roster', d.origin_file, d.origin_row, d.external_id, NULL, NULL, NULL, NULL
FROM desired_schools d ANTI JOIN owned_schools o USING (external_id)
UNION ALL
SELECT 1, 'school', d.external_id, 'update', d.external_id, v.before, v.after,
       'the roster or the policy differs', d.origin_file, d.origin_row, d.external_id, NULL, NULL,
       v.id, NULL
FROM desired_schools d JOIN (
    SELECT external_id, id, json_group_object(field, old) AS before,
           json_group_object(field, new) AS after
    FROM (
        SELECT d.external_id, o.id, unnest([
            {'field': 'display_name', 'old': o.display_name, 'new': d.display_name},
            {'field': 'membership_rule', 'old': o.membership_rule, 'new': d.membership_rule}
        ], recursive := true)
        FROM desired_schools d JOIN owned_schools o USING (external_id)
    )
    WHERE old IS DISTINCT FROM new GROUP BY external_id, id
) v USING (external_id)
"""

_PEOPLE_CREATE = """
SELECT 1, 'person', d.external_id, 'create', d.school, NULL,
       json_merge_patch('{}', to_json({
           'external_id': d.external_id, 'upn': d.upn,
           'mail_nickname': split_part(d.upn, '@', 1), 'display_name': d.display_name,
           'given_name': d.given_name, 'surname': d.surname, 'primary_role': d.primary_role,
           'grade': d.grade, 'usage_location': $usage_location, 'account_enabled': true,
           'related_contacts': c.contacts}),
           CASE WHEN v.new IS NULL THEN '{}' ELSE json_object($attribute::VARCHAR, v.new) END),
       'in the roster, without an account', d.origin_file, d.origin_row,
       d.external_id, d.external_id, NULL, NULL, NULL
FROM desired_people d
JOIN placed_people p ON p.external_id = d.external_id AND p.object_id IS NULL
LEFT JOIN desired_contacts c ON c.external_id = d.external_id
LEFT JOIN rule_values v ON v.external_id = d.external_id
"""

# Of a person's kind of entity, so that it travels with what else changes of the account, unless a
# guard holds it.
_PEOPLE_RULES = """
SELECT 1, 'person_rule', external_id, CASE WHEN loses THEN 'remove' ELSE 'add' END, school,
       json_object($attribute::VARCHAR, old), json_object($attribute::VARCHAR, new),
       CASE WHEN wanted IS NULL THEN 'no role that counts today'
            WHEN fault IS NOT NULL THEN 'the value would be too long'
            WHEN loses THEN 'other roles than before' ELSE 'membership rules read it' END,
       origin_file, origin_row, external_id, external_id, NULL, object_id, NULL
FROM rule_values WHERE object_id IS NOT NULL AND old IS DISTINCT FROM new
  AND NOT (loses AND external_id IN (SELECT person FROM doubtful_people))
"""

# The list of contacts is written as a whole, so one that is missing by mistake would be removed.
_DOUBTFUL_CONTACTS = """
CREATE OR REPLACE TEMP TABLE doubtful_contacts AS
SELECT key AS person FROM uncertain WHERE kind = 'relationship'
UNION SELECT r.user_sourced_id FROM relationships r
      JOIN uncertain u ON u.kind = 'user' AND u.key = r.relationship_user_sourced_id
UNION SELECT external_id FROM desired_people
      WHERE EXISTS (SELECT 1 FROM unreadable WHERE tbl IN ('users', 'relationships'))
"""

_DIFFERENCES = """
CREATE OR REPLACE TABLE person_differences AS
WITH linked AS (
    SELECT d.*, l.object_id, l.rule, c.contacts, p.username_fault, a AS account,
           d.external_id IN (SELECT person FROM doubtful_people) AS doubtful,
           d.external_id IN (SELECT person FROM doubtful_contacts) AS contacts_doubtful
    FROM desired_people d
    JOIN links l USING (external_id)
    JOIN existing_people a ON a.id = l.object_id
    JOIN placed_people p USING (external_id)
    LEFT JOIN desired_contacts c USING (external_id)
    WHERE d.active_today
), pairs AS (
    SELECT external_id, object_id, rule, coalesce(account.on_premises_sync, false) AS synced, unnest([
        -- an account that was not ours gets the whole mark, even if the id is there already
        {'field': 'external_id', 'new': to_json(external_id),
         'old': CASE WHEN account.external_source = 'sis' THEN to_json(account.external_id) END},
        -- the id is kept under the role, so that the two are always written together
        {'field': 'primary_role', 'new': to_json(primary_role),
         'old': CASE WHEN account.external_id = external_id AND account.external_source = 'sis'
                     THEN to_json(account.primary_role) END},
        {'field': 'grade', 'old': to_json(account.grade),
         'new': CASE WHEN NOT doubtful THEN to_json(grade) END},
        {'field': 'usage_location', 'old': to_json(account.usage_location),
         'new': to_json($usage_location::VARCHAR)},
        {'field': 'display_name', 'old': to_json(account.display_name),
         'new': CASE WHEN $create THEN to_json(display_name) END},
        {'field': 'given_name', 'old': to_json(account.given_name),
         'new': CASE WHEN $create THEN to_json(given_name) END},
        {'field': 'surname', 'old': to_json(account.surname),
         'new': CASE WHEN $create THEN to_json(surname) END},
        {'field': 'upn', 'old': to_json(lower(account.upn)),
         'new': CASE WHEN $create AND username_fault IS NULL THEN to_json(lower(upn)) END},
        {'field': 'related_contacts', 'old': account.related_contacts,
         'new': CASE WHEN NOT doubtful AND NOT contacts_doubtful THEN contacts END}
    ], recursive := true)
    FROM linked
)
SELECT external_id, object_id, rule, field, old, new,
       synced AND field NOT IN (SELECT unnest($cloud)) AS on_premises
FROM pairs
WHERE new IS NOT NULL AND new::VARCHAR <> 'null' AND old::VARCHAR IS DISTINCT FROM new::VARCHAR
"""  # noqa: E501

_PEOPLE_UPDATE = """
SELECT 1, 'person', d.external_id, 'update', d.school, v.before, v.after,
       CASE v.rule WHEN 'kept' THEN 'the roster differs' ELSE 'matched by ' || v.rule END,
       d.origin_file, d.origin_row, d.external_id, d.external_id, NULL, v.object_id, NULL
FROM desired_people d
JOIN (SELECT external_id, object_id, rule, json_group_object(field, old) AS before,
             json_group_object(field, new) AS after
      FROM person_differences WHERE NOT on_premises
      GROUP BY external_id, object_id, rule) v USING (external_id)
"""

_PEOPLE_ENABLE = """
SELECT 1, 'person', d.external_id, 'enable', d.school, '{"account_enabled":false}',
       '{"account_enabled":true}', 'back in the roster', d.origin_file, d.origin_row,
       d.external_id, d.external_id, NULL, a.id, NULL
FROM desired_people d
JOIN links l USING (external_id)
JOIN existing_people a ON a.id = l.object_id
JOIN placed_people p ON p.external_id = d.external_id
JOIN leavers v ON v.external_id = d.external_id AND v.disabled
WHERE d.active_today AND NOT a.account_enabled AND NOT coalesce(a.on_premises_sync, false)
"""

_ABSENT = """
CREATE OR REPLACE TABLE absent_people AS
SELECT a.external_id, coalesce(v.since, $today) AS since, coalesce(v.disabled, false) AS disabled
FROM (SELECT DISTINCT external_id FROM known_people) a
LEFT JOIN leavers v USING (external_id)
WHERE a.external_id NOT IN (SELECT sourced_id FROM users WHERE active)
  AND a.external_id NOT IN (SELECT person FROM doubtful_people)
"""

_PEOPLE_DISABLE = """
SELECT 3, 'person', l.external_id, 'disable', s.school, '{"account_enabled":true}',
       '{"account_enabled":false}', 'not in the roster since ' || l.since, NULL, NULL,
       l.external_id, l.external_id, NULL, a.id, NULL
FROM absent_people l
JOIN known_people k USING (external_id)
JOIN existing_people a ON a.id = k.object_id
LEFT JOIN last_schools s USING (external_id)
WHERE a.account_enabled AND NOT coalesce(a.on_premises_sync, false)
  AND l.since + $days::INTEGER <= $today
"""

_CLASSES = """
SELECT 2, 'class', d.external_id, 'create', d.school, NULL,
       json_merge_patch('{}', to_json({
           'unique_name': d.unique_name,
           'external_id': CASE WHEN d.unique_name IS NULL THEN d.external_id END,
           'external_name': CASE WHEN d.unique_name IS NULL THEN d.external_name END,
           'display_name': d.display_name, 'mail_nickname': d.mail_nickname,
           'class_code': CASE WHEN d.unique_name IS NULL THEN d.class_code END})),
       'active today, without a group', d.origin_file, d.origin_row,
       d.external_id, NULL, NULL, NULL, NULL
FROM desired_classes d WHERE d.object_id IS NULL
UNION ALL
SELECT 2, 'class', external_id, 'update', school, before, after, 'the roster differs',
       origin_file, origin_row, external_id, NULL, NULL, object_id, NULL
FROM (
    SELECT d.external_id, d.school, d.object_id, d.origin_file, d.origin_row,
           to_json({'display_name': o.display_name, 'class_code': o.class_code}) AS before,
           json_merge_patch('{}', to_json({
               'display_name': CASE WHEN o.display_name IS DISTINCT FROM d.display_name
                                    THEN d.display_name END,
               'class_code': CASE WHEN o.class_code IS DISTINCT FROM d.class_code
                                       AND d.unique_name IS NULL  -- a plain group has none
                                  THEN d.class_code END})) AS after
    FROM desired_classes d JOIN owned_classes o USING (external_id)
) WHERE after::VARCHAR <> '{}'
"""

_ADOPT = """
SELECT CASE t.kind WHEN 'school' THEN 1 ELSE 2 END, t.kind, t.external_id, 'adopt',
       coalesce(c.school, s.external_id), NULL,
       json_merge_patch('{}', to_json({
           'external_id': t.external_id, 'external_name': c.external_name})),
       'made by School Data Sync: ' || t.evidence,
       coalesce(c.origin_file, s.origin_file), coalesce(c.origin_row, s.origin_row),
       t.external_id, NULL, NULL, t.object_id, NULL
FROM twins t
LEFT JOIN desired_classes c ON t.kind = 'class' AND c.external_id = t.external_id
LEFT JOIN desired_schools s ON t.kind = 'school' AND s.external_id = t.external_id
LEFT JOIN owned_schools o ON o.external_id = s.external_id
WHERE t.object_id = coalesce(c.object_id, o.id)
"""

_GROUPS = """
SELECT 2, 'group', d.unique_name, 'create', d.school, NULL,
       json_merge_patch('{}', to_json({
           'display_name': d.display_name, 'mail_nickname': d.unique_name,
           'membership_rule': d.membership_rule})),
       'the roster has people for it', d.origin_file, d.origin_row,
       d.unique_name, NULL, NULL, NULL, NULL
FROM desired_groups d ANTI JOIN owned_groups o USING (unique_name)
UNION ALL
SELECT 2, 'group', d.unique_name, 'update', d.school, v.before, v.after,
       'the roster or the policy differs', d.origin_file, d.origin_row, d.unique_name, NULL, NULL,
       v.id, NULL
FROM desired_groups d JOIN (
    SELECT unique_name, id, json_group_object(field, old) AS before,
           json_group_object(field, new) AS after
    FROM (
        SELECT d.unique_name, o.id, unnest([
            {'field': 'display_name', 'old': o.display_name, 'new': d.display_name},
            {'field': 'membership_rule', 'old': o.membership_rule, 'new': d.membership_rule}
        ], recursive := true)
        FROM desired_groups d JOIN owned_groups o USING (unique_name)
    )
    WHERE old IS DISTINCT FROM new GROUP BY unique_name, id
) v USING (unique_name)
"""

_ADDITIONS = """
SELECT 2, d.kind, concat_ws('/', d.target, d.relation, d.person), 'add', d.school, NULL, NULL,
       d.reason, d.origin_file, d.origin_row, d.target, d.person, d.relation,
       coalesce(s.id, o.object_id, g.id), p.object_id
FROM desired_members d
ANTI JOIN managed_members m
  ON m.kind = d.kind AND m.target = d.target AND m.person = d.person AND m.relation = d.relation
JOIN placed_people p ON p.external_id = d.person
LEFT JOIN owned_schools s ON d.kind = 'school_membership' AND s.external_id = d.target
LEFT JOIN desired_classes o ON d.kind = 'class_membership' AND o.external_id = d.target
LEFT JOIN owned_groups g ON d.kind = 'group_membership' AND g.unique_name = d.target
-- While its rule is being taken away, a container takes nobody; the next run sees who is missing.
WHERE coalesce(s.membership_rule, g.membership_rule) IS NULL
"""

_REMOVABLE = """
CREATE OR REPLACE TABLE removable AS
SELECT m.*, s.id AS school_id FROM managed_members m
ANTI JOIN desired_members d
  ON d.kind = m.kind AND d.target = m.target AND d.person = m.person AND d.relation = m.relation
LEFT JOIN owned_schools s ON m.kind = 'school_membership' AND s.external_id = m.target
WHERE m.person NOT IN (SELECT person FROM doubtful_people)
  AND NOT (m.kind = 'class_membership' AND (NOT $classes
           OR m.target IN (SELECT key FROM uncertain WHERE kind = 'class')
           OR (m.target, m.person) IN (SELECT (key, key2) FROM uncertain
                                       WHERE kind = 'enrollment')))
  AND NOT (m.kind = 'class_membership'
           AND m.target IN (SELECT external_id FROM class_teams WHERE at_rest)
           AND m.person NOT IN (SELECT external_id FROM absent_people))
  AND NOT (m.kind = 'school_membership' AND (NOT $schools
           OR m.target IN (SELECT key FROM uncertain WHERE kind = 'org')))
  -- what is being taken over carries our mark from the next run on
  AND (split_part(m.kind, '_', 1), m.target) NOT IN (SELECT (kind, external_id) FROM twins)
"""

_TEACHERLESS = """
CREATE OR REPLACE TABLE teacherless AS
SELECT DISTINCT target FROM removable
WHERE kind = 'class_membership' AND relation = 'owner' AND target NOT IN (
    SELECT target FROM desired_members WHERE kind = 'class_membership' AND relation = 'owner')
"""

_REMOVALS = """
SELECT 3, r.kind, concat_ws('/', r.target, r.relation, r.person), 'remove', r.school, NULL, NULL,
       CASE WHEN r.person IN (SELECT external_id FROM absent_people) THEN 'left the roster'
            WHEN r.kind = 'class_membership'
                 AND r.target NOT IN (SELECT external_id FROM desired_classes)
            THEN 'the class is not active any more'
            WHEN r.kind = 'class_membership' THEN 'not enrolled as ' || r.relation || ' any more'
            ELSE 'no role that asks for it any more' END,
       NULL, NULL, r.target, r.person, r.relation, coalesce(r.school_id, r.container_id),
       r.member_id
FROM removable r
WHERE NOT (r.relation = 'owner' AND r.kind = 'class_membership'
           AND r.target IN (SELECT target FROM teacherless))
"""


def find_changes(con: DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Makes the table `changes` from desired and existing.

    Needs `uncertain` and `known_teams` (sync/known_teams.py) too, and `leavers`.

    `leavers` (external_id, since DATE, disabled BOOLEAN) says since when known people are missing
    and whether Rollcall disabled them; the up-to-date list is left in `absent_people`.
    """
    create = policy.people.mode == "create"
    location = {"usage_location": policy.people.usage_location}
    find_owned(con)
    con.execute(_CHANGES)
    con.execute(_ABSENT, {"today": today})
    if policy.schools.enabled:
        con.execute(_INSERT + _SCHOOLS)
    attribute = {"attribute": policy.unit_attribute or policy.group_attribute}
    con.execute(_INSERT + _PEOPLE_CREATE, location | attribute)
    con.execute(_INSERT + _PEOPLE_RULES, attribute)
    con.execute(_DOUBTFUL_CONTACTS)
    con.execute(_DIFFERENCES, location | {"create": create, "cloud": list(CLOUD_MASTERED)})
    con.execute(_INSERT + _PEOPLE_UPDATE)
    days = policy.people.disable_after_days
    if create:
        con.execute(_INSERT + _PEOPLE_ENABLE)
        con.execute(_INSERT + _PEOPLE_DISABLE, {"today": today, "days": days})
    if policy.people.mode == "inbound":
        want_records(con, policy, today)
    con.execute(_INSERT + _ADOPT)
    con.execute(_INSERT + _CLASSES)
    con.execute(_INSERT + _GROUPS)
    con.execute(_INSERT + _ADDITIONS)
    find_team_changes(con, policy.teams)
    con.execute(_REMOVABLE, {"classes": policy.classes.enabled, "schools": policy.schools.enabled})
    con.execute(_TEACHERLESS)
    con.execute(_INSERT + _REMOVALS)
    report(
        con,
        "class.owner.last",
        """SELECT external_id, origin_file, origin_row, NULL AS value FROM desired_classes
        WHERE external_id IN (SELECT target FROM teacherless)""",
    )
    if policy.people.mode != "inbound":
        report_on_premises(con, today - timedelta(days=days) if create else None)
