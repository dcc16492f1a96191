"""The emulator over HTTP: Graph under /v1.0, sign-in under /msi/token, and its own controls:

GET    /emulator/dump       the whole directory
GET    /emulator/counters   what was asked, written, throttled
POST   /emulator/seed       objects that are there before
POST   /emulator/faults     faults to come, added to those that are (DELETE calls them off)
GET    /emulator/features   what the tenant has; POST changes it
GET    /emulator/scenario   how the tenant behaves; POST changes it (YAML or JSON)
GET    /emulator/clock      the tenant's time; POST {"advance": seconds} moves a virtual one
POST   /emulator/noise      {"writes": n}: other apps make so many directory writes, now
POST   /emulator/resync     the next delta query is told to start afresh (410)
POST   /emulator/settle     whatever lags behind arrives now
POST   /emulator/person     {"scopes", "directoryRoles", "resource"}: a token of a person
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.entra.admission import Admission
from local.entra.batch import Batches
from local.entra.clock import VirtualClock, stamp
from local.entra.delegation import AS_USER, TEMPLATES
from local.entra.dump import dump
from local.entra.errors import GraphError
from local.entra.faults import Fault, Reset
from local.entra.features import Features
from local.entra.identity import RESOURCE
from local.entra.messages import Answer, Request, split_target
from local.entra.seeding import seed
from roster.errors import BadInput

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest
    from starlette.types import Receive, Scope, Send

    from local.entra.tenant import Tenant

VERSION = "/v1.0"


def create_app(tenant: Tenant) -> Starlette:
    """The emulator of one tenant as an ASGI app."""
    gate, controls = _Gate(tenant), _Controls(tenant)
    return Starlette(
        routes=[
            Route(
                VERSION + "/{rest:path}",
                gate.graph,
                methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            ),
            Route("/msi/token", gate.token),
            Route("/emulator/dump", controls.dump),
            Route("/emulator/counters", controls.counters),
            Route("/emulator/features", controls.features, methods=["GET", "POST"]),
            Route("/emulator/seed", controls.seed, methods=["POST"]),
            Route("/emulator/faults", controls.faults, methods=["POST", "DELETE"]),
            Route("/emulator/scenario", controls.scenario, methods=["GET", "POST"]),
            Route("/emulator/clock", controls.clock, methods=["GET", "POST"]),
            Route("/emulator/noise", controls.noise, methods=["POST"]),
            Route("/emulator/resync", controls.resync, methods=["POST"]),
            Route("/emulator/settle", controls.settle, methods=["POST"]),
            Route("/emulator/person", controls.person, methods=["POST"]),
        ],
        exception_handlers={BadInput: _told},
    )


class _Gate:
    """What the real service serves."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._batches = Batches(tenant)
        self._admission = Admission(tenant.identity)
        self._ids = f"{uuid4()}"[:24]
        self._number = 0

    async def token(self, http: HttpRequest) -> Response:
        if not http.headers.get("x-identity-header"):
            return JSONResponse({"statusCode": 401, "message": "X-IDENTITY-HEADER is missing"}, 401)
        asked = http.query_params
        names = ("client_id", "mi_res_id", "object_id", "principal_id")
        wanted = next((asked[name] for name in names if asked.get(name)), "")
        try:
            told = self._tenant.identity.token(
                asked.get("resource", ""), wanted, self._tenant.features.missing_roles
            )
            return JSONResponse(told)
        except GraphError as error:
            return JSONResponse({"statusCode": error.status, "message": str(error)}, error.status)

    async def graph(self, http: HttpRequest) -> Response:
        tenant = self._tenant
        tenant.counters["http"] += 1
        headers = {name.lower(): value for name, value in http.headers.items()}
        latency = tenant.scenario.latency.request
        try:
            request = await self._read(http, headers)
            if request.path == ("$batch",):
                tenant.counters["batches"] += 1
                latency = tenant.scenario.latency.batch
                answer = self._batches.answer(request)
            else:
                answer = tenant.perform(request)
        except GraphError as error:
            answer = tenant.refusal(error, headers)
        except Reset:
            return _BrokenOff()
        latency += answer.delay if answer else 0
        if latency:
            await tenant.clock.sleep(latency)
        return self._response(answer, headers)

    async def _read(self, http: HttpRequest, headers: dict[str, str]) -> Request:
        caller = self._admission.admit(headers.get("authorization", ""))
        target = http.scope["raw_path"].decode("ascii").removeprefix(VERSION)
        if http.scope["query_string"]:
            target += "?" + http.scope["query_string"].decode("ascii")
        path, query = split_target(target)
        return Request(
            method=http.method,
            target=target,
            path=path,
            query=query,
            headers=headers,
            body=_json(await http.body()),
            base=f"{http.scope['scheme']}://{headers['host']}{VERSION}",
            roles=caller.roles,
            app=caller.app,
        )

    def _response(self, answer: Answer | None, headers: dict[str, str]) -> Response:
        if answer is None:
            return _BrokenOff()
        self._number += 1
        own = {"request-id": f"{self._ids}{self._number:012x}", **answer.headers}
        if "client-request-id" in headers:
            own["client-request-id"] = headers["client-request-id"]
        if answer.body is None:
            return Response(status_code=answer.status, headers=own)
        if isinstance(answer.body, str):
            return PlainTextResponse(answer.body, answer.status, own)
        return JSONResponse(answer.body, answer.status, own)


class _Controls:
    """What only the emulator serves."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def dump(self, _: HttpRequest) -> Response:
        self._tenant.catch_up()
        return JSONResponse(dump(self._tenant.directory))

    async def counters(self, _: HttpRequest) -> Response:
        return JSONResponse(self._tenant.counters)

    async def seed(self, http: HttpRequest) -> Response:
        made = seed(self._tenant, await http.json())
        self._tenant.settle()
        return JSONResponse(made)

    async def features(self, http: HttpRequest) -> Response:
        if http.method == "POST":
            try:
                self._tenant.features = Features.from_json(await http.json(), self._tenant.features)
            except ValueError as error:
                raise BadInput(str(error)) from error
        return JSONResponse(self._tenant.features.to_json())

    async def faults(self, http: HttpRequest) -> Response:
        if http.method == "DELETE":
            self._tenant.faults.coming.clear()
        else:
            self._tenant.faults.coming += [Fault.from_json(one) for one in await http.json()]
        return Response(status_code=204)

    async def scenario(self, http: HttpRequest) -> Response:
        if http.method == "POST":
            self._tenant.change((await http.body()).decode("utf-8"), "request")
        return JSONResponse(self._tenant.scenario.model_dump(mode="json", by_alias=True))

    async def clock(self, http: HttpRequest) -> Response:
        clock = self._tenant.clock
        if http.method == "POST":
            seconds = _number(await http.body(), "advance")
            if not isinstance(clock, VirtualClock):
                raise BadInput("advance: only a virtual clock can be moved (clock.kind: virtual)")
            clock.advance(seconds=seconds)
        virtual = isinstance(clock, VirtualClock)
        return JSONResponse({"now": stamp(clock.now()), "seconds": clock.seconds(),
                             "virtual": virtual})  # fmt: skip

    async def noise(self, http: HttpRequest) -> Response:
        self._tenant.limits.spend_others(_number(await http.body(), "writes"))
        return Response(status_code=204)

    async def resync(self, _: HttpRequest) -> Response:
        self._tenant.deltas.resync = True
        return Response(status_code=204)

    async def settle(self, _: HttpRequest) -> Response:
        self._tenant.settle()
        return Response(status_code=204)

    async def person(self, http: HttpRequest) -> Response:
        """Only names that directory roles have are taken: BadInput says which."""
        asked = await http.json()
        roles = asked.get("directoryRoles", [])
        if unknown := sorted(set(roles) - set(TEMPLATES)):
            raise BadInput(f"directoryRoles: {unknown[0]!r}; allowed: {', '.join(TEMPLATES)}")
        resource = asked.get("resource", RESOURCE).rstrip("/")
        token = self._tenant.identity.person(asked.get("scopes", [AS_USER]), roles, resource)
        return JSONResponse({"accessToken": token, "expires_on": int(time.time()) + 3_600})


class _BrokenOff(Response):
    """No answer: the connection is reset. In process, where there is none, that is an exception."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        transport: Any = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionResetError("the connection was reset")
        socket = transport.get_extra_info("socket")
        if socket is not None:  # a reset instead of an orderly end
            socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        while not getattr(receive, "__self__").disconnected:  # noqa: B009, ASYNC110
            await asyncio.sleep(0)


async def _told(_: HttpRequest, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


def _number(content: bytes, name: str) -> float:
    """A number not below 0 of a JSON object such as {"advance": 60}."""
    try:
        value = json.loads(content)[name]
    except (ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise BadInput(f'{name}: a number not below 0 is needed, as in {{"{name}": 60}}')
    return float(value)


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from error
