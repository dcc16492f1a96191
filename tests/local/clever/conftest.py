"""An emulated Clever over a real socket, and a client that is signed in."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from local.clever import Clock, Quirks, Sharing, create_app
from local.district import generate
from local.sis.faults import Faults
from local.sis.records import Records
from local.sis.serving import serving

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 25, 6, 0, 7, tzinfo=UTC)
BASIC = ("emulated-client", "emulated-secret")


@dataclass
class Emulated:
    """A running emulator. `get` and `all` read below /v3.1 unless the path says another version."""

    records: Records
    clock: Clock
    faults: Faults
    http: httpx.Client

    def answer(self, path: str) -> httpx.Response:
        return self.http.get(path if path.startswith("/v") else f"/v3.1{path}")

    def get(self, path: str) -> dict[str, Any]:
        answer = self.answer(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, rel: str = "next") -> Iterator[list[dict[str, Any]]]:
        following: str | None = path
        while following:
            body = self.get(following)
            yield body["data"]
            following = link(body, rel)

    def all(self, path: str) -> list[dict[str, Any]]:
        return [item["data"] for page in self.pages(path) for item in page]

    def switch(self, what: str, values: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post(f"/_emulator/{what}", json=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sign_in(self, token: str | None = None) -> None:
        if token is None:
            listed = self.http.get("/oauth/tokens?owner_type=district", auth=BASIC).json()
            token = listed["data"][0]["access_token"]
        self.http.headers["authorization"] = f"Bearer {token}"

    def events(self, after: str | None = None, **query: str) -> list[dict[str, Any]]:
        asked = {**query, **({"starting_after": after} if after else {}), "limit": "10000"}
        return self.all(f"/events?{httpx.QueryParams(asked)}")

    def newest_event(self) -> str:
        [event] = self.get("/events?ending_before=last&limit=1")["data"]
        return event["data"]["id"]


def link(body: dict[str, Any], rel: str) -> str | None:
    return next((found["uri"] for found in body["links"] if found["rel"] == rel), None)


@contextmanager
def emulated(
    people: int = 60,
    quirks: Quirks | None = None,
    sharing: Sharing | None = None,
    domain: str | None = "contoso.edu",
) -> Generator[Emulated]:
    district = generate(people, 1, today=TODAY, domain=domain)
    records = Records(district, datetime(2026, 8, 1, tzinfo=UTC))
    clock, faults = Clock(NOW), Faults()
    app = create_app(records, quirks or Quirks(), faults, clock=clock, sharing=sharing or Sharing())
    with serving(app) as address, httpx.Client(base_url=address, timeout=60) as http:
        found = Emulated(records, clock, faults, http)
        found.sign_in()
        yield found


@pytest.fixture(scope="module")
def clever() -> Generator[Emulated]:
    """An emulator for a whole module, for tests that only read."""
    with emulated(300) as found:
        yield found


Start = Callable[..., Emulated]


@pytest.fixture
def start() -> Generator[Start]:
    """Starts emulators of a test's own."""
    running: list[Any] = []

    def begin(**options: Any) -> Emulated:
        context = emulated(**options)
        running.append(context)
        return context.__enter__()

    yield begin
    for context in running:
        context.__exit__(None, None, None)
