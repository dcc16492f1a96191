"""An event loop on virtual time: hours of load, pauses included, in the time that the work takes.

    clock = VirtualClock()
    tenant = Tenant(clock=clock)
    run_virtually(load(InProcess(tenant)), clock)

The loop's time is the clock's. Whenever nothing is ready to run, the clock is moved to the next
moment at which something is due, so `asyncio.sleep` in a client and the emulator's latency take
no time at all, and quotas refill as if they had. While a thread works for the loop, or where only
a thread or a socket can go on, the loop waits for it and time stands still.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from local.entra.clock import VirtualClock

T = TypeVar("T")
_LOOK = 0.02  # seconds of real time between two looks at a thread that works


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that lives by a virtual clock and moves it on when it is idle.

    `threads`: whether what is handed to a thread gets one. Without, it is called at once: then the
    order of everything is the same every time.
    """

    def __init__(self, clock: VirtualClock, *, threads: bool = True) -> None:
        self._clock = clock
        self._threads = threads
        self._jumping = _JumpingSelector(clock)
        super().__init__(self._jumping)
        # A moment in seconds since 1970 is no finer than this; a timer that is due fires.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._clock.seconds()

    def run_in_executor(
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if not self._threads:
            return self._called(func, *args)
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._jumping.thread_ended)
        return future

    def _called(self, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: Any = None) -> None:  # noqa: ASYNC109
        self._jumping.threads += 1
        ending: Any = super().shutdown_default_executor
        try:
            await ending(timeout)
        finally:
            self._jumping.threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a moment, moves the clock to it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self.threads = 0

    def thread_ended(self, _: asyncio.Future[Any]) -> None:
        """A thread that the loop waited for has ended."""
        self.threads -= 1

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.threads:
            return super().select(_LOOK)
        now, due = self._clock.seconds(), self._clock.next_due()
        moments = [now + timeout] if timeout is not None else []
        moments += [due] if due is not None else []
        if not moments:
            return super().select(None)
        self._clock.move_to(min(moments))
        return []


def run_virtually(main: Coroutine[Any, Any, T], clock: VirtualClock) -> T:
    """Like `asyncio.run`, on virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(clock)) as runner:
        return runner.run(main)
