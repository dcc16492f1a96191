"""What App Service Authentication adds to a request, for one person of this machine.

In Azure the platform drops the X-MS-CLIENT-PRINCIPAL headers that come from outside and adds its
own. So does this host: it always drops them, and adds them only if it was started with a person.
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIXES = ("x-ms-client-principal", "x-ms-token-")
NAME_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
_OBJECT_ID_CLAIM = "http://schemas.microsoft.com/identity/claims/objectidentifier"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: a user principal name and the app roles."""

    name: str
    roles: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Person:
        """Reads `NAME:ROLE[,ROLE]`; raises BadInput if it is not of that form."""
        name, colon, roles = text.partition(":")
        if not (name and colon and all(roles.split(","))):
            raise BadInput(f"--sign-in {text}: write it as NAME:ROLE or NAME:ROLE,ROLE")
        return cls(name, tuple(roles.split(",")))

    def headers(self) -> dict[str, str]:
        """The headers that tell a function who is signed in."""
        object_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.name}"))
        claims = [(NAME_CLAIM, self.name), ("name", self.name), (_OBJECT_ID_CLAIM, object_id)]
        claims += [("roles", role) for role in self.roles]
        principal = {
            "auth_typ": "aad",
            "name_typ": NAME_CLAIM,
            "role_typ": ROLE_CLAIM,
            "claims": [{"typ": kind, "val": value} for kind, value in claims],
        }
        return {
            "x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode(),
            "x-ms-client-principal-id": object_id,
            "x-ms-client-principal-name": self.name,
            "x-ms-client-principal-idp": "aad",
        }


def trusted_headers(headers: Iterable[tuple[str, str]], person: Person | None) -> dict[str, str]:
    """The headers that a function may see, repeated ones joined by commas."""
    kept: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if not lower.startswith(PREFIXES):
            kept[lower] = f"{kept[lower]},{value}" if lower in kept else value
    return kept | (person.headers() if person else {})
