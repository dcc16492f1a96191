"""The stack ends with whoever started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.xdist_group("stack")

PARENT = """
import time
from local.stack import Stack
with Stack(logs={logs!r}) as stack:
    print(stack.http_url, flush=True)
    time.sleep(60)
"""


def children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in told.split()]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="children are counted through /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_child_outlives_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    code = PARENT.replace("{logs!r}", f"__import__('pathlib').Path({str(tmp_path)!r})")
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith(b"http://127.0.0.1:")
    started = children(parent.pid)
    assert len(started) == 3
    os.kill(parent.pid, end)
    parent.wait(30)
    stop = time.monotonic() + 20
    while alive := [pid for pid in started if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < stop, alive
        time.sleep(0.1)
