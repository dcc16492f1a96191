"""A session with a source: JSON over HTTP, and what every kind of failure means.

Design note. A source that is down must never look like a source that is empty. So anything but a
proper JSON answer is an error: HTML with status 200 and redirects are what maintenance pages and
expired sign-ins look like, and a body that breaks off is not half a roster. What may pass is tried
again a few times here, then given to the caller as Transient, who goes on later from the last page.
Addresses in answers are only followed on the source's own host, because the credentials go along.
Messages name the path and never the query or the body, which may hold names.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import orjson

from roster.errors import BadInput, Terminal, Transient

TIMEOUT = httpx.Timeout(connect=10.0, read=120.0, write=30.0, pool=None)
TRIES = 4
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
LONGEST_TEXT = 200
_PASSING = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Answer:
    """A JSON answer. `path` is what was asked, for messages."""

    status: int
    body: Any
    headers: httpx.Headers
    path: str


class Session:
    """An open way to a source, in an `async with` block. `requests` counts what was sent."""

    def __init__(
        self,
        address: str,
        auth: httpx.Auth | None,
        *,
        refused: str,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`address`: what relative paths stand under, https. `refused`: what the administrator can
        do when the credentials are refused, as the end of a sentence."""
        self._address = checked_address(address)
        self._refused = refused
        self.requests = 0
        self._client = httpx.AsyncClient(
            base_url=self._address,
            auth=auth,
            headers={"Accept": "application/json"} | dict(headers or {}),
            timeout=TIMEOUT,
            transport=transport,
            event_hooks={"request": [self._count]},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, allow: Collection[int] = ()
    ) -> Answer:
        """A GET. `allow`: statuses above 399 that the caller wants to see instead of an error."""
        return await self._ask("GET", path, params, None, allow)

    async def post(
        self,
        path: str,
        body: Any,
        params: Mapping[str, str] | None = None,
        *,
        allow: Collection[int] = (),
    ) -> Answer:
        """A POST of JSON that only reads, so that it may be repeated."""
        return await self._ask("POST", path, params, body, allow)

    async def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Any,
        allow: Collection[int],
    ) -> Answer:
        address = self._client.base_url.join(path) if "://" in path else path
        if isinstance(address, httpx.URL) and not self._own(address):
            raise Terminal(
                f"The source's answer leads to another host ({address.host}); it is not followed, "
                "because the credentials would go along. Check the address of the source"
            )
        where = urlsplit(path).path
        pause = FIRST_PAUSE
        for left in reversed(range(TRIES)):
            try:
                response = await self._client.request(
                    method, address, params=params or None, json=body
                )
                return self._understood(response, where, allow)
            except httpx.TransportError as error:
                trouble = Transient(f"{where}: no answer ({type(error).__name__})")
            except Transient as error:
                trouble = error
            wait = pause if trouble.retry_after is None else trouble.retry_after
            if not left or wait > LONGEST_PAUSE:
                raise trouble
            await asyncio.sleep(wait * random.uniform(1.0, 1.2))
            pause *= 2
        raise AssertionError("unreachable")

    async def _count(self, _: httpx.Request) -> None:
        self.requests += 1

    def _own(self, url: httpx.URL) -> bool:
        own = self._client.base_url
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)

    def _understood(self, response: httpx.Response, where: str, allow: Collection[int]) -> Answer:
        status = response.status_code
        if status in allow:
            return Answer(status, _json(response), response.headers, where)
        if status == 401:
            raise Terminal(f"{where}: 401, the credentials were refused; {self._refused}", "401")
        if status == 429 or status in _PASSING:
            wait = retry_after(response.headers)
            if wait is None and status == 429:
                wait = limit_resets(response.headers)
            raise Transient(f"{where}: answered {status}; the system is busy or down", wait)
        if 300 <= status < 400:
            raise Transient(
                f"{where}: answered {status} and leads elsewhere; the system is under maintenance, "
                "or the address in the configuration is not that of its API"
            )
        if status >= 400:
            raise Terminal(
                f"{where}: answered {status}{_told(response)}; see in the system's administration "
                "what this access may read, or show this message to its vendor",
                str(status),
            )
        body = _json(response)
        if body is _NO_JSON:
            raise Transient(
                f"{where}: answered {status} with something that is not JSON; the system is under "
                "maintenance, or the address in the configuration is not that of its API"
            )
        return Answer(status, body, response.headers, where)


_NO_JSON = object()


def _json(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return _NO_JSON if response.status_code < 400 else None


def _told(response: httpx.Response) -> str:
    """What an error answer says about itself, if that is short and plain."""
    body = _json(response)
    if not isinstance(body, dict):
        return ""
    for name in ("imsx_description", "error_description", "message", "error", "detail"):
        text: Any = body.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(text, str) and text:
            return f": {text[:LONGEST_TEXT]}"
    return ""


def retry_after(headers: httpx.Headers) -> float | None:
    """The seconds that an answer asks to wait, given as a number or as a date."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def limit_resets(headers: httpx.Headers) -> float | None:
    """The seconds until a limit of requests starts anew, where the answer names that moment."""
    try:
        left = float(headers["x-ratelimit-reset"]) - time.time()
    except (KeyError, ValueError):
        return None
    return left if left > 0 else None


def checked_address(address: str) -> str:
    """An address that credentials may be sent to, with a slash at its end; BadInput for others."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and (parts.hostname or "") in _LOOPBACK
    ):
        raise BadInput(f"{address}: not an address of the form https://host/path")
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise BadInput(f"{address}: give only https://host/path, without query or credentials")
    return address.rstrip("/") + "/"
