"""The provider's HTTP side: paths of both versions, sign-in, errors.

Beside the paths that every emulator has, this one has

    POST /_emulator/quirks     {"total": "none", …}   sets switches, see local.oneroster.quirks
    DELETE /_emulator/quirks                          all switches are as they were at the start
    DELETE /_emulator/tokens                          no token is valid any more
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sis.faults import ADMIN, Faults, Faulty
from local.sis.serving import admin_routes
from roster.errors import BadInput

from . import answers, asked, pages, tokens
from .answers import Wrong
from .entities import entity
from .fields import SINGULAR, quoted
from .oauth1 import Signatures
from .operations import OPERATIONS, Operation, conditions, find
from .quirks import Quirks
from .tables import Tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    import duckdb
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from local.sis.records import Records

    from .entities import Version

CLIENTS: Mapping[str, str] = {"rollcall": "rollcall-secret!"}
_DISCOVERY = "/discovery/onerosterv1p2rostersservice_openapi3_v1p0.json"


def create_app(
    records: Records,
    quirks: Quirks | None = None,
    faults: Faults | None = None,
    *,
    version: Literal["1.1", "1.2", "both"] = "both",
    clients: Mapping[str, str] = CLIENTS,
) -> ASGIApp:
    """A OneRoster provider over these records. `clients`: id (or consumer key) → secret."""
    versions: tuple[Version, ...] = ("1.1", "1.2") if version == "both" else (version,)
    waiting = faults or Faults()
    provider = _Provider(records, quirks or Quirks(), versions, clients)
    routes = [
        *admin_routes(records, waiting),
        Route(f"{ADMIN}quirks", provider.set_quirks, methods=["POST", "DELETE"]),
        Route(f"{ADMIN}tokens", provider.revoke, methods=["DELETE"]),
        Route("/{path:path}", provider.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    return Faulty(Starlette(routes=routes), waiting)


class _Provider:
    def __init__(
        self,
        records: Records,
        quirks: Quirks,
        versions: tuple[Version, ...],
        clients: Mapping[str, str],
    ) -> None:
        self._first, self._quirks = quirks, quirks
        self._versions = versions
        self._tables = Tables(records)
        self._moving = pages.Moving()
        self._signatures = Signatures(clients)
        self._tokens = tokens.Tokens(clients, versions)
        self._busy = 0

    async def set_quirks(self, request: Request) -> JSONResponse:
        """Sets switches, or sets them back."""
        self._moving.forget()
        if request.method == "DELETE":
            self._quirks = self._first
            return JSONResponse({})
        try:
            self._quirks = Quirks.from_json(await request.json(), self._quirks)
        except BadInput as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({})

    async def revoke(self, request: Request) -> JSONResponse:  # noqa: ARG002
        """Ends all tokens."""
        self._tokens.revoke()
        return JSONResponse({})

    async def answer(self, request: Request) -> Response:
        """Answers any request but the emulator's own."""
        quirks = self._quirks
        if request.url.path.endswith(tokens.PATHS):
            return await self._tokens.call(request, quirks)
        version, path = self._place(request.url.path, quirks)
        operation = "unknown"
        self._busy += 1
        try:
            _check_load(self._busy, quirks)
            if path == _DISCOVERY and version == "1.2":
                return JSONResponse(_description(quirks))
            found = _operation(path, quirks)
            operation = found[0].name
            self._admit(request, version, found[0], quirks)
            if quirks.trailing_slash and not request.url.path.endswith("/"):
                there = request.url.replace(path=request.url.path + "/")
                return Response(status_code=301, headers={"Location": str(there)})
            return await asyncio.to_thread(self._tell, request, version, *found, quirks)
        except Wrong as wrong:
            return _refuse(wrong, version, operation, quirks)
        finally:
            self._busy -= 1

    def _place(self, path: str, quirks: Quirks) -> tuple[Version, str]:
        """The version whose root a path is under, and what is behind the root."""
        for version, root in (("1.1", quirks.root_11), ("1.2", quirks.root_12)):
            if version in self._versions and path.startswith(f"{root}/"):
                return version, path.removeprefix(root).rstrip("/")
        return self._versions[0], ""

    def _admit(
        self, request: Request, version: Version, operation: Operation, quirks: Quirks
    ) -> None:
        """Raises Wrong unless the request is a GET of somebody who may."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "oauth" and version == "1.1" and "oauth1" in quirks.schemes:
            authorization = request.headers["authorization"]
            self._signatures.check(_as_sent(request), authorization, quirks.signatures)
        elif scheme.lower() == "bearer" and "oauth2" in quirks.schemes:
            cookie = request.cookies.get(tokens.COOKIE)
            self._tokens.check(version, value.strip(), cookie, operation.scopes, quirks)
        else:
            raise Wrong(401, "unauthorisedrequest", "The request is not authorized")
        if request.method != "GET":
            raise Wrong(405, "invaliddata", f"There is no {request.method} here")

    def _tell(
        self,
        request: Request,
        version: Version,
        operation: Operation,
        ids: tuple[str, ...],
        quirks: Quirks,
    ) -> Response:
        kind = entity(operation.entity, version, quirks)
        if operation.one:
            wanted = asked.selection(request.query_params, kind, version)
        else:
            wanted = asked.read(request.query_params, kind, version, quirks)
        with self._tables.cursor() as cursor:
            if not operation.one:
                self._check_parents(cursor, version, operation, ids, quirks)
            where = self._where(operation.entity, operation.where, version, ids, quirks)
            table = self._tables.table(operation.entity, version, quirks)
            rows = pages.Rows(table, operation.entity, where)
            base = _root_address(request, version, quirks)
            if operation.one:
                page = pages.page(self._tables, cursor, rows, wanted, quirks, base)
                return _one(operation, page, wanted, version, quirks)
            rows = self._moving.moved(cursor, rows, wanted, quirks)
            sought = self._moving.repeated(table, wanted, quirks)
            page = pages.page(self._tables, cursor, rows, sought, quirks, base)
            return _several(request, operation, page, wanted, version, quirks)

    def _check_parents(
        self,
        cursor: duckdb.DuckDBPyConnection,
        version: Version,
        operation: Operation,
        ids: tuple[str, ...],
        quirks: Quirks,
    ) -> None:
        for name, condition in operation.parents:
            where = self._where(name, condition, version, ids, quirks)
            cursor.execute(
                f"SELECT 1 FROM {self._tables.table(name, version, quirks)} WHERE {where}"
            )
            if not cursor.fetchall():
                raise Wrong(404, "unknownobject", f"There is no such {SINGULAR[name]}")

    def _where(
        self, name: str, condition: str, version: Version, ids: tuple[str, ...], quirks: Quirks
    ) -> str:
        """A condition of an operation, with its words and ids in place, and what is never shown."""
        words = conditions(version, quirks)
        said = re.sub(r"\{(\w*[a-z]\w*)\}", lambda m: words.get(m[1], m[0]), condition)
        for other in ("classes", "enrollments"):
            if f"{{{other}}}" in said:
                table = self._tables.table(other, version, quirks)
                said = said.replace(f"{{{other}}}", table)
        said = re.sub(r"\{(\d)\}", lambda m: quoted(ids[int(m[1])]), said)
        said = f"({said})"
        if quirks.deleted == "hidden":
            said += " AND status = 'active'"
        if quirks.unlisted and name == "users":
            said += f' AND hash("sourcedId") % {quirks.unlisted} <> 0'
        return said


def _operation(path: str, quirks: Quirks) -> tuple[Operation, tuple[str, ...]]:
    found = find(path, quirks)
    if found is None:
        raise Wrong(404, "unknownobject", f"There is no {path or 'such path'}")
    return found


def _check_load(busy: int, quirks: Quirks) -> None:
    if 0 < quirks.parallel < busy:
        after = (("Retry-After", f"{quirks.retry_after:g}"),) if quirks.retry_after else ()
        raise Wrong(quirks.busy_status, "server_busy", "Too many requests at a time", after)


def _as_sent(request: Request) -> str:
    """The address as it came over the wire: signatures cover how it is encoded."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    address = f"{request.url.scheme}://{request.url.netloc}{path.decode()}"
    return f"{address}?{query.decode()}" if query else address


def _root_address(request: Request, version: Version, quirks: Quirks) -> str:
    root = quirks.root_11 if version == "1.1" else quirks.root_12
    return f"{request.url.scheme}://{request.url.netloc}{root}"


def _one(
    operation: Operation, page: pages.Page, wanted: asked.Asked, version: Version, quirks: Quirks
) -> Response:
    wrapper = SINGULAR[operation.entity]
    if wrapper == "demographics" and quirks.single_demographic:
        wrapper = "demographic"
    elif quirks.wrappers == "path" and operation.wrapper != operation.entity:
        wrapper = operation.wrapper.removesuffix("s")
    if not page.count:
        if quirks.missing_object == "404":
            raise Wrong(404, "unknownobject", f"There is no such {SINGULAR[operation.entity]}")
        return _json(f'{{"{wrapper}":null}}', quirks)
    more = _warnings(operation, wanted, version)
    return _json(f'{{"{wrapper}":{page.rows}{more}}}', quirks)


def _several(
    request: Request,
    operation: Operation,
    page: pages.Page,
    wanted: asked.Asked,
    version: Version,
    quirks: Quirks,
) -> Response:
    wrapper = operation.wrapper if quirks.wrappers == "path" else operation.entity
    if not page.count and quirks.empty == "404":
        raise Wrong(404, "unknownobject", "There is nothing")
    rows = f"[{page.rows}]"
    if not page.count and quirks.empty == "null":
        rows = "null"
    elif page.count == 1 and quirks.bare_single:
        rows = page.rows
    more = _warnings(operation, wanted, version)
    if quirks.body_total == "counts":
        of = -(-page.total // wanted.limit)
        more += (
            f',"totalCount":{page.total},"pageCount":{of},'
            f'"pageNumber":{wanted.offset // wanted.limit + 1},'
            f'"offset":{wanted.offset},"limit":{wanted.limit}'
        )
    elif quirks.body_total == "data":
        wrapper = "data"
        more += f',"total":{page.total},"limit":{wanted.limit},"offset":{wanted.offset}'
    answer = _json(f'{{"{wrapper}":{rows}{more}}}', quirks)
    if quirks.total != "none":
        answer.headers["X-Total-Count"] = str(page.total)
    if quirks.links != "none":
        address = request.url.path
        if quirks.links != "relative":
            address = f"{request.url.scheme}://{request.url.netloc}{address}"
        params = request.query_params.multi_items()
        answer.headers["Link"] = pages.links(address, params, wanted, page.total, quirks)
    return answer


def _warnings(operation: Operation, wanted: asked.Asked, version: Version) -> str:
    if version == "1.2" or not wanted.warnings:
        return ""
    said: list[Any] = [
        answers.status_11(code, text, operation.name, warning=True)
        for code, text in wanted.warnings
    ]
    return f',"statusInfoSet":{json.dumps(said)}'


def _json(content: str | bytes, quirks: Quirks, status: int = 200) -> Response:
    # Starlette would add a charset to any other header than one given whole.
    return Response(content, status, headers={"content-type": quirks.content_type})


def _refuse(wrong: Wrong, version: Version, operation: str, quirks: Quirks) -> Response:
    hidden = quirks.errors_in_200 and wrong.status != 401
    content = answers.body(wrong, version, operation, quirks)
    answer = _json(content, quirks, 200 if hidden else wrong.status)
    for name, value in wrong.headers:
        answer.headers[name] = value
    if wrong.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="oneroster"'
    return answer


def _description(quirks: Quirks) -> dict[str, Any]:
    """What version 1.2 tells of its own operations (OpenAPI)."""
    paths = {
        operation.path: {"get": {"operationId": operation.name}}
        for operation in OPERATIONS
        if find(operation.path, quirks)
    }
    return {
        "openapi": "3.0.1",
        "info": {"title": "OneRoster Rostering Service", "version": "1.2"},
        "servers": [{"url": quirks.root_12}],
        "paths": paths,
    }
