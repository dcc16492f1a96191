"""Child processes that never outlive their parent.

A child's standard input is a pipe whose other end only the parent holds. When the parent ends, in
whatever way (Ctrl-C, a crash, SIGKILL), the operating system closes that end, the child reads the
end of the file and ends itself. That needs no polling and no signal that only one system knows. A
Python child gets the watch by being started through `python -m local.processes MODULE …`.

Children stand in a session of their own, so that Ctrl-C in a terminal reaches only the parent,
which then ends them in order.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from roster.errors import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Found = TypeVar("Found")

CHECKOUT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0  # for a child to become ready, on a busy machine
END_SECONDS = 15.0  # for a child to end when it is asked to
ORPHAN_SECONDS = 5.0  # the same, when the parent is gone
_POLL_SECONDS = 0.01
_LOG_TAIL = 2000


class Child:
    """A running child process; `log` is where its output goes."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Starts `command` in `folder`; `environment` goes on top of this process's own."""
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def wait_for(self, look: Callable[[], Found | None]) -> Found:
        """Looks again and again until `look` gives something; raises Terminal if it never does."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            ended = not self.running
            found = look()
            if found is not None:
                return found
            if ended:
                raise Terminal(
                    f"{self.name} ended with code {self._process.returncode} before it was ready. "
                    f"Its log, {self.log}, ends with:\n{self._log_tail()}"
                )
            time.sleep(_POLL_SECONDS)
        self.kill()
        raise Terminal(
            f"{self.name} was not ready within {START_SECONDS:g} seconds. "
            f"Its log, {self.log}, ends with:\n{self._log_tail()}"
        )

    def stop(self) -> None:
        """Asks the process to end, waits, and kills it if it does not."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """Ends the process at once, as a crash would."""
        self._process.kill()
        self._reap()

    def _reap(self) -> None:
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _log_tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this checkout as a child."""
    return [sys.executable, "-m", "local.processes", module, *arguments]


def end_with_parent() -> None:
    """Makes this process end when its standard input does: first politely, then at once."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Runs the module named first, with the other arguments, and ends with the parent."""
    module, *rest = arguments
    end_with_parent()
    sys.argv = [module, *rest]
    return runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
