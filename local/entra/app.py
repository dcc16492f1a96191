"""The emulator over HTTP: Graph under /v1.0, sign-in under /msi/token, its own controls under
/emulator (dump, counters, seed, faults)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.entra.batch import Batches
from local.entra.dump import dump
from local.entra.errors import GraphError
from local.entra.faults import Fault
from local.entra.features import Features
from local.entra.messages import Answer, Request, split_target
from local.entra.seeding import seed

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

    from local.entra.tenant import Tenant

VERSION = "/v1.0"


def create_app(tenant: Tenant) -> Starlette:
    """The emulator of one tenant as an ASGI app."""
    gate = _Gate(tenant)
    return Starlette(
        routes=[
            Route("/msi/token", gate.token),
            Route("/emulator/dump", gate.dump),
            Route("/emulator/counters", gate.counters),
            Route("/emulator/seed", gate.seed, methods=["POST"]),
            Route("/emulator/features", gate.features, methods=["GET", "POST"]),
            Route("/emulator/faults", gate.set_faults, methods=["POST", "DELETE"]),
            Route(
                VERSION + "/{rest:path}",
                gate.graph,
                methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            ),
        ]
    )


class _Gate:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._batches = Batches(tenant)

    async def token(self, http: HttpRequest) -> Response:
        if not http.headers.get("x-identity-header"):
            return JSONResponse({"statusCode": 401, "message": "X-IDENTITY-HEADER is missing"}, 401)
        try:
            return JSONResponse(self._tenant.identity.token(http.query_params.get("resource", "")))
        except GraphError as error:
            return JSONResponse({"statusCode": error.status, "message": str(error)}, error.status)

    async def graph(self, http: HttpRequest) -> Response:
        self._tenant.counters["http"] += 1
        headers = {name.lower(): value for name, value in http.headers.items()}
        try:
            roles = self._tenant.identity.check(headers.get("authorization", ""))
            request = await _read(http, headers, roles)
            if request.path == ("$batch",):
                answer: Answer | None = self._batches.answer(request)
            else:
                answer = self._tenant.perform(request)
        except GraphError as error:
            answer = self._tenant.refusal(error, headers)
        return _response(answer, headers)

    async def dump(self, _: HttpRequest) -> Response:
        self._tenant.settle()
        return JSONResponse(dump(self._tenant.directory))

    async def counters(self, _: HttpRequest) -> Response:
        return JSONResponse(self._tenant.counters)

    async def seed(self, http: HttpRequest) -> Response:
        return JSONResponse(seed(self._tenant, await http.json()))

    async def features(self, http: HttpRequest) -> Response:
        if http.method == "POST":
            try:
                features = Features.from_json(await http.json(), self._tenant.features)
            except ValueError as error:
                return JSONResponse({"message": str(error)}, 400)
            self._tenant.features = features
        return JSONResponse(self._tenant.features.to_json())

    async def set_faults(self, http: HttpRequest) -> Response:
        if http.method == "DELETE":
            self._tenant.faults.coming.clear()
        else:
            self._tenant.faults.coming += [Fault.from_json(one) for one in await http.json()]
        return Response(status_code=204)


async def _read(http: HttpRequest, headers: dict[str, str], roles: frozenset[str]) -> Request:
    raw = http.scope["raw_path"].decode("ascii")
    target = raw.removeprefix(VERSION)
    if http.url.query:
        target += "?" + http.url.query
    path, query = split_target(target)
    return Request(
        method=http.method,
        target=target,
        path=path,
        query=query,
        headers=headers,
        body=_json(await http.body()),
        base=f"{http.url.scheme}://{http.headers['host']}{VERSION}",
        roles=roles,
    )


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from error


def _response(answer: Answer | None, headers: dict[str, str]) -> Response:
    if answer is None:  # a lost answer: the connection breaks off in the middle of it
        return Response(b"", 200, {"content-length": "1"})
    own = {"request-id": str(uuid4()), **answer.headers}
    if "client-request-id" in headers:
        own["client-request-id"] = headers["client-request-id"]
    if answer.body is None:
        return Response(status_code=answer.status, headers=own)
    if isinstance(answer.body, str):
        return PlainTextResponse(answer.body, answer.status, own)
    return JSONResponse(answer.body, answer.status, own)
