"""One person, two sources: people are linked where the settings say what tells them.

Design note. Two people taken for one hand a pupil a teacher's classes; one person taken for two
gets nothing at all. So nothing is guessed: people with different ids are one only where a column
that `same_people` names says so, without contradiction. A value that several people of one source
share tells nothing. Who looks like one person and is not declared to be is a finding.

Design note, memory. A link is only seen while both rows are there. When the leading source has the
person no longer, or its row is dropped for a fault, the other source's row alone would stand under
its own id: the account, which carries the leading id, would be nobody's and soon disabled. So the
links of the last roster are remembered, and hold where the leading id has no row today. Where it
has one, today's values decide.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from roster.ledger import Ledger, number
from roster.merge import MergeRules, by_rank
from roster.rules import RULES
from roster.schema import TABLES, TELLING, literal

_PLACE = "origin_file AS file, origin_row AS row"


def drop_two_people(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Drop the people of an id that two sources give to two people.

    That is: both names differ, and nothing that tells people is equal. A changed family name or a
    nickname alone is no reason to think so.
    """
    names = ("given_name", "family_name")
    differ = " AND ".join(f"lower(a.{name}) <> lower(b.{name})" for name in names)
    equal = " OR ".join(f"coalesce(lower(a.{name}) = lower(b.{name}), false)" for name in TELLING)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE two_people AS
        WITH meeting AS (
            SELECT * FROM users WHERE hash(sourced_id) IN (
                SELECT hash(sourced_id) FROM users GROUP BY 1 HAVING count(*) > 1)
        ), clashing AS (
            SELECT DISTINCT sourced_id FROM meeting a JOIN meeting b USING (sourced_id)
            WHERE {differ} AND NOT ({equal})
        )
        SELECT * FROM meeting SEMI JOIN clashing USING (sourced_id)
        """
    )
    found = ledger.report(
        RULES["users.sourced_id.two_people"],
        f"SELECT {_PLACE}, sourced_id AS value, sourced_id AS entity FROM two_people",
    )
    if found:
        ledger.drop(TABLES["users"], "SELECT origin_file, origin_row, '' AS cause FROM two_people")
    con.execute("DROP TABLE two_people")


def link_people(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, rules: MergeRules, last: Path | None = None
) -> None:
    """Give people who are declared the same one id, that of the source that leads in `users`.

    Whatever names them follows. Their own ids are kept in `renamed`. `last`: the saved `renamed`
    of the last roster.
    """
    columns = [column for column in rules.same_people if column in TELLING]
    if not columns:
        return
    if last is not None:
        _recall(con, last)
        _rename(con)
    if _find_told(con, rules, columns):
        _label(con)
        _judge(con, rules)
        _report_unlinked(ledger)
        _rename(con)
        for name in ("labels", "people"):
            con.execute(f"DROP TABLE {name}")
    con.execute("DROP TABLE told")


def report_lookalikes(con: duckdb.DuckDBPyConnection, ledger: Ledger, rules: MergeRules) -> None:
    """Report people of different sources who share a value that could tell that they are one."""
    if number(con, "SELECT count(DISTINCT source) FROM files WHERE source <> ''") < 2:
        return
    place = by_rank(con, rules.order("users"))
    for column in TELLING:
        if column in rules.same_people:
            continue
        ledger.report(
            RULES[f"users.{column}.sources"],
            f"""
            SELECT {_PLACE}, {column} AS value, sourced_id AS entity FROM users
            WHERE lower({column}) IN (
                SELECT lower({column}) FROM users WHERE {column} IS NOT NULL
                GROUP BY 1 HAVING min({place}) <> max({place}))
            """,
        )


def _recall(con: duckdb.DuckDBPyConnection, last: Path) -> None:
    """Make the table `links` of the remembered ones whose leading id has no row."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE links AS
        WITH recalled AS (
            SELECT l.source, coalesce(r.sourced_id, l.given) AS given, l.sourced_id
            FROM read_parquet({literal(str(last))}) l
            LEFT JOIN renamed r ON r.source = l.source AND r.given = l.given
        ), held AS (
            SELECT sourced_id AS given, any_value(f.source) AS source
            FROM users JOIN files f ON f.id = origin_file GROUP BY 1 HAVING count(*) = 1
        )
        SELECT * FROM recalled SEMI JOIN held USING (source, given)
        WHERE sourced_id NOT IN (SELECT sourced_id FROM users)
        """
    )


def _find_told(con: duckdb.DuckDBPyConnection, rules: MergeRules, columns: list[str]) -> int:
    """Make the table `told`: values that people of different sources share.

    `clear`: whether no source has two people with the value.
    """
    place = by_rank(con, rules.order("users"))
    values = " UNION ALL ".join(
        f"SELECT {literal(name)} AS col, lower({name}) AS value, sourced_id, {place} AS place,"
        f" origin_file, origin_row FROM users WHERE {name} IS NOT NULL"
        for name in columns
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE told AS
        WITH given AS ({values}), shared AS (
            SELECT col, value FROM given GROUP BY ALL
            HAVING min(place) <> max(place) AND min(sourced_id) <> max(sourced_id)
        ), a_source AS (
            SELECT col, value, count(DISTINCT sourced_id) AS people
            FROM given SEMI JOIN shared USING (col, value) GROUP BY col, value, place
        ), judged AS (SELECT col, value, max(people) = 1 AS clear FROM a_source GROUP BY ALL)
        SELECT * FROM given JOIN judged USING (col, value)
        """
    )
    return number(con, "SELECT count(*) FROM told")


def _label(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `labels`: people who are told to be one, in any steps, have one label."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE labels AS"
        " SELECT DISTINCT sourced_id, sourced_id AS label FROM told WHERE clear"
    )
    spread = """
        UPDATE labels l SET label = least.label FROM (
            SELECT sourced_id, min(label) AS label FROM told JOIN (
                SELECT col, value, min(label) AS label FROM told JOIN labels USING (sourced_id)
                WHERE clear GROUP BY ALL) USING (col, value)
            WHERE clear GROUP BY sourced_id) least
        WHERE l.sourced_id = least.sourced_id AND l.label > least.label
        """
    while number(con, spread):
        pass


def _judge(con: duckdb.DuckDBPyConnection, rules: MergeRules) -> None:
    """Make the tables `people`, all rows of the labelled, and `links`, what is to be renamed."""
    place = by_rank(con, rules.order("users"))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE people AS
        WITH rows AS (
            SELECT l.label, u.sourced_id, {place} AS place, u.origin_file, u.origin_row
            FROM users u JOIN labels l USING (sourced_id)
        ), a_source AS (
            SELECT label, count(DISTINCT sourced_id) AS people FROM rows GROUP BY label, place
        ), judged AS (SELECT label, max(people) = 1 AS one FROM a_source GROUP BY label)
        SELECT * FROM rows JOIN judged USING (label)
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE links AS
        SELECT DISTINCT files.source, sourced_id AS given, best AS sourced_id
        FROM (SELECT *, first(sourced_id) OVER (PARTITION BY label ORDER BY place) AS best
              FROM people WHERE one) p
        JOIN files ON files.id = p.origin_file
        WHERE p.sourced_id <> best
        """
    )


def _report_unlinked(ledger: Ledger) -> None:
    ledger.report(
        RULES["users.sourced_id.unlinked"],
        f"""
        SELECT {_PLACE}, col, value, sourced_id AS entity FROM told
        WHERE NOT clear AND sourced_id NOT IN (SELECT sourced_id FROM people WHERE one)
        UNION ALL BY NAME
        SELECT {_PLACE}, sourced_id AS value, sourced_id AS entity FROM people WHERE NOT one
        """,
    )


def _rename(con: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.references == "users" or (table.name, column.name) == ("users", "sourced_id"):
                con.execute(
                    f"UPDATE {table.name} t SET {column.name} = l.sourced_id FROM links l"
                    f" WHERE t.{column.name} = l.given"
                )
    con.execute(
        """
        INSERT INTO uncertain
        SELECT u.kind, coalesce(a.sourced_id, u.key), coalesce(b.sourced_id, u.key2)
        FROM uncertain u
        LEFT JOIN links a ON u.key = a.given AND u.kind IN ('user', 'role', 'relationship')
        LEFT JOIN links b ON u.key2 = b.given AND u.kind IN ('enrollment', 'relationship')
        WHERE a.given IS NOT NULL OR b.given IS NOT NULL
        """
    )
    known = "r.source = l.source AND r.sourced_id = l.given"
    con.execute(
        "INSERT INTO renamed SELECT l.source, l.given, l.sourced_id FROM links l"
        f" ANTI JOIN renamed r ON {known} ORDER BY ALL"
    )
    con.execute(f"UPDATE renamed r SET sourced_id = l.sourced_id FROM links l WHERE {known}")
    con.execute("DROP TABLE links")
