"""The tenant's time: moved by hand, by HTTP, or by an event loop that skips idle time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import httpx
import pytest

from local.entra import Tenant, create_app
from local.entra.clock import SystemClock, VirtualClock
from local.entra.scenario import Latency, Quotas, Scenario
from local.entra.virtual_loop import run_virtually
from tests.local.entra.conftest import Caller, user


async def test_a_virtual_clock_is_moved_over_http() -> None:
    call = Caller(Tenant(clock=VirtualClock(datetime(2026, 8, 1, tzinfo=UTC))))
    told = (await call.http.post("/emulator/clock", json={"advance": 90})).json()
    assert (told["now"], told["virtual"]) == ("2026-08-01T00:01:30Z", True)
    assert (await call.http.get("/emulator/clock")).json() == told
    key = await call.user("a")
    made = (await call("GET", f"/users/{key}?$select=createdDateTime")).json()
    assert made["createdDateTime"] == "2026-08-01T00:01:30Z"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"advance": -1}', b'{"advance": true}', b"[]"])
async def test_time_goes_forward_by_a_number(call: Caller, body: bytes) -> None:
    answer = await call.http.post("/emulator/clock", content=body)
    assert (answer.status_code, "advance: a number" in answer.json()["error"]) == (400, True)


async def test_the_machines_clock_cannot_be_moved() -> None:
    call = Caller(Tenant())
    assert (await call.http.get("/emulator/clock")).json()["virtual"] is False
    answer = await call.http.post("/emulator/clock", json={"advance": 1})
    assert "only a virtual clock" in answer.json()["error"]


async def test_the_machines_clock_sleeps() -> None:
    clock = SystemClock()
    before = clock.seconds()
    await clock.sleep(0.02)
    assert clock.seconds() >= before + 0.02


def test_sleepers_wake_in_their_order() -> None:
    clock, woken = VirtualClock(), list[tuple[int, float]]()
    start = clock.seconds()

    async def sleeper(seconds: int) -> None:
        await (clock.sleep(seconds) if seconds % 2 else asyncio.sleep(seconds))
        woken.append((seconds, round(clock.seconds() - start, 3)))

    async def everybody() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (40_000, 3, 7_201, 10)))

    run_virtually(everybody(), clock)
    assert woken == [(3, 3), (10, 10), (7_201, 7_201), (40_000, 40_000)]


def test_time_stands_still_while_a_thread_works() -> None:
    clock = VirtualClock()

    async def work() -> float:
        start = clock.seconds()
        done = asyncio.create_task(asyncio.to_thread(time.sleep, 0.1))
        await asyncio.wait({done}, timeout=3_600)
        return clock.seconds() - start

    assert run_virtually(work(), clock) == 0


def test_clients_under_load_take_the_time_that_the_quota_wants() -> None:
    """Four clients, one batch a time each, that wait as they are told: 400 writes, 2 a second."""
    clock = VirtualClock()
    scenario = Scenario(
        quotas=Quotas(writes=300, throttled_accrue=False), latency=Latency(batch=1.5, request=0.1)
    )
    tenant = Tenant(clock=clock, scenario=scenario)
    start = clock.seconds()

    async def client(number: int) -> None:
        token = tenant.identity.token("https://graph.microsoft.com")["access_token"]
        header = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(create_app(tenant))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://e", headers=header
        ) as http:
            waiting = [f"c{number}n{n}" for n in range(100)]
            while waiting:
                items = [
                    {"id": name, "method": "POST", "url": "/users", "body": user(name),
                     "headers": {"Content-Type": "application/json"}}
                    for name in waiting[:20]
                ]  # fmt: skip
                answer = await http.post("/v1.0/$batch", json={"requests": items})
                found = {one["id"]: one for one in answer.json()["responses"]}
                waiting = [n for n in waiting if n not in found or found[n]["status"] == 429]
                waits = [int(one["headers"]["Retry-After"]) for one in found.values()
                         if one["status"] == 429]  # fmt: skip
                await asyncio.sleep(max(waits, default=0))

    async def load() -> None:
        await asyncio.gather(*(client(number) for number in range(4)))

    run_virtually(load(), clock)
    assert tenant.counters["writes"] == 400
    # 300 at once, then 2 a second.
    assert 45 <= clock.seconds() - start <= 75
