"""Faults of an emulated system, over a real socket."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.sis.faults import Fault, Faults, Faulty
from local.sis.serving import serving


async def _users(_: object) -> JSONResponse:
    return JSONResponse({"users": [{"sourcedId": "1"}]})


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def client(faults: Faults) -> Generator[httpx.Client]:
    app = Faulty(Starlette(routes=[Route("/users", _users)]), faults)
    with serving(app) as address, httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture(autouse=True)
def _well(faults: Faults) -> None:
    faults.clear()


def test_a_fault_happens_after_and_as_often_as_it_says(
    client: httpx.Client, faults: Faults
) -> None:
    faults.add(Fault("status", path="/users*", after=1, times=2, status=500))
    assert [client.get("/users").status_code for _ in range(4)] == [200, 500, 500, 200]
    assert faults.seen == ["/users"] * 4


def test_a_fault_of_another_path_does_not_happen(client: httpx.Client, faults: Faults) -> None:
    faults.add(Fault("status", path="/classes*"))
    assert client.get("/users").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (Fault("throttle", seconds=2), 429, ("retry-after", "2")),
        (Fault("html"), 200, ("content-type", "text/html")),
        (Fault("redirect", body="/maintenance"), 302, ("location", "/maintenance")),
        (Fault("garbage"), 200, ("content-type", "application/json")),
        (Fault("empty", body='{"users": []}'), 200, ("content-length", "13")),
        (Fault("slow", seconds=0.01), 200, ("content-type", "application/json")),
    ],
)
def test_an_answer_is_wrong_in_the_way_that_was_asked_for(
    client: httpx.Client, faults: Faults, fault: Fault, status: int, header: tuple[str, str]
) -> None:
    faults.add(fault)
    answer = client.get("/users")
    assert answer.status_code == status
    assert answer.headers[header[0]] == header[1]


@pytest.mark.parametrize("kind", ["drop", "truncate"])
def test_a_connection_breaks_off(client: httpx.Client, faults: Faults, kind: str) -> None:
    faults.add(Fault.from_json({"kind": kind}))
    with pytest.raises(httpx.TransportError):
        client.get("/users")
    assert client.get("/users").status_code == 200


def test_values_change_their_type_here_and_there(client: httpx.Client, faults: Faults) -> None:
    faults.add(Fault("retype"))
    assert client.get("/users").json() == {"users": [{"sourcedId": 17}]}
