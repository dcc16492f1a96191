"""A real client over real HTTP: an emulated tenant of its own for each test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from azure.identity import ManagedIdentityCredential

from graph.client import Graph, connect
from graph.writers import Writer
from local.entra import Tenant, create_app
from local.listening import listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Served:
    """An emulated tenant behind a port of this machine."""

    def __init__(self, tenant: Tenant, port: int) -> None:
        self.tenant = tenant
        self.address = f"http://127.0.0.1:{port}"
        self.url = f"{self.address}/v1.0"

    async def dump(self) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{self.address}/emulator/dump")).json()

    async def counters(self) -> dict[str, int]:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{self.address}/emulator/counters")).json()

    async def faults(self, *faults: dict[str, Any]) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.address}/emulator/faults", json=list(faults))
            answer.raise_for_status()

    async def seed(self, **objects: Any) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.address}/emulator/seed", json=objects)
            answer.raise_for_status()


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(domains=["contoso.edu"])


@pytest.fixture
async def served(tenant: Tenant) -> AsyncIterator[Served]:
    with listen() as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(create_app(tenant), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        yield Served(tenant, port)
        server.should_exit = True
        await running


@pytest.fixture
async def graph(served: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Graph]:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{served.address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    loop = asyncio.get_running_loop()
    credential = ManagedIdentityCredential()
    # The credential blocks while it fetches a token, and the emulator lives on this very loop.
    await loop.run_in_executor(None, credential.get_token, "https://graph.microsoft.com/.default")
    connected = connect(credential, served.url)
    yield connected
    await connected.close()


@pytest.fixture
def writer(graph: Graph) -> Writer:
    return Writer(graph)
