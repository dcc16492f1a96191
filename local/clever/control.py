"""The emulator's own addresses, by which a test or an onlooker turns its switches.

GET, POST /_emulator/quirks    {"retry_after": true, …}     see Quirks
GET, POST /_emulator/sharing   {"schools": ["0001"], …}     see Sharing; {} shares everything
GET, POST /_emulator/clock     {"advance": 3600} or {"now": "2026-12-01T06:00:00Z"}
GET       /_emulator/tokens    what /oauth/tokens tells, without sign-in
POST      /_emulator/tokens    {"do": "rotate", "connect", "disconnect" or "sign-in",
                               "district": its id; default: the one of the records}
POST      /_emulator/sync      a nightly sync, whether there is something new or not
POST      /_emulator/advance   a day passes for the district, and is synced
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sis.faults import ADMIN
from local.sis.serving import admin_routes
from roster.errors import BadInput

from .sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from local.sis.faults import Faults

    from .service import Service

_DOINGS = ("rotate", "connect", "disconnect", "sign-in")


def control_routes(service: Service, faults: Faults) -> list[Route]:
    """The routes of the addresses above, and those that all emulators have."""
    catalogue, clock = service.catalogue, service.catalogue.clock

    async def quirks(request: Request) -> Response:
        if request.method == "POST":
            values = await request.json()
            await asyncio.to_thread(service.set_quirks, catalogue.quirks.with_values(values))
        return JSONResponse(asdict(catalogue.quirks))

    async def sharing(request: Request) -> Response:
        if request.method == "POST":
            values = await request.json()
            await asyncio.to_thread(catalogue.set_sharing, Sharing.from_json(values))
        return JSONResponse(catalogue.sharing.to_json())

    async def time(request: Request) -> Response:
        values: dict[str, Any] = await request.json() if request.method == "POST" else {}
        if "now" in values:
            await asyncio.to_thread(clock.set, _moment(values["now"]))
        if "advance" in values:
            await asyncio.to_thread(clock.advance, float(values["advance"]))
        return JSONResponse({"now": clock.now().astimezone(UTC).isoformat()})

    async def tokens(request: Request) -> Response:
        if request.method == "POST":
            values: dict[str, Any] = await request.json()
            token = _do(service, values.get("do"), values.get("district"))
            return JSONResponse({"access_token": token})
        return JSONResponse(service.token_list())

    async def sync(_: Request) -> Response:
        await asyncio.to_thread(catalogue.sync)
        return JSONResponse({})

    async def advance(request: Request) -> Response:
        values: dict[str, Any] = await request.json()
        seed, change = int(values.get("seed", 1)), float(values.get("change", 0.02))
        await asyncio.to_thread(catalogue.records.advance, seed, change, clock.now())
        await asyncio.to_thread(catalogue.refresh)
        return JSONResponse({"revision": catalogue.records.revision})

    own: list[tuple[str, Callable[[Request], Awaitable[Response]], list[str]]] = [
        ("quirks", quirks, ["GET", "POST"]),
        ("sharing", sharing, ["GET", "POST"]),
        ("clock", time, ["GET", "POST"]),
        ("tokens", tokens, ["GET", "POST"]),
        ("sync", sync, ["POST"]),
        ("advance", advance, ["POST"]),
    ]
    return [
        *(Route(ADMIN + name, _explained(act), methods=methods) for name, act, methods in own),
        *admin_routes(catalogue.records, faults),
    ]


def _explained(
    act: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Says what is wrong with a request, as 400."""

    async def explained(request: Request) -> Response:
        try:
            return await act(request)
        except (BadInput, ValueError, TypeError) as error:
            return JSONResponse({"message": str(error)}, status_code=400)

    return explained


def _do(service: Service, doing: object, district: str | None) -> str | None:
    own = district or service.catalogue.district("3.0")["id"]
    if doing == "rotate":
        return service.tokens.rotate(own).text
    if doing == "connect":
        return service.tokens.connect(own).text
    if doing == "sign-in":
        return service.tokens.sign_in(own).text
    if doing == "disconnect":
        service.tokens.disconnect(own)
        return None
    raise BadInput(f"Tokens: do is one of {', '.join(_DOINGS)}, not {doing!r}.")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise BadInput(f"Clock: {text!r} does not say its time zone; write 2026-12-01T06:00:00Z.")
    return moment
