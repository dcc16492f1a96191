"""Signing requests: OAuth 2 client credentials, a fixed bearer token, OAuth 1.0a.

https://datatracker.ietf.org/doc/html/rfc6749#section-4.4
https://datatracker.ietf.org/doc/html/rfc5849
The library oauthlib makes the signatures and reads the tokens; here they are put on requests.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, Literal, cast
from urllib.parse import urlencode

import httpx
import orjson

from roster.errors import Terminal, Transient

# A token is renewed this long before it ends, so that none ends on the way.
EARLY_SECONDS = 60.0
DEFAULT_LIFE = 3600.0


class BearerToken(httpx.Auth):
    """A token that does not end."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Puts the token on a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2 client credentials: a token is asked for when it is needed, and once more after 401.

    `credentials`: where the token endpoint wants them, in the header (Basic, which RFC 6749 asks
    every server to take), in the body or, as a few do, in the query. A cookie that comes with the
    token goes back with each request to the host that set it: some tie the one to the other.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str = "",
        credentials: Literal["header", "body", "query"] = "header",
        refused: str,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """`refused`: what to do when the credentials are refused. `more`: further form fields."""
        self._token_url = token_url
        self._id = client_id
        self._secret = client_secret
        self._scope = scope
        self._credentials = credentials
        self._refused = refused
        self._more = dict(more or {})
        self._token = ""
        self._ends = 0.0
        self._cookies = httpx.Cookies()
        self._asking = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Puts a token on a request; a token that the server takes back is replaced once."""
        async with self._asking:
            if time.monotonic() >= self._ends - EARLY_SECONDS:
                answer = yield self._ask()
                self._take(answer, await answer.aread())
        used = self._token
        self._put(request)
        response = yield request
        if response.status_code != 401:
            return
        async with self._asking:
            if self._token == used:
                answer = yield self._ask()
                self._take(answer, await answer.aread())
        self._put(request)
        yield request

    def _put(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Bearer {self._token}"
        if len(self._cookies):
            request.headers.pop("Cookie", None)
            self._cookies.set_cookie_header(request)

    def _ask(self) -> httpx.Request:
        fields = {"grant_type": "client_credentials"} | self._more
        if self._scope:
            fields["scope"] = self._scope
        headers = {
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "Accept": "application/json",
        }
        pair = {"client_id": self._id, "client_secret": self._secret}
        address = httpx.URL(self._token_url)
        if self._credentials == "body":
            fields |= pair
        elif self._credentials == "query":
            address = address.copy_merge_params(pair)
        else:
            basic = base64.b64encode(f"{self._id}:{self._secret}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        return httpx.Request("POST", address, headers=headers, content=urlencode(fields))

    def _take(self, answer: httpx.Response, content: bytes) -> None:
        status, body = answer.status_code, _object(content)
        if status in (400, 401, 403):
            raise Terminal(
                f"The token endpoint answered {status}{_error(body)}: the client id or secret "
                f"was refused; {self._refused}",
                str(status),
            )
        if status == 404:
            raise Terminal(
                "The token endpoint answered 404: there is none at this address; check the "
                f"address of the source. {self._refused}",
                "404",
            )
        token = body.get("access_token") or _text(content)
        if status >= 300 or not isinstance(token, str) or not token:
            raise Transient(f"The token endpoint answered {status}, without a token")
        self._token = token
        self._cookies = answer.cookies
        self._ends = time.monotonic() + _seconds(body.get("expires_in"))


class Signature(httpx.Auth):
    """OAuth 1.0a with two legs: each request is signed with the key and its secret."""

    def __init__(self, key: str, secret: str, method: Literal["sha1", "sha256"]) -> None:
        from oauthlib import oauth1

        methods = {
            "sha1": oauth1.SIGNATURE_HMAC_SHA1,
            "sha256": oauth1.SIGNATURE_HMAC_SHA256,
        }
        self._client = oauth1.Client(key, client_secret=secret, signature_method=methods[method])

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Signs a request, query included."""
        client = cast("Any", self._client)  # its types leave the answer open
        _, headers, _ = client.sign(str(request.url), request.method)
        request.headers["Authorization"] = str(headers["Authorization"])
        yield request


def _seconds(life: Any) -> float:
    """A token's life; some servers write the number as text, some write none."""
    try:
        return float(life)
    except (TypeError, ValueError):
        return DEFAULT_LIFE


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _text(content: bytes) -> str:
    """A token that is the whole answer, as a JSON text."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    return body if isinstance(body, str) else ""


def _error(body: Mapping[str, Any]) -> str:
    code = body.get("error")
    return f" ({code})" if isinstance(code, str) and len(code) < 60 else ""
