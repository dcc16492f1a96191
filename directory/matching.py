"""Identity matching: which account belongs to which person.

1. An account that already carries the person's id keeps belonging to that person, whatever their
   name has become.
2. The rest go through the match rules of their role group in order, first compared without regard
   to case, then normalised (accents and white space removed). The first rule that finds exactly one
   account which no other person claims decides.
3. Two candidates are a finding and never a choice; that person is then left alone altogether.

Only accounts that carry no other person's id are candidates.
Vendor page: https://learn.microsoft.com/schooldatasync/identity-matching
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report
from .naming import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .policy import Matching, MatchRule

_TARGETS = {"userPrincipalName": "upn", "mail": "mail"}
_COMPARISONS = ("lower({})", "regexp_replace(lower(strip_accents({})), '\\s+', '', 'g')")

_KEPT = """
CREATE OR REPLACE TABLE links AS
SELECT p.external_id, min(a.id) AS object_id, 'kept' AS rule
FROM desired_people p JOIN existing_people a
  ON a.external_id = p.external_id AND a.external_source = 'sis'
GROUP BY p.external_id HAVING count(*) = 1
"""

_CONTESTED = """
CREATE OR REPLACE TABLE contested AS
SELECT p.external_id, string_agg(a.upn, ', ' ORDER BY a.upn) AS accounts
FROM desired_people p JOIN existing_people a
  ON a.external_id = p.external_id AND a.external_source = 'sis'
GROUP BY p.external_id HAVING count(*) > 1
"""

_CANDIDATES = """
CREATE OR REPLACE TABLE candidates AS
SELECT p.external_id, a.id AS object_id, a.upn,
       count(*) OVER (PARTITION BY p.external_id) AS accounts,
       count(*) OVER (PARTITION BY a.id) AS claims
FROM (
    SELECT external_id, {wanted} AS wanted FROM desired_people
    WHERE role_group = {group} AND active_today AND {source} IS NOT NULL
      AND external_id NOT IN (SELECT external_id FROM links)
      AND external_id NOT IN (SELECT external_id FROM contested)
) p
JOIN (
    SELECT id, upn, {found} AS found FROM existing_people
    WHERE (external_id IS NULL OR external_source IS DISTINCT FROM 'sis')
      AND id NOT IN (SELECT object_id FROM links)
) a ON a.found = p.wanted
"""


def match_people(con: DuckDBPyConnection, matching: Matching, default_domain: str) -> None:
    """Makes `links` (external_id, object_id, rule) and `contested` (external_id, accounts)."""
    con.execute(_KEPT)
    con.execute(_CONTESTED)
    for group, rules in (("staff", matching.staff), ("students", matching.students)):
        for rule in rules:
            for comparison in _COMPARISONS:
                _try_rule(con, group, rule, comparison, default_domain)
    report(
        con,
        "person.match.ambiguous",
        """SELECT p.external_id, p.origin_file, p.origin_row, c.accounts AS value
        FROM contested c JOIN desired_people p USING (external_id)""",
    )


def _try_rule(
    con: DuckDBPyConnection, group: str, rule: MatchRule, comparison: str, default_domain: str
) -> None:
    domain = rule.domain or (default_domain if rule.target == "userPrincipalName" else None)
    value = rule.source
    if domain:
        at_domain = quoted("@" + domain)
        value = f"CASE WHEN contains({value}, '@') THEN {value} ELSE {value} || {at_domain} END"
    con.execute(
        _CANDIDATES.format(
            group=quoted(group),
            source=rule.source,
            wanted=comparison.format(value),
            found=comparison.format(_TARGETS[rule.target]),
        )
    )
    con.execute(
        """INSERT INTO links SELECT external_id, object_id, ?
        FROM candidates WHERE accounts = 1 AND claims = 1""",
        [f"{rule.source} = {rule.target}"],
    )
    con.execute(
        """INSERT INTO contested SELECT external_id, string_agg(upn, ', ' ORDER BY upn)
        FROM candidates WHERE accounts > 1 OR claims > 1 GROUP BY external_id"""
    )
