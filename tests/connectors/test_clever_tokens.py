"""Finding a district's token, over a real socket; keeping Clever's pace."""

from __future__ import annotations

import base64
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.clever_asking import Pace
from connectors.clever_tokens import DistrictToken
from connectors.session import Session, limit_resets
from local.sis.serving import serving
from roster.errors import Terminal, Transient


@dataclass
class Service:
    """Lists what `pages` say, by the query's `page`, and takes what `good` says as tokens."""

    address: str = ""
    pages: dict[str, Any] = field(default_factory=dict[str, Any])
    good: set[str] = field(default_factory=set[str])
    asked: list[str] = field(default_factory=list[str])

    async def list_tokens(self, request: Request) -> Response:
        self.asked.append(request.headers["authorization"])
        page = self.pages[request.query_params.get("page", "")]
        if isinstance(page, Response):
            return page
        return JSONResponse(page)

    async def data(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return JSONResponse({"data": []}, 200 if token in self.good else 401)

    def session(self, district: str = "") -> Session:
        auth = DistrictToken(self.address, "app", "s3cret", district)
        return Session(self.address, auth, refused="look there")


@pytest.fixture
def service() -> Generator[Service]:
    found = Service()
    app = Starlette(
        routes=[Route("/oauth/tokens", found.list_tokens), Route("/v3.1/users", found.data)]
    )
    with serving(app) as found.address:
        yield found


def _listed(*tokens: tuple[str, str, str], link: str = "") -> dict[str, Any]:
    rows = [
        {"owner": {"type": "district", "id": district}, "access_token": token, "created": created}
        for district, token, created in tokens
    ]
    links = [{"rel": "self", "uri": "/oauth/tokens"}]
    return {"data": rows, "links": [*links, *([{"rel": "next", "uri": link}] if link else [])]}


async def test_the_newest_token_of_the_district_is_found_on_any_page(service: Service) -> None:
    service.pages = {
        "": _listed(("d1", "old", "2025-01-01"), link="/oauth/tokens?page=2"),
        "2": _listed(("d2", "other", "2026-01-01"), ("d1", "new", "2026-01-01")),
    }
    service.good = {"new"}
    async with service.session("d1") as session:
        await session.get("v3.1/users")
        await session.get("v3.1/users")
    basic = base64.b64encode(b"app:s3cret").decode()
    assert service.asked == [f"Basic {basic}"] * 2


async def test_a_token_is_looked_up_once_and_then_given_up(service: Service) -> None:
    service.pages = {"": _listed(("d1", "bad", "2025-01-01"))}
    async with service.session() as session:
        with pytest.raises(Terminal, match="401, the credentials were refused; look there"):
            await session.get("v3.1/users")
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("page", "error", "why"),
    [
        (JSONResponse({"error": "x"}, 401), Terminal, "credentials were refused"),
        (Response("<html>", 404), Terminal, "https://clever.com"),
        (JSONResponse({}, 503), Transient, "503"),
        (Response("<html>maintenance"), Transient, "without a list"),
        ({"error": "later"}, Transient, "without a list"),
        ({"data": [{"access_token": "t"}]}, Transient, "without a district"),
        ({"data": ["t"]}, Transient, "without a district"),
        (_listed(), Terminal, "no token for any district"),
        (_listed(("d1", "t", ""), ("d2", "u", "")), Terminal, "2 districts; .* d1, d2"),
        (_listed(link="https://elsewhere.example/oauth/tokens"), Terminal, "another host"),
    ],
)
async def test_lists_that_give_no_token(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    page: Any,
    error: type[Exception],
    why: str,
) -> None:
    monkeypatch.setattr("connectors.session.FIRST_PAUSE", 0.001)
    service.pages = {"": page}
    async with service.session() as session:
        with pytest.raises(error, match=why) as raised:
            await session.get("v3.1/users")
    assert "s3cret" not in str(raised.value)


def _told(remaining: str, reset: str) -> httpx.Headers:
    return httpx.Headers({"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset})


async def test_the_last_request_of_a_minute_is_followed_by_a_pause() -> None:
    pace = Pace()
    pace.note(_told("1", str(time.time() + 50)))
    await pace.keep()
    pace.note(_told("0", str(time.time() + 0.2)))
    began = time.monotonic()
    await pace.keep()
    assert time.monotonic() - began > 0.1
    pace.note(_told("0", str(time.time() + 4000)))
    with pytest.raises(Transient) as error:
        await pace.keep()
    assert error.value.retry_after == 60
    pace.note(_told("0", "soon"))
    await pace.keep()


@pytest.mark.parametrize(("text", "known"), [("", False), ("soon", False), ("1", False)])
def test_a_reset_that_says_nothing(text: str, known: bool) -> None:
    assert (limit_resets(_told("0", text)) is not None) == known


def test_a_reset_is_the_second_in_which_the_limit_starts_anew() -> None:
    wait = limit_resets(_told("0", str(time.time() + 30)))
    assert wait is not None
    assert 29 < wait <= 30
    assert limit_resets(httpx.Headers()) is None
