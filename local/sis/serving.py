"""Serving an emulated system: in a thread for tests, as a process for the demo.

Every emulator has, beside its vendor's paths, paths of its own without sign-in:

    POST /_emulator/advance  {"seed": 1, "change": 0.02}        a day passes
    POST /_emulator/faults   {"kind": "status", "path": "*", …}  see local.sis.faults
    DELETE /_emulator/faults                                     all is well again
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.district import generate
from local.listening import listen

from .faults import ADMIN, Fault, Faults
from .records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from starlette.requests import Request
    from starlette.types import ASGIApp

START_SECONDS = 20.0


def admin_routes(records: Records, faults: Faults) -> list[Route]:
    """The emulator's own paths."""

    async def advance(request: Request) -> JSONResponse:
        values: dict[str, Any] = await request.json()
        await asyncio.to_thread(
            records.advance, int(values.get("seed", 1)), float(values.get("change", 0.02))
        )
        return JSONResponse({"revision": records.revision})

    async def fault(request: Request) -> JSONResponse:
        if request.method == "DELETE":
            faults.clear()
        else:
            faults.add(Fault.from_json(await request.json()))
        return JSONResponse({})

    return [
        Route(f"{ADMIN}advance", advance, methods=["POST"]),
        Route(f"{ADMIN}faults", fault, methods=["POST", "DELETE"]),
    ]


@contextmanager
def serving(app: ASGIApp) -> Generator[str]:
    """The application on a free loopback port, in a thread; gives http://127.0.0.1:<port>."""
    with listen() as listener:
        server = uvicorn.Server(_quiet(app))
        thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
        thread.start()
        try:
            until = time.monotonic() + START_SECONDS
            while not server.started and thread.is_alive() and time.monotonic() < until:
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def serve_process(name: str, make_app: Callable[[Records, argparse.Namespace], ASGIApp],
                  options: argparse.ArgumentParser) -> None:  # fmt: skip
    """The body of `python -m local.<name>`: serves a sample district until SIGINT or SIGTERM.

    `options`: the emulator's own options, to which the common ones are added. One JSON line says
    {"port": …}.
    """
    options.prog = f"python -m local.{name}"
    options.add_argument("--port", type=int, default=0, help="0 (the default): any free port")
    options.add_argument("--people", type=int, default=300, help="pupils and staff")
    options.add_argument("--seed", type=int, default=1, help="another seed, another district")
    options.add_argument("--domain", default="contoso.edu", help="what usernames end in")
    options.add_argument("--ready-file", type=Path, help="write the ready line there too")
    chosen = options.parse_args()
    today = datetime.now(UTC).date()
    records = Records(generate(chosen.people, chosen.seed, today=today, domain=chosen.domain))
    app = make_app(records, chosen)
    with listen(chosen.port) as listener:
        ready = json.dumps({"port": listener.getsockname()[1]})
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()
        if chosen.ready_file:
            chosen.ready_file.write_text(ready, encoding="utf-8")
        asyncio.run(uvicorn.Server(_quiet(app)).serve(sockets=[listener]))


def _quiet(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False)
