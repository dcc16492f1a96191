"""Identity matching: which account belongs to which person.

1. An account that already carries the person's id keeps belonging to that person, whatever their
   name has become; so does one that was matched in an earlier run (`identities.py`).
2. The rest go through the match rules of their role group in order. Each rule compares first
   without regard to case, then normalised: accents and other marks, punctuation and white space
   of the part before the @ do not count, ß is ss and ø is o, a number loses its leading zeros.
   The first rule that finds exactly one account which no other person claims decides.
3. Two candidates are a finding and never a choice; that person is then left alone altogether.

Guests are never candidates, and neither are accounts that carry another person's id or were matched
to another person. A disabled account is a candidate like any other.

Staff and students go through their rules side by side, so that a member of staff and a pupil who
want one account are two claims on it, whatever the order of the groups.
Vendor page: https://learn.microsoft.com/schooldatasync/identity-matching
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from .naming import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from .match_rules import Matching, MatchRule

_TARGETS = {
    "userPrincipalName": "upn",
    "mail": "mail",
    "proxyAddresses": "unnest(list_transform(list_filter(proxy_addresses, "
    "lambda a: starts_with(lower(a), 'smtp:')), lambda a: substr(a, 6)))",
    "onPremisesSamAccountName": "sam_account_name",
    "onPremisesImmutableId": "immutable_id",
    "employeeId": "employee_id",
} | {
    f"extensionAttribute{n}": f"extension_attributes->>'extensionAttribute{n}'"
    for n in range(1, 16)
}
# The immutable id is base64: letter case is part of it.
_COMPARISONS = {"onPremisesImmutableId": ("{}",)}
_USUAL_COMPARISONS = ("lower({})", "match_key({})")

_MACROS = r"""
CREATE OR REPLACE MACRO plain_letters(text) AS
    replace(replace(replace(replace(translate(lower(strip_accents(text)), 'øđðłıħŧ', 'oddliht'),
                                    'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
CREATE OR REPLACE MACRO letters_only(text) AS
    regexp_replace(plain_letters(text), '[^\pL\pN]+', '', 'g');
CREATE OR REPLACE MACRO match_key(text) AS
    nullif(regexp_replace(letters_only(split_part(text, '@', 1)), '^0+([0-9]+)$', '\1'), '')
    || CASE WHEN contains(text, '@') THEN '@' || lower(split_part(text, '@', 2)) ELSE '' END;
"""

_ACCOUNTS = """
CREATE OR REPLACE TABLE match_accounts AS
SELECT id, upn, mail, mail_nickname, given_name, surname, sam_account_name, immutable_id,
       employee_id, extension_attributes, proxy_addresses,
       upn || CASE WHEN account_enabled THEN '' ELSE ' (disabled)' END AS name,
       coalesce(CASE WHEN external_source IN ('sis', 'sds') THEN e.external_id END,
                r.external_id) AS carried
FROM existing_people e LEFT JOIN remembered r ON r.object_id = e.id
WHERE user_type IS DISTINCT FROM 'Guest' AND NOT contains(upper(upn), '#EXT#')
  AND id NOT IN (SELECT object_id FROM links)
"""

_UNMATCHED = """
CREATE OR REPLACE TABLE unmatched AS
SELECT d.external_id, d.role_group, u.username, u.email, u.active_directory_match_id,
       u.sam_account_name, u.employee_id, u.sourced_id, u.identifier, u.master_identifier
FROM desired_people d JOIN users u ON u.sourced_id = d.external_id
WHERE d.active_today
  AND d.external_id NOT IN (SELECT external_id FROM links)
  AND d.external_id NOT IN (SELECT external_id FROM contested)
"""

_CLAIMS = """
SELECT DISTINCT p.external_id, a.id AS object_id, a.name, {rule} AS rule
FROM (SELECT external_id, {wanted} AS wanted FROM unmatched
      WHERE role_group = {group} AND {source} IS NOT NULL) p
JOIN (SELECT id, name, carried, {target} AS found FROM match_accounts) a
  ON {compared} = p.wanted AND coalesce(a.carried = p.external_id, true)
"""

_CANDIDATES = """
CREATE OR REPLACE TABLE candidates AS
SELECT *, count(*) OVER (PARTITION BY external_id) AS accounts,
       count(*) OVER (PARTITION BY object_id) AS claims
FROM ({claims})
"""

_DECIDE = """
INSERT INTO links SELECT external_id, object_id, rule
FROM candidates WHERE accounts = 1 AND claims = 1;

INSERT INTO contested
SELECT external_id, 'person.match.ambiguous',
       string_agg(name || CASE WHEN claims > 1 THEN ' (fits ' || claims || ' people)' ELSE '' END,
                  ', ' ORDER BY name)
FROM candidates GROUP BY external_id HAVING bool_or(accounts > 1 OR claims > 1);

DELETE FROM unmatched WHERE external_id IN (SELECT external_id FROM candidates);
DELETE FROM match_accounts WHERE id IN (SELECT object_id FROM candidates);
"""


def match_people(con: DuckDBPyConnection, matching: Matching, default_domain: str) -> None:
    """Adds to `links` (external_id, object_id, rule) and `contested` (external_id, rule, accounts).

    Leaves who is still without an account in `unmatched`, and the accounts that are nobody's in
    `match_accounts`.
    """
    con.execute(_MACROS)
    con.execute(_ACCOUNTS)
    con.execute(_UNMATCHED)
    staff = _claims("staff", matching.staff, default_domain)
    students = _claims("students", matching.students, default_domain)
    for claims in zip_longest(staff, students):
        [(left,)] = con.execute("SELECT count(*) FROM unmatched").fetchall()
        if not left:
            return
        con.execute(_CANDIDATES.format(claims=" UNION ALL ".join(filter(None, claims))))
        con.execute(_DECIDE)


def _claims(group: str, rules: tuple[MatchRule, ...], default_domain: str) -> Iterator[str]:
    """The queries of a role group's rules, in the order in which they are tried."""
    for rule in rules:
        for comparison in _COMPARISONS.get(rule.target, _USUAL_COMPARISONS):
            for domain in rule.domains(default_domain):
                value = rule.source
                if domain:
                    at_domain = quoted("@" + domain)
                    value = (
                        f"CASE WHEN contains({value}, '@') THEN {value} "
                        f"ELSE {value} || {at_domain} END"
                    )
                yield _CLAIMS.format(
                    rule=quoted(f"{rule.source} = {rule.target}"),
                    group=quoted(group),
                    source=rule.source,
                    wanted=comparison.format(value),
                    target=_TARGETS[rule.target],
                    compared=comparison.format("a.found"),
                )
