"""Who may see the portal: people signed in by App Service Authentication who have an app role.

App Service puts the signed-in person's claims into the header X-MS-CLIENT-PRINCIPAL and drops that
header from requests of the outside world
(https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities). Where
authentication is switched off nobody drops it, so there it is not believed at all: the app setting
WEBSITE_AUTH_ENABLED, which Azure makes, says so
(https://learn.microsoft.com/azure/app-service/reference-app-settings).

The check stands before all routes, so that a new page is closed until someone has the role.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from .pages import message_page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

READERS = frozenset({"Rollcall.Reader", "Rollcall.Approver"})
ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})
LONGEST_PRINCIPAL = 64 * 1024


@dataclass(frozen=True, slots=True)
class Principal:
    """The signed-in person. `roles`: the app roles that the token brought."""

    roles: frozenset[str]

    @property
    def may_read(self) -> bool:
        return bool(self.roles & READERS)


def sign_in_is_on() -> bool:
    """Whether Azure says that App Service Authentication stands before this app."""
    return os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"


def read_principal(header: str | None) -> Principal | None:
    """The person of an X-MS-CLIENT-PRINCIPAL header; None if it is absent or makes no sense."""
    if not header or len(header) > LONGEST_PRINCIPAL:
        return None
    try:
        value: Any = json.loads(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    claims = fields.get("claims")
    if not isinstance(claims, list):
        return None
    role_claims = ROLE_CLAIMS | {fields.get("role_typ")}
    found = (cast("dict[str, Any]", c) for c in cast("list[Any]", claims) if isinstance(c, dict))
    return Principal(frozenset(str(c.get("val")) for c in found if c.get("typ") in role_claims))


class Gate:
    """ASGI middleware: 401 without a signed-in person, 403 without a role that may read."""

    def __init__(self, app: ASGIApp, *, sign_in: bool) -> None:
        self._app = app
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        principal = read_principal(request.headers.get("x-ms-client-principal"))
        if not self._sign_in:
            answer = message_page(
                "Sign-in is switched off",
                "This page is shown only to people who are signed in. Switch on App Service "
                "Authentication for this app, with Microsoft Entra ID as the provider.",
                status=401,
            )
        elif principal is None:
            answer = message_page(
                "Please sign in", "This page is shown only to people who are signed in.", status=401
            )
        elif not principal.may_read:
            answer = message_page(
                "No access",
                "You are signed in, but your account has neither the role Rollcall.Reader nor "
                "Rollcall.Approver. Ask the administrator who runs Rollcall to assign you one.",
                status=403,
            )
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)
