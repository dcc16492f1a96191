"""Adoption: what School Data Sync made for the people, classes and schools of this roster.

SDS leaves extension attributes on what it makes. Its anchor id says what an object stands for:

    accounts              Student_<id>, Teacher_<id> (v1), User_<id> (v2.1)
    class groups          Section_<id>; ExpMMyy_Section_<id> once the class is over
    administrative units  School_<id>

and `SyncSource_StudentId` and its siblings hold the bare id. A mail nickname `Section_<id>` counts
only on a group that is a Section, and where nothing says more. A class that is over is nobody's
twin (https://learn.microsoft.com/schooldatasync/group-cleanup).

With `adopt.enabled` twins are taken over: they get Rollcall's mark and are kept from then on.
Without it they are left alone and nothing is made beside them, because a second class for the same
pupils helps nobody. Two twins, or a twin of two, are a finding and never a choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .policy import Policy

_START = """
CREATE OR REPLACE TABLE twins (kind VARCHAR, external_id VARCHAR, name VARCHAR, object_id VARCHAR,
    object_name VARCHAR, evidence VARCHAR, writes VARCHAR, fault VARCHAR)
"""

_PEOPLE = """
WITH wanted AS (
    SELECT external_id, display_name, primary_role FROM desired_people
    WHERE external_id NOT IN (SELECT external_id FROM links)
      AND external_id NOT IN (SELECT external_id FROM contested)
), found AS (
    SELECT id, upn, unnest([
        {'role': CASE WHEN starts_with(sds_anchor, 'Student_') THEN 'student'
                      WHEN starts_with(sds_anchor, 'Teacher_') THEN 'teacher' END,
         'key': regexp_extract(sds_anchor, '^(Student|Teacher|User)_(.+)$', 2),
         'evidence': 'anchor ' || sds_anchor},
        {'role': 'student', 'key': sds_student, 'evidence': 'student id ' || sds_student},
        {'role': 'teacher', 'key': sds_teacher, 'evidence': 'teacher id ' || sds_teacher},
        {'role': NULL, 'key': external_id, 'evidence': 'external id ' || external_id}
    ], recursive := true)
    FROM existing_people
    WHERE external_source IS DISTINCT FROM 'sis' AND id NOT IN (SELECT object_id FROM links)
)
SELECT 'person' AS kind, w.external_id, w.display_name AS name, f.id AS object_id,
       f.upn AS object_name, f.evidence, true AS strong, true AS markable
FROM wanted w JOIN found f ON f.key = w.external_id AND coalesce(f.role = w.primary_role, true)
"""

_CLASSES = """
WITH wanted AS (
    SELECT sourced_id, title FROM active_classes
    WHERE sourced_id NOT IN (SELECT external_id FROM owned_classes)
), found AS (
    SELECT g.id, g.display_name, c.id IS NOT NULL AS markable, unnest([
        {'strong': true, 'key': regexp_extract(g.sds_anchor, '^Section_(.+)$', 1),
         'evidence': 'anchor ' || g.sds_anchor},
        {'strong': true, 'key': g.sds_section, 'evidence': 'section id ' || g.sds_section},
        {'strong': true, 'key': c.external_id, 'evidence': 'external id ' || c.external_id},
        {'strong': false, 'evidence': 'mail nickname ' || g.mail_nickname,
         'key': CASE WHEN g.sds_type = 'Section'
                     THEN regexp_extract(g.mail_nickname, '^Section_(.+)$', 1) END}
    ], recursive := true)
    FROM existing_groups g LEFT JOIN existing_classes c USING (id)
    WHERE c.external_source IS DISTINCT FROM 'sis'
      AND coalesce(g.sds_status, '') NOT IN ('Expired', 'Retired')
      AND NOT regexp_matches(concat_ws(' ', g.sds_anchor, g.mail_nickname), '(^| )Exp[0-9]{4}_')
)
SELECT 'class', w.sourced_id, w.title, f.id, f.display_name, f.evidence, f.strong, f.markable
FROM wanted w JOIN found f ON f.key = w.sourced_id
"""

_SCHOOLS = """
WITH wanted AS (
    SELECT sourced_id, name FROM orgs WHERE active AND type IN (SELECT unnest($types))
      AND sourced_id NOT IN (SELECT external_id FROM existing_schools
                             WHERE external_source = 'sis' AND external_id IS NOT NULL)
), found AS (
    SELECT coalesce(s.id, u.id) AS id, u.display_name, s.id IS NOT NULL AS markable, unnest([
        {'key': regexp_extract(u.sds_anchor, '^School_(.+)$', 1),
         'evidence': 'anchor ' || u.sds_anchor},
        {'key': CASE WHEN u.sds_type = 'School' THEN u.sds_school END,
         'evidence': 'school id ' || u.sds_school},
        {'key': s.external_id, 'evidence': 'external id ' || s.external_id}
    ], recursive := true)
    FROM existing_units u LEFT JOIN existing_schools s ON s.unit_id = u.id
    WHERE s.external_source IS DISTINCT FROM 'sis'
)
SELECT 'school', w.sourced_id, w.name, f.id, f.display_name, f.evidence, true, f.markable
FROM wanted w JOIN found f ON f.key = w.sourced_id
"""

# The mark of an account goes with the role it is kept under, so both are told.
_INSERT = """
INSERT INTO twins
SELECT kind, external_id, any_value(name), object_id, any_value(object_name),
       string_agg(DISTINCT evidence, ', ' ORDER BY evidence),
       'externalId ' || external_id || ', externalSource sis, externalSourceDetail Rollcall',
       CASE WHEN count(DISTINCT object_id) OVER (PARTITION BY kind, external_id) > 1
            THEN 'several objects stand for it'
            WHEN count(DISTINCT external_id) OVER (PARTITION BY kind, object_id) > 1
            THEN 'the object stands for several'
            WHEN NOT bool_and(markable) THEN 'not an education object, so it cannot be marked' END
FROM (
    FROM ({twins}) AS t(kind, external_id, name, object_id, object_name, evidence, strong, markable)
    QUALIFY strong = bool_or(strong) OVER (PARTITION BY kind, external_id)
) GROUP BY kind, external_id, object_id
"""

# In planning's copy of the directory the twin is ours already; `adopt` changes make it true.
_TAKE_OVER = """
UPDATE existing_classes SET external_id = t.external_id, external_source = 'sis'
FROM twins t WHERE t.kind = 'class' AND t.object_id = existing_classes.id AND t.fault IS NULL;
UPDATE existing_schools SET external_id = t.external_id, external_source = 'sis'
FROM twins t WHERE t.kind = 'school' AND t.object_id = existing_schools.id AND t.fault IS NULL;
"""

_HOLD_BACK = """
CREATE OR REPLACE TABLE held_back AS
SELECT kind, external_id, string_agg(object_name || ' (' || evidence || ')', '; '
                                     ORDER BY object_name, evidence) AS found,
       bool_or(fault IS NOT NULL) AS unclear
FROM twins WHERE fault IS NOT NULL OR NOT $adopt GROUP BY kind, external_id
"""

_LEAVE_OUT = """
DELETE FROM desired_classes
WHERE external_id IN (SELECT external_id FROM held_back WHERE kind = 'class');
DELETE FROM desired_schools
WHERE external_id IN (SELECT external_id FROM held_back WHERE kind = 'school');
DELETE FROM desired_members
WHERE (split_part(kind, '_', 1), target) IN (SELECT (kind, external_id) FROM held_back);
"""


def find_twin_people(con: DuckDBPyConnection, policy: Policy) -> None:
    """Makes `twins` of accounts, and links them to their people with `adopt.enabled`.

    Comes after the matches that stand already, and before the match rules.
    """
    con.execute(_START)
    con.execute(_INSERT.format(twins=_PEOPLE))
    if policy.adopt.enabled:
        con.execute(
            """INSERT INTO links SELECT external_id, object_id, evidence FROM twins
            WHERE kind = 'person' AND fault IS NULL"""
        )
        con.execute(
            """INSERT INTO contested
            SELECT external_id, 'person.sds.unclear',
                   string_agg(object_name, ', ' ORDER BY object_name)
            FROM twins WHERE kind = 'person' AND fault IS NOT NULL GROUP BY external_id"""
        )


def leave_twin_people(con: DuckDBPyConnection) -> None:
    """Adds to `contested` who has a twin, and no account after all match rules."""
    con.execute(
        """INSERT INTO contested
        SELECT external_id, 'person.sds.twin',
               string_agg(object_name || ' (' || evidence || ')', ', ' ORDER BY object_name)
        FROM twins
        WHERE kind = 'person' AND external_id NOT IN (SELECT external_id FROM links)
          AND external_id NOT IN (SELECT external_id FROM contested)
        GROUP BY external_id"""
    )


def find_twins(con: DuckDBPyConnection, policy: Policy) -> bool:
    """Adds classes and schools to `twins`; with `adopt.enabled` they count as ours in this plan.

    Needs `owned_classes`; whether it has to be made anew.
    """
    if policy.classes.enabled:
        con.execute(_INSERT.format(twins=_CLASSES))
    if policy.schools.enabled:
        types = {"types": list(policy.schools.org_types)}
        con.execute(_INSERT.format(twins=_SCHOOLS), types)
    if policy.adopt.enabled:
        con.execute(_TAKE_OVER)
    return policy.adopt.enabled


def hold_back_twins(con: DuckDBPyConnection, policy: Policy) -> None:
    """Takes out of desired what would be made beside a twin, and reports it."""
    con.execute(_HOLD_BACK, {"adopt": policy.adopt.enabled})
    con.execute(_LEAVE_OUT)
    for kind, table in (("class", "active_classes"), ("school", "orgs")):
        for rule, unclear in (("twin", False), ("unclear", True)):
            report(
                con,
                f"{kind}.sds.{rule}",
                f"""SELECT h.external_id, w.origin_file, w.origin_row, h.found AS value
                FROM held_back h JOIN {table} w ON w.sourced_id = h.external_id
                WHERE h.kind = '{kind}' AND h.unclear = {unclear}""",
            )
