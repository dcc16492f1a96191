"""Tokens and signatures, against a server that checks them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from oauthlib.oauth1.rfc5849 import signature as oauth1
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.signing import BearerToken, ClientCredentials, Signature
from local.sis.serving import serving
from roster.errors import Terminal, Transient

ID, SECRET = "client", "s3cret"


class Server:
    """Gives tokens, and takes the newest only."""

    def __init__(self) -> None:
        self.given = 0
        self.answer: Any = None
        self.status = 200
        self.forms: list[dict[str, str]] = []

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        pair = base64.b64encode(f"{ID}:{SECRET}".encode()).decode()
        known = request.headers.get("authorization") == f"Basic {pair}" or (
            form.get("client_id") == ID and form.get("client_secret") == SECRET
        )
        if not known:
            return JSONResponse({"error": "invalid_client"}, 401)
        if self.answer is not None or self.status != 200:
            return JSONResponse(self.answer, self.status)
        self.given += 1
        return JSONResponse({"access_token": f"t{self.given}", "expires_in": "3600"})

    async def data(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer t{self.given}":
            return JSONResponse({}, 401)
        return JSONResponse({})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def address(server: Server) -> Generator[str]:
    routes = [
        Route("/token", server.token, methods=["POST"]),
        Route("/data", server.data),
    ]
    with serving(Starlette(routes=routes)) as served:
        yield served


def client(address: str, **more: Any) -> httpx.AsyncClient:
    auth = ClientCredentials(f"{address}/token", ID, **({"client_secret": SECRET} | more),
                             refused="look under Keys")  # fmt: skip
    return httpx.AsyncClient(base_url=address, auth=auth)


async def test_one_token_serves_many_requests(address: str, server: Server) -> None:
    async with client(address) as session:
        answers = await asyncio.gather(*(session.get("/data") for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert server.given == 1


async def test_a_token_that_is_taken_back_is_replaced_once(address: str, server: Server) -> None:
    async with client(address) as session:
        await session.get("/data")
        server.given += 1
        answers = await asyncio.gather(*(session.get("/data") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert server.given == 3


async def test_credentials_go_where_the_server_wants_them(address: str, server: Server) -> None:
    async with client(address, credentials="body", scope="roster.readonly") as session:
        assert (await session.get("/data")).status_code == 200
    [form] = server.forms
    assert form["scope"] == "roster.readonly"
    assert form["grant_type"] == "client_credentials"


async def test_a_token_may_be_the_whole_answer_and_come_with_a_cookie() -> None:
    seen: list[tuple[str, str]] = []

    async def token(request: Request) -> Response:
        assert dict(request.query_params) == {"client_id": ID, "client_secret": SECRET}
        answer = JSONResponse("bare-token")
        answer.set_cookie("session", "c1")
        return answer

    async def data(request: Request) -> Response:
        seen.append((request.headers["authorization"], request.headers.get("cookie", "")))
        return JSONResponse({})

    routes = [Route("/token", token, methods=["POST"]), Route("/data", data)]
    with serving(Starlette(routes=routes)) as address:
        async with client(address, credentials="query") as session:
            await session.get("/data")
            await session.get(address.replace("127.0.0.1", "localhost") + "/data")
    assert seen == [("Bearer bare-token", "session=c1"), ("Bearer bare-token", "")]


@pytest.mark.parametrize("body", ["<html>", '""', "7", "[]"])
async def test_an_answer_that_holds_no_token_is_an_outage(body: str) -> None:
    async def token(_: Request) -> Response:
        return Response(body, media_type="application/json")

    with serving(Starlette(routes=[Route("/token", token, methods=["POST"])])) as address:
        async with client(address) as session:
            with pytest.raises(Transient, match="without a token"):
                await session.get("/data")


async def test_refused_credentials_say_what_to_do_and_never_the_secret(address: str) -> None:
    async with client(address, client_secret="wrong-one") as session:
        with pytest.raises(Terminal, match=r"invalid_client.*look under Keys") as error:
            await session.get("/data")
    assert "wrong-one" not in str(error.value)


async def test_a_host_without_tokens_is_told_apart(address: str) -> None:
    auth = ClientCredentials(f"{address}/nothing", ID, SECRET, refused="x")
    async with httpx.AsyncClient(auth=auth) as session:
        with pytest.raises(Terminal, match="404"):
            await session.get(f"{address}/data")


@pytest.mark.parametrize(("status", "answer"), [(200, {}), (200, []), (503, {"access_token": "t"})])
async def test_an_answer_without_a_token_is_an_outage(
    address: str, server: Server, status: int, answer: Any
) -> None:
    server.status, server.answer = status, answer
    async with client(address) as session:
        with pytest.raises(Transient, match=str(status)):
            await session.get("/data")


@pytest.mark.parametrize("life", [None, "soon", 90])
async def test_a_token_lasts_even_if_its_life_is_odd(
    address: str, server: Server, life: Any
) -> None:
    server.given, server.answer = 1, {"access_token": "t1", "expires_in": life}
    async with client(address) as session:
        assert (await session.get("/data")).status_code == 200
        assert (await session.get("/data")).status_code == 200
    assert len(server.forms) == 1


def test_a_fixed_token_is_put_on_a_request() -> None:
    request = httpx.Request("GET", "https://sis.example/")
    next(BearerToken("abc").auth_flow(request))
    assert request.headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("method", "name", "sign"),
    [
        ("sha1", "HMAC-SHA1", oauth1.sign_hmac_sha1_with_client),
        ("sha256", "HMAC-SHA256", oauth1.sign_hmac_sha256_with_client),
    ],
)
def test_a_signature_covers_the_query(method: Any, name: str, sign: Any) -> None:
    request = httpx.Request("GET", "https://sis.example/users?filter=a%3D%27b%20c%27&limit=5")
    next(Signature("key", "secret", method).auth_flow(request))
    header = request.headers["authorization"]
    assert f'oauth_signature_method="{name}"' in header
    parameters = oauth1.collect_parameters(
        uri_query=request.url.query.decode(), headers={"Authorization": header},
        exclude_oauth_signature=False, with_realm=False,
    )  # fmt: skip
    given = dict(parameters)["oauth_signature"]
    signed = [(key, value) for key, value in parameters if key != "oauth_signature"]
    base = oauth1.signature_base_string(
        "GET", "https://sis.example/users", oauth1.normalize_parameters(signed)
    )

    class _Known:
        client_secret = "secret"
        resource_owner_secret = None

    assert sign(base, _Known()) == given
