"""What the checks need from npm: pinned in the lock file here, installed into `.stack/checks`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local import npm
from local.processes import CHECKOUT
from roster.errors import Terminal

HERE = Path(__file__).parent
HOME = CHECKOUT / ".stack" / "checks"
RUN_SECONDS = 120


def node_tool(name: str) -> Path:
    """The folder of an npm package, installed if need be; skips the test where that fails."""
    try:
        return npm.install(HERE, HOME) / name
    except Terminal as error:
        pytest.skip(str(error))


def run_node(script: Path, *arguments: str, text: str = "") -> str:
    """What a script writes that gets `text` on its standard input."""
    done = subprocess.run(
        [*npm.node(), str(script), *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
