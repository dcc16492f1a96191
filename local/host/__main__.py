"""`python -m local.host`: runs a function app's functions as Azure would, on this machine.

The environment is the app's settings: AzureWebJobsStorage names the storage account. When all
listens, one line of JSON says where: `{"http": "http://127.0.0.1:PORT", "master_key": …}`. Ends on
SIGTERM and Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from roster.errors import RollcallError

from .functions import load_functions
from .host import Host, Ready
from .settings import HostSettings
from .signin import Person

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE_SECONDS = 10
SIGN_IN_IS_ON = "WEBSITE_AUTH_ENABLED"  # Azure sets it where App Service Authentication is on


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the host until it is asked to end; 0 then, 2 if it cannot start."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(chosen))
    except RollcallError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


async def _run(chosen: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    person = Person.parse(chosen.sign_in) if chosen.sign_in else None
    os.environ[SIGN_IN_IS_ON] = str(person is not None)
    folder: Path = chosen.app.resolve()
    settings = HostSettings.read(folder / "host.json")
    functions = load_functions(folder)

    def announce(ready: Ready) -> None:
        line = json.dumps(asdict(ready))
        if chosen.ready_file:
            _write_whole(chosen.ready_file, line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    host = Host(folder, functions, settings, lease=chosen.lease_seconds, person=person)
    async with host:
        await host.run(chosen.port, announce, stop)


def _write_whole(path: Path, text: str) -> None:
    """Writes a file that nobody else can read and nobody sees half written."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    add = parser.add_argument
    add("--app", type=Path, default=Path(), metavar="DIR", help="folder of function_app.py")
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    add("--ready-file", type=Path, metavar="FILE", help="also write the line of JSON here")
    add(
        "--sign-in",
        metavar="NAME:ROLE[,ROLE]",
        help="requests are those of this person, as App Service Authentication would say",
    )
    add(
        "--lease-seconds",
        type=int,
        default=LEASE_SECONDS,
        metavar="N",
        help="a killed host's messages come back after this long (in Azure: 600; default here: 10)",
    )
    return parser


def _end(code: int) -> None:
    """Ends at once: a function that was given up would hold the interpreter back."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(main())
