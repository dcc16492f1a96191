"""One page of a collection: its rows as JSON, made by one query, and what the headers say of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from .fields import quoted, say

if TYPE_CHECKING:
    import duckdb

    from .asked import Asked
    from .quirks import Quirks
    from .tables import Tables


@dataclass(frozen=True, slots=True)
class Rows:
    """Where rows come from: a table, and the condition that those of the operation meet."""

    table: str
    entity: str
    where: str


@dataclass(frozen=True, slots=True)
class Page:
    """`rows`: their JSON, joined by commas. `total`: rows of all pages."""

    rows: str
    count: int
    total: int


def page(
    tables: Tables,
    cursor: duckdb.DuckDBPyConnection,
    rows: Rows,
    asked: Asked,
    quirks: Quirks,
    base: str,
) -> Page:
    """The page that is asked for. `base`: the root's address, without a slash at its end."""
    where = f"({rows.where}) AND ({asked.where})"
    told = ", ".join(say(field, rows.entity, quirks, base) for field in asked.fields)
    cursor.execute(
        f"""SELECT coalesce(string_agg('{{' || concat_ws(',', {told}) || '}}', ',' ORDER BY place),
            ''), count(*) FROM ({_chosen(cursor, rows.table, where, asked, quirks)})"""
    )
    [(text, count)] = cursor.fetchall()
    counted = rows.where if quirks.total == "unfiltered" else where
    return Page(text, count, tables.count(cursor, rows.table, counted))


def _chosen(
    cursor: duckdb.DuckDBPyConnection, table: str, where: str, asked: Asked, quirks: Quirks
) -> str:
    """The page's rows, and their `place` in it, as a query."""
    slice_ = f"LIMIT {asked.limit} OFFSET {asked.offset}"
    order = f"hash(position + {asked.offset})" if quirks.unordered else asked.order
    if order:
        return f"""SELECT *, row_number() OVER () AS place
            FROM (FROM {table} WHERE {where} ORDER BY {order} {slice_})"""
    # A table is in the order of its positions, so a page lies between two of them: what comes
    # before is passed over without being read.
    cursor.execute(
        f"""SELECT coalesce(min(position), 0), coalesce(max(position), -1)
        FROM (SELECT position FROM {table} WHERE {where} {slice_})"""
    )
    [(first, last)] = cursor.fetchall()
    return f"""SELECT *, position AS place FROM {table}
        WHERE position BETWEEN {first} AND {last} AND {where}"""


def links(
    address: str, params: list[tuple[str, str]], asked: Asked, total: int, quirks: Quirks
) -> str:
    """The header Link: next, prev, first and last page (RFC 8288). `address`: without query."""
    others = [(name, value) for name, value in params if name not in ("limit", "offset")]

    def link(rel: str, offset: int) -> str:
        query = [*others, ("limit", str(asked.limit)), ("offset", str(offset))]
        return f'<{address}?{urlencode(query, quote_via=quote)}>; rel="{rel}"'

    last = max(0, (total - 1) // asked.limit * asked.limit)
    said = [link("first", 0), link("last", last)]
    if asked.offset + asked.limit < total:
        following = asked.offset if quirks.links == "stale" else asked.offset + asked.limit
        said.insert(0, link("next", following))
    if asked.offset > 0:
        said.append(link("prev", max(0, asked.offset - asked.limit)))
    return ", ".join(said)


class Moving:
    """What happens to collections while a client reads them: rows that come or go, pages again.

    It happens once to a version's kind of object, whatever tables it has had.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hidden: dict[str, str] = {}
        self._repeated: set[str] = set()

    def forget(self) -> None:
        """It can all happen anew."""
        with self._lock:
            self._hidden.clear()
            self._repeated.clear()

    def repeated(self, table: str, asked: Asked, quirks: Quirks) -> Asked:
        """What a provider that repeats a page takes the request for."""
        if quirks.repeat == "none" or not 0 < asked.offset <= asked.limit:
            return asked
        kind = _kind(table)
        with self._lock:
            if quirks.repeat == "once" and kind in self._repeated:
                return asked
            self._repeated.add(kind)
        return replace(asked, offset=0)

    def moved(
        self,
        cursor: duckdb.DuckDBPyConnection,
        rows: Rows,
        asked: Asked,
        quirks: Quirks,
    ) -> Rows:
        """The rows as they are when this page is made."""
        if quirks.shift == "none":
            return rows
        kind = _kind(rows.table)
        with self._lock:
            if kind not in self._hidden:
                self._begin(cursor, rows, asked, quirks)
            elif quirks.shift == "insert" and asked.offset > 0:
                self._hidden[kind] = ""
            hidden = self._hidden.get(kind)
        if not hidden:
            return rows
        return replace(rows, where=f'({rows.where}) AND "sourcedId" <> {quoted(hidden)}')

    def _begin(
        self,
        cursor: duckdb.DuckDBPyConnection,
        rows: Rows,
        asked: Asked,
        quirks: Quirks,
    ) -> None:
        """The first row goes when a reader comes back, or is missing until one does."""
        if (quirks.shift == "delete") != (asked.offset > 0):
            return
        order = asked.order or "position"
        cursor.execute(
            f"""SELECT "sourcedId", count(*) OVER () FROM {rows.table}
            WHERE ({rows.where}) AND ({asked.where}) ORDER BY {order} LIMIT 1"""
        )
        found = cursor.fetchall()
        if found and found[0][1] > asked.limit:
            self._hidden[_kind(rows.table)] = found[0][0]


def _kind(table: str) -> str:
    return table.rpartition("_")[0]
