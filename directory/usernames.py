"""Usernames of people whose account is to be created, from a template, unique in the whole tenant.

Design note. A name is given once. Who has an account keeps its name, whatever the roster says now;
who was given a name and has no account yet (a creation failed, say) keeps it too; and the name of a
leaver goes to nobody else. `given_usernames` remembers that from run to run:

    external_id, upn, since DATE, used BOOLEAN (an account of this person has been seen)

Names count as taken by what stands before the @, in any domain of the tenant: Exchange gives every
mailbox an address `<mail nickname>@<tenant>.onmicrosoft.com` too, so that two people of one name in
two domains would clash there
(https://learn.microsoft.com/exchange/recipients-in-exchange-online/manage-user-mailboxes). User
names, mail addresses, proxy addresses and mail nicknames count, those of deleted accounts as well,
which keep them for the 30 days in which they can be restored
(https://learn.microsoft.com/graph/api/directory-deleteditems-list).

Of those who would get the same name the first by roster id gets it bare, the others with 2, 3, …
Numbers are found for all at once: each name's people are matched with its free numbers in a window
that grows fourfold where it did not suffice, so the rounds are few however many names are taken.

Characters: https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from .naming import quoted, username_parts
from .policy import USERNAME_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from duckdb import DuckDBPyConnection

    from .policy import People

LONGEST = 64
GROWTH = 4
# Of names only letters, digits and hyphens are kept: "St. John" is stjohn, "O'Brien" obrien.
_NAMES = ("given_name", "family_name", "middle_name")

_MEMORY = """
CREATE TABLE IF NOT EXISTS given_usernames
    (external_id VARCHAR, upn VARCHAR, since DATE, used BOOLEAN);
UPDATE given_usernames SET used = true
WHERE NOT used AND external_id IN (SELECT external_id FROM existing_people);
DELETE FROM given_usernames
WHERE NOT used AND external_id NOT IN (SELECT sourced_id FROM users);
"""

_KEPT = """
CREATE OR REPLACE TABLE kept_usernames AS
SELECT external_id, a.upn
FROM desired_people d JOIN links l USING (external_id) JOIN existing_people a ON a.id = l.object_id
WHERE role_group IN (SELECT unnest($groups))
   OR external_id IN (SELECT external_id FROM given_usernames)
"""

_KEEP = """
UPDATE desired_people SET upn = k.upn FROM kept_usernames k
WHERE k.external_id = desired_people.external_id
"""

_REMEMBERED = """
CREATE OR REPLACE TABLE new_usernames AS
SELECT g.external_id, split_part(g.upn, '@', 1) AS name FROM given_usernames g
JOIN desired_people d ON d.external_id = g.external_id AND d.role_group IN (SELECT unnest($groups))
WHERE g.external_id NOT IN (SELECT external_id FROM links)
"""

_NAMELESS = """
CREATE OR REPLACE TABLE nameless AS
SELECT d.external_id, d.role_group, d.given_name, d.surname AS family_name, u.middle_name,
       split_part(u.username, '@', 1) AS username, u.sourced_id, u.identifier, d.grade,
       (SELECT max(s.school_year) FROM academic_sessions s
        SEMI JOIN current_sessions c ON c.sourced_id = s.sourced_id) AS school_year
FROM desired_people d JOIN users u ON u.sourced_id = d.external_id
WHERE d.role_group IN (SELECT unnest($groups)) AND d.active_today
  AND d.external_id NOT IN (SELECT external_id FROM links)
  AND d.external_id NOT IN (SELECT external_id FROM contested)
  AND d.external_id NOT IN (SELECT external_id FROM new_usernames)
"""

_TAKEN = """
CREATE OR REPLACE TABLE taken_names AS
WITH accounts AS (
    SELECT upn, mail, mail_nickname, proxy_addresses FROM existing_people
    UNION ALL SELECT upn, mail, mail_nickname, proxy_addresses FROM deleted_people
), addresses AS (
    SELECT mail AS address FROM accounts
    UNION ALL SELECT mail FROM existing_groups
    UNION ALL SELECT regexp_replace(unnest(proxy_addresses), '^[^:]*:', '') FROM accounts
)
SELECT DISTINCT lower(name) AS name FROM (
    SELECT split_part(address, '@', 1) AS name FROM addresses
    WHERE lower(split_part(address, '@', 2)) IN (SELECT unnest($domains))
    UNION ALL SELECT split_part(upn, '@', 1) FROM accounts
    UNION ALL SELECT mail_nickname FROM accounts
    UNION ALL SELECT mail_nickname FROM existing_groups
    UNION ALL SELECT split_part(upn, '@', 1) FROM given_usernames
    UNION ALL SELECT split_part(upn, '@', 1) FROM desired_people
    WHERE role_group NOT IN (SELECT unnest($groups))
) WHERE name IS NOT NULL
"""

_OPEN = f"""
CREATE OR REPLACE TABLE open_names AS
SELECT external_id, base, 1::BIGINT AS next FROM (
    SELECT external_id, nullif(rtrim(left(trim(
        regexp_replace(name, '[.][.]+', '.', 'g'), '.-_'), {LONGEST}), '.-_'), '') AS base
    FROM ({{unnumbered}})
) WHERE base IS NOT NULL
"""

_CANDIDATES = f"""
CREATE OR REPLACE TABLE found_names AS
WITH wanted AS (
    SELECT base, next, count(*) AS people FROM open_names GROUP BY base, next
), candidates AS (
    SELECT base, number, CASE number WHEN 1 THEN base
           ELSE left(base, {LONGEST} - length(number::VARCHAR)) || number END AS name
    FROM (SELECT base, unnest(range(next, next + people * {{window}})) AS number FROM wanted)
), free AS (
    SELECT base, number, name FROM candidates ANTI JOIN taken_names USING (name)
    QUALIFY row_number() OVER (PARTITION BY name ORDER BY number, base) = 1
), ranked AS (
    SELECT base, name, row_number() OVER (PARTITION BY base ORDER BY number) AS place FROM free
), people AS (
    SELECT external_id, base,
           row_number() OVER (PARTITION BY base ORDER BY external_id) AS place
    FROM open_names
)
SELECT external_id, name FROM people JOIN ranked USING (base, place);
INSERT INTO new_usernames SELECT external_id, name FROM found_names;
INSERT INTO taken_names SELECT name FROM found_names;
UPDATE open_names SET next = next + w.people * {{window}}
FROM (SELECT base, count(*) AS people FROM open_names GROUP BY base) w WHERE w.base = open_names.base;
DELETE FROM open_names WHERE external_id IN (SELECT external_id FROM found_names);
"""  # noqa: E501

_GIVE = """
UPDATE desired_people SET upn = n.upn, display_name = coalesce(display_name, n.name)
FROM (
    SELECT d.external_id, u.name,
           u.name || '@' || CASE d.role_group WHEN 'students' THEN $students ELSE $staff END AS upn
    FROM desired_people d LEFT JOIN new_usernames u USING (external_id)
    WHERE d.role_group IN (SELECT unnest($groups))
      AND d.external_id NOT IN (SELECT external_id FROM links)
) n WHERE n.external_id = desired_people.external_id;
"""

_REMEMBER = """
CREATE OR REPLACE TABLE given_usernames AS
SELECT external_id, coalesce(d.upn, g.upn) AS upn, coalesce(g.since, $today) AS since,
       coalesce(g.used, false) AS used
FROM given_usernames g FULL JOIN (
    SELECT external_id, d.upn FROM new_usernames JOIN desired_people d USING (external_id)
) d USING (external_id)
ORDER BY external_id
"""


def name_people(
    con: DuckDBPyConnection, people: People, domains: Sequence[str], today: date
) -> None:
    """Writes the usernames of templates into desired_people, and keeps those that there are.

    Needs desired_people, links, contested, the existing_* tables and deleted_people, and
    `given_usernames` as the last run left it, or none. Leaves `given_usernames` as this run leaves
    it, and `kept_usernames` (external_id, upn): whose name does not depend on the roster any more.
    Who cannot be named has upn NULL. In mode match nobody is named.
    """
    con.execute(_MEMORY)
    names = people.usernames
    templates = {
        group: template
        for group, template in (("staff", names.staff), ("students", names.students))
        if template and people.mode == "create"
    }
    groups = {"groups": list(templates)}
    con.execute(_KEPT, groups)
    con.execute(_KEEP)
    if not templates:
        return
    con.execute(_REMEMBERED, groups)
    con.execute(_NAMELESS, groups)
    con.execute(_TAKEN, groups | {"domains": [domain.lower() for domain in domains]})
    _spell(con, names.transliterate)
    _number(con, templates)
    owned = {
        "staff": people.domains.staff or domains[0],
        "students": people.domains.students or domains[0],
    }
    con.execute(_GIVE, groups | owned)
    con.execute(_REMEMBER, {"today": today})


def _spell(con: DuckDBPyConnection, letters: Mapping[str, str]) -> None:
    """Makes `spelt` (text, ascii): the distinct values that hold more than ASCII, in ASCII."""
    from anyascii import anyascii

    columns = ", ".join(USERNAME_FIELDS)
    texts = [
        text
        for (text,) in con.execute(
            f"""SELECT DISTINCT text FROM (SELECT unnest([{columns}]) AS text FROM nameless)
            WHERE regexp_matches(text, '[^\\x00-\\x7f]')"""
        ).fetchall()
    ]
    own = str.maketrans({unicodedata.normalize("NFC", k).lower(): v for k, v in letters.items()})
    ascii_only = [
        anyascii(unicodedata.normalize("NFC", text).lower().translate(own)).lower()
        for text in texts
    ]
    con.execute("CREATE OR REPLACE TABLE spelt (text VARCHAR, ascii VARCHAR)")
    con.execute("INSERT INTO spelt SELECT unnest($1), unnest($2)", [texts, ascii_only])


def _number(con: DuckDBPyConnection, templates: Mapping[str, str]) -> None:
    """Adds a name for everyone nameless to `new_usernames`, unless nothing is left of theirs."""
    unnumbered = " UNION ALL ".join(
        _unnumbered(group, template) for group, template in templates.items()
    )
    con.execute(_OPEN.format(unnumbered=unnumbered))
    window = 1
    while con.execute("SELECT 1 FROM open_names LIMIT 1").fetchone():
        con.execute(_CANDIDATES.format(window=window))
        window *= GROWTH


def _unnumbered(group: str, template: str) -> str:
    """SQL: external_id, name of a role group; NULL where no field of the template has a value."""
    parts = username_parts(template, USERNAME_FIELDS)
    fields = dict.fromkeys(part.field for part in parts if part.field)
    joins = " ".join(f"LEFT JOIN spelt s_{field} ON s_{field}.text = p.{field}" for field in fields)
    cuts = [_cut(part.field, part.cut) if part.field else quoted(part.text) for part in parts]
    values = [cut for cut, part in zip(cuts, parts, strict=True) if part.field]
    return f"""SELECT p.external_id, CASE WHEN {" || ".join(values)} <> ''
                   THEN {" || ".join(cuts)} END AS name
        FROM nameless p {joins} WHERE p.role_group = {quoted(group)}"""


def _cut(field: str, cut: str) -> str:
    text = f"coalesce(s_{field}.ascii, lower(p.{field}), '')"
    if cut == "word":
        text = f"regexp_extract({text}, '[^\\s-]+')"
    kept = "a-z0-9-" if field in _NAMES else "a-z0-9._-"
    text = f"regexp_replace({text}, '[^{kept}]+', '', 'g')"
    if cut.startswith("-"):
        return f"right({text}, {cut[1:]})"
    return f"left({text}, {cut})" if cut.isdigit() else text
