"""The vault as an ASGI app: GET /secrets/{name}/{version}, to be served over TLS.

Written from the description of the operation and of its errors
(https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret,
https://learn.microsoft.com/azure/key-vault/general/rest-error-codes): without a token it answers
with a challenge that names the tenant's authority and the resource; what the caller may not read,
a disabled secret and a closed network are 403 with an inner code that tells them apart; requests
beyond the limit are 429 (https://learn.microsoft.com/azure/key-vault/general/overview-throttling).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.entra.identity import VAULT, claims_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from local.vault.vault import Vault

AUTHORITY = "https://login.microsoftonline.com"
NAME = re.compile(r"[0-9A-Za-z-]{1,127}")


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.inner = inner


def create_app(vault: Vault) -> Starlette:
    """The vault behind its REST interface."""

    async def get_secret(http: Request) -> Response:
        try:
            return JSONResponse(_secret(vault, http))
        except Refusal as refusal:
            return _refused(vault, refusal)

    return Starlette(
        routes=[
            Route("/secrets/{name}", get_secret),
            Route("/secrets/{name}/", get_secret),
            Route("/secrets/{name}/{version}", get_secret),
        ]
    )


def _secret(vault: Vault, http: Request) -> dict[str, Any]:
    _let_in(vault, http)
    name, version = http.path_params["name"], http.path_params.get("version", "")
    if not NAME.fullmatch(name):
        raise Refusal(400, "BadParameter", f"The request URI contains an invalid name: {name}")
    secret = vault.find(name, version)
    if secret is None:
        raise Refusal(
            404,
            "SecretNotFound",
            f"A secret with (name/id) {name}/{version} was not found in this key vault. If you "
            "recently deleted this secret you may be able to recover it using the correct "
            "recovery command.",
        )
    if not secret.enabled:
        raise Refusal(
            403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"
        )
    vault.reads += 1
    return {
        "value": secret.value,
        "id": f"https://{http.headers['host']}/secrets/{name}/{secret.version}",
        "attributes": {
            "enabled": True, "created": secret.created, "updated": secret.created,
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        },
    }  # fmt: skip


def _let_in(vault: Vault, http: Request) -> None:
    """Raises Refusal unless the request may read secrets."""
    if vault.busy:
        vault.busy -= 1
        raise Refusal(
            429, "Throttled", "Request was not processed because too many requests were received."
        )
    if "api-version" not in http.query_params:
        raise Refusal(400, "BadParameter", "api-version must be specified")
    scheme, _, text = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
    claims = claims_of(text)
    if claims.get("aud") != VAULT or claims.get("tid") != vault.tenant_id:
        raise Refusal(401, "Unauthorized", "AKV10022: Invalid audience or issuer.")
    if claims.get("exp", 0) <= datetime.now(UTC).timestamp():
        raise Refusal(401, "Unauthorized", "AKV10046: The token has expired.")
    if vault.closed:
        raise Refusal(
            403,
            "Forbidden",
            "Client address is not authorized and caller is not a trusted service.",
            "ForbiddenByFirewall",
        )
    if vault.readers is not None and claims.get("oid") not in vault.readers:
        raise Refusal(
            403,
            "Forbidden",
            "Caller is not authorized to perform action on resource. Action: "
            "'Microsoft.KeyVault/vaults/secrets/getSecret/action'",
            "ForbiddenByRbac",
        )


def _refused(vault: Vault, refusal: Refusal) -> Response:
    error: dict[str, Any] = {"code": refusal.code, "message": str(refusal)}
    if refusal.inner:
        error["innererror"] = {"code": refusal.inner}
    headers = {"x-ms-keyvault-service-version": "1.9.2100.1"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = (
            f'Bearer authorization="{AUTHORITY}/{vault.tenant_id}", resource="{VAULT}"'
        )
    if refusal.status == 429:
        headers["Retry-After"] = "1"
    return JSONResponse({"error": error}, refusal.status, headers=headers)
