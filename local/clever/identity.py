"""Clever's ids: 24 hexadecimal digits, ascending in the order in which records were first seen.

The table `ids` (kind, key, serial, id, legacy, born, away) only grows: whoever joins changes
nobody's id, and who comes back within 300 days has the id of before. `kind` is a collection, or for
people the role; `key` is the SIS's, or the text that a course or term is made of, and NULL once it
is forgotten. `legacy`: the id in version 2. `away`: since when it is not in the district.

Employees' records with one e-mail address are one user, whose id is that of the record that was
known first, and stays so until the address parts them
(https://dev.clever.com/docs/multi-role). Pupils and contacts are never merged.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from .staging import EMPLOYEES

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

AWAY = "INTERVAL 300 DAY"
_KINDS = {
    "districts": "SELECT DISTINCT sourced_id FROM orgs WHERE type = 'district' AND NOT gone",
    "schools": "SELECT DISTINCT sourced_id FROM orgs WHERE type = 'school' AND NOT gone",
    "terms": "SELECT DISTINCT term FROM section WHERE term IS NOT NULL",
    "courses": "SELECT DISTINCT course FROM section WHERE course IS NOT NULL",
    "sections": "SELECT key FROM section",
    "student": "SELECT sis FROM person WHERE role = 'student'",
    "teacher": "SELECT sis FROM person WHERE role = 'teacher'",
    "staff": "SELECT sis FROM person WHERE role = 'staff'",
    "district_admin": "SELECT sis FROM person WHERE role = 'district_admin'",
    "contact": "SELECT sis FROM person WHERE role = 'contact'",
}
_LEGACY = 0x59AA0000
_OTHER_DISTRICT = 0x7A000000


def other_district(number: int) -> str:
    """The id of another district that is connected, from 1 on."""
    return f"{_OTHER_DISTRICT:08x}{number:016x}"


class Identity:
    """The ids of one emulated service. `ids`: the name of their table."""

    def __init__(self, con: DuckDBPyConnection, schema: str, launch: datetime) -> None:
        """`launch`: the moment (naive, UTC) whose second the first ids begin with."""
        self.ids = f"{schema}.ids"
        self._launch = int(launch.replace(tzinfo=UTC).timestamp())
        con.execute(
            f"""CREATE TABLE {self.ids} (kind VARCHAR, key VARCHAR, serial BIGINT, id VARCHAR,
            legacy VARCHAR, born TIMESTAMP, away TIMESTAMP)"""
        )

    def assign(self, con: DuckDBPyConnection, sync: int, at: datetime) -> None:
        """Gives an id to each staged record that has none. `sync`: its number, from 0."""
        con.execute(f"UPDATE {self.ids} SET key = NULL WHERE away <= ?::TIMESTAMP - {AWAY}", [at])
        present = " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, key FROM ({query}) AS k(key)"
            for kind, query in _KINDS.items()
        )
        con.execute(f"CREATE OR REPLACE TEMP TABLE present AS {present}")
        con.execute(
            f"""INSERT INTO {self.ids} BY NAME
            SELECT kind, key, serial, {_id(self._launch + 86_400 * sync)} AS id,
                printf('%08x%06x%010x', {_LEGACY}, length(kind), serial) AS legacy,
                ?::TIMESTAMP AS born, NULL AS away
            FROM (SELECT *, (SELECT coalesce(max(serial), 0) FROM {self.ids})
                      + row_number() OVER (ORDER BY kind, key) AS serial
                  FROM present ANTI JOIN {self.ids} USING (kind, key))""",
            [at],
        )
        con.execute(
            f"""UPDATE {self.ids} SET away = CASE WHEN (kind, key) IN (FROM present) THEN NULL
                ELSE coalesce(away, ?::TIMESTAMP) END""",
            [at],
        )
        self._merge(con, sync)

    def _merge(self, con: DuckDBPyConnection, sync: int) -> None:
        """Lets employees' records with one address have one id, and others each its own."""
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE merged AS
            WITH grouped AS (
                SELECT i.kind, i.key, i.serial, i.id,
                    coalesce(lower(p.mail), p.role || '/' || p.sis) AS one
                FROM person p JOIN {self.ids} i ON i.kind = p.role AND i.key = p.sis
                WHERE p.role IN {EMPLOYEES}
            ), users AS (
                SELECT one, min(serial) AS serial, min(id) AS candidate,
                    row_number() OVER (PARTITION BY min(id) ORDER BY min(serial)) = 1 AS keeps
                FROM grouped GROUP BY one
            )
            SELECT kind, key, CASE WHEN keeps THEN candidate END AS id, one
            FROM grouped JOIN users USING (one)"""
        )
        con.execute(
            f"""UPDATE {self.ids} i SET id = m.id FROM merged m
            WHERE m.kind = i.kind AND m.key = i.key AND m.id IS NOT NULL AND m.id <> i.id"""
        )
        con.execute(
            f"""UPDATE {self.ids} i SET id = n.id, serial = n.serial
            FROM (SELECT kind, key, serial, {_id(self._launch + 86_400 * sync)} AS id
                  FROM (SELECT kind, key, (SELECT max(serial) FROM {self.ids}) + dense_rank()
                            OVER (ORDER BY one) AS serial FROM merged WHERE id IS NULL)) n
            WHERE n.kind = i.kind AND n.key = i.key"""
        )


def _id(second: int) -> str:
    """SQL of an id, from kind and serial. People share one range, whatever their roles."""
    collection = f"coalesce(list_position({list(_KINDS)[:5]}, kind), 6)"
    return f"printf('%08x%06x%010x', {second}, {collection}, serial)"
