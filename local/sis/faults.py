"""Faults of an emulated system: what is wrong with which answers, and for how long.

A fault is a wrapper around the whole application (ASGI), so that every path can have each:

    status      an answer of that number (503, 500, 401 …), JSON body unless `body` is given
    throttle    429, with Retry-After if `seconds` is set
    html        a page with status 200, as proxies and maintenance pages are
    redirect    302 to `body`, a maintenance or sign-in page
    drop        the connection breaks off before the answer
    truncate    the connection breaks off in the middle of the answer's body
    slow        the answer comes after `seconds`
    garbage     status 200, content type JSON, a body that is no JSON
    empty       status 200 and `body`, such as {"users": []}
    retype      texts in the answer become numbers, null, lists or objects, here and there
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import itertools
import json
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal[
    "status", "throttle", "html", "redirect", "drop", "truncate", "slow", "garbage", "empty",
    "retype",
]  # fmt: skip
ADMIN = "/_emulator/"
_PAGE = "<!DOCTYPE html><html><body><h1>Scheduled maintenance</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """`path`: a glob over path?query. `after`: matching requests that go well first.

    `times`: how often it then happens; None = always.
    """

    kind: Kind
    path: str = "*"
    after: int = 0
    times: int | None = 1
    status: int = 503
    body: str = ""
    seconds: float = 0.0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fault:
        """A fault as the emulator's own address `/_emulator/faults` takes it."""
        return cls(**values)


class Faults:
    """The faults that wait to happen. `seen`: path?query of every request, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.seen: list[str] = []

    def add(self, fault: Fault) -> None:
        """Let something be wrong from now on."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """All is well again; what was seen is forgotten."""
        with self._lock:
            self._waiting.clear()
            self.seen.clear()

    def due(self, address: str) -> Fault | None:
        """The fault that this request meets, if any."""
        with self._lock:
            self.seen.append(address)
            for place, fault in enumerate(self._waiting):
                if not fnmatch.fnmatchcase(address, fault.path):
                    continue
                if fault.after:
                    self._waiting[place] = replace(fault, after=fault.after - 1)
                    continue
                if fault.times is not None:
                    self._waiting[place] = replace(fault, times=fault.times - 1)
                    if fault.times <= 1:
                        del self._waiting[place]
                return fault
        return None


class Faulty:
    """An application with faults."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, well or badly."""
        if scope["type"] != "http" or scope["path"].startswith(ADMIN):
            await self._app(scope, receive, send)
            return
        query = cast("bytes", scope["query_string"]).decode()
        fault = self._faults.due(scope["path"] + (f"?{query}" if query else ""))
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind == "truncate":
            await self._app(scope, receive, _truncating(receive, send))
        elif fault.kind == "retype":
            await self._app(scope, receive, _retyping(send))
        elif fault.kind == "drop":
            _break_off(receive)
        else:
            await _answer(fault, send)


def _truncating(receive: Receive, send: Send) -> Send:
    """Half of the body, and then nothing: the promised length is never reached."""

    async def half(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message["body"]
            await send({**message, "body": body[: len(body) // 2], "more_body": True})
            _break_off(receive)
        else:
            await send(message)

    return half


def _retyping(send: Send) -> Send:
    """The answer with values of other types; only for answers whose body comes in one piece."""
    start: list[Message] = []

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
            return
        body: bytes = message.get("body", b"")
        with contextlib.suppress(ValueError):
            body = json.dumps(_retyped(json.loads(body), itertools.count())).encode()
        headers = [(n, v) for n, v in start[0]["headers"] if n.lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({**start[0], "headers": headers})
        await send({**message, "body": body})

    return changed


def _retyped(value: Any, counter: Iterator[int]) -> Any:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {name: _retyped(inner, counter) for name, inner in pairs}
    if isinstance(value, list):
        return [_retyped(inner, counter) for inner in cast("list[Any]", value)]
    wrong: list[Any] = [17, None, ["a", "b"], {"odd": True}, True, ""]
    number = next(counter)
    return wrong[number // 11 % len(wrong)] if number % 11 == 0 else value


def _break_off(receive: Receive) -> None:
    """Closes the connection under the server, as a crashed machine would."""
    transport: Any = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.close()


async def _answer(fault: Fault, send: Send) -> None:
    status, kind, body = fault.status, "application/json", fault.body
    headers: list[tuple[bytes, bytes]] = []
    if fault.kind == "throttle":
        status = 429
        if fault.seconds:
            headers.append((b"retry-after", f"{fault.seconds:g}".encode()))
    elif fault.kind == "html":
        status, kind, body = 200, "text/html", body or _PAGE
    elif fault.kind == "redirect":
        status, kind, body = 302, "text/html", _PAGE
        headers.append((b"location", fault.body.encode()))
    elif fault.kind == "garbage":
        status, body = 200, body or '{"users": [{"sourcedId'
    elif fault.kind == "empty":
        status = 200
    content = (body or json.dumps({"error": f"fault {status}"})).encode()
    headers += [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
