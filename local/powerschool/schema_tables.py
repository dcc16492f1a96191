"""/ws/schema/table: single tables, of which each column must be granted. No joins.

What is checked first: that the column is there (400), then that it is granted (403).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from .answers import Refusal, message, no_access
from .filters import BadFilter, Condition, parse
from .paging import Page, asked_page
from .store import VIEWS
from .values import json_value, kind_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from .server import Server


class SchemaTables:
    """The handlers of /ws/schema/table."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def listed(self, request: Request) -> Response:
        """The names of all tables."""
        self._server.caller(request)
        names = sorted(self._server.store.keys)
        return JSONResponse({"tables": [{"name": name, "schemaType": "core"} for name in names]})

    def rows(self, request: Request) -> Response:
        """A page of a table's rows."""
        table = self._table(request)
        condition = self._asked(request, table)
        largest = self._server.quirks.schema_table_query_max_page_size
        page = asked_page(request, largest, self._server.quirks)
        found = self._rows(request, table, condition, page)
        if len(found) == 1 and self._server.quirks.collapse_table_rows:
            records = f'"record":{found[0]},'
        else:
            records = f'"record":[{",".join(found)}],' if found else ""
        body = f'{{"name":"{table.capitalize()}",{records}"@extensions":""}}'
        return Response(body, media_type="application/json")

    def row(self, request: Request) -> Response:
        """One row."""
        table = self._table(request)
        try:
            number = int(request.path_params["id"])
        except ValueError:
            raise Refusal(message(404, "Record not found")) from None
        key = self._server.store.keys[table]
        found = self._rows(request, table, Condition().also(f"{key} = ?", number), Page(1, 0))
        if not found:
            raise Refusal(message(404, "Record not found"))
        return Response(found[0], media_type="application/json")

    def count(self, request: Request) -> Response:
        """The number of rows; needs no grant as long as q asks for none."""
        table = self._table(request)
        condition = self._asked(request, table)
        rows = self._server.timeless().execute(
            f"SELECT count(*) FROM ps.{table} WHERE {condition.sql}", list(condition.values)
        )
        return JSONResponse({"count": (rows.fetchone() or (0,))[0]})

    def described(self, request: Request) -> Response:
        """A table's columns, with the plugin's access to each if that is asked for."""
        plugin = self._server.caller(request)
        table = self._table(request)
        columns: list[dict[str, Any]] = []
        for name, kind in self._server.columns()[table].items():
            column: dict[str, Any] = {
                "name": name,
                "type": {"number": "Number", "date": "Date"}.get(kind_of(kind), "String"),
            }
            if "access" in request.query_params.get("expansions", ""):
                column["access"] = "ViewOnly" if (table, name) in plugin.grants else "NoAccess"
            columns.append(column)
        return JSONResponse(
            {
                "name": table,
                "primaryKey": self._server.store.keys[table],
                "schemaType": "core",
                "coreTable": True,
                "collection": False,
                "columns": columns,
            }
        )

    def _table(self, request: Request) -> str:
        """The table that the path names. Raises Refusal: 405 for a view, 404 for none."""
        self._server.caller(request)
        name = str(request.path_params["table"]).lower()
        if name in VIEWS:
            raise Refusal(message(405, f"GET, POST and PUT are not allowed on table {name}"))
        if name not in self._server.store.keys:
            raise Refusal(message(404, f"Table {name} not found"))
        self._server.timeless()
        return name

    def _asked(self, request: Request, table: str) -> Condition:
        columns = self._server.columns()[table]
        asks = {name: (name, kind_of(kind)) for name, kind in columns.items()}
        try:
            condition = parse(request.query_params.get("q"), asks)
        except BadFilter as error:
            raise Refusal(message(400, str(error))) from None
        self._check_grants(request, table, condition.fields)
        return condition

    def _rows(self, request: Request, table: str, condition: Condition, page: Page) -> list[str]:
        """The JSON of rows, with the columns of `projection`."""
        columns = self._server.columns()[table]
        shown = self._projection(request, table, columns)
        key = self._server.store.keys[table]
        order = self._sort(request, table, columns)
        quirks = self._server.quirks
        cells = [f"""'"{name}":' || {json_value(name, columns[name], quirks)}""" for name in shown]
        rows = self._server.timeless().execute(
            f"""SELECT '{{"id":' || {key}::VARCHAR || ',"name":"{table}","tables":{{"{table}":{{'
                || concat_ws(',', {", ".join(cells)}) || '}}}}}}'
            FROM ps.{table} WHERE {condition.sql} ORDER BY {order}{key} {page.sql}""",
            list(condition.values),
        )
        return [str(row[0]) for row in rows.fetchall()]

    def _projection(self, request: Request, table: str, columns: dict[str, str]) -> list[str]:
        wanted = request.query_params.get("projection", "")
        if not wanted.strip():
            raise Refusal(message(400, "The projection is missing"))
        names: list[str] = []
        for name in (part.strip().lower() for part in wanted.split(",")):
            bare = name.removeprefix(f"{table}.")
            names += columns if bare == "*" else [bare]
        for name in names:
            if name not in columns:
                raise Refusal(
                    message(
                        400,
                        f"Invalid field specified: {name} is not valid column for table: {table}",
                    )
                )
        self._check_grants(request, table, frozenset(names))
        return list(dict.fromkeys(names))

    def _sort(self, request: Request, table: str, columns: dict[str, str]) -> str:
        down = request.query_params.get("sortdescending", "").lower() == "true"
        parts: list[str] = []
        for name in filter(None, request.query_params.get("sort", "").lower().split(",")):
            bare = name.strip().removeprefix(f"{table}.")
            if bare not in columns:
                raise Refusal(message(400, f"Invalid field {name}"))
            parts.append(f"{bare}{' DESC' if down else ''}, ")
        return "".join(parts)

    def _check_grants(self, request: Request, table: str, names: frozenset[str]) -> None:
        plugin = self._server.caller(request)
        if missing := plugin.missing({(table, name) for name in names}):
            raise Refusal(no_access([(table, name.upper()) for table, name in missing]))
