"""Every function of the app, indexed and invoked by the library that Azure's worker calls."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.functions as func
import pytest

from tests.indexed import functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sync.storage import Storage

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "functions.json"
needs_runtime = pytest.mark.skipif(
    importlib.util.find_spec("azure_functions_runtime") is None,
    reason="azure-functions-runtime needs Python 3.13",
)


class Worker:
    """The library with the app, in a process of its own."""

    def __init__(self, storage: str, command: Sequence[str] = (), app: Path = ROOT) -> None:
        """`command`: what runs tests/runtime_library.py, without the app's folder."""
        library = command or [sys.executable, "-m", "tests.runtime_library"]
        self._process = subprocess.Popen(
            [*library, str(app)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"AzureWebJobsStorage": storage},
        )  # fmt: skip
        self.functions: dict[str, dict[str, Any]] = {f["name"]: f for f in self._read()}

    @property
    def pid(self) -> int:
        return self._process.pid

    def invoke(self, name: str, kind: str, value: Any) -> dict[str, Any]:
        found = self.functions[name]
        argument = json.loads(found["bindings"][0])["name"]
        asked = {"function_id": found["id"], "name": argument, "kind": kind, "value": value}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@pytest.fixture
def worker(azurite: str, storage: Storage) -> Iterator[Worker]:
    worker = Worker(azurite)
    yield worker
    worker.close()


def get(path: str) -> dict[str, Any]:
    return {"method": "GET", "url": f"http://127.0.0.1{path}", "headers": {}, "params": {},
            "query": {}}  # fmt: skip


def triggers() -> dict[str, tuple[str, Any]]:
    """What may trigger each function, and of which kind it is."""
    timer = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    nobody = {"run": "20260101T000000Z-0000", "step": "plan"}
    change = nobody | {"id": "x", "phase": 1, "kind": "person", "key": "U1", "action": "create"}
    del change["step"]
    return {
        "hourly": ("json", json.dumps(timer)),
        "arrivals": ("string", json.dumps({"source": "nothing-there"})),
        "runs": ("string", json.dumps(nobody)),
        "changes": ("string", json.dumps(change)),
        "arrivals_poison": ("string", json.dumps({"source": "x"})),
        "runs_poison": ("string", json.dumps(nobody)),
        "changes_poison": ("string", json.dumps(change)),
        "health": ("http", get("/api/health")),
        "portal": ("http", get("/portal/")),
    }


def answers_of_every_function(worker: Worker) -> dict[str, dict[str, Any]]:
    """Invokes each function with what may trigger it."""
    asked = triggers()
    assert set(asked) == set(worker.functions)
    answers = {name: worker.invoke(name, *trigger) for name, trigger in asked.items()}
    parts = json.loads(answers["health"]["body"])
    failing = {part for part in ("queue", "table", "blob", "config") if parts[part] != "ok"}
    assert failing == set()  # whether there is a token for Graph depends on who runs the tests
    assert answers["health"]["status"] == ("200" if parts["identity"] == "ok" else "503")
    return answers


@needs_runtime
def test_every_function_is_indexed_and_runs(worker: Worker) -> None:
    answers = answers_of_every_function(worker)
    assert {name: a["trace"] for name, a in answers.items() if not a["ok"]} == {}
    assert answers["portal"]["status"] == "401"


@needs_runtime
def test_a_function_that_raises_has_failed(worker: Worker) -> None:
    assert worker.invoke("arrivals", "string", "no JSON")["ok"] is False


def test_the_triggers_are_those_that_the_infrastructure_is_made_for() -> None:
    found = {one.get_function_name(): one.get_trigger().get_dict_repr() for one in functions()}
    told = json.dumps(found, indent=2, sort_keys=True, default=_text) + "\n"
    if os.environ.get("ROLLCALL_UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(told, encoding="utf-8")
    assert told == GOLDEN.read_text(encoding="utf-8")


def _text(value: object) -> str:
    return str(value.value if isinstance(value, func.HttpMethod) else value)
