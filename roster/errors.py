"""Every error of Rollcall, in one tree by consequence: what the caller does decides the class.

    RollcallError
    ├── BadInput    the input is wrong; nothing was applied; the person who owns the input mends it
    ├── Refused     a guard or a completeness check said no; a person decides
    ├── Transient   it may work later, by itself; `retry_after` says when (seconds), if known
    │   └── Unfinished  it is under way elsewhere; `progress` is what the next try has to know
    └── Terminal    it will not work however often it is tried; the administrator is told why

A message says what happened, where (file and line, or object), what is allowed, and what to do.
It holds no password and no pupil's name, because messages reach logs.
"""

from __future__ import annotations

from typing import Any


class RollcallError(Exception):
    """Root of all errors that Rollcall raises on purpose."""


class BadInput(RollcallError):
    """Input that cannot be used: a file, a setting, a command-line value."""


class Refused(RollcallError):
    """Stopped on purpose by a guard, so that data that is missing never becomes a removal."""


class Transient(RollcallError):
    """Failed for now. `retry_after`: the seconds that the service asked to wait, or None."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unfinished(Transient):
    """Under way elsewhere: look again in `retry_after` seconds, with `progress` in hand."""

    def __init__(self, message: str, retry_after: float, progress: dict[str, Any]) -> None:
        super().__init__(message, retry_after)
        self.progress = progress


class Terminal(RollcallError):
    """Failed for good. `code` is the service's own error code, or ''."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
