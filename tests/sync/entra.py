"""An emulated tenant on a thread of its own, and a host that works off the queues one by one."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

from local.entra import Tenant, create_app
from local.listening import listen
from sync.apply import apply_change
from sync.arrivals import on_arrival
from sync.run import on_control
from sync.storage import ARRIVALS_QUEUE, CHANGES_QUEUE, RUNS_QUEUE, shared_storage

if TYPE_CHECKING:
    import pytest
    from azure.storage.queue import QueueMessage

    from sync.storage import Storage

WORK_SECONDS = 240.0


class Entra:
    """An emulated tenant at `address`."""

    def __init__(self, address: str, tenant: Tenant) -> None:
        self.address = address
        self.tenant = tenant

    def dump(self) -> dict[str, Any]:
        return httpx.get(f"{self.address}/emulator/dump").json()

    def fail_next(self, *faults: dict[str, Any]) -> None:
        httpx.post(f"{self.address}/emulator/faults", json=list(faults)).raise_for_status()


@contextmanager
def entra(patch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """Serves a fresh tenant, and makes this process an app of it with a managed identity."""
    with listen() as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        tenant = Tenant(domains=["contoso.edu"])
        app = create_app(tenant)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        patch.setenv("ROLLCALL_GRAPH_URL", f"{address}/v1.0")
        patch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
        patch.setenv("IDENTITY_HEADER", "secret")
        try:
            yield Entra(address, tenant)
        finally:
            server.should_exit = True
            thread.join()


def work_off(storage: Storage) -> None:
    """Handles every message until the queues are empty, changes first."""
    stop = time.monotonic() + WORK_SECONDS
    while storage.waiting(ARRIVALS_QUEUE) + storage.waiting(RUNS_QUEUE):
        assert time.monotonic() < stop, "the run does not end"
        asyncio.run(_apply_all(storage))
        arrivals, steps = _take(storage, ARRIVALS_QUEUE), _take(storage, RUNS_QUEUE)
        for message in arrivals:
            on_arrival(storage, _json(message))
        for message in steps:
            on_control(storage, _json(message), 1)
        if not arrivals and not steps:
            time.sleep(0.1)  # the rest waits for its time; so do other tests for the processor


def work_visible(storage: Storage) -> None:
    """Handles messages until none is visible; those that wait for their time stay."""
    found = True
    while found:
        asyncio.run(_apply_all(storage))
        messages = _take(storage, RUNS_QUEUE)
        for message in messages:
            on_control(storage, _json(message), 1)
        found = bool(messages)


async def _apply_all(storage: Storage) -> None:
    while messages := _take(storage, CHANGES_QUEUE):
        await asyncio.gather(*(apply_change(_json(m), m.id) for m in messages))


def _take(storage: Storage, queue: str) -> list[QueueMessage]:
    client = storage.queues.get_queue_client(queue)
    taken = list(client.receive_messages(max_messages=32))
    for message in taken:
        client.delete_message(message)
    return taken


def _json(message: QueueMessage) -> Any:
    return json.loads(base64.b64decode(message.content))


def use(storage: Storage, connection: str, patch: pytest.MonkeyPatch) -> Storage:
    """Makes `storage` the account that triggers of this process open."""
    patch.setenv("AzureWebJobsStorage", connection)
    shared_storage.cache_clear()
    return storage
