"""A provider over a small district, served on a socket; switches are set back after each test."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import httpx
import pytest

from local.district import generate
from local.oneroster import create_app
from local.sis.faults import Faults
from local.sis.records import Records
from local.sis.serving import serving

TODAY = date(2026, 11, 24)
FIRST = datetime(2026, 11, 1, 4, 10, 0, 123456, tzinfo=UTC)
ROOTS = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
CLIENT = ("rollcall", "rollcall-secret!")
Version = Literal["1.1", "1.2"]


@dataclass
class Provider:
    """What a test talks to. `records`: what the provider tells of."""

    http: httpx.Client
    records: Records
    faults: Faults
    token: str = ""

    def sign_in(self, **form: str) -> httpx.Response:
        answer = self.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials", **form}, auth=CLIENT
        )
        if answer.status_code == 200:
            reply = answer.json()
            self.token = reply if isinstance(reply, str) else reply["access_token"]
        return answer

    def get(self, version: Version, path: str, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.get(ROOTS[version] + path, params=params, headers=headers)

    def rows(self, version: Version, path: str, **params: Any) -> list[Any]:
        """All rows of a collection in one page."""
        answer = self.get(version, path, **{"limit": 100_000, **params})
        assert answer.status_code == 200, answer.text
        [rows] = answer.json().values()
        return rows

    def ids(self, version: Version, path: str, **params: Any) -> list[str]:
        return [row["sourcedId"] for row in self.rows(version, path, **params)]

    def pages(self, version: Version, path: str, limit: int, **params: Any) -> list[Any]:
        """The rows of a collection, page by page, as far as X-Total-Count says."""
        rows: list[Any] = []
        total = 1
        offset = 0
        while offset < total:
            answer = self.get(version, path, limit=limit, offset=offset, **params)
            total = int(answer.headers["X-Total-Count"])
            rows += next(iter(answer.json().values()))
            offset += limit
        return rows

    def quirks(self, **switches: Any) -> None:
        answer = self.http.post("/_emulator/quirks", json=switches)
        assert answer.status_code == 200, answer.text


def served(records: Records) -> Generator[Provider]:
    faults = Faults()
    app = create_app(records, faults=faults)
    with serving(app) as address, httpx.Client(base_url=address) as http:
        provider = Provider(http, records, faults)
        provider.sign_in()
        yield provider


@pytest.fixture(scope="session")
def _standing() -> Generator[Provider]:
    yield from served(Records(generate(200, 1, today=TODAY, domain="contoso.edu"), FIRST))


@pytest.fixture
def provider(_standing: Provider) -> Generator[Provider]:
    """A provider whose records do not change."""
    yield _standing
    _standing.http.delete("/_emulator/quirks")
    _standing.http.delete("/_emulator/faults")
    _standing.sign_in()


@pytest.fixture
def changing() -> Generator[Provider]:
    """A provider of the test's own, whose records may change."""
    yield from served(Records(generate(80, 3, today=TODAY, domain="contoso.edu"), FIRST))


@pytest.fixture(params=["1.1", "1.2"])
def version(request: pytest.FixtureRequest) -> Version:
    return request.param
