"""Where functions run: apart from the host, as the real worker process is.

`async def` functions share one event loop on a thread of its own, plain functions a thread pool of
the size that PYTHON_THREADPOOL_THREAD_COUNT says. A function that blocks its loop so holds up other
functions, as in Azure, but never the host, which goes on renewing leases.
https://learn.microsoft.com/azure/azure-functions/python-scale-performance-reference
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import azure.functions as func

from .functions import CONTEXT

if TYPE_CHECKING:
    from concurrent.futures import Future
    from datetime import timedelta
    from pathlib import Path

    from .functions import Function

logger = logging.getLogger(__name__)


class FunctionTimedOut(Exception):
    """A function ran longer than `functionTimeout` of host.json allows."""


class TraceContext:
    """No trace: nothing local collects any."""

    @property
    def trace_state(self) -> str:
        """Empty."""
        return ""

    @property
    def trace_parent(self) -> str:
        """Empty."""
        return ""

    @property
    def attributes(self) -> dict[str, str]:
        """Empty."""
        return {}


class Context(func.Context):
    """What a function gets as its parameter `context`."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._invocation_id = str(uuid.uuid4())
        self._trace = TraceContext()
        self._local = threading.local()

    @property
    def invocation_id(self) -> str:
        """A new UUID for each run of a function."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Storage of the thread that runs the function."""
        return self._local

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._name

    @property
    def function_directory(self) -> str:
        """The app's folder."""
        return str(self._folder)

    @property
    def trace_context(self) -> Any:
        """No trace."""
        return self._trace

    @property
    def retry_context(self) -> Any:
        """None: functions with a retry policy are not run by this host."""
        return None


class Worker:
    """Runs functions. `timeout`: how long one may take; None for ever."""

    def __init__(self, folder: Path, timeout: timedelta | None) -> None:
        self._folder = folder
        self._timeout = timeout.total_seconds() if timeout else None
        threads = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._pool = ThreadPoolExecutor(int(threads) if threads else None, "function")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="functions", daemon=True).start()

    async def run(self, function: Function, trigger: object) -> Any:
        """Runs `function` on what triggered it; returns its result or raises what it raised."""
        arguments: dict[str, Any] = {function.argument: trigger}
        if function.takes_context:
            arguments[CONTEXT] = Context(function.name, self._folder)
        started: Future[Any]
        if function.is_async:
            started = asyncio.run_coroutine_threadsafe(function.call(**arguments), self._loop)
        else:
            started = self._pool.submit(function.call, **arguments)
        running = asyncio.wrap_future(started)
        done, _ = await asyncio.wait({running}, timeout=self._timeout)
        if not done:
            running.cancel()
            raise FunctionTimedOut(
                f"Function {function.name} ran longer than functionTimeout allows: "
                f"{self._timeout:g} seconds"
            )
        return running.result()

    def close(self) -> None:
        """Takes no more functions. What still runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
