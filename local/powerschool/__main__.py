"""`python -m local.powerschool`: the emulator as a process of its own, on a loopback port."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.sis.serving import serve_process
from roster.errors import BadInput

from .app import create_app
from .plugins import CREDENTIALS

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.records import Records


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    options = argparse.ArgumentParser(description="Emulates a PowerSchool SIS server")
    options.add_argument(
        "--plugin", type=Path, help="a plugin ZIP to install in place of the one that is there"
    )
    options.add_argument("--client-id", default=CREDENTIALS[0], help="of the plugin")
    options.add_argument("--client-secret", default=CREDENTIALS[1], help="of the plugin")
    serve_process("powerschool", _application, options)


def _application(records: Records, chosen: argparse.Namespace) -> ASGIApp:
    plugin = chosen.plugin.read_bytes() if chosen.plugin else None
    return create_app(records, plugin=plugin, credentials=(chosen.client_id, chosen.client_secret))


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(str(error))
