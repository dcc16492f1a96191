"""A direct line to a service: one request, one answer, with its headers and how long it took.

Nothing is retried, batched or held back here, because it serves to look at the service itself. The
service is Graph, unless another one of the same manners is named: Azure Resource Manager.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roster.errors import Transient

from .exchange import GraphResponse, as_object
from .signin import SCOPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from httpx import Response

    from .signin import SignIn

SERVICE = "https://graph.microsoft.com/v1.0"


@dataclass(frozen=True)
class Heard:
    """An answer. `seconds`: from sending to the last byte; `text`: of a body that is no object."""

    response: GraphResponse
    seconds: float
    text: str = ""

    @property
    def load(self) -> float:
        """The share of a quota that is used up, told from 0.8 on; 0.0 when it is not told."""
        told = self.response.headers.get("x-ms-throttle-limit-percentage", "")
        return float(told) if told.replace(".", "", 1).isdigit() else 0.0


@dataclass(frozen=True)
class Service:
    """Where a service answers, and for what its tokens are made. `name`: as messages call it.

    `setting`: the variable that names another address, such as an emulator's.
    """

    name: str
    address: str
    scope: str
    setting: str


GRAPH = Service("Graph", SERVICE, SCOPE, "ROLLCALL_GRAPH_URL")


class Direct:
    """A line to a service: to where its setting says, else to the public address."""

    def __init__(self, signed_in: SignIn, service: Service = GRAPH) -> None:
        import httpx

        self.root = (os.environ.get(service.setting) or service.address).rstrip("/")
        self.most_load = 0.0
        self._service = service
        self._signed_in = signed_in
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(60, connect=15))

    async def ask(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Heard:
        """The answer to one request, whatever its status; Transient when there is none."""
        import httpx

        token = await asyncio.to_thread(self._signed_in.get_token, self._service.scope)
        sent = {
            "Authorization": f"Bearer {token.token}",
            "Accept": "application/json",
            "client-request-id": str(uuid.uuid4()),
            **(headers or {}),
        }
        address = url if url.startswith("http") else self.root + url
        began = time.monotonic()
        try:
            answer = await self._http.request(method, address, json=body, headers=sent)
        except httpx.TransportError as error:
            name = self._service.name
            raise Transient(f"no answer from {name}: {type(error).__name__}") from error
        heard = _heard(answer, time.monotonic() - began)
        self.most_load = max(self.most_load, heard.load)
        return heard

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Heard:
        """The answer to one GET."""
        return await self.ask("GET", url, headers=headers)

    async def close(self) -> None:
        """Ends the line."""
        await self._http.aclose()


def _heard(answer: Response, seconds: float) -> Heard:
    try:
        body = as_object(answer.json())
    except ValueError:
        body = {}
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Heard(GraphResponse(answer.status_code, body, headers), seconds, answer.text)
