"""The records of an emulated student information system: a district that changes as time passes.

Tables stand in the schema `sis` of the district's connection: those of a district day (see
local.district) with three columns more,

    revision  BIGINT     number of the change that made the row what it is; grows with every change
    modified  TIMESTAMP  when that was, in UTC
    gone      BOOLEAN    whether the row was deleted since; it keeps its last values

and users with two more: `account` (the username, with the domain if there is one) and `mail`. The
table `changes` has a row for each created, updated and deleted row, in the order in which a system
would notice them: (revision, stamp, tbl, key VARCHAR, action); `key` joins key columns with "/".
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.district import District, next_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

SCHEMA = "sis"
KEYS: dict[str, tuple[str, ...]] = {
    "orgs": ("sourced_id",),
    "sessions": ("sourced_id",),
    "courses": ("sourced_id",),
    "users": ("sourced_id",),
    "roles": ("user_id", "org", "role"),
    "classes": ("sourced_id",),
    "enrollments": ("class_id", "user_id", "role"),
    "relationships": ("student_id", "contact_id"),
    "demographics": ("user_id",),
    "user_flags": ("user_id", "flag"),
}
_MARKS = "revision, modified, gone"


class Records:
    """A district over time. Queries may come from several threads; each has a cursor of its own."""

    def __init__(self, district: District, at: datetime | None = None) -> None:
        """`at`: when the first day's rows were last changed (UTC); default: thirty days ago."""
        self._con = district.con
        self._lock = threading.RLock()
        self.district = district
        first = at or datetime.now(UTC) - timedelta(days=30)
        self._con.execute(f"CREATE SCHEMA {SCHEMA}")
        self._con.execute(f"CREATE SEQUENCE {SCHEMA}.revisions")
        self._con.execute(
            f"""CREATE TABLE {SCHEMA}.changes
            (revision BIGINT, stamp TIMESTAMP, tbl VARCHAR, key VARCHAR, action VARCHAR)"""
        )
        for table, key in KEYS.items():
            self._con.execute(
                f"""CREATE TABLE {SCHEMA}.{table} AS
                SELECT *, nextval('{SCHEMA}.revisions') AS revision, ?::TIMESTAMP AS modified,
                    false AS gone FROM ({self._day(table)}) ORDER BY {", ".join(key)}""",
                [_naive(first)],
            )
        self.revision = self._last_revision()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The answer to a query, in which unqualified names mean the tables described above."""
        with self._lock:
            cursor = self._con.cursor()
        cursor.execute(f"SET schema = '{SCHEMA}'")
        return cursor.execute(query, list(values)).fetchall()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own for who reads in pieces, or keeps temporary tables."""
        with self._lock:
            cursor = self._con.cursor()
        cursor.execute(f"SET schema = '{SCHEMA}'")
        return cursor

    def advance(self, seed: int, change: float = 0.02, at: datetime | None = None) -> None:
        """Lets a day pass (see local.district.next_day); its changes are stamped `at`, UTC."""
        with self._lock:
            self.become(next_day(self.district, seed, change), at)

    def become(self, district: District, at: datetime | None = None) -> None:
        """Takes on another day of the same district; what differs is stamped `at` (now), UTC.

        Rows that are there again after they were gone count as created.
        """
        stamp = _naive(at or datetime.now(UTC))
        with self._lock:
            self.district = district
            for table, key in KEYS.items():
                self._change(table, key, stamp)
            self.revision = self._last_revision()

    def _change(self, table: str, key: tuple[str, ...], at: datetime) -> None:
        con, known = self._con, f"{SCHEMA}.{table}"
        same_key = " AND ".join(f"k.{column} = d.{column}" for column in key)
        text = f"concat_ws('/', {', '.join(f'd.{column}' for column in key)})"
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE differing AS
            SELECT d.*, {text} AS row_key,
                CASE WHEN k.{key[0]} IS NULL THEN 'created' ELSE 'updated' END AS action
            FROM (SELECT * FROM ({self._day(table)}) EXCEPT
                  SELECT * EXCLUDE ({_MARKS}) FROM {known} WHERE NOT gone) d
            LEFT JOIN (SELECT * FROM {known} WHERE NOT gone) k ON {same_key}
            UNION ALL
            SELECT d.* EXCLUDE ({_MARKS}), {text}, 'deleted' FROM {known} d
            WHERE NOT gone AND NOT EXISTS (SELECT 1 FROM ({self._day(table)}) k WHERE {same_key})"""
        )
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE numbered AS
            SELECT *, nextval('{SCHEMA}.revisions') AS revision
            FROM (FROM differing ORDER BY row_key)"""
        )
        con.execute(f"DELETE FROM {known} k USING numbered d WHERE {same_key}")
        con.execute(
            f"""INSERT INTO {known} BY NAME
            SELECT * EXCLUDE (row_key, action), ?::TIMESTAMP AS modified,
                action = 'deleted' AS gone FROM numbered""",
            [at],
        )
        con.execute(
            f"""INSERT INTO {SCHEMA}.changes
            SELECT revision, ?::TIMESTAMP, '{table}', row_key, action FROM numbered""",
            [at],
        )

    def _day(self, table: str) -> str:
        """The rows of the current day, with what the system adds of its own."""
        source = f"{self.district.schema}.{table}"
        if table != "users":
            return f"SELECT * FROM {source}"
        suffix = f"@{self.district.domain}" if self.district.domain else ""
        own = f"username || '{suffix}'"
        mail = own if suffix else "email"
        return f"""SELECT *, CASE WHEN kind = 'guardian' THEN email ELSE {own} END AS account,
            CASE WHEN kind = 'guardian' THEN email ELSE {mail} END AS mail FROM {source}"""

    def _last_revision(self) -> int:
        largest = " UNION ALL ".join(f"SELECT max(revision) AS r FROM {SCHEMA}.{t}" for t in KEYS)
        [(last,)] = self._con.execute(f"SELECT max(r) FROM ({largest})").fetchall()
        return int(last)


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
