"""The host: listeners of all functions, HTTP, one start and one end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import uvicorn
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient
from starlette.middleware.trustedhost import TrustedHostMiddleware

from local.listening import listen
from roster.errors import BadInput, Terminal

from .functions import Function, QueueTrigger, TimerTrigger
from .queues import QueueListener
from .routes import Routes
from .timers import Schedule, TimerListener, create_container
from .web import Keys, Web
from .worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from .settings import HostSettings
    from .signin import Person

logger = logging.getLogger(__name__)

STORAGE = "AzureWebJobsStorage"
LOOPBACK = "127.0.0.1"
API_VERSION = "2025-11-05"  # the newest that Azurite speaks
END_SECONDS = 5.0  # for functions that run when the host is asked to end


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the host is and what opens it. Printed as one line of JSON."""

    http: str
    master_key: str
    function_key: str
    pid: int


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the host's business, not its web server's."""
        yield


class Host:
    """Runs the functions of an app. Raises BadInput if it cannot run one of them."""

    def __init__(
        self,
        folder: Path,
        functions: Sequence[Function],
        settings: HostSettings,
        *,
        lease: int,
        person: Person | None = None,
    ) -> None:
        """`lease`: seconds until a message is visible again if this process is killed."""
        self._functions = functions
        self._settings = settings
        self._lease = lease
        self._keys = Keys()
        self._worker = Worker(folder, settings.function_timeout)
        routes = Routes(functions, settings.extensions.http.route_prefix)
        by_name = {function.name: function for function in functions}
        self._web = Web(by_name, routes, self._worker, self._keys, person)
        self._accounts: dict[str, QueueServiceClient] = {}
        self._blobs = BlobServiceClient.from_connection_string(
            _connection(STORAGE), api_version=API_VERSION
        )
        self._queues = [listener for f in functions if (listener := self._queue_listener(f))]
        self._timers = [
            TimerListener(f, Schedule(f.name, f.trigger.schedule), self._blobs, self._worker)
            for f in functions
            if isinstance(f.trigger, TimerTrigger)
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for account in self._accounts.values():
            await account.close()
        await self._blobs.close()
        self._worker.close()

    async def run(self, port: int, announce: Callable[[Ready], None], stop: asyncio.Event) -> None:
        """Runs until `stop`; calls `announce` when everything listens. `port` 0 takes a free one.

        Functions that run when `stop` comes get a few seconds; what is unfinished then is given
        up, and its messages come back when their lease is over.
        """
        await create_container(self._blobs)
        for listener in self._queues:
            await listener.create_queue()
        with listen(port) as listening:
            server = _Server(self._web_config())
            serving = asyncio.create_task(server.serve([listening]))
            work = [asyncio.create_task(each.listen()) for each in (*self._queues, *self._timers)]
            address = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
            announce(Ready(address, self._keys.master, self._keys.function, os.getpid()))
            try:
                await _first_to_end(stop.wait(), serving, *work)
            finally:
                server.should_exit = True
                for task in work:
                    task.cancel()
                given_up = await self._drain()
                await asyncio.gather(serving, *work, return_exceptions=True)
        if given_up:
            logger.warning("Ended with %s messages unfinished; they come back", given_up)

    def _queue_listener(self, function: Function) -> QueueListener | None:
        trigger = function.trigger
        if not isinstance(trigger, QueueTrigger):
            return None
        if trigger.connection not in self._accounts:
            self._accounts[trigger.connection] = QueueServiceClient.from_connection_string(
                _connection(trigger.connection), api_version=API_VERSION
            )
        service = self._accounts[trigger.connection]
        queues = self._settings.extensions.queues
        return QueueListener(function, trigger.queue, service, self._worker, queues, self._lease)

    def _web_config(self) -> uvicorn.Config:
        # A name that resolves to this machine would let any web page speak to it.
        app = TrustedHostMiddleware(self._web, allowed_hosts=[LOOPBACK, "localhost"])
        return uvicorn.Config(
            app,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=round(END_SECONDS),
        )

    async def _drain(self) -> int:
        return sum(await asyncio.gather(*(queue.drain(END_SECONDS) for queue in self._queues)))


def _connection(setting: str) -> str:
    try:
        return os.environ[setting]
    except KeyError:
        raise BadInput(
            f"The setting {setting} is not set: this host needs the connection string of a storage "
            "account in it, such as the one that `python -m local.azurite` prints"
        ) from None


async def _first_to_end(stop: Coroutine[Any, Any, object], *work: asyncio.Task[None]) -> None:
    """Waits for the order to stop; raises what a part raised that should never end by itself."""
    order = asyncio.ensure_future(stop)
    done, _ = await asyncio.wait({order, *work}, return_when=asyncio.FIRST_COMPLETED)
    order.cancel()
    for task in done - {order}:
        task.result()
        raise Terminal("a part of the host ended by itself")
