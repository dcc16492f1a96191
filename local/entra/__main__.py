"""`python -m local.entra`: the emulator as a process of its own, on a loopback port."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import uvicorn

from local.entra.app import create_app
from local.entra.scenario import Scenario, load
from local.entra.tenant import Tenant
from local.listening import listen
from roster.errors import BadInput


def main() -> None:
    """Serves until SIGINT or SIGTERM; says as one JSON line on which port."""
    options = _options()
    try:
        scenario = load(options.scenario) if options.scenario else Scenario()
    except BadInput as error:
        sys.exit(str(error))
    domains = options.domain or ["contoso.edu"]
    tenant = Tenant(domains, record=options.record, scenario=scenario)
    with listen(options.port) as listener:
        ready = json.dumps({"port": listener.getsockname()[1]})
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()
        if options.ready_file:
            options.ready_file.write_text(ready, encoding="utf-8")
        config = uvicorn.Config(create_app(tenant), log_level="warning", lifespan="off")
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.entra", description="Emulates a Microsoft Entra tenant behind Graph"
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any free port")
    parser.add_argument(
        "--domain", action="append", help="a verified domain; the first is the default"
    )
    parser.add_argument(
        "--scenario", type=Path, help="a YAML file that says how the tenant behaves"
    )
    parser.add_argument("--record", type=Path, help="append each Graph exchange as a JSON line")
    parser.add_argument("--ready-file", type=Path, help="write the ready line there too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
