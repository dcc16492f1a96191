"""An event loop whose time passes only when nobody has anything to do: two hours in a minute.

Whenever every task waits for a timer, the loop sets its clock to the earliest one instead of
waiting for it. What runs in it must not talk to sockets or threads: the emulator is called within
the process, and blocking calls run at once, in order.
"""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Result = TypeVar("Result")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, in seconds from 0; the same tasks give the same order."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        """The virtual time."""
        return self._virtual

    def skip(self, seconds: float) -> None:
        """Lets time pass."""
        self._virtual += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # noqa: ARG002
        """Calls `func` at once: a thread would make the order a matter of chance."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class LoopClock:
    """The tenant's clock, driven by a loop."""

    def __init__(self, loop: VirtualLoop, start: datetime | None = None) -> None:
        self._loop = loop
        self._start = start or datetime.now(UTC)

    def now(self) -> datetime:
        """The virtual time as a date."""
        return self._start + timedelta(seconds=self._loop.time())


def run(loop: VirtualLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, on virtual time."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        asyncio.set_event_loop(None)


class _Skipping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("Every task waits for something that no task will do")
        self._loop.skip(max(timeout, 0))
        return super().select(0) if timeout <= 0 else []
