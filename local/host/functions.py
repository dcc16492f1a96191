"""The functions of an app, read from the app itself: names, triggers, code.

The host knows three triggers: HTTP, queue and timer. An app that uses anything else is refused at
the start, because a function that silently never runs is worse than no host.
https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import azure.functions as func

from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRY = "function_app"
CONTEXT = "context"
_SETTING = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """`methods`: upper case, empty for all. `level`: anonymous, function or admin."""

    route: str
    methods: frozenset[str]
    level: str


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """`connection`: the setting that holds the account's connection string."""

    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """`schedule`: an NCRONTAB expression of five or six fields."""

    schedule: str


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `argument`: the parameter that takes what triggered it."""

    name: str
    trigger: HttpTrigger | QueueTrigger | TimerTrigger
    argument: str
    call: Callable[..., Any]
    is_async: bool
    takes_context: bool


def load_functions(folder: Path) -> list[Function]:
    """Imports function_app.py of `folder` and lists its functions.

    Raises BadInput if there is no app or it needs what this host does not have.
    """
    if not (folder / f"{ENTRY}.py").is_file():
        raise BadInput(f"{folder}: there is no {ENTRY}.py")
    sys.path.insert(0, str(folder))
    found = list(vars(importlib.import_module(ENTRY)).values())
    apps = [value for value in found if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise BadInput(
            f"{folder / ENTRY}.py: one FunctionApp must stand at the top level; found {len(apps)}"
        )
    return [_read(function) for function in apps[0].get_functions()]


def _read(function: Any) -> Function:
    name = str(function.get_function_name())
    bindings = [json.loads(binding) for binding in function.get_raw_bindings()]
    for binding in bindings:
        _check_kind(name, binding)
    trigger = next(b for b in bindings if b["type"].endswith("Trigger"))
    call = function.get_user_function()
    parameters = set(inspect.signature(call).parameters)
    argument = trigger["name"]
    if parameters - {CONTEXT} != {argument}:
        raise BadInput(
            f"Function {name}: its parameters are {sorted(parameters)}; allowed are {argument!r}, "
            f"which its trigger names, and {CONTEXT!r}"
        )
    return Function(
        name=name,
        trigger=_trigger(name, trigger),
        argument=argument,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        takes_context=CONTEXT in parameters,
    )


def _check_kind(name: str, binding: dict[str, Any]) -> None:
    kind = binding["type"]
    if kind in _TRIGGERS or (kind == "http" and binding["name"] == "$return"):
        return
    raise BadInput(
        f"Function {name}: the binding {binding['name']!r} is of kind {kind}; this host knows "
        f"{', '.join(_TRIGGERS)} and the answer of an HTTP function"
    )


def _trigger(name: str, binding: dict[str, Any]) -> HttpTrigger | QueueTrigger | TimerTrigger:
    read = _TRIGGERS[binding["type"]]
    return read(name, binding)


def _http(name: str, binding: dict[str, Any]) -> HttpTrigger:
    return HttpTrigger(
        route=binding.get("route") or name,
        methods=frozenset(method.upper() for method in binding.get("methods") or ()),
        level=str(binding.get("authLevel") or "function").lower(),
    )


def _queue(name: str, binding: dict[str, Any]) -> QueueTrigger:
    return QueueTrigger(_setting(name, binding["queueName"]), binding["connection"])


def _timer(name: str, binding: dict[str, Any]) -> TimerTrigger:
    if binding.get("runOnStartup"):
        raise BadInput(f"Function {name}: run_on_startup is not for production, nor for this host")
    return TimerTrigger(_setting(name, binding["schedule"]))


_TRIGGERS: dict[str, Callable[[str, dict[str, Any]], HttpTrigger | QueueTrigger | TimerTrigger]] = {
    "httpTrigger": _http,
    "queueTrigger": _queue,
    "timerTrigger": _timer,
}


def _setting(name: str, text: str) -> str:
    """`text` with each %SETTING% replaced by the app setting of that name."""

    def value(match: re.Match[str]) -> str:
        try:
            return os.environ[match[1]]
        except KeyError:
            raise BadInput(f"Function {name}: the setting {match[1]} is not set") from None

    return _SETTING.sub(value, text)
