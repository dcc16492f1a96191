"""An emulated tenant without a socket: httpx speaks to it within the process.

    tenant = Tenant(clock=clock)
    httpx.AsyncClient(transport=InProcess(tenant), base_url="http://emulator")

An answer that a fault loses or breaks off is what it is over a socket: a transport error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from local.entra.app import create_app

if TYPE_CHECKING:
    from local.entra.tenant import Tenant


class InProcess(httpx.ASGITransport):
    """The transport of a client of `tenant`."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(create_app(tenant))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
