"""The client in front of a service in trouble: envelopes, tokens, connections, pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graph.client import READ_TRIES, Graph, connect
from graph.errors import AmbiguousWrite, Throttled
from graph.exchange import GraphRequest
from graph.pace import Pace
from graph.signin import SignIn, Way
from local.listening import listen
from roster.errors import RollcallError, Terminal, Transient

Items = list[dict[str, Any]]
Answer = Callable[[Items], Response]


@dataclass
class Far:
    """The far end of the wire: gives the next of `answers`, then does what it is asked."""

    answers: list[Answer] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    batches: list[Items] = field(default_factory=list)
    address: str = ""

    async def answer(self, request: Request) -> Response:
        self.seen.append(request)
        items: Items = []
        if request.method == "POST":
            items = (await request.json())["requests"]
            self.batches.append(items)
        return (self.answers.pop(0) if self.answers else done)(items)


def done(items: Items) -> Response:
    if not items:
        return JSONResponse({"value": []})
    return JSONResponse({"responses": [{"id": i["id"], "status": 204} for i in items]})


def refusal(status: int, code: str = "x", retry_after: int | None = None) -> Answer:
    headers = {"retry-after": str(retry_after)} if retry_after else None
    return lambda _: JSONResponse({"error": {"code": code}}, status, headers)


def broken(_: Items) -> Response:
    return Response(b"{", 200, {"content-length": "9"})


def cut_short(_: Items) -> Response:
    return Response(b'{"responses": [{"id"', 200, {"content-type": "application/json"})


class Credential:
    """Gives tokens, each other than the last; raises the next of `errors` first."""

    def __init__(self) -> None:
        self.given = 0
        self.errors: list[Exception] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        if self.errors:
            raise self.errors.pop(0)
        self.given += 1
        return AccessToken(f"token-{self.given}", 9_999_999_999)


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def credential() -> Credential:
    return Credential()


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    far = Far()
    app = Starlette(routes=[Route("/{rest:path}", far.answer, methods=["GET", "POST"])])
    with listen() as listener:
        far.address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1.0"
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        yield far
        server.should_exit = True
        await running


@pytest.fixture
async def graph(far: Far, credential: Credential) -> AsyncIterator[Graph]:
    connected = connect(credential, far.address, pace=Pace(sleep=at_once))
    yield connected
    await connected.close()


def patch(number: int, **values: Any) -> GraphRequest:
    return GraphRequest("PATCH", f"/groups/{number}", {}, object=str(number), **values)


async def test_the_answers_of_an_envelope_that_failed_count(graph: Graph, far: Far) -> None:
    def failed(items: Items) -> Response:
        answers = [{"id": i["id"], "status": 429 if i["id"] == "1" else 204} for i in items]
        return JSONResponse({"responses": answers}, 424)

    far.answers = [failed]
    answers = await asyncio.gather(*(graph.send(patch(number)) for number in range(3)))
    assert [answer.status for answer in answers] == [204, 204, 204]
    assert [len(batch) for batch in far.batches] == [3, 1]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_envelope_that_failed_for_now_is_sent_again(
    graph: Graph, far: Far, status: int
) -> None:
    far.answers = [refusal(status)]
    assert (await graph.send(patch(1))).status == 204
    assert len(far.batches) == 2


@pytest.mark.parametrize("answer", [broken, cut_short])
async def test_an_answer_that_breaks_off_is_no_success(
    graph: Graph, far: Far, answer: Answer
) -> None:
    far.answers = [answer, answer]
    assert (await graph.send(patch(1))).status == 204
    assert len(far.batches) == 3
    far.answers = [answer]
    with pytest.raises(AmbiguousWrite):
        await graph.send(patch(1, repeatable=False))


async def test_answers_that_make_no_sense_are_no_answers(graph: Graph, far: Far) -> None:
    def odd(_: Items) -> Response:
        answers = [{"id": "x", "status": 204}, {"id": "77", "status": 204}, {"id": "0"}, "?"]
        return JSONResponse({"responses": answers})

    far.answers = [odd]
    assert (await graph.send(patch(1))).status == 204
    assert len(far.batches) == 2


async def test_one_malformed_item_fails_alone(graph: Graph, far: Far) -> None:
    def picky(items: Items) -> Response:
        bad = any(item["url"] == "/groups/3" for item in items)
        return refusal(400, "BadRequest")(items) if bad else done(items)

    far.answers = [picky] * 30
    answers = await asyncio.gather(*(graph.send(patch(number)) for number in range(8)))
    assert [answer.status for answer in answers] == [204, 204, 204, 400, 204, 204, 204, 204]


async def test_no_other_host_is_shown_a_token(
    graph: Graph, far: Far, credential: Credential
) -> None:
    with suppress(RollcallError):
        await graph.get(f"{far.address}/users".replace("127.0.0.1", "localhost"))
    assert credential.given == 0
    with suppress(RollcallError):
        await graph.get(f"{far.address}/users")
    assert credential.given > 0


async def test_a_token_that_was_refused_is_replaced_once(graph: Graph, far: Far) -> None:
    far.answers = [refusal(401, "InvalidAuthenticationToken")]
    assert (await graph.send(patch(1, repeatable=False))).status == 204
    tokens = [request.headers["authorization"] for request in far.seen]
    assert tokens == ["Bearer token-1", "Bearer token-2"]
    far.answers = [refusal(401, "InvalidAuthenticationToken")] * 2
    with pytest.raises(Transient):
        await graph.get("/users")


async def test_a_refused_token_is_taken_from_no_cache_again(far: Far) -> None:
    made: list[Credential] = []

    def make() -> Credential:
        made.append(Credential())
        made[-1].given = 10 * len(made)
        return made[-1]

    signed_in = SignIn((Way("a way", "AWay", make),))
    graph = connect(signed_in, far.address, pace=Pace(sleep=at_once))
    far.answers = [done, refusal(401, "InvalidAuthenticationToken")]
    for _ in range(2):
        await graph.send(patch(1))
    tokens = [request.headers["authorization"] for request in far.seen]
    assert tokens == ["Bearer token-11", "Bearer token-11", "Bearer token-21"]
    await graph.close()


async def test_a_sign_in_that_fails_leaves_nothing_in_doubt(
    graph: Graph, far: Far, credential: Credential
) -> None:
    credential.errors = [ClientAuthenticationError("down")]
    assert (await graph.send(patch(1, repeatable=False))).status == 204
    credential.errors = [ClientAuthenticationError("down") for _ in range(5)]
    with pytest.raises(Transient, match="rollcall doctor"):
        await graph.send(patch(1, repeatable=False))
    assert len(far.batches) == 1


async def test_without_a_connection_nothing_is_in_doubt(credential: Credential) -> None:
    with listen() as listener:
        port = listener.getsockname()[1]
    graph = connect(credential, f"http://127.0.0.1:{port}/v1.0", pace=Pace(sleep=at_once))
    with pytest.raises(Transient, match="no connection") as caught:
        await graph.send(patch(1, repeatable=False))
    assert not isinstance(caught.value, AmbiguousWrite)
    await graph.close()


async def test_requests_and_items_give_way_to_others(graph: Graph, far: Far) -> None:
    await graph.send(patch(1))
    await graph.get("/users")
    assert {request.headers["x-ms-throttle-priority"] for request in far.seen} == {"low"}
    [[item]] = far.batches
    assert item["headers"]["x-ms-throttle-priority"] == "low"


async def test_the_warning_of_an_envelope_is_heard(graph: Graph, far: Far) -> None:
    def warned(items: Items) -> Response:
        answers = [{"id": "0", "status": 204, "headers": {"ETag": "x"}}]
        headers = {"x-ms-throttle-limit-percentage": "0.9"}
        return JSONResponse({"responses": answers}, headers=headers)

    far.answers = [warned]
    assert (await graph.send(patch(1))).limit_share == 0.9


async def test_reading_goes_on_where_a_page_failed(graph: Graph, far: Far) -> None:
    def page(number: int) -> Answer:
        following = {"@odata.nextLink": f"{far.address}/users?page={number + 1}"}
        body = {"value": [number]} | (following if number < 3 else {})
        return lambda _: JSONResponse(body)

    later = refusal(429, retry_after=90)
    far.answers = [page(1), refusal(503), broken, page(2), later, cut_short, page(3)]
    found = [page["value"][0] async for page in graph.pages("/users?page=1")]
    assert found == [1, 2, 3]
    asked = [request.query_params["page"] for request in far.seen]
    assert asked == ["1", "2", "2", "2", "3", "3", "3"]


async def test_a_look_up_does_not_hold_a_worker_for_long(graph: Graph, far: Far) -> None:
    far.answers = [refusal(429, retry_after=90)]
    with pytest.raises(Throttled) as caught:
        await graph.get("/users")
    assert caught.value.retry_after == 90


async def test_a_read_that_is_refused_is_not_repeated(graph: Graph, far: Far) -> None:
    far.answers = [refusal(403, "Authorization_RequestDenied")]
    with pytest.raises(Terminal, match="User"):
        await graph.get("/users")
    assert len(far.seen) == 1


async def test_a_service_that_stays_down_is_given_up(graph: Graph, far: Far) -> None:
    far.answers = [refusal(503)] * 20
    with pytest.raises(Transient):
        _ = [page async for page in graph.pages("/users")]
    assert len(far.seen) == READ_TRIES
