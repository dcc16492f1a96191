"""The ingestion endpoint of Application Insights, as far as an exporter sees it."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "00000000-0000-0000-0000-00000000abcd"


class Ingestion:
    """Keeps what it is sent: `items`."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        ingestion = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                text = body.decode()
                items = json.loads(text) if text.startswith("[") else [json.loads(text)]
                ingestion.items += items
                count = len(items)
                answer = {"itemsReceived": count, "itemsAccepted": count, "errors": []}
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def connection(self) -> str:
        address = f"http://127.0.0.1:{self.server.server_port}/"
        return f"InstrumentationKey={KEY};IngestionEndpoint={address};LiveEndpoint={address}"

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.items if item["data"]["baseType"] == kind]


@contextmanager
def ingesting() -> Iterator[Ingestion]:
    """Takes in telemetry on loopback while the block runs."""
    running = Ingestion()
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()
