"""Near misses: accounts that no rule matched, and that are suspiciously like someone without one.

They are suggested with the evidence and never chosen. To stay cheap for 100,000 people without an
account, only pairs that share a key are compared, never everyone with everyone:

    the part before the @, less a number at its end, and that with any one letter left out
    given and family name, and that with any one letter left out
    both names in alphabetical order, which swapped names share

The keys are kept as hashes; a chance collision only costs a comparison.

Two words that differ by one letter (missing, added, other, swapped) share such a key, and so do
many that differ by two. A key that more than 50 accounts share says nothing and is left out, and
so is a word of less than four letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import report

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ACCOUNTS = 50
MOST_SUGGESTIONS = 3

_MACROS = r"""
CREATE OR REPLACE MACRO local_part(name) AS letters_only(split_part(name, '@', 1));
CREATE OR REPLACE MACRO stem(local) AS regexp_replace(local, '[0-9]+$', '');
CREATE OR REPLACE MACRO one_less(word) AS
    CASE WHEN length(word) BETWEEN 4 AND 64 THEN list_append(list_transform(
        range(1, length(word) + 1), lambda i: substr(word, 1, i - 1) || substr(word, i + 1)), word)
    ELSE [] END;
CREATE OR REPLACE MACRO near_keys(stem, given, family) AS list_distinct(
    list_transform(one_less(stem), lambda word: hash('u' || word))
    || list_transform(one_less(given || ' ' || family), lambda word: hash('n' || word))
    || CASE WHEN given || family <> ''
            THEN [hash('p' || least(given, family) || ' ' || greatest(given, family))] ELSE [] END);
"""

_NEAR_PEOPLE = """
CREATE OR REPLACE TABLE near_people AS
SELECT m.external_id AS id, local, stem(local) AS stem, given, family,
       near_keys(stem(local), given, family) AS keys
FROM (SELECT m.external_id, local_part(m.username) AS local,
             coalesce(letters_only(u.given_name), '') AS given,
             coalesce(letters_only(u.family_name), '') AS family
      FROM unmatched m JOIN users u ON u.sourced_id = m.external_id
      WHERE m.external_id NOT IN (SELECT external_id FROM contested)) m
"""

_NEAR_ACCOUNTS = """
CREATE OR REPLACE TABLE near_accounts AS
SELECT id, name, local, stem(local) AS stem, given, family,
       near_keys(stem(local), given, family) AS keys
FROM (SELECT id, name, local_part(upn) AS local,
             coalesce(letters_only(given_name), '') AS given,
             coalesce(letters_only(surname), '') AS family
      FROM match_accounts
      WHERE carried IS NULL AND id NOT IN (SELECT object_id FROM opted_out)
        AND (SELECT count(*) FROM near_people) > 0)
"""

_PAIRS = f"""
CREATE OR REPLACE TABLE near_pairs AS
WITH account_keys AS (
    SELECT id, key FROM (SELECT id, unnest(keys) AS key FROM near_accounts)
    QUALIFY count(*) OVER (PARTITION BY key) <= {MOST_ACCOUNTS}
)
SELECT DISTINCT p.id AS person, k.id AS account
FROM (SELECT id, unnest(keys) AS key FROM near_people) p JOIN account_keys k USING (key)
"""

_MISSES = f"""
CREATE OR REPLACE TABLE near_misses AS
WITH compared AS (
    SELECT x.person, a.name, p.local = a.local AS same_local, p.stem <> '' AND p.stem = a.stem
               AS same_stem,
           CASE WHEN least(length(p.stem), length(a.stem)) >= 4
                THEN damerau_levenshtein(p.stem, a.stem) END AS stem_distance,
           p.given <> '' AND p.given = a.family AND p.family = a.given
               AND p.given <> p.family AS swapped,
           a.given || a.family <> '' AND p.given = a.given AND p.family = a.family AS same_name,
           CASE WHEN a.given || a.family = '' OR p.given || p.family = '' THEN 99
                ELSE damerau_levenshtein(p.given || ' ' || p.family, a.given || ' ' || a.family)
                END AS name_distance,
           a.given || a.family = '' OR p.given || p.family = '' OR swapped OR
               jaro_winkler_similarity(p.given || ' ' || p.family, a.given || ' ' || a.family)
               >= 0.85 AS may_be_same
    FROM near_pairs x JOIN near_people p ON p.id = x.person JOIN near_accounts a ON a.id = x.account
), told AS (
    SELECT person, name, CASE
        WHEN same_local THEN {{'rank': 1, 'evidence': 'the same name at another domain'}}
        WHEN swapped THEN {{'rank': 2, 'evidence': 'given and family name swapped'}}
        WHEN same_name THEN {{'rank': 3, 'evidence': 'the same given and family name'}}
        WHEN same_stem AND may_be_same THEN {{'rank': 4, 'evidence': 'only the number differs'}}
        WHEN stem_distance = 1 AND may_be_same
        THEN {{'rank': 5, 'evidence': 'one letter of the username differs'}}
        WHEN name_distance = 1 THEN {{'rank': 6, 'evidence': 'one letter of the name differs'}}
        WHEN stem_distance = 2 AND may_be_same
        THEN {{'rank': 7, 'evidence': 'two letters of the username differ'}}
        WHEN name_distance = 2 THEN {{'rank': 8, 'evidence': 'two letters of the name differ'}}
        END AS verdict
    FROM compared
)
SELECT person AS external_id, name, verdict.evidence AS evidence, verdict.rank AS rank
FROM told WHERE verdict IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY person ORDER BY verdict.rank, name) <= {MOST_SUGGESTIONS}
"""


def find_near_misses(con: DuckDBPyConnection) -> None:
    """Makes `near_misses` (external_id, name, evidence, rank), and reports them.

    Needs what `match_people` leaves: `unmatched` and `match_accounts`.
    """
    con.execute(_MACROS)
    con.execute(_NEAR_PEOPLE)
    con.execute(_NEAR_ACCOUNTS)
    con.execute(_PAIRS)
    con.execute(_MISSES)
    report(
        con,
        "person.match.near",
        """SELECT m.external_id, p.origin_file, p.origin_row, m.value
        FROM (SELECT external_id, string_agg(name || ': ' || evidence, '; ' ORDER BY rank, name)
                  AS value FROM near_misses GROUP BY external_id) m
        JOIN desired_people p USING (external_id)""",
    )
