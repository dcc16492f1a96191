"""Faults: which operations they strike, before or after the deed, and what the caller sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from local.entra import Tenant, create_app
from local.entra.clock import VirtualClock
from local.entra.in_process import InProcess
from local.listening import listen
from tests.local.entra.conftest import Caller, user

JSON = {"Content-Type": "application/json"}


async def fault(call: Caller, **values: Any) -> None:
    answer = await call.http.post("/emulator/faults", json=[values])
    assert answer.status_code == 204, answer.text


async def batch(call: Caller, *names: str) -> httpx.Response:
    items = [{"id": name, "method": "POST", "url": "/users", "headers": JSON, "body": user(name)}
             for name in names]  # fmt: skip
    return await call("POST", "/$batch", {"requests": items})


async def names(call: Caller) -> set[str]:
    dump = (await call.http.get("/emulator/dump")).json()
    return {one["displayName"] for one in dump["users"]}


def statuses(answer: httpx.Response) -> dict[str, int]:
    return {one["id"]: one["status"] for one in answer.json()["responses"]}


@pytest.mark.parametrize(("when", "there"), [("before", set[str]()), ("after", {"a"})])
async def test_a_429_may_come_after_the_deed(call: Caller, when: str, there: set[str]) -> None:
    await fault(call, method="POST", status=429, when=when)
    answer = await call("POST", "/users", user("a"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "TooManyRequests")
    assert "retry-after" not in answer.headers
    assert await names(call) == there
    assert (await call.http.get("/emulator/counters")).json()["throttled"] == 1


async def test_code_message_and_wait_are_as_asked(call: Caller) -> None:
    await fault(call, path="^/users", status=503, code="Request_ThrottledTemporarily",
                message="Come back.", retryAfter=12)  # fmt: skip
    answer = await call("GET", "/users")
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("Request_ThrottledTemporarily", "Come back.")
    assert answer.headers["retry-after"] == "12"
    assert (await call("GET", "/users")).status_code == 200


async def test_every_third_operation(call: Caller) -> None:
    await fault(call, path="/users", status=500, every=3, times=2)
    seen = [(await call("GET", "/users")).status_code for _ in range(10)]
    assert seen == [200, 200, 500, 200, 200, 500, 200, 200, 200, 200]


async def test_by_chance_and_without_end(call: Caller) -> None:
    await fault(call, path="/users", status=500, probability=0.3, times=None)
    seen = [(await call("GET", "/users")).status_code for _ in range(200)]
    assert 35 < seen.count(500) < 85


@pytest.mark.parametrize(("when", "there"), [("before", 0), ("after", 3)])
async def test_a_whole_envelope_fails(call: Caller, when: str, there: int) -> None:
    await fault(call, method="POST", path="/users", at="envelope", status=504, when=when)
    answer = await batch(call, "a", "b", "c")
    assert (answer.status_code, "responses" in answer.json()) == (504, False)
    assert len(await names(call)) == there
    assert statuses(await batch(call, "d")) == {"d": 201}


async def test_a_reset_in_the_middle_of_a_batch_leaves_half_of_it_done(call: Caller) -> None:
    await fault(call, path="/users", status="reset", every=2)
    with pytest.raises(ConnectionResetError):
        await batch(call, "a", "b", "c")
    assert await names(call) == {"a"}


async def test_a_lost_item_is_missing_among_the_responses(call: Caller) -> None:
    await fault(call, path="/users", status="lost", when="after")
    assert statuses(await batch(call, "a", "b")) == {"b": 201}
    assert await names(call) == {"a", "b"}


async def test_a_slow_answer_takes_the_tenants_time() -> None:
    clock = VirtualClock()
    call = Caller(Tenant(clock=clock))
    await fault(call, path="/users", slow=40)
    asking = asyncio.create_task(call("GET", "/users"))
    await asyncio.sleep(0.05)
    clock.advance(seconds=39)
    await asyncio.sleep(0.05)
    assert not asking.done()
    clock.advance(seconds=1)
    assert (await asking).status_code == 200


@pytest.mark.parametrize(
    ("values", "fragment"),
    [
        ({}, "needs a status"),
        ({"status": 200}, "400-599, lost or reset"),
        ({"status": 500, "method": "FETCH"}, "method"),
        ({"status": 500, "path": "("}, "regular expression"),
        ({"status": 500, "chance": 1}, "probability"),
        ({"status": 500, "when": "during"}, "when"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(
    call: Caller, values: dict[str, Any], fragment: str
) -> None:
    answer = await call.http.post("/emulator/faults", json=[values])
    assert answer.status_code == 400
    assert fragment in answer.json()["error"]


@asynccontextmanager
async def served(tenant: Tenant) -> AsyncIterator[str]:
    """The tenant behind a real socket."""
    with listen() as listener:
        config = uvicorn.Config(create_app(tenant), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


@pytest.mark.parametrize("status", ["reset", "lost"])
async def test_within_the_process_it_is_a_transport_error_too(tenant: Tenant, status: str) -> None:
    token = tenant.identity.token("https://graph.microsoft.com")["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    transport = InProcess(tenant)
    async with httpx.AsyncClient(transport=transport, base_url="http://e", headers=header) as http:
        await http.post("/emulator/faults", json=[{"path": "/users", "status": status}])
        with pytest.raises(httpx.TransportError):
            await http.get("/v1.0/users")
        assert (await http.get("/v1.0/users")).status_code == 200


async def test_a_reset_breaks_a_real_connection_off(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    token = tenant.identity.token("https://graph.microsoft.com")["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    async with served(tenant) as address, httpx.AsyncClient(headers=header) as http:
        for status in ("reset", "lost"):
            await http.post(
                f"{address}/emulator/faults", json=[{"path": "/users", "status": status}]
            )
            with pytest.raises(httpx.TransportError):
                await http.get(f"{address}/v1.0/users")
        assert (await http.get(f"{address}/v1.0/users")).status_code == 200
    assert not caplog.records
