"""Which deployed app a command means, and which configuration.

`azd env get-values` prints the variables that stand in for these options.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from roster.errors import BadInput

from .account import Directory
from .screen import notes

if TYPE_CHECKING:
    from pathlib import Path

    from sync.config import Config
    from sync.doctor.rounds import Named
    from sync.storage import Storage

APP, GROUP = "ROLLCALL_APP_NAME", "AZURE_RESOURCE_GROUP"
AppName = Annotated[
    str,
    typer.Option(
        "--app",
        envvar=APP,
        metavar="NAME",
        help="The deployed Function App; with `--resource-group` alone its only one.",
    ),
]
ResourceGroup = Annotated[
    str,
    typer.Option(
        "--resource-group", "-g", envvar=GROUP, metavar="NAME",
        help="The app's resource group. Default: all that you may see.",
    ),
]  # fmt: skip
Subscription = Annotated[
    str,
    typer.Option(
        "--subscription", envvar="AZURE_SUBSCRIPTION_ID", metavar="ID",
        help="The app's subscription, by its id. Default: the only one that you may see.",
    ),
]  # fmt: skip


def named_app(app: str, group: str, subscription: str, against: Directory) -> Named | None:
    """The app that the options name, or None where they name none."""
    from sync.doctor.rounds import Named

    if not app and not group:
        return None
    if against is Directory.demo:
        if (app, group) == (os.environ.get(APP, ""), os.environ.get(GROUP, "")):
            return None  # variables that were set for another command
        raise BadInput("--app and --resource-group are of Azure, and the demo is on this machine")
    return Named(app, group, subscription)


def configuration(file: Path | None, storage: Storage | None) -> tuple[Config, bool]:
    """The configuration, and whether one was named: if not, these are the defaults.

    Raises BadInput where it is wrong.
    """
    from sync.config import Config, load_config, read_config

    if file:
        return read_config(file), True
    if storage is not None:
        return load_config(storage), True
    notes().print(
        "No configuration is named (--config rollcall.yaml, or --account): by the defaults",
        style="yellow",
    )
    return Config(), False
