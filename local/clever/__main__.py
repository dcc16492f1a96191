"""`python -m local.clever`: an emulated Clever with a sample district, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from local.sis.serving import serve_process

from .app import create_app
from .quirks import Quirks
from .tokens import Credentials

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.records import Records


def _app(records: Records, chosen: argparse.Namespace) -> ASGIApp:
    quirks = Quirks().with_values(json.loads(chosen.quirks))
    credentials = Credentials(chosen.client_id, chosen.client_secret)
    return create_app(records, quirks, credentials=credentials)


def main() -> None:
    """Serves until it is told to end."""
    options = argparse.ArgumentParser(description=__doc__)
    known = Credentials()
    options.add_argument("--client-id", default=known.client_id, help="of the application")
    options.add_argument("--client-secret", default=known.client_secret, help="of the application")
    options.add_argument("--quirks", default="{}", help='switches as JSON: {"retry_after": true}')
    serve_process("clever", _app, options)


if __name__ == "__main__":
    main()
