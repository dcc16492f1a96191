"""A webhook on loopback that keeps what it is sent."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from sync.storage import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync.storage import Storage


@contextmanager
def webhook(storage: Storage, answer: int = 200) -> Iterator[list[dict[str, Any]]]:
    """Configures `storage` to send alerts here; yields the list of those that came."""
    came: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        text = f"alerts: {{webhook: 'http://127.0.0.1:{server.server_port}/hook'}}"
        storage.write(CONFIG, "rollcall.yaml", text.encode())
        yield came
        server.shutdown()
