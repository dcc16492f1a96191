"""`python -m bench.package`: how big the deployed package is, and how fast it starts.

Builds the package from the distributions of this environment, unpacks it, and lets the library of
Azure's worker run each function for the first time in a process of its own that has nothing but the
package to import; with its compiled modules and without them, on a file system that keeps none. What
it measured last stands in package.txt.
"""

from __future__ import annotations

import os
import platform
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
TIMES = 3
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measures and writes package.txt."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name, Azurite() as azurite:
        folder = Path(name)
        Storage.from_connection_string(azurite.connection_string).create_missing()
        processor = f"{os.cpu_count()} × {platform.machine()}"
        say(
            f"Python {platform.python_version()}, {processor}; seconds of processor time, the least"
        )
        say(f"of {TIMES}; memory is the most that the process held\n")
        (folder / "compiled").mkdir()
        (folder / "plain").mkdir()
        compiled = unpacked(folder / "compiled", compile_all=True)
        plain = unpacked(folder / "plain", compile_all=False)
        _sizes(folder, compiled, plain, say)
        library = tools(folder / "tools", LIBRARY, ["tests/runtime_library.py"])
        say(f"\n{'':34}{'compiled':>20}{'not compiled':>20}")
        for function in ("", *triggers()):
            both = [
                _first(each, library, azurite.connection_string, function)
                for each in (compiled, plain)
            ]
            what = f"first {function}" if function else "start, index every function"
            cells = "".join(f"{f'{s:.2f} s, {mb:.0f} MB':>20}" for s, mb in both)
            say(f"{what:34}{cells}")
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


def _first(app: Unpacked, library: Path, storage: str, function: str) -> tuple[float, float]:
    """Seconds and megabytes of a function's first invocation, or of the start up to it."""
    found = [_once(app, library, storage, function) for _ in range(TIMES)]
    return min(seconds for seconds, _ in found), max(memory for _, memory in found)


def _once(app: Unpacked, library: Path, storage: str, function: str) -> tuple[float, float]:
    python, *rest = app.command("runtime_library", library)
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
    sys.exit(main())
