"""`python -m bench.package [TIMES]`: how big the deployed package is, and how fast it starts.

Builds the package from the distributions of this environment, unpacks it, and lets the library of
Azure's worker run each function for the first time in a process of its own that has nothing but
the package to import; with its compiled modules and without them, on a file system that keeps
none. What it measured last stands in package.txt.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from local.azurite import Azurite
from local.package.archive import write_zip
from local.package.build import CHECKOUT
from local.package.pins import read_pins
from local.package.stock import app_files, read_distributions
from sync.storage import Storage
from tests.e2e.test_package import LIBRARY
from tests.packages import SITE, Unpacked, tools, unpacked
from tests.test_function_app_runtime import Worker, triggers

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).with_suffix(".txt")
# The first is what every cold start imports; the second, what the first write to Graph needs.
IMPORTS = {
    "import function_app": ("function_app",),
    "import all that writes to Graph": (
        "function_app", "sync.apply", "graph.client", "graph.writers", "azure.identity",
        "azure.storage.blob", "azure.storage.queue", "azure.data.tables", "duckdb", "msgraph_core",
        "kiota_authentication_azure.azure_identity_authentication_provider",
        "msgraph.graph_service_client", "msgraph.generated.models.user",
        "msgraph.generated.models.group", "msgraph.generated.models.education_user",
    ),
}  # fmt: skip
TICKS = os.sysconf("SC_CLK_TCK")


def main(times: int) -> None:
    """Measures each start so many times, and writes package.txt."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name, Azurite() as azurite:
        folder = Path(name)
        Storage.from_connection_string(azurite.connection_string).create_missing()
        processor = f"{os.cpu_count()} × {platform.machine()}"
        say(f"Python {platform.python_version()}, {processor}; seconds of processor time, least of")
        say(f"{times}; memory is the most that the process held\n")
        (folder / "compiled").mkdir()
        (folder / "plain").mkdir()
        compiled = unpacked(folder / "compiled", compile_all=True)
        plain = unpacked(folder / "plain", compile_all=False)
        _sizes(folder, compiled, plain, say)
        own = ["tests/runtime_library.py", "bench/importing.py"]
        beside = tools(folder / "tools", LIBRARY, own)
        storage = azurite.connection_string
        say(f"\n{'':34}{'compiled':>20}{'not compiled':>20}")
        for what, modules in IMPORTS.items():
            say(_row(what, compiled, plain, times, lambda app, m=modules: _import(app, beside, m)))
        for name in ("", *triggers()):
            what = f"first {name}" if name else "start, index every function"
            say(
                _row(
                    what, compiled, plain, times, lambda app, f=name: _run(app, beside, storage, f)
                )
            )
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sizes(folder: Path, compiled: Unpacked, plain: Unpacked, say: Callable[[str], None]) -> None:
    distributions = read_distributions(SITE, read_pins(CHECKOUT))
    files = [*app_files(CHECKOUT), *(f for d in distributions for f in d.files)]
    content = {
        PurePosixPath(file.owner) / file.name: file.path.read_bytes()
        for file in files
        if file.path.is_file()
    }
    whole = write_zip(folder / "whole.zip", content)
    rows = [
        ("everything that is pinned", len(whole), sum(f.size for f in whole), folder / "whole.zip"),
        ("what the app can import", len(plain.package.files), plain.package.size,
         plain.package.path),
        ("the same, compiled: the package", len(compiled.package.files), compiled.package.size,
         compiled.package.path),
    ]  # fmt: skip
    say(f"{'':34}{'files':>10}{'unzipped':>15}{'zipped':>15}")
    for what, count, size, path in rows:
        zipped = path.stat().st_size
        say(f"{what:34}{count:>10,}{f'{size / 1e6:.1f} MB':>15}{f'{zipped / 1e6:.1f} MB':>15}")


def _row(
    what: str,
    compiled: Unpacked,
    plain: Unpacked,
    times: int,
    measure: Callable[[Unpacked], tuple[float, float]],
) -> str:
    """A line with the least seconds and the most megabytes of each package."""
    cells = ""
    for app in (compiled, plain):
        found = [measure(app) for _ in range(times)]
        seconds, memory = min(s for s, _ in found), max(m for _, m in found)
        cells += f"{f'{seconds:.2f} s, {memory:.0f} MB':>20}"
    return f"{what:34}{cells}"


def _import(app: Unpacked, beside: Path, modules: tuple[str, ...]) -> tuple[float, float]:
    python, *rest = app.command("importing", beside)
    done = subprocess.run(
        [python, "-B", *rest, *modules], capture_output=True, text=True, check=True
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def _run(app: Unpacked, beside: Path, storage: str, function: str) -> tuple[float, float]:
    """The first invocation of a function, or the start up to it."""
    python, *rest = app.command("runtime_library", beside)
    worker = Worker(storage, [python, "-B", *rest], app.app)
    try:
        started = _processor_time(worker.pid)
        if not function:
            return started, _memory(worker.pid)
        kind, value = triggers()[function]
        answer = worker.invoke(function, kind, value)
        if not answer["ok"]:
            raise RuntimeError(f"{function}: {answer['error']}")
        time.sleep(0.05)  # what it left running belongs to it
        return _processor_time(worker.pid) - started, _memory(worker.pid)
    finally:
        worker.close()


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
