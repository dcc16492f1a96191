"""Desired administrative units: one for each active school, of the people with a role there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .naming import template_sql
from .rules import rule_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .policy import Schools


def want_schools(con: DuckDBPyConnection, schools: Schools, attribute: str | None) -> None:
    """Makes `desired_schools` and adds school memberships to `desired_members`.

    With an `attribute`, units get a rule that reads it, and memberships go to `ruled_members`.
    """
    rule = rule_sql(attribute, "';' || name_key(o.sourced_id) || '/'")
    columns = {"name": "o.name", "identifier": "o.identifier", "sourced_id": "o.sourced_id"}
    con.execute(
        f"""CREATE OR REPLACE TABLE desired_schools AS
        SELECT o.sourced_id AS external_id, o.name, o.origin_file, o.origin_row,
               display({template_sql(schools.display_name, columns)}) AS display_name,
               {rule} AS membership_rule
        FROM orgs o WHERE o.active AND o.type IN (SELECT unnest($types))""",
        {"types": list(schools.org_types)},
    )
    if not schools.enabled:
        return
    con.execute(
        f"""INSERT INTO {"ruled_members" if attribute else "desired_members"}
        SELECT 'school_membership', r.org_sourced_id, r.user_sourced_id, 'member',
               r.org_sourced_id, 'role ' || min(r.role) || ' at the school',
               first(r.origin_file ORDER BY r.origin_row), min(r.origin_row)
        FROM active_roles r
        SEMI JOIN desired_schools s ON s.external_id = r.org_sourced_id
        SEMI JOIN placed_people p ON p.external_id = r.user_sourced_id
        GROUP BY r.org_sourced_id, r.user_sourced_id"""
    )
