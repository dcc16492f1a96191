"""Opting out: members of one group, groups inside it included, are never written to.

A group that cannot be found stops the plan, because otherwise everyone in it would be written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from roster.errors import Refused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NAMED = """
SELECT id FROM (
    SELECT id, CASE WHEN lower(id) = lower($name) THEN 1 WHEN unique_name = $name THEN 2
                    WHEN lower(display_name) = lower($name) THEN 3 END AS rank
    FROM existing_groups
) WHERE rank IS NOT NULL QUALIFY rank = min(rank) OVER () ORDER BY id
"""

_INSIDE = """
INSERT INTO opted_out
WITH RECURSIVE inside AS (
    SELECT $group AS id
    UNION
    SELECT m.member_id FROM existing_members m JOIN inside i ON i.id = m.container_id
    WHERE m.relation = 'member'
)
SELECT id FROM existing_people SEMI JOIN inside USING (id)
"""


def leave_opted_out(con: DuckDBPyConnection, group: str | None) -> None:
    """Makes `opted_out` (object_id), and adds the people with such an account to `contested`.

    Raises Refused if the tenant has people, and not exactly one group of this name.
    """
    con.execute("CREATE OR REPLACE TABLE opted_out (object_id VARCHAR)")
    if group is None:
        return
    found = con.execute(_NAMED, {"name": group}).fetchall()
    [(people,)] = con.execute("SELECT count(*) FROM existing_people").fetchall()
    if len(found) != 1 and people:
        raise Refused(
            f"people.opt_out_group: {len(found) or 'no'} groups are called {group!r}, and without "
            "it people would be written to who must not be; give the object id of one group"
        )
    for (object_id,) in found:
        con.execute(_INSIDE, {"group": object_id})
    con.execute(
        """INSERT INTO contested
        SELECT l.external_id, 'person.opted.out', a.upn
        FROM links l JOIN opted_out USING (object_id) JOIN existing_people a ON a.id = l.object_id
        WHERE l.external_id NOT IN (SELECT external_id FROM contested)"""
    )
