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
import re
import secrets
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from . import npm
from .processes import CHECKOUT, Child

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNT = "devstoreaccount1"
HOME = CHECKOUT / ".stack" / "node"
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
        command = [*npm.node(), "--import", _END_WITH_PARENT, str(install())]
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

    Raises Terminal without npm or without the npm registry.
    """
    packages = npm.install(Path(__file__).parent, HOME)
    return packages / "azurite" / "dist" / "src" / "azurite.js"


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
