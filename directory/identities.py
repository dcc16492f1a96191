"""Identities: a match once made holds by object id, whatever becomes of names.

The account's own mark, the roster's id, says so first. Where it could not be written (the account
is privileged, or the write was refused) and where the account lies in the recycle bin, the table
`identities` remembers: external_id, object_id, since, rule. A mark always has the last word, so
whoever wants another account for a person gives that account the person's id.

Someone whose account was deleted gets no second one while the first can still be restored:
https://learn.microsoft.com/entra/fundamentals/users-restore
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

IDENTITIES = "external_id VARCHAR, object_id VARCHAR, since DATE, rule VARCHAR"

_MARKED = """
CREATE OR REPLACE TABLE marked AS
SELECT p.external_id, a.id AS object_id, a.upn,
       count(*) OVER (PARTITION BY p.external_id) AS accounts
FROM desired_people p
JOIN existing_people a ON a.external_id = p.external_id AND a.external_source = 'sis';

CREATE OR REPLACE TABLE links AS
SELECT external_id, object_id, 'kept' AS rule FROM marked WHERE accounts = 1;

CREATE OR REPLACE TABLE contested AS
SELECT external_id, 'person.match.ambiguous' AS rule,
       string_agg(upn, ', ' ORDER BY upn) AS accounts
FROM marked WHERE accounts > 1 GROUP BY external_id;
"""

# An account that carries another person's id has become that person's.
_REMEMBERED = """
CREATE OR REPLACE TABLE remembered AS
SELECT i.external_id, i.object_id, a.id IS NOT NULL AS here, b.upn AS deleted_upn
FROM identities i
LEFT JOIN existing_people a ON a.id = i.object_id
LEFT JOIN deleted_people b ON b.id = i.object_id
WHERE i.object_id NOT IN (SELECT object_id FROM links)
  AND i.external_id NOT IN (SELECT external_id FROM links)
  AND i.external_id NOT IN (SELECT external_id FROM contested)
  AND NOT coalesce(a.external_source = 'sis' AND a.external_id <> i.external_id, false)
  AND (a.id IS NOT NULL OR b.id IS NOT NULL);

INSERT INTO links
SELECT r.external_id, r.object_id, 'remembered' FROM remembered r
SEMI JOIN desired_people p USING (external_id) WHERE r.here;

INSERT INTO contested
SELECT r.external_id, 'person.account.deleted', r.deleted_upn FROM remembered r
SEMI JOIN desired_people p USING (external_id) WHERE NOT r.here;
"""


def keep_matches(con: DuckDBPyConnection) -> None:
    """Makes `links` and `contested` of the matches that stand already; needs `identities`.

    `contested` (external_id, rule, accounts): who is left alone altogether, and the finding that
    says why.
    """
    con.execute(_MARKED)
    con.execute(_REMEMBERED)


def report_contested(con: DuckDBPyConnection) -> None:
    """Adds the findings of everyone who is left alone."""
    rules = con.execute("SELECT DISTINCT rule FROM contested ORDER BY rule").fetchall()
    for (rule,) in rules:
        report(
            con,
            rule,
            f"""SELECT p.external_id, p.origin_file, p.origin_row, c.accounts AS value
            FROM contested c JOIN desired_people p USING (external_id) WHERE c.rule = '{rule}'""",
        )
