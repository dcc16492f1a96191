"""Which storage account a command talks to, and where the running demo is found.

In this order: `--account`, the setting AzureWebJobsStorage of the Functions host, the running demo.
The demo writes its addresses into a file of the user's home folder, readable by nobody else, and
takes it away when it ends.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roster.errors import BadInput

from .screen import notes

if TYPE_CHECKING:
    from sync.storage import Storage

Account = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Blob address of the storage account, such as https://NAME.blob.core.windows.net "
        "(signed in as `az login` says), or a connection string. "
        "Default: AzureWebJobsStorage, else the running demo.",
    ),
]


class Directory(StrEnum):
    """The directory that a command looks at."""

    demo = "demo"
    tenant = "tenant"


Against = Annotated[
    Directory,
    typer.Option(
        "--against",
        help="**tenant**: yours, signed in as `az login` or environment variables say. "
        "**demo**: the running demo.",
    ),
]
DEMO_FILE = Path(".rollcall", "demo.json")  # below the home folder
_BLOB_URL = re.compile(r"https://([a-z0-9]{3,24})\.blob\.([a-z0-9.-]+)/?$")


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo. `environment`: the settings that make a process one of its own."""

    pid: int
    portal_url: str
    connection_string: str
    environment: dict[str, str]

    def enter(self) -> None:
        """Makes this process use the demo's storage, identity and directory."""
        os.environ.update(self.environment)

    def announce(self) -> None:
        """Lets other commands find this demo."""
        path = Path.home() / DEMO_FILE
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(asdict(self), file)

    def withdraw(self) -> None:
        """Ends the announcement, unless another demo has made its own meanwhile."""
        if find_demo() == self:
            (Path.home() / DEMO_FILE).unlink(missing_ok=True)


def find_demo() -> Demo | None:
    """The demo that runs on this machine under this user, if any."""
    try:
        demo = Demo(**json.loads((Path.home() / DEMO_FILE).read_text(encoding="utf-8")))
        os.kill(demo.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return demo


def running_demo() -> Demo:
    """The running demo; raises BadInput if there is none."""
    demo = find_demo()
    if demo is None:
        raise BadInput("No demo is running; start one in another terminal with `rollcall demo`.")
    return demo


def open_storage(account: str | None) -> Storage:
    """The storage account that a command means; says on stderr which one that is."""
    from sync.storage import CONNECTION, Storage

    if account:
        return _named(account)
    if any(name.startswith(CONNECTION) for name in os.environ):
        notes().print(f"Storage account: as {CONNECTION} says", style="dim")
        return Storage.from_environment()
    demo = find_demo()
    if demo is None:
        raise BadInput(
            "Which storage account? Give --account https://NAME.blob.core.windows.net, set "
            f"{CONNECTION}, or start `rollcall demo` in another terminal."
        )
    notes().print("Storage account: the running demo's", style="dim")
    return Storage.from_connection_string(demo.connection_string)


def named_storage(against: Directory, account: str | None) -> Storage | None:
    """The account to look at, if one is named; never the demo's while the tenant is meant.

    Where the demo is meant, this process becomes one of its own.
    """
    from sync.storage import CONNECTION, Storage

    if against is Directory.demo:
        demo = running_demo()
        demo.enter()
        return Storage.from_connection_string(demo.connection_string)
    if account or any(name.startswith(CONNECTION) for name in os.environ):
        return open_storage(account)
    return None


def _named(account: str) -> Storage:
    from sync.storage import Storage

    if "=" in account:
        try:
            return Storage.from_connection_string(account)
        except ValueError:  # its text may hold the key
            raise BadInput("--account: not a connection string of a storage account") from None
    address = _BLOB_URL.match(account)
    if not address:
        raise BadInput(
            f"--account {account}: not an address of a storage account; write it as "
            "https://NAME.blob.core.windows.net"
        )
    name, suffix = address.groups()
    services = ("blob", "queue", "table")
    return Storage.from_addresses(*(f"https://{name}.{s}.{suffix}" for s in services))
