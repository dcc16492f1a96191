"""District tokens: one for each connected district, until it is rotated or the district leaves.

`GET /oauth/tokens?owner_type=district` lists them for who knows the application's id and secret
(https://dev.clever.com/docs/onboarding). Tokens do not expire, but may be replaced or vanish.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from .district import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from .clock import Clock

SCOPES = (
    "read:user_id", "read:districts", "read:schools", "read:sections_limited",
    "read:students_limited", "read:teachers_limited", "read:staff_limited",
    "read:district_admins_basic", "read:student_contacts", "read:terms", "read:courses",
)  # fmt: skip


@dataclass(frozen=True)
class Credentials:
    """The application's own id and secret."""

    client_id: str = "emulated-client"
    client_secret: str = "emulated-secret"

    def match(self, authorization: str) -> bool:
        """Whether a header holds them, as `Basic base64(id:secret)`."""
        kind, _, coded = authorization.partition(" ")
        try:
            told = base64.b64decode(coded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        own = f"{self.client_id}:{self.client_secret}".encode()
        return kind.lower() == "basic" and secrets.compare_digest(told, own)


@dataclass(frozen=True)
class Token:
    """A token. `district`: whose data it opens; `single_sign_on`: it is a person's."""

    text: str
    district: str
    created: datetime
    single_sign_on: bool = False


class Tokens:
    """The tokens in force."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._issued: dict[str, int] = {}
        self._tokens: dict[str, Token] = {}

    def connect(self, district: str) -> Token:
        """The district's token; a fresh one if it has none."""
        with self._lock:
            return self._of(district) or self._issue(district)

    def rotate(self, district: str) -> Token:
        """Another token in place of the district's own, which opens nothing from now on."""
        with self._lock:
            self._revoke(district)
            return self._issue(district)

    def disconnect(self, district: str) -> None:
        """The district leaves: it has no token."""
        with self._lock:
            self._revoke(district)

    def sign_in(self, district: str) -> Token:
        """A token as a person gets who signs in with Clever."""
        with self._lock:
            return self._issue(district, single_sign_on=True)

    def find(self, authorization: str) -> Token | None:
        """The token that a header `Bearer …` holds, if it is in force."""
        kind, _, text = authorization.partition(" ")
        with self._lock:
            return self._tokens.get(text.strip()) if kind.lower() == "bearer" else None

    def of(self, district: str) -> Token | None:
        """The district's token, if it is connected."""
        with self._lock:
            return self._of(district)

    def _of(self, district: str) -> Token | None:
        own = (t for t in self._tokens.values() if t.district == district)
        return next((token for token in own if not token.single_sign_on), None)

    def _revoke(self, district: str) -> None:
        token = self._of(district)
        if token is not None:
            del self._tokens[token.text]

    def _issue(self, district: str, *, single_sign_on: bool = False) -> Token:
        number = self._issued[district] = self._issued.get(district, 0) + 1
        digest = hashlib.sha256(f"{district}/{number}".encode()).hexdigest()
        text = ("il" if single_sign_on else "") + digest[:40]
        token = Token(text, district, self._clock.now(), single_sign_on)
        self._tokens[token.text] = token
        return token


def described(token: Token) -> dict[str, Any]:
    """A token as the list tells it."""
    return {
        "id": hashlib.sha256(token.text.encode()).hexdigest()[:24],
        "created": stamp(token.created.astimezone(UTC)),
        "owner": {"type": "district", "id": token.district},
        "access_token": token.text,
        "scopes": list(SCOPES),
    }
