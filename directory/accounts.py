"""Who gets an account made, and who cannot have one: usernames checked against the tenant.

User principal names take ASCII letters, digits and ' . - _ ! # ^ ~, at most 64 characters before
the @, in a verified domain, unique in the tenant without regard to case
(https://learn.microsoft.com/graph/api/resources/user#properties).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from .policy import People

_LEGAL = r"regexp_full_match(split_part(p.upn, '@', 1), '[A-Za-z0-9''_!#^~-]([A-Za-z0-9''._!#^~-]{0,62}[A-Za-z0-9''_!#^~-])?')"  # noqa: E501

_FAULTS = f"""
CREATE OR REPLACE TABLE username_faults AS
SELECT p.*, CASE
    WHEN p.external_id IN (SELECT external_id FROM kept_usernames) THEN NULL
    WHEN p.upn IS NULL THEN 'person.username.none'
    WHEN NOT {_LEGAL} OR contains(split_part(p.upn, '@', 1), '..') THEN 'person.username.illegal'
    WHEN lower(split_part(p.upn, '@', 2)) NOT IN (SELECT unnest($domains)) THEN 'person.username.domain'
    WHEN count(*) OVER (PARTITION BY lower(p.upn)) > 1 THEN 'person.username.shared'
    WHEN a.id IS NOT NULL AND a.id IS DISTINCT FROM l.object_id THEN 'person.username.taken'
    END AS fault
FROM desired_people p
LEFT JOIN links l USING (external_id)
LEFT JOIN (SELECT lower(upn) AS name, any_value(id) AS id FROM existing_people GROUP BY 1) a
  ON a.name = lower(p.upn)
WHERE p.active_today
"""  # noqa: E501


def place_people(con: DuckDBPyConnection, people: People, domains: Sequence[str]) -> None:
    """Makes `placed_people`: external_id, object_id (NULL = to be created), username_fault.

    Needs desired_people, links, contested and kept_usernames. Whoever is not placed gets no
    membership; the reason is a finding.
    """
    con.execute(_FAULTS, {"domains": [domain.lower() for domain in domains]})
    con.execute(
        """CREATE OR REPLACE TABLE placed_people AS
        SELECT p.external_id, l.object_id, f.fault AS username_fault
        FROM desired_people p
        LEFT JOIN links l USING (external_id)
        LEFT JOIN username_faults f USING (external_id)
        WHERE p.external_id NOT IN (SELECT external_id FROM contested)
          AND (l.object_id IS NOT NULL OR ($create AND p.active_today AND f.fault IS NULL))""",
        {"create": people.mode == "create"},
    )
    _explain(con, people)


def _explain(con: DuckDBPyConnection, people: People) -> None:
    if people.mode == "match":
        report(
            con,
            "person.match.none",
            """SELECT external_id, origin_file, origin_row, username AS value FROM desired_people
            WHERE active_today AND external_id NOT IN (SELECT external_id FROM placed_people)
              AND external_id NOT IN (SELECT external_id FROM contested)""",
        )
        return
    for rule in ("none", "illegal", "domain", "shared", "taken"):
        report(
            con,
            f"person.username.{rule}",
            f"""SELECT external_id, origin_file, origin_row, coalesce(upn, username) AS value
            FROM username_faults
            WHERE fault = 'person.username.{rule}'
              AND external_id NOT IN (SELECT external_id FROM contested)""",
        )
