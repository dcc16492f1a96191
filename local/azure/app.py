"""Azure Resource Manager over HTTP: resources and lists by GET, and the lists of settings by POST.

Settings are not among what GET shows, as they may hold secrets.
https://learn.microsoft.com/rest/api/appservice/web-apps/list-application-settings
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure import errors
from local.azure.cloud import address
from local.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from local.azure.cloud import Cloud

AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
SUBSCRIPTIONS = "/subscriptions"
_SECRET = "/config/appsettings"


def create_app(cloud: Cloud, claims_of: Callable[[str], dict[str, Any]]) -> Starlette:
    """The emulator as an ASGI app. `claims_of`: the claims of a token, as its issuer reads them."""

    async def answer(http: Request) -> Response:
        try:
            caller = _caller(cloud, http, claims_of)
            return JSONResponse(_answer(cloud, http, caller), headers={"x-ms-request-id": caller})
        except ArmError as error:
            return JSONResponse(error.body(), error.status)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def _answer(cloud: Cloud, http: Request, caller: str) -> dict[str, Any]:
    path, version = http.url.path.rstrip("/"), http.query_params.get("api-version")
    if path == SUBSCRIPTIONS:
        return _subscriptions(cloud, version)
    lists = http.method == "POST"
    at = address(path)
    cloud.check(http.method, at, version, caller, path)
    if lists:
        resource = path.removesuffix("/list")
        if resource == path:
            raise ArmError(404, "NotFound", "The action is not known.")
        return cloud.find(address(resource), resource)
    if path.endswith(_SECRET):
        raise ArmError(405, "MethodNotAllowed", "The requested resource does not support GET.")
    if at.name:
        return cloud.find(at, path)
    return _page(cloud, http, cloud.rows(at, http.query_params.get("$filter")))


def _page(cloud: Cloud, http: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
    start = int(http.query_params.get("$skipToken", "0"))
    found: dict[str, Any] = {"value": rows[start : start + cloud.page]}
    if len(rows) > start + cloud.page:
        following = http.url.include_query_params(**{"$skipToken": start + cloud.page})
        found["nextLink"] = str(following)
    return found


def _subscriptions(cloud: Cloud, version: str | None) -> dict[str, Any]:
    if not version:
        raise errors.no_version()
    visible = [{"id": f"{SUBSCRIPTIONS}/{cloud.subscription}", "displayName": "Schools",
                "subscriptionId": cloud.subscription, "state": "Enabled"}]  # fmt: skip
    return {"value": visible if cloud.roles else []}


def _caller(cloud: Cloud, http: Request, claims_of: Callable[[str], dict[str, Any]]) -> str:
    """The object id of who calls; 401 unless the token is for this service and of the tenant."""
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise errors.not_signed_in(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    claims = claims_of(token)
    if claims.get("aud", "").rstrip("/") not in AUDIENCES:
        raise errors.not_signed_in(
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource.",
        )
    if claims.get("tid") != cloud.tenant_id:
        raise errors.not_signed_in(
            "InvalidAuthenticationTokenTenant",
            "The access token is from the wrong issuer.",
        )
    if claims.get("exp", 0) <= time.time():
        raise errors.not_signed_in(
            "ExpiredAuthenticationToken", "The access token expiry has passed."
        )
    return str(claims.get("oid", ""))
