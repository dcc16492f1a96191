"""The client: one connection to Microsoft Graph for a process and its event loop.

Requests are shaped by msgraph-sdk's builders and sent through its adapter and azure-identity's
credential. Answers are taken as they come (NativeResponseHandler) and read as plain JSON: the
SDK's models cost about 3.5 ms an object, json.loads a thousandth of that. Neither package is
imported before the first connection, because importing them is most of a cold start.
"""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from roster.errors import Transient

from .batch import HOLD, Batcher
from .errors import EnvelopeRefused, NotSent, error_for, reaction_to
from .exchange import LIMIT_SHARE, GraphRequest, GraphResponse, as_object
from .pace import LONGEST_BACKOFF, Pace
from .signin import SCOPE, SignIn, sign_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from azure.core.credentials import TokenCredential
    from httpx import AsyncBaseTransport, Response
    from kiota_abstractions.request_information import RequestInformation
    from kiota_abstractions.request_option import RequestOption
    from msgraph.graph_service_client import GraphServiceClient

    from .quota import Quota

SERVICE = "https://graph.microsoft.com/v1.0"
READ_TRIES = 8
# Statuses of a $batch that was not read at all: whatever is wrong with it is wrong for good.
_UNREADABLE = frozenset({400, 404, 405, 411, 413, 414, 415, 422})


def connect(
    credential: TokenCredential | None = None,
    base_url: str | None = None,
    *,
    quota: Quota | None = None,
    pace: Pace | None = None,
    transport: AsyncBaseTransport | None = None,
) -> Graph:
    """Connects to `base_url` (default: ROLLCALL_GRAPH_URL, else the public service).

    `quota`: what may be written how fast; `pace` instead of it brings a clock of its own.
    `transport` takes the place of the network, for a service that lives in this process.

    Without `credential`, the environment decides how to sign in (`signin.sign_in`): the managed
    identity in Azure, `az login` on an administrator's machine. Call it inside the running event
    loop. Raises Terminal when the environment cannot decide.
    """
    import httpx
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from kiota_http.middleware.options import RetryHandlerOption
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph.graph_service_client import GraphServiceClient
    from msgraph_core import GraphClientFactory

    signed_in = sign_in() if credential is None else credential
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
    root = base_url or os.environ.get("ROLLCALL_GRAPH_URL") or SERVICE
    # Links to further pages come in answers and from storage: no other host is shown a token.
    host = str(urlsplit(root).hostname)
    adapter = GraphRequestAdapter(
        AzureIdentityAuthenticationProvider(signed_in, scopes=[SCOPE], allowed_hosts=[host]),
        client=GraphClientFactory.create_with_default_middleware(client=raw, options=middleware),
    )
    adapter.base_url = root

    async def end() -> None:
        await raw.aclose()
        if credential is None and isinstance(signed_in, SignIn):
            signed_in.close()

    forget = signed_in.forget if isinstance(signed_in, SignIn) else None
    return Graph(GraphServiceClient(request_adapter=adapter), end, pace or Pace(quota), forget)


class Graph:
    """Microsoft Graph. `requests` counts operations, `writes` those that change the directory.

    `throttled` counts those of a batch that were answered with 429.
    """

    def __init__(
        self,
        sdk: GraphServiceClient,
        end: Callable[[], Awaitable[None]],
        pace: Pace,
        forget: Callable[[], None] | None = None,
    ) -> None:
        self.sdk = sdk
        self.root = str(sdk.request_adapter.base_url).rstrip("/")
        self.requests = 0
        self.writes = 0
        self.throttled = 0
        self._end = end
        self._forget = forget
        self._pace = pace
        # Others in the tenant come first: https://learn.microsoft.com/graph/throttling-limits
        self._priority = {"x-ms-throttle-priority": pace.quota.priority}
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

    async def alone(self, request: GraphRequest) -> GraphResponse:
        """The answer to an operation, whatever its status; sent once, by itself and at once.

        For services whose limits have nothing to do with those of the directory.
        """
        from kiota_abstractions.method import Method
        from kiota_abstractions.request_information import RequestInformation

        def shaped() -> RequestInformation:
            information = RequestInformation()
            information.http_method = Method(request.method)
            information.url = self.root + request.url
            for name, value in request.headers.items():
                information.headers.try_add(name, value)
            if request.method == "POST":
                information.headers.try_add("Content-Type", "application/json")
                information.content = json.dumps(request.body or {}).encode()
            return information

        self.requests += 1
        native = await self._signed_in(shaped)
        response = GraphResponse(native.status_code, _json(native) or {}, native.headers)
        self.writes += response.ok and request.is_write
        return response

    async def get(self, url: str, *, hold: float = HOLD) -> dict[str, Any]:
        """The JSON of one GET; `url` is absolute or relative to the service root.

        Waits and tries again while the service is busy, for at most `hold` seconds at a time;
        raises what `error_for` makes of any other answer than success.
        """
        tries = 1
        while True:
            try:
                response = await self._get(url)
            except Transient as error:
                problem, asked = error, None
            else:
                if response.ok:
                    return response.body
                problem, asked = error_for(GraphRequest("GET", url), response), response.retry_after
                if reaction_to(response).meaning not in ("throttled", "retry", "busy"):
                    raise problem
            backoff = min(2.0 ** (tries - 2), LONGEST_BACKOFF) * self._pace.chance.uniform(0.5, 1)
            wait = backoff if asked is None else asked * self._pace.chance.uniform(1, 1.25)
            if tries == READ_TRIES or wait > hold * 1.25:
                raise problem
            tries += 1
            await self._pace.sleep(wait)

    async def pages(
        self, url: str, *, hold: float = LONGEST_BACKOFF
    ) -> AsyncIterator[dict[str, Any]]:
        """Every page from `url` on; empty pages in the middle are pages too.

        A page that fails for now is asked for again, and the reading goes on from there.
        """
        following: str | None = url
        while following:
            page = await self.get(following, hold=hold)
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

        def request() -> RequestInformation:
            information = RequestInformation()
            information.http_method = Method.GET
            information.url = url if url.startswith("http") else self.root + url
            return information

        self.requests += 1
        response = await self._signed_in(request)
        body = _json(response)
        if body is None and response.status_code < 300:
            raise Transient("the answer of Graph broke off")
        return GraphResponse(response.status_code, body or {}, response.headers)

    async def _post(self, requests: Sequence[GraphRequest]) -> dict[int, GraphResponse]:
        """Posts one $batch; returns the answers by the number of their item.

        The answers count whatever the status of the envelope is: it is 424 when an item failed.
        An item without a readable answer is left out.
        """
        from kiota_abstractions.method import Method
        from kiota_abstractions.request_information import RequestInformation

        items = [item.as_item(number, self._priority) for number, item in enumerate(requests)]
        content = json.dumps({"requests": items}).encode()

        def request() -> RequestInformation:
            information = RequestInformation()
            information.http_method = Method.POST
            information.url = self.root + "/$batch"
            information.headers.try_add("Content-Type", "application/json")
            information.content = content
            return information

        response = await self._signed_in(request)
        body = _json(response) or {}
        answers = body.get("responses")
        if not isinstance(answers, list):
            return _without_answers(response, body, len(requests))
        self.requests += len(requests)
        found = dict(_answers(cast("list[Any]", answers), len(requests), _warning(response)))
        self.writes += sum(
            requests[number].is_write for number, answer in found.items() if answer.ok
        )
        self.throttled += sum(answer.status == 429 for answer in found.values())
        return found

    async def _signed_in(self, request: Callable[[], RequestInformation]) -> Response:
        """The answer to a request; one whose token was refused is sent once more with another."""
        response = await self._native(request())
        if response.status_code == 401 and _code(response) == "InvalidAuthenticationToken":
            if self._forget is not None:
                self._forget()
            await self._pace.sleep(1.0)
            response = await self._native(request())
        return response

    async def _native(self, information: RequestInformation) -> Response:
        from azure.core.exceptions import AzureError
        from httpx import ConnectError, ConnectTimeout, PoolTimeout, TransportError
        from kiota_abstractions.native_response_handler import NativeResponseHandler
        from kiota_http.middleware.options import ResponseHandlerOption

        information.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        information.headers.try_add("Accept", "application/json")
        information.headers.try_add("client-request-id", str(uuid.uuid4()))
        for name, value in self._priority.items():
            information.headers.try_add(name, value)
        adapter: Any = self.sdk.request_adapter
        try:
            return await adapter.send_primitive_async(information, "bytes", {})
        except AzureError as error:
            why = f"no token: {type(error).__name__}; `rollcall doctor` checks the sign-in"
            raise NotSent(why) from error
        except (ConnectError, ConnectTimeout, PoolTimeout) as error:
            raise NotSent(f"no connection to Graph: {type(error).__name__}") from error
        except TransportError as error:
            raise Transient(f"no answer from Graph: {type(error).__name__}") from error


def _without_answers(
    response: Response, body: dict[str, Any], count: int
) -> dict[int, GraphResponse]:
    """What an envelope without answers means for each of its items."""
    whole = GraphResponse(response.status_code, body, response.headers)
    if whole.ok:  # it broke off, and what was done of it nobody knows
        return {}
    if whole.status in _UNREADABLE:
        raise EnvelopeRefused(whole)
    return dict.fromkeys(range(count), whole)


def _warning(response: Response) -> dict[str, str]:
    """What the envelope says of the limits; an item's own word goes before."""
    return {LIMIT_SHARE: response.headers[LIMIT_SHARE]} if LIMIT_SHARE in response.headers else {}


def _answers(
    answers: list[Any], count: int, warning: dict[str, str]
) -> Iterator[tuple[int, GraphResponse]]:
    """The readable answers of a batch, by number."""
    for answer in map(as_object, answers):
        number, status = str(answer.get("id", "")), answer.get("status")
        if number.isdecimal() and int(number) < count and isinstance(status, int):
            yield int(number), _answer(answer, warning)


def _answer(item: dict[str, Any], warning: dict[str, str]) -> GraphResponse:
    headers = as_object(item.get("headers"))
    return GraphResponse(
        int(item["status"]),
        as_object(item.get("body")),
        warning | {key.lower(): str(value) for key, value in headers.items()},
    )


def _code(response: Response) -> str:
    return GraphResponse(response.status_code, _json(response) or {}, {}).code


def _json(response: Response) -> dict[str, Any] | None:
    """The JSON object of an answer; {} if it has no content, None if it cannot be read."""
    try:
        return as_object(json.loads(response.content or b"{}"))
    except ValueError:
        return None
