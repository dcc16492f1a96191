"""OAuth 1.0a as version 1.1 has it: signed requests, two-legged, without a token (RFC 5849).

A timestamp may be 45 minutes off, a nonce is remembered for 90.
https://www.imsglobal.org/oneroster-v11-final-specification
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint
from oauthlib.oauth1.rfc5849.errors import OAuth1Error

from .answers import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 45 * 60
REMEMBERED = 90 * 60


class Signatures:
    """Checks signed requests against the clients' secrets."""

    def __init__(self, clients: Mapping[str, str]) -> None:
        """`clients`: consumer key → secret."""
        self._endpoint = _Endpoint(_Validator(clients))

    def check(self, url: str, authorization: str, methods: tuple[str, ...]) -> None:
        """Raises Wrong (400 or 401) unless a GET of `url` is signed, in one of the methods."""
        try:
            fault = self._endpoint.fault(url, {"Authorization": authorization}, methods)
        except (OAuth1Error, ValueError) as error:
            raise Wrong(400, "invaliddata", f"OAuth: {error}") from None
        if fault:
            raise Wrong(401, "unauthorisedrequest", f"OAuth: {fault}")


class _Validator(RequestValidator):
    def __init__(self, clients: Mapping[str, str]) -> None:
        super().__init__()
        self._clients = clients
        self._lock = threading.Lock()
        self._nonces: dict[tuple[str, str], float] = {}

    def get_client_secret(self, client_key: str, request: Any) -> str:  # noqa: ARG002
        return self._clients.get(client_key, "")

    def knows(self, client_key: str) -> bool:
        return client_key in self._clients

    def is_fresh(self, client_key: str, nonce: str) -> bool:
        """Whether the nonce is used for the first time."""
        at = time.monotonic()
        with self._lock:
            self._nonces = {k: v for k, v in self._nonces.items() if at - v < REMEMBERED}
            fresh = (client_key, nonce) not in self._nonces
            self._nonces[client_key, nonce] = at
        return fresh


class _Endpoint(SignatureOnlyEndpoint):
    def __init__(self, validator: _Validator) -> None:
        super().__init__(validator)
        self._validator = validator

    def fault(self, url: str, headers: dict[str, str], methods: tuple[str, ...]) -> str | None:
        """What is wrong with the signature; None if it is right.

        Raises OAuth1Error for a missing or unsupported parameter.
        """
        request: Any = cast("Any", self)._create_request(url, "GET", "", headers)
        named = ("client_key", "nonce", "timestamp", "signature", "signature_method")
        missing = [name for name in named if not getattr(request, name)]
        if missing:
            raise OAuth1Error(f"there is no {missing[0]}")
        if request.signature_method not in methods:
            raise OAuth1Error(f"the signature method {request.signature_method} is not supported")
        if request.oauth_params.get("oauth_version", "1.0") != "1.0":
            raise OAuth1Error("the version is 1.0")
        if not request.timestamp.isdigit():
            raise OAuth1Error("the timestamp is a number of seconds")
        if abs(time.time() - int(request.timestamp)) > WINDOW:
            return f"the timestamp is more than {WINDOW} seconds off"
        if not self._validator.knows(request.client_key):
            return "the consumer key is not known"
        if not cast("Any", self)._check_signature(request):
            return "the signature is wrong"
        if not self._validator.is_fresh(request.client_key, request.nonce):
            return "the nonce was used before"
        return None
