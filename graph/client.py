"""The client: one connection to Microsoft Graph for a process and its event loop.

Requests are shaped by msgraph-sdk's builders and sent through its adapter and azure-identity's
credential. Answers are taken as they come (NativeResponseHandler) and read as plain JSON: the
SDK's models cost about 3.5 ms an object, json.loads a thousandth of that. Neither package is
imported before the first connection, because importing them is most of a cold start.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

from roster.errors import Transient

from .batch import LONGEST_WAIT, Batcher
from .errors import error_for, reaction_to
from .exchange import GraphRequest, GraphResponse, as_object
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from azure.core.credentials import TokenCredential
    from httpx import AsyncBaseTransport, Response
    from kiota_abstractions.request_information import RequestInformation
    from kiota_abstractions.request_option import RequestOption
    from msgraph.graph_service_client import GraphServiceClient

SERVICE = "https://graph.microsoft.com/v1.0"
SCOPE = "https://graph.microsoft.com/.default"
READ_TRIES = 5


def connect(
    credential: TokenCredential | None = None,
    base_url: str | None = None,
    *,
    pace: Pace | None = None,
    transport: AsyncBaseTransport | None = None,
) -> Graph:
    """Connects to `base_url` (default: ROLLCALL_GRAPH_URL, else the public service).

    `transport` takes the place of the network, for a service that lives in this process.
    Without `credential`, azure-identity's DefaultAzureCredential: the managed identity in Azure,
    `az login` on an administrator's machine. Call it inside the running event loop.
    """
    import httpx
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from kiota_http.middleware.options import RetryHandlerOption
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph.graph_service_client import GraphServiceClient
    from msgraph_core import GraphClientFactory

    if credential is None:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    raw = httpx.AsyncClient(
        http2=False,  # a GOAWAY after 1,000 requests breaks httpx's HTTP/2 connections
        timeout=httpx.Timeout(100, connect=30),
        limits=httpx.Limits(max_connections=8),
        transport=transport,
    )
    middleware: dict[str, RequestOption] = {
        **options,
        RetryHandlerOption.get_key(): RetryHandlerOption(max_retries=0),
    }
    adapter = GraphRequestAdapter(
        AzureIdentityAuthenticationProvider(credential, scopes=[SCOPE]),
        client=GraphClientFactory.create_with_default_middleware(client=raw, options=middleware),
    )
    adapter.base_url = base_url or os.environ.get("ROLLCALL_GRAPH_URL") or SERVICE
    return Graph(GraphServiceClient(request_adapter=adapter), raw.aclose, pace or Pace())


class Graph:
    """Microsoft Graph. `requests` counts operations, `writes` those that change the directory."""

    def __init__(self, sdk: GraphServiceClient, end: Any, pace: Pace) -> None:
        self.sdk = sdk
        self.root = str(sdk.request_adapter.base_url).rstrip("/")
        self.requests = 0
        self.writes = 0
        self._end = end
        self._batcher = Batcher(self._post, pace)

    async def send(self, request: GraphRequest) -> GraphResponse:
        """The answer to an operation, whatever its status; it goes out in a shared $batch."""
        return await self._batcher.send(request)

    async def do(self, request: GraphRequest) -> GraphResponse:
        """Like `send`, but anything except success raises Transient or Terminal."""
        response = await self.send(request)
        if not response.ok:
            raise error_for(request, response)
        return response

    async def get(self, url: str) -> dict[str, Any]:
        """The JSON of one GET; `url` is absolute or relative to the service root."""
        tries = 1
        while not (response := await self._get(url)).ok:
            meaning = reaction_to(response).meaning
            if tries == READ_TRIES or meaning not in ("throttled", "retry"):
                raise error_for(GraphRequest("GET", url), response)
            tries += 1
            await asyncio.sleep(min(response.retry_after or 1.0, LONGEST_WAIT))
        return response.body

    async def pages(self, url: str) -> AsyncIterator[dict[str, Any]]:
        """Every page from `url` on; empty pages in the middle are pages too."""
        following: str | None = url
        while following:
            page = await self.get(following)
            yield page
            following = page.get("@odata.nextLink")

    async def verified_domains(self) -> list[str]:
        """The verified domains of the tenant, its default one first."""
        found: list[dict[str, Any]] = []
        async for page in self.pages("/domains?$select=id,isDefault,isVerified"):
            found += [domain for domain in page["value"] if domain.get("isVerified")]
        found.sort(key=lambda domain: (not domain.get("isDefault"), domain["id"]))
        return [domain["id"] for domain in found]

    def reference(self, object_id: str) -> str:
        """The address of a directory object, as references want it."""
        return f"{self.root}/directoryObjects/{object_id}"

    async def close(self) -> None:
        """Ends the connection."""
        await self._batcher.close()
        await self._end()

    async def _get(self, url: str) -> GraphResponse:
        from kiota_abstractions.method import Method
        from kiota_abstractions.request_information import RequestInformation

        information = RequestInformation()
        information.http_method = Method.GET
        information.url = url if url.startswith("http") else self.root + url
        self.requests += 1
        response = await self._native(information)
        return GraphResponse(response.status_code, _json(response), response.headers)

    async def _post(self, requests: Sequence[GraphRequest]) -> dict[int, GraphResponse]:
        """Posts one $batch; returns the answers by the number of their item."""
        from kiota_abstractions.method import Method
        from kiota_abstractions.request_information import RequestInformation

        information = RequestInformation()
        information.http_method = Method.POST
        information.url = self.root + "/$batch"
        information.headers.try_add("Content-Type", "application/json")
        items = [request.as_item(number) for number, request in enumerate(requests)]
        information.content = json.dumps({"requests": items}).encode()
        response = await self._native(information)
        answers = _json(response).get("responses")
        if answers is None:  # the envelope itself failed: nothing of it was carried out
            body = _json(response)
            return {
                number: GraphResponse(response.status_code, body, response.headers)
                for number in range(len(requests))
            }
        self.requests += len(requests)
        found = {int(answer["id"]): _answer(answer) for answer in answers}
        self.writes += sum(
            requests[number].is_write for number, answer in found.items() if answer.ok
        )
        return found

    async def _native(self, information: RequestInformation) -> Response:
        from httpx import TransportError
        from kiota_abstractions.native_response_handler import NativeResponseHandler
        from kiota_http.middleware.options import ResponseHandlerOption

        information.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        information.headers.try_add("Accept", "application/json")
        information.headers.try_add("client-request-id", str(uuid.uuid4()))
        # Others in the tenant come first: https://learn.microsoft.com/graph/throttling-limits
        information.headers.try_add("x-ms-throttle-priority", "low")
        adapter: Any = self.sdk.request_adapter
        try:
            return await adapter.send_primitive_async(information, "bytes", {})
        except TransportError as error:
            raise Transient(f"no answer from Graph: {type(error).__name__}") from error


def _answer(item: dict[str, Any]) -> GraphResponse:
    headers: dict[str, Any] = item.get("headers") or {}
    return GraphResponse(
        int(item["status"]),
        as_object(item.get("body")),
        {key.lower(): str(value) for key, value in headers.items()},
    )


def _json(response: Response) -> dict[str, Any]:
    try:
        return as_object(json.loads(response.content or b"{}"))
    except ValueError:
        return {}
