"""What the code expects of Azure, taken from the code itself."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sync import arrivals, storage
from tests.indexed import functions

ROOT = Path(__file__).parent.parent.parent
# What is deployed; the command line and the local stack are not.
ROOMS = ("function_app.py", "roster", "connectors", "directory", "graph", "sync", "portal")
SETTING = re.compile(
    r"(?:ROLLCALL|AZURE|WEBSITE|IDENTITY|MSI|APPLICATIONINSIGHTS|OTEL|PYTHON|FUNCTIONS)_[A-Z0-9_]+"
    r"|AzureWebJobs\w+"
)


@dataclass(frozen=True)
class Code:
    """Names that the code uses. `settings` are those that it reads, `groups` those that scale."""

    containers: frozenset[str]
    queues: frozenset[str]
    tables: frozenset[str]
    settings: frozenset[str]
    triggers: frozenset[str]
    connections: frozenset[str]
    groups: frozenset[str]
    routes: frozenset[str]
    arrivals_queue: str
    arrivals_subject: str
    maintained: frozenset[str]


def of_the_code() -> Code:
    """The names as they stand in the code."""
    bindings = [
        (function.get_function_name(), json.loads(raw))
        for function in functions()
        for raw in function.get_raw_bindings()
    ]
    queued = [binding for _, binding in bindings if binding["type"] == "queueTrigger"]
    http = [(name, binding) for name, binding in bindings if binding["type"] == "httpTrigger"]
    names = {name for name, _ in bindings} - {name for name, _ in http}
    return Code(
        containers=frozenset(storage.CONTAINERS),
        queues=frozenset(storage.QUEUES),
        tables=frozenset(storage.TABLES),
        settings=frozenset(settings_read()),
        triggers=frozenset(str(binding["queueName"]) for binding in queued),
        connections=frozenset(str(binding["connection"]) for binding in queued),
        groups=frozenset({"http"} | {f"function:{name}" for name in names}),
        routes=frozenset(f"/{binding['route']}" for _, binding in http),
        arrivals_queue=storage.ARRIVALS_QUEUE,
        arrivals_subject=arrivals.SUBJECT.removesuffix("blobs/"),
        maintained=frozenset({storage.ARCHIVE, storage.RUNS, storage.CREDENTIALS}),
    )


def settings_read() -> set[str]:
    """Names of environment variables in the modules that read the environment.

    Those of storage are made up when they are read, so reading is done and watched.
    """
    found = {name for path in _modules() for name in _names(path)}
    env = _Watched()
    storage.Storage.from_environment(env)
    return found | env.asked


class _Watched(Mapping[str, str]):
    """An environment without a connection string in which every other name is set."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        if name == storage.CONNECTION:
            raise KeyError(name)
        return f"https://{name.lower().replace('_', '-')}.example"

    def __iter__(self) -> Iterator[str]:
        return iter(self.asked)

    def __len__(self) -> int:
        return len(self.asked)


def _modules() -> list[Path]:
    return [
        path
        for room in ROOMS
        for path in ([ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py")))
    ]


def _names(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    if "environ" not in text:
        return set()
    return {
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SETTING.fullmatch(node.value)
    }
