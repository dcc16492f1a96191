"""HTTP of the host: the HTTP functions, and the admin endpoint that runs any other function now.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import azure.functions as func
from azure.functions.queue import QueueMessage
from azure.functions.timer import TimerRequest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from .functions import HttpTrigger, QueueTrigger
from .signin import trusted_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from .functions import Function
    from .routes import Match, Routes
    from .signin import Person
    from .worker import Worker

logger = logging.getLogger(__name__)

ADMIN = "/admin/functions/"
OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})


def _new_key() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Keys:
    """The access keys, made anew at each start. The master key opens everything."""

    master: str = field(default_factory=_new_key)
    function: str = field(default_factory=_new_key)

    def open(self, level: str, given: str) -> bool:
        """Whether the key of a request fits an authorization level."""
        if level == "anonymous":
            return True
        keys = (self.master, self.function) if level == "function" else (self.master,)
        return any(secrets.compare_digest(key.encode(), given.encode()) for key in keys)


class Web:
    """The ASGI app of the host."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        routes: Routes,
        worker: Worker,
        keys: Keys,
        person: Person | None,
    ) -> None:
        self._functions = functions
        self._routes = routes
        self._worker = worker
        self._keys = keys
        self._person = person
        self._manual_runs: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        if request.url.path.startswith(ADMIN):
            answer = await self._admin(request)
        elif match := self._routes.find(request.method, scope["path"]):
            answer = await self._invoke(request, match)
        else:
            answer = Response(status_code=404)
        await answer(scope, receive, send)

    async def _invoke(self, request: Request, match: Match) -> Response:
        """Runs an HTTP function; 401 without its key, 500 if it raises."""
        if not self._keys.open(match.trigger.level, _given_key(request)):
            return Response(status_code=401)
        query = request.query_params
        call = func.HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=trusted_headers(request.headers.items(), self._person),
            params={name: ",".join(query.getlist(name)) for name in query},
            route_params=match.parameters,
            body=await request.body(),
        )
        try:
            return _response(await self._worker.run(match.function, call))
        except Exception:
            # Whatever the function raises fails this request alone.
            logger.exception("Function %s failed", match.function.name)
            return Response(status_code=500)

    async def _admin(self, request: Request) -> Response:
        """POST /admin/functions/NAME, `{"input": "…"}`: runs the function and does not wait."""
        if not self._keys.open("admin", _given_key(request)):
            return Response(status_code=401)
        function = self._functions.get(request.url.path.removeprefix(ADMIN))
        if request.method != "POST" or function is None:
            return Response(status_code=404)
        if isinstance(function.trigger, HttpTrigger):
            return PlainTextResponse("An HTTP function is run at its own address.", 400)
        try:
            value: Any = json.loads(await request.body() or b"{}")
            text = value.get("input", "")
        except (ValueError, AttributeError):
            return PlainTextResponse('The body must be a JSON object: {"input": "…"}', 400)
        task = asyncio.create_task(self._run_by_hand(function, str(text)))
        self._manual_runs.add(task)
        task.add_done_callback(self._manual_runs.discard)
        return Response(status_code=202)

    async def _run_by_hand(self, function: Function, text: str) -> None:
        trigger: object = TimerRequest(past_due=False)
        if isinstance(function.trigger, QueueTrigger):
            trigger = QueueMessage(id=str(uuid.uuid4()), body=text, dequeue_count=1)
        try:
            await self._worker.run(function, trigger)
        except Exception:
            # As at a trigger of its own, a failure is the function's alone.
            logger.exception("Function %s failed", function.name)


def _given_key(request: Request) -> str:
    return request.headers.get("x-functions-key") or request.query_params.get("code", "")


def _response(result: object) -> Response:
    """What a function returned, as an answer. None is 204, text is 200."""
    if result is None:
        return Response(status_code=204)
    if isinstance(result, str):
        return PlainTextResponse(result)
    if not isinstance(result, func.HttpResponse):
        raise TypeError(
            f"an HTTP function returned {type(result).__name__}; "
            "allowed are HttpResponse, str, None"
        )
    answer = Response(result.get_body(), result.status_code)
    names = {name.lower() for name, _ in result.headers.items()}
    if "content-type" not in names:
        text = result.mimetype.startswith("text/")
        kind = f"{result.mimetype}; charset={result.charset}" if text else result.mimetype
        answer.headers["content-type"] = kind
    for name, value in result.headers.items():
        if name.lower() not in OWN_HEADERS:
            answer.headers.append(name, value)
    return answer
