"""Desired security groups: by role, by school and role, by grade, by school and grade.

Each group is known by its `uniqueName`, which Graph keeps immutable and unique
(https://learn.microsoft.com/graph/api/group-upsert). The name starts with the family's prefix, so
that a group whose last member left is still recognised, and a family that was switched off is left
alone. A family's groups exist for what the roster holds today.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .naming import template_sql
from .rules import rule_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .policy import Groups

PREFIX = "rollcall-"


@dataclass(frozen=True)
class Family:
    """One family of groups: its unique-name prefix and what its groups are made of.

    `place`: SQL of the part that the rule of a group looks for, see `rules.py`.
    """

    setting: str
    prefix: str
    unique_name: str
    template: str
    graded: bool
    by_school: bool
    place: str


FAMILIES = (
    Family(
        "by_role",
        "rollcall-role-",
        "r.role_group",
        "role_name",
        graded=False,
        by_school=False,
        place="'/' || role_letter(r.role_group)",
    ),
    Family(
        "by_school_role",
        "rollcall-school-role-",
        "r.role_group || '-' || name_key(r.org_sourced_id)",
        "school_role_name",
        graded=False,
        by_school=True,
        place="';' || place(r.org_sourced_id, r.role_group, NULL)",
    ),
    Family(
        "by_grade",
        "rollcall-grade-",
        "name_key(r.grade)",
        "grade_name",
        graded=True,
        by_school=False,
        place="place(NULL, r.role_group, r.grade) || ';'",
    ),
    Family(
        "by_school_grade",
        "rollcall-school-grade-",
        "name_key(r.grade) || '-' || name_key(r.org_sourced_id)",
        "school_grade_name",
        graded=True,
        by_school=True,
        place="';' || place(r.org_sourced_id, r.role_group, r.grade) || ';'",
    ),
)

_ENTITLED = """
CREATE OR REPLACE TABLE entitled AS
SELECT '{prefix}' || {unique_name} AS unique_name, display({name}) AS display_name,
       {rule} AS membership_rule, {school} AS school, r.user_sourced_id AS person, r.role, r.grade,
       r.origin_file, r.origin_row
FROM active_roles r
LEFT JOIN desired_schools s ON s.external_id = r.org_sourced_id
SEMI JOIN placed_people p ON p.external_id = r.user_sourced_id
WHERE {where}
"""

_GROUPS = """
INSERT INTO desired_groups
SELECT unique_name, min(display_name), min(school), first(origin_file), min(origin_row),
       min(membership_rule)
FROM entitled GROUP BY unique_name
"""

_MEMBERS = """
INSERT INTO {table}
SELECT 'group_membership', unique_name, person, 'member', min(school),
       CASE WHEN $graded THEN 'student in grade ' || min(grade) ELSE 'role ' || min(role) END,
       first(origin_file ORDER BY origin_row), min(origin_row)
FROM entitled GROUP BY unique_name, person
"""


def want_groups(con: DuckDBPyConnection, groups: Groups, attribute: str | None) -> None:
    """Makes `desired_groups` and `group_families` (prefixes in use); adds their memberships.

    With an `attribute`, groups get a rule that reads it, and memberships go to `ruled_members`.
    """
    members = _MEMBERS.format(table="ruled_members" if attribute else "desired_members")
    con.execute(
        """CREATE OR REPLACE TABLE desired_groups (unique_name VARCHAR, display_name VARCHAR,
           school VARCHAR, origin_file UTINYINT, origin_row UINTEGER, membership_rule VARCHAR)"""
    )
    con.execute("CREATE OR REPLACE TABLE group_families (prefix VARCHAR)")
    for family in FAMILIES:
        if not getattr(groups, family.setting):
            continue
        con.execute("INSERT INTO group_families VALUES (?)", [family.prefix])
        con.execute(_ENTITLED.format(**_parts(family, groups, attribute)))
        con.execute(_GROUPS)
        con.execute(members, {"graded": family.graded})


def _parts(family: Family, groups: Groups, attribute: str | None) -> dict[str, str]:
    columns = {
        "role": "upper(left(r.role_group, 1)) || substr(r.role_group, 2)",
        "grade": "r.grade" if family.graded else "''",
        "school": "s.name" if family.by_school else "''",
    }
    conditions = ["true"]
    if family.graded:
        conditions.append("r.role_group = 'students' AND r.grade IS NOT NULL")
    if family.by_school:
        conditions.append("s.external_id IS NOT NULL")
    return {
        "prefix": family.prefix,
        "unique_name": family.unique_name,
        "name": template_sql(getattr(groups, family.template), columns),
        "rule": rule_sql(attribute, family.place),
        "school": "r.org_sourced_id" if family.by_school else "NULL::VARCHAR",
        "where": " AND ".join(conditions),
    }
