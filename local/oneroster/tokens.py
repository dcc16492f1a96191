"""OAuth 2 client credentials: the token call and the tokens (RFC 6749, section 4.4).

The call is a POST of a form: grant_type=client_credentials, and scope if wished; the client's id
and secret come by Basic authorization or in the form, as the quirks have it. Providers put it in
different places: every path that ends in one of PATHS takes it.
https://www.imsglobal.org/spec/security/v1p0/
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from starlette.responses import Response

from .answers import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from .entities import Version
    from .quirks import Quirks

PATHS = ("/token", "/oauth2/token", "/oauth2server/clienttoken", "/login")
COOKIE = "oneroster-session"
_SCOPES = {
    "1.1": "https://purl.imsglobal.org/spec/or/v1p1/scope/",
    "1.2": "https://purl.imsglobal.org/spec/or/v1p2/scope/",
}


@dataclass(frozen=True, slots=True)
class _Token:
    until: float
    scopes: frozenset[str]
    cookie: str


class _Refused(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


class Tokens:
    """The tokens that are out. Each lives as long as the quirks say when it is given."""

    def __init__(self, clients: Mapping[str, str], versions: tuple[Version, ...]) -> None:
        """`clients`: id → secret."""
        self._clients = clients
        self._versions = versions
        self._lock = threading.Lock()
        self._out: dict[str, _Token] = {}

    def revoke(self) -> None:
        """No token is valid any more."""
        with self._lock:
            self._out.clear()

    def check(
        self, version: Version, token: str, cookie: str | None, scopes: tuple[str, ...],
        quirks: Quirks,
    ) -> None:  # fmt: skip
        """Raises Wrong: 401 for a token that is not valid, 403 for one with none of the scopes."""
        if quirks.fixed_bearer and secrets.compare_digest(
            token.encode(), quirks.fixed_bearer.encode()
        ):
            return
        with self._lock:
            known = self._out.get(token)
        if known is None or known.until < time.monotonic():
            raise Wrong(401, "unauthorisedrequest", "The token is unknown or has expired")
        if quirks.session_cookie and cookie != known.cookie:
            raise Wrong(401, "unauthorisedrequest", "The session's cookie is missing")
        if not any(_SCOPES[version] + scope in known.scopes for scope in scopes):
            raise Wrong(403, "forbidden", f"The token lacks the scope {scopes[0]}")

    async def call(self, request: Request, quirks: Quirks) -> Response:
        """Answers a token call."""
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        try:
            form = await _form(request)
            self._authenticate(request, form, quirks)
            reply, cookie = self._give(form, quirks)
        except _Refused as refused:
            if refused.status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="oneroster"'
            content = json.dumps(refused.body)
            return Response(content, refused.status, headers, "application/json")
        bare = quirks.token_reply == "text" or request.url.path.endswith("/login")
        content = json.dumps(reply["access_token"] if bare else reply)
        answer = Response(content, 200, headers, "application/json")
        if quirks.session_cookie:
            answer.set_cookie(COOKIE, cookie, httponly=True)
        return answer

    def _authenticate(self, request: Request, form: dict[str, str], quirks: Quirks) -> None:
        pair = _credentials(request, form, quirks)
        if pair is None:
            raise _Refused("invalid_client", "The client's id and secret are missing", 401)
        key, secret = pair
        if not secrets.compare_digest(self._clients.get(key, "").encode(), secret.encode()) or (
            key not in self._clients
        ):
            raise _Refused("invalid_client", "The client or its secret is not known", 401)

    def _give(self, form: dict[str, str], quirks: Quirks) -> tuple[dict[str, Any], str]:
        if form.get("grant_type") != "client_credentials":
            raise _Refused("unsupported_grant_type", "grant_type is client_credentials")
        scopes = self._granted(form.get("scope", ""), quirks)
        token, cookie = secrets.token_urlsafe(24), secrets.token_urlsafe(12)
        with self._lock:
            self._out[token] = _Token(
                time.monotonic() + quirks.token_seconds, frozenset(scopes), cookie
            )
        seconds = max(1, round(quirks.token_seconds))
        reply: dict[str, Any] = {
            "access_token": token,
            "token_type": "bearer" if quirks.token_reply == "lower" else "Bearer",
            "expires_in": str(seconds) if quirks.token_reply == "text-expiry" else seconds,
            "scope": " ".join(quirks.scope_prefix + scope for scope in scopes),
        }
        if quirks.token_reply == "no-expiry":
            del reply["expires_in"]
        if quirks.token_reply == "no-scope":
            del reply["scope"]
        return reply, cookie

    def _granted(self, wanted: str, quirks: Quirks) -> list[str]:
        """What of the wanted scopes the client can get; all that it can, if it wants none."""
        possible = [_SCOPES[v] + scope for v in self._versions for scope in quirks.scopes]
        if not wanted:
            if quirks.scope_required:
                raise _Refused("invalid_scope", "The scope is missing")
            return possible
        granted = [s for s in possible if quirks.scope_prefix + s in wanted.split()]
        if not granted:
            raise _Refused("invalid_scope", "The client can get none of these scopes")
        return granted


async def _form(request: Request) -> dict[str, str]:
    if request.method != "POST":
        raise _Refused("invalid_request", "The token call is a POST", 405)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _Refused("invalid_request", "The body is a form (x-www-form-urlencoded)")
    text = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _credentials(request: Request, form: dict[str, str], quirks: Quirks) -> tuple[str, str] | None:
    places = quirks.token_credentials
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if "basic" in places and scheme.lower() == "basic":
        try:
            text = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        key, _, secret = text.partition(":")
        return unquote_plus(key), unquote_plus(secret)
    if "body" in places and "client_id" in form:
        return form["client_id"], form.get("client_secret", "")
    query = request.query_params
    if "query" in places and "client_id" in query:
        return query["client_id"], query.get("client_secret", "")
    return None
