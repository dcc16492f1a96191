"""The emulator's own paths for PowerSchool: what an administrator of the server would do.

GET    /_emulator/plugins                  what is installed, with credentials; under `problems` the
                                           queries that cannot run, and why
POST   /_emulator/plugins                  the ZIP as body: installs or updates (?enabled=false)
PATCH  /_emulator/plugins/{name}           {"enabled": false}, {"level": "NONE"}
POST   /_emulator/plugins/{name}/secret    another client id and secret
DELETE /_emulator/plugins/{name}           deletes it; its credentials are lost
POST   /_emulator/quirks                   {"collapse_single": false, …}; GET tells them
DELETE /_emulator/tokens                   every token ends
PUT    /_emulator/subscriptions/{name}     ["students", "cc"]: what an application follows
DELETE /_emulator/subscriptions/{name}     it follows nothing any more
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sis.faults import ADMIN
from roster.errors import BadInput

from .compiled import problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from .plugins import Plugin
    from .server import Server


class Administration:
    """The handlers of those paths."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def routes(self) -> list[Route]:
        """The paths above."""
        return [
            Route(f"{ADMIN}plugins", self._plugins, methods=["GET", "POST"]),
            Route(f"{ADMIN}plugins/{{name}}", self._plugin, methods=["PATCH", "DELETE"]),
            Route(f"{ADMIN}plugins/{{name}}/secret", self._secret, methods=["POST"]),
            Route(f"{ADMIN}quirks", self._quirks, methods=["GET", "POST"]),
            Route(f"{ADMIN}tokens", self._tokens, methods=["DELETE"]),
            Route(f"{ADMIN}subscriptions/{{name}}", self._subscription, methods=["PUT", "DELETE"]),
        ]

    async def _plugins(self, request: Request) -> Response:
        if request.method == "GET":
            return await run_in_threadpool(self._all)
        content = await request.body()
        enabled = request.query_params.get("enabled", "true").lower() != "false"

        def install() -> Response:
            try:
                plugin = self._server.plugins.install(
                    content, self._server.columns(), enabled=enabled
                )
            except BadInput as error:
                return JSONResponse({"error": str(error)}, 400)
            return JSONResponse(self._told(plugin), 201)

        return await run_in_threadpool(install)

    def _all(self) -> Response:
        told = [self._told(plugin) for plugin in self._server.plugins.all()]
        return JSONResponse({"plugins": told})

    async def _plugin(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            self._server.plugins.delete(name)
            return JSONResponse({})
        values: dict[str, Any] = await request.json()
        if unknown := sorted(set(values) - {"enabled", "level"}):
            return JSONResponse({"error": f"{unknown}: only enabled and level change."}, 400)
        try:
            return JSONResponse(self._told(self._server.plugins.change(name, **values)))
        except BadInput as error:
            return JSONResponse({"error": str(error)}, 404)

    async def _secret(self, request: Request) -> Response:
        try:
            plugin = self._server.plugins.regenerate(request.path_params["name"])
        except BadInput as error:
            return JSONResponse({"error": str(error)}, 404)
        return JSONResponse(self._told(plugin))

    async def _quirks(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._server.quirks = self._server.quirks.changed(await request.json())
            except BadInput as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(asdict(self._server.quirks))

    async def _tokens(self, _: Request) -> Response:
        self._server.tokens.expire()
        return JSONResponse({})

    async def _subscription(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            self._server.subscriptions.pop(name, None)
            return JSONResponse({})
        tables: list[str] = await request.json()
        if unknown := sorted({t.lower() for t in tables} - set(self._server.store.keys)):
            return JSONResponse({"error": f"{', '.join(unknown)}: no such table."}, 400)
        self._server.subscriptions[name] = frozenset(table.lower() for table in tables)
        return JSONResponse({})

    def _told(self, plugin: Plugin) -> dict[str, Any]:
        return {
            "name": plugin.name,
            "version": plugin.version,
            "client_id": plugin.client_id,
            "client_secret": plugin.client_secret,
            "enabled": plugin.enabled,
            "level": plugin.level,
            "grants": sorted(f"{table}.{field}".upper() for table, field in plugin.grants),
            "queries": sorted(plugin.queries),
            "problems": self._problems(plugin),
        }

    def _problems(self, plugin: Plugin) -> dict[str, str]:
        cursor, columns = self._server.cursor(), self._server.columns()
        reasons = {name: problem(cursor, query, columns) for name, query in plugin.queries.items()}
        return {name: reason for name, reason in reasons.items() if reason}
