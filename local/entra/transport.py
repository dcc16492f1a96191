"""The way to an emulator in this process; answers break off as they would on a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from local.entra.app import create_app

if TYPE_CHECKING:
    from local.entra.tenant import Tenant


class InProcess(httpx.ASGITransport):
    """A transport for an httpx client, to one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(create_app(tenant))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await super().handle_async_request(request)
        except ConnectionError as error:
            raise httpx.ReadError(str(error), request=request) from error
        content = await answer.aread()
        if len(content) < int(answer.headers.get("content-length", 0)):
            raise httpx.RemoteProtocolError("the answer broke off", request=request)
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=content, request=request
        )
