"""Who calls: the roles and the application id of a request's token, read once for each token."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from local.entra.identity import Identity

_MOST = 1_000


class Caller(NamedTuple):
    """An app that signed in. `expires`: when its token does, in seconds since 1970."""

    app: str
    roles: frozenset[str]
    expires: float


class Admission:
    """Lets callers in by their tokens."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._known: dict[str, Caller] = {}

    def admit(self, authorization: str) -> Caller:
        """The caller with this Authorization header; 401 unless the token is good."""
        known = self._known.get(authorization)
        if known is not None and known.expires > time.time():
            return known
        roles = self._identity.check(authorization)
        claims = _claims(authorization.partition(" ")[2])
        caller = Caller(str(claims.get("appid", "")), roles, float(claims.get("exp", 0)))
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[authorization] = caller
        return caller


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token that has been checked."""
    part = token.split(".")[1]
    return cast(
        "dict[str, Any]", json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    )
