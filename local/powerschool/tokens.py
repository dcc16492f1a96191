"""POST /oauth/access_token: client credentials for a token, the same one until it ends.

Credentials stand in a Basic header, the grant in a form.
https://support.powerschool.com/developer
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from .answers import Refusal, unauthorized

if TYPE_CHECKING:
    from starlette.requests import Request

    from .plugins import Plugin, Plugins
    from .quirks import Quirks


@dataclass
class _Token:
    text: str
    client_id: str
    ends: float
    calls: int = 0


class Tokens:
    """The tokens given out."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._lock = threading.Lock()
        self._tokens: dict[str, _Token] = {}
        self._asked: list[float] = []

    def answer(self, authorization: str, body: str, quirks: Quirks) -> Response:
        """The answer to a request for a token."""
        if not quirks.oauth:
            return Response(status_code=404)
        if self._too_often(quirks):
            after = {"Retry-After": str(quirks.retry_after)} if quirks.retry_after else {}
            return JSONResponse({"error": "temporarily_unavailable"}, 429, headers=after)
        client_id, secret = _basic(authorization)
        plugin = self._plugins.by_client(client_id, secret)
        if plugin is None or not plugin.enabled:
            return JSONResponse(
                {"error": "invalid_client"}, 401, headers={"WWW-Authenticate": "Basic"}
            )
        grant = parse_qs(body).get("grant_type", [""])[0]
        if grant != "client_credentials":
            error = "unsupported_grant_type" if grant else "invalid_request"
            return JSONResponse({"error": error}, 400)
        token = self._token(client_id, quirks)
        left = max(0, int(token.ends - time.time()))
        return JSONResponse(
            {
                "access_token": token.text,
                "token_type": "Bearer",
                "expires_in": str(left) if quirks.expires_in_as_text else left,
            },
            headers={"Cache-Control": "no-store"},
        )

    def holder(self, request: Request, quirks: Quirks) -> Plugin:
        """The plugin whose token a data call bears. Raises Refusal (401) without a good one.

        A request that is asked for several times counts as one call.
        """
        known: Plugin | None = getattr(request.state, "plugin", None)
        if known is not None:
            return known
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise Refusal(unauthorized())
        with self._lock:
            token = self._tokens.get(text.strip())
            if token is None:
                raise Refusal(unauthorized("The access token is invalid"))
            token.calls += 1
            used_up = quirks.token_calls is not None and token.calls > quirks.token_calls
            if used_up or token.ends <= time.time():
                token.ends = 0.0
                raise Refusal(unauthorized("The access token has expired"))
        plugin = self._plugins.by_client(token.client_id)
        if plugin is None or not plugin.enabled:
            raise Refusal(unauthorized("The access token is invalid"))
        request.state.plugin = plugin
        return plugin

    def expire(self) -> None:
        """Ends every token that is out."""
        with self._lock:
            for token in self._tokens.values():
                token.ends = 0.0

    def _token(self, client_id: str, quirks: Quirks) -> _Token:
        with self._lock:
            now = time.time()
            if quirks.same_token:
                for token in self._tokens.values():
                    if token.client_id == client_id and token.ends > now:
                        return token
            token = _Token(str(uuid.uuid4()), client_id, now + quirks.token_seconds)
            self._tokens[token.text] = token
            return token

    def _too_often(self, quirks: Quirks) -> bool:
        with self._lock:
            now = time.time()
            self._asked = [at for at in self._asked if at > now - 60] + [now]
            most = quirks.token_requests_a_minute
            return most is not None and len(self._asked) > most


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret
