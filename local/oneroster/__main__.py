"""`python -m local.oneroster`: the provider as a process of its own, on a loopback port."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from local.sis.serving import serve_process
from roster.errors import BadInput

from .app import CLIENTS, create_app
from .quirks import Quirks

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.records import Records


def main() -> None:
    """Serves until SIGINT or SIGTERM; says as one JSON line on which port."""
    [(client, secret)] = CLIENTS.items()
    options = argparse.ArgumentParser(description="Emulates a OneRoster provider")
    options.add_argument("--version", choices=["1.1", "1.2", "both"], default="both")
    options.add_argument("--client", default=client, help="client id, or consumer key")
    options.add_argument("--secret", default=secret, help="the client's secret")
    options.add_argument("--quirks", default="{}", help="switches of local.oneroster.quirks: JSON")
    serve_process("oneroster", _make, options)


def _make(records: Records, chosen: argparse.Namespace) -> ASGIApp:
    try:
        quirks = Quirks.from_json(json.loads(chosen.quirks))
    except (BadInput, json.JSONDecodeError) as error:
        sys.exit(str(error))
    clients = {chosen.client: chosen.secret}
    return create_app(records, quirks, version=chosen.version, clients=clients)


if __name__ == "__main__":
    main()
