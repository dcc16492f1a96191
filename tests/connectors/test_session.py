"""What each kind of failing answer means, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import session as module
from connectors.session import Session, checked_address, retry_after
from local.sis.faults import Fault, Faults, Faulty
from local.sis.serving import serving
from roster.errors import BadInput, Terminal, Transient

SECRET = "s3cret-token"


async def _users(request: Request) -> Response:
    return JSONResponse({"users": [], "token": request.headers.get("authorization")})


async def _forbidden(_: Request) -> Response:
    return JSONResponse({"message": "scope missing"}, 403)


async def _refused(_: Request) -> Response:
    return Response("no", 401)


async def _gone(_: Request) -> Response:
    return Response("<html>", 404)


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def address(faults: Faults) -> Generator[str]:
    paths = {"users": _users, "forbidden": _forbidden, "refused": _refused, "gone": _gone}
    app = Starlette(
        routes=[Route(f"/api/{p}", f, methods=["GET", "POST"]) for p, f in paths.items()]
    )
    with serving(Faulty(app, faults)) as served:
        yield f"{served}/api"


@pytest.fixture
async def source(
    address: str, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Session]:
    faults.clear()
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    async with Session(address, None, refused="look under Keys") as session:
        yield session


async def test_an_answer_is_its_json(source: Session) -> None:
    answer = await source.get("users", {"limit": "1"})
    assert answer.body["users"] == []
    assert (await source.post("users", {"a": 1})).status == 200
    assert source.requests == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=503),
        Fault("throttle", seconds=0.01),
        Fault("throttle"),
        Fault("html"),
        Fault("garbage"),
        Fault("redirect", body="/maintenance"),
        Fault("drop"),
        Fault("truncate"),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status}",
)
async def test_what_passes_is_tried_again(source: Session, faults: Faults, fault: Fault) -> None:
    faults.add(fault)
    assert (await source.get("users")).body["users"] == []
    assert len(faults.seen) == 2


async def test_what_stays_is_transient_and_names_the_path_only(
    source: Session, faults: Faults
) -> None:
    faults.add(Fault("html", times=None))
    with pytest.raises(Transient, match=r"^users: ") as error:
        await source.get("users", {"name": "Ann"})
    assert "Ann" not in str(error.value)
    assert "maintenance" in str(error.value)


async def test_a_long_wait_is_the_callers(source: Session, faults: Faults) -> None:
    faults.add(Fault("throttle", seconds=3600))
    with pytest.raises(Transient) as error:
        await source.get("users")
    assert error.value.retry_after == 3600
    assert len(faults.seen) == 1


async def test_refused_credentials_say_what_to_do(source: Session, faults: Faults) -> None:
    with pytest.raises(Terminal, match=r"401.*look under Keys"):
        await source.get("refused")
    assert len(faults.seen) == 1


async def test_an_error_says_what_the_source_says(source: Session) -> None:
    with pytest.raises(Terminal, match="403: scope missing") as error:
        await source.get("forbidden")
    assert error.value.code == "403"


async def test_a_caller_may_want_to_see_a_status(source: Session) -> None:
    answer = await source.get("gone", allow={404})
    assert (answer.status, answer.body) == (404, None)


async def test_only_the_own_host_is_followed(address: str) -> None:
    async with Session(address, None, refused="") as session:
        assert (await session.get(f"{address}/users?offset=5")).status == 200
        with pytest.raises(Terminal, match="another host"):
            await session.get("https://elsewhere.example/api/users")


def test_a_wait_is_seconds_or_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after(httpx.Headers({"retry-after": "2"})) == 2
    assert 80 < (retry_after(httpx.Headers({"retry-after": soon})) or 0) <= 90
    assert retry_after(httpx.Headers({"retry-after": "soon"})) is None
    assert retry_after(httpx.Headers()) is None


@pytest.mark.parametrize(
    "address",
    ["http://sis.example", "ftp://sis.example", "https://", "https://a:b@sis.example", "sis",
     "https://sis.example/?x=1"],
)  # fmt: skip
def test_credentials_only_go_to_proper_addresses(address: str) -> None:
    with pytest.raises(BadInput, match="https://host/path"):
        checked_address(address)


def test_an_address_ends_with_a_slash() -> None:
    assert checked_address("https://sis.example/ims") == "https://sis.example/ims/"
    assert checked_address("http://127.0.0.1:80") == "http://127.0.0.1:80/"
