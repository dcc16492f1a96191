"""Tables of what the provider tells, one for each version and kind of object, made when asked for.

A table holds the objects in the order of their sourcedIds, which `position` counts from 0. It is
made anew when the records have changed; requests that began before keep the one that they have.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from .entities import GONE, LIVE, VIEWS, Entity, Version, entity

if TYPE_CHECKING:
    import duckdb

    from local.sis.records import Records

    from .quirks import Quirks

SCHEMA = "oneroster"


class Tables:
    """The tables of one provider. Requests may come from several threads."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._made: dict[tuple[str, ...], tuple[int, str]] = {}
        self._former: dict[tuple[str, ...], str] = {}
        self._counts: dict[tuple[str, str], int] = {}
        with records.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {SCHEMA}; {VIEWS}")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor for one request."""
        return self._records.cursor()

    def table(self, name: str, version: Version, quirks: Quirks) -> str:
        """The name of the table of a kind of object, as the records are at this moment."""
        key = (name, version, *_ways(quirks))
        with self._lock:
            revision = self._records.revision
            made = self._made.get(key)
            if made and made[0] == revision:
                return made[1]
            table = f"{SCHEMA}.{name}_{version[-1]}_{next(self._numbers)}"
            with self.cursor() as cursor:
                _make(cursor, table, entity(name, version, quirks), quirks)
                if made:
                    self._forget(cursor, key, made[1])
            self._made[key] = (revision, table)
            return table

    def count(self, cursor: duckdb.DuckDBPyConnection, table: str, where: str) -> int:
        """How many rows pass; counted once."""
        key = (table, where)
        if key not in self._counts:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {where}")
            [(number,)] = cursor.fetchall()
            self._counts[key] = int(number)
        return self._counts[key]

    def _forget(self, cursor: duckdb.DuckDBPyConnection, key: tuple[str, ...], table: str) -> None:
        """The table before the last one goes: no request can still be reading it."""
        former = self._former.pop(key, None)
        self._former[key] = table
        if former:
            cursor.execute(f"DROP TABLE {former}")
            for counted in list(self._counts):
                if counted[0] == former:
                    del self._counts[counted]


def _ways(quirks: Quirks) -> tuple[str, ...]:
    """The switches that make other tables; all others only make other words of them."""
    ids = (quirks.ids, quirks.enrollment_ids, quirks.demographics_ids)
    return (*ids, quirks.agents, str(quirks.miscast))


def _make(cursor: duckdb.DuckDBPyConnection, table: str, made: Entity, quirks: Quirks) -> None:
    values = ", ".join(f"{field.source} AS {field.column}" for field in made.fields)
    for number, (schema, gone) in enumerate(((LIVE, "false"), (GONE, "true"))):
        cursor.execute(f"SET schema = '{schema}'")
        start = "CREATE TEMP TABLE told AS" if number == 0 else "INSERT INTO told"
        cursor.execute(
            f"""{start} SELECT {values} FROM ({made.rows}) c
            JOIN {made.marks} m ON {made.same} WHERE m.gone = {gone}"""
        )
    cursor.execute(
        f"""CREATE TABLE {table} AS
        SELECT row_number() OVER (ORDER BY "sourcedId") - 1 AS position, *
        FROM (SELECT * REPLACE ({_replaced(made, quirks)}) FROM told) ORDER BY position"""
    )
    cursor.execute("DROP TABLE told")


def _replaced(made: Entity, quirks: Quirks) -> str:
    """What is told otherwise than it is: ids, by the provider's way to give them, and roles."""
    replaced = _ids(made, quirks)
    if made.name == "enrollments" and quirks.miscast:
        wrong = f"""role = 'student' AND hash("sourcedId") % {quirks.miscast} = 0"""
        replaced += f", CASE WHEN {wrong} THEN 'teacher' ELSE role END AS role"
    return replaced


def _ids(made: Entity, quirks: Quirks) -> str:
    own = '"sourcedId"'
    if made.name == "enrollments" and quirks.enrollment_ids == "campus":
        number = f"(hash({own}) % 1000000000000000)"
        own = f"CASE role WHEN 'student' THEN 's' ELSE 't' END || {number}"
    elif made.name == "demographics" and quirks.demographics_ids == "own":
        own = f"'identity-' || {own}"
    if quirks.ids == "district":
        return f'{own} AS "sourcedId"'
    replaced = [f'{_uuid(own)} AS "sourcedId"']
    for field in made.fields:
        if field.kind == "ref":
            replaced.append(f"{_uuid(field.column)} AS {field.column}")
        elif field.kind == "refs":
            several = f"list_transform({field.column}, lambda x: {_uuid('x')})"
            replaced.append(f"{several} AS {field.column}")
        elif field.kind == "roles":
            role = f"""struct_pack("roleType" := x."roleType", role := x.role,
                org := {_uuid("x.org")})"""
            replaced.append(f"list_transform({field.column}, lambda x: {role}) AS {field.column}")
    return ", ".join(replaced)


def _uuid(key: str) -> str:
    return f"md5({key})::UUID::VARCHAR"
