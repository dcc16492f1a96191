"""PowerQueries: POST /ws/schema/query/{name}, its count, the list of them and the rights they need.

A result that is read in pages is kept as a table until the records change, so that each page costs
what it holds and not the whole query.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import duckdb
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from .answers import Refusal, message, no_access
from .compiled import BrokenQuery, Compiled, compile_query
from .filters import BadFilter, Condition, parse
from .paging import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from .queries import NamedQuery
    from .server import Server

_PAGE_SIZE = 100
_KEPT = 8
_STREAMED_ROWS = 5000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query as a request wants it: SQL with a column `json`, and its parameters."""

    compiled: Compiled
    sql: str
    values: dict[str, object]
    version: str | None


class PowerQueries:
    """The handlers of /ws/schema/query and /ws/dataversion."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._kept_for: tuple[object, ...] = ()
        self._made = 0

    async def run(self, request: Request) -> Response:
        """Executes a query."""
        body = await _body(request)
        return await run_in_threadpool(self._run, request, body)

    async def count(self, request: Request) -> Response:
        """The number of a query's rows."""
        body = await _body(request)

        def counted() -> Response:
            cursor = self._server.cursor()
            asked = self._asked(request, body, cursor)
            return JSONResponse({"count": _rows(cursor, asked)})

        return await run_in_threadpool(counted)

    def listed(self, request: Request) -> Response:
        """The names of all queries."""
        self._server.caller(request)
        plugins = [plugin for plugin in self._server.plugins.all() if plugin.enabled]
        return JSONResponse(
            {
                "queries": [
                    {"name": query.name, "description": query.description}
                    for plugin in plugins
                    for query in plugin.queries.values()
                ]
            }
        )

    def rights(self, request: Request) -> Response:
        """The columns that a query needs."""
        self._server.caller(request)
        query = self._query(request)
        needed = sorted({(column.table, column.field) for column in query.columns})
        return JSONResponse(
            {
                "name": query.name,
                "fields": [
                    {"table": table.upper(), "field": field.upper(), "access": "ViewOnly"}
                    for table, field in needed
                ],
            }
        )

    def changes(self, request: Request) -> Response:
        """GET /ws/dataversion/{application}/{version}: the keys of the rows changed since."""
        self._server.caller(request)
        cursor = self._server.cursor()
        since = self._version(request.path_params["version"])
        version = str(self._server.store.version)  # before reading: rather too old than too new
        tables = self._server.subscribed(request.path_params["application"])
        changed: dict[str, list[int]] = {}
        for name, key in self._server.store.keys.items():
            if tables is not None and name not in tables:
                continue
            rows = cursor.execute(
                f"SELECT {key} FROM psdata.{name} WHERE version > ? ORDER BY 1", [since]
            ).fetchall()
            if rows:
                changed[name] = [int(row[0]) for row in rows]
        return JSONResponse({"$dataversion": version, "tables": changed})

    # How a query is answered

    def _run(self, request: Request, body: dict[str, Any]) -> Response:
        cursor = self._server.cursor()
        asked = self._asked(request, body, cursor)
        number = whole(request, "page", 1, least=1)
        size = whole(request, "pagesize", _PAGE_SIZE, least=0)
        counts = request.query_params.get("count", "").lower() == "true"
        start, end = _frame(asked)
        try:
            if size == 0:
                if counts:
                    end = f',"count":{_rows(cursor, asked)}{end}'
                cursor.execute(f"SELECT json FROM ({asked.sql})", asked.values)
                return StreamingResponse(_stream(cursor, start, end), media_type="application/json")
            found, rows = self._page(cursor, asked, (number - 1) * size, size)
        except duckdb.Error as error:
            raise _not_found(str(error)) from None
        records = f'"record":[{",".join(found)}],' if found else ""
        tail = f',"count":{rows}{end}' if counts else end
        return Response(f"{start}{records}{tail[1:]}", media_type="application/json")

    def _asked(
        self, request: Request, body: dict[str, Any], cursor: duckdb.DuckDBPyConnection
    ) -> _Asked:
        plugin = self._server.caller(request)
        query = self._query(request)
        if missing := plugin.missing({(c.table, c.field) for c in query.columns}):
            raise Refusal(no_access([(table.upper(), field.upper()) for table, field in missing]))
        given = {name: value for name, value in body.items() if not name.startswith("$")}
        given.pop("projection", None)
        try:
            compiled = compile_query(cursor, query, given, self._server.columns())
        except BrokenQuery as error:
            raise _not_found(str(error)) from None
        condition, version = self._since(compiled, body)
        condition = _asked_rows(compiled, body, condition)
        shape = compiled.json(self._server.quirks, _shown(query, body))
        order = _order(request, compiled)
        values = dict(compiled.values) | {f"q{i}": v for i, v in enumerate(condition.values)}
        sql = condition.sql
        for i in range(len(condition.values)):
            sql = sql.replace("?", f"$q{i}", 1)
        text = f"SELECT {shape} AS json FROM {compiled.sql} WHERE {sql} {order}"
        return _Asked(compiled, text, values, version)

    def _since(self, compiled: Compiled, body: dict[str, Any]) -> tuple[Condition, str | None]:
        """The condition of a delta pull, and the version to tell for the next one."""
        last, application = body.get("$dataversion"), body.get("$dataversion_applicationname")
        if last is None and application is None:
            return Condition(), None
        if last is None or application is None:
            raise Refusal(
                message(400, "$dataversion and $dataversion_applicationname belong together")
            )
        tables = self._server.subscribed(str(application))
        changed = compiled.changed_since(self._version(last), tables)
        return Condition(changed), str(self._server.store.version)

    def _version(self, value: object) -> int:
        current = self._server.store.version
        try:
            version = int(str(value))
        except ValueError:
            version = -1
        if not 0 <= version <= current:
            raise Refusal(message(400, f"Invalid data version {value}"))
        return version

    def _query(self, request: Request) -> NamedQuery:
        query = self._server.plugins.query(request.path_params["name"])
        if query is None:
            raise _not_found("")
        return query

    def _page(
        self, cursor: duckdb.DuckDBPyConnection, asked: _Asked, first: int, size: int
    ) -> tuple[list[str], int]:
        """The JSON of rows `first` + 1 to `first` + `size` of a result, and how many it has."""
        with self._lock:
            table, rows = self._result(cursor, asked)
            found = cursor.execute(
                f"SELECT json FROM psdata.{table} WHERE position BETWEEN ? AND ? ORDER BY position",
                [first + 1, first + size],
            ).fetchall()
        return [row[0] for row in found], rows

    def _result(self, cursor: duckdb.DuckDBPyConnection, asked: _Asked) -> tuple[str, int]:
        """The table that holds a query's rows, and how many there are. Needs the lock."""
        if self._kept_for != self._server.store.made:
            self._forget(cursor, 0)
            self._kept_for = self._server.store.made
        wanted = json.dumps([asked.sql, asked.values], default=str, sort_keys=True)
        if wanted not in self._kept:
            self._forget(cursor, _KEPT - 1)
            self._made += 1
            table = f"result_{self._made}"
            cursor.execute(
                f"CREATE TABLE psdata.{table} AS "
                f"SELECT row_number() OVER () AS position, json FROM ({asked.sql})",
                asked.values,
            )
            [(rows,)] = cursor.execute(f"SELECT count(*) FROM psdata.{table}").fetchall()
            self._kept[wanted] = (table, int(rows))
        self._kept.move_to_end(wanted)
        return self._kept[wanted]

    def _forget(self, cursor: duckdb.DuckDBPyConnection, most: int) -> None:
        """Drops the results that nobody has read for longest, until `most` are left."""
        while len(self._kept) > most:
            _, (oldest, _) = self._kept.popitem(last=False)
            cursor.execute(f"DROP TABLE psdata.{oldest}")


async def _body(request: Request) -> dict[str, Any]:
    """The arguments; a body that is no JSON object is refused."""
    if "json" not in request.headers.get("content-type", ""):
        raise Refusal(message(415, "The body of a query is application/json"))
    try:
        body: object = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(message(400, "Invalid JSON"))
    return cast("dict[str, Any]", body)


def _asked_rows(compiled: Compiled, body: dict[str, Any], condition: Condition) -> Condition:
    """The condition with what $q asks."""
    try:
        asked = parse(unquote(str(body.get("$q", ""))), compiled.asks())
    except BadFilter as error:
        raise Refusal(message(400, str(error))) from None
    return condition.also(asked.sql, *asked.values)


def _shown(query: NamedQuery, body: dict[str, Any]) -> list[int]:
    """The places of the columns that `projection` names; all without it."""
    wanted = str(body.get("projection") or body.get("$projection") or "")
    aliases = {column.alias.lower(): i for i, column in enumerate(query.columns)}
    names = [name.strip().lower() for name in wanted.split(";") if name.strip()]
    if unknown := [name for name in names if name not in aliases]:
        raise Refusal(message(400, f"Invalid field {', '.join(unknown)}"))
    return [aliases[name] for name in names] or list(aliases.values())


def _order(request: Request, compiled: Compiled) -> str:
    """ORDER BY for `order=col;desc,col2`; without it the order of the query's own SQL."""
    asks, parts = compiled.asks(), list[str]()
    for part in filter(None, request.query_params.get("order", "").split(",")):
        name, _, direction = part.strip().partition(";")
        if name.lower() not in asks or direction.lower() not in {"", "asc", "desc"}:
            raise Refusal(message(400, f"Invalid order {part}"))
        parts.append(f"{asks[name.lower()][0]} {direction}")
    return f"ORDER BY {', '.join(parts)}" if parts else ""


def _frame(asked: _Asked) -> tuple[str, str]:
    """What stands before and after the rows."""
    name = asked.compiled.name()
    start = f'{{"name":"{name}",' if name else "{"
    version = f',"$dataversion":"{asked.version}"' if asked.version is not None else ""
    return start, f',"@extensions":""{version}}}'


def _stream(cursor: duckdb.DuckDBPyConnection, start: str, end: str) -> Iterator[str]:
    rows = cursor.fetchmany(_STREAMED_ROWS)
    if not rows:
        yield start + end[1:]
        return
    yield start + '"record":['
    separator = ""
    while rows:
        yield separator + ",".join(row[0] for row in rows)
        separator = ","
        rows = cursor.fetchmany(_STREAMED_ROWS)
    yield "]" + end


def _rows(cursor: duckdb.DuckDBPyConnection, asked: _Asked) -> int:
    try:
        found = cursor.execute(f"SELECT count(*) FROM ({asked.sql})", asked.values).fetchone()
    except duckdb.Error as error:
        raise _not_found(str(error)) from None
    return int(found[0]) if found else 0


def _not_found(reason: str) -> Refusal:
    """404; the reason is told in a header of the emulator's own, for who writes queries."""
    answer = message(404, "Query not found")
    if reason:
        answer.headers["X-Emulator-Reason"] = (
            " ".join(reason.split()).encode("ascii", "replace").decode()
        )
    return Refusal(answer)
