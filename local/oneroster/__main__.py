"""`python -m local.oneroster`: the provider as a process of its own, on a loopback port."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from local.sis.serving import serve_process

from .app import CLIENTS, create_app

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
    serve_process("oneroster", _make, options)


def _make(records: Records, chosen: argparse.Namespace) -> ASGIApp:
    return create_app(records, version=chosen.version, clients={chosen.client: chosen.secret})


if __name__ == "__main__":
    main()
