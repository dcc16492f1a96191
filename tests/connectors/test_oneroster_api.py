"""OneRoster over REST, against an emulated provider of each version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.oneroster_api import OneRosterSource
from local.oneroster import create_app
from tests.connectors.conformance import Conformance

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.faults import Faults
    from local.sis.records import Records

ROOTS = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}


def source(address: str, root: str = ROOTS["1.2"], **more: Any) -> OneRosterSource:
    """A source as an administrator configures it."""
    given = {
        "name": "sis",
        "address": f"{address}{root}",
        "client_id": "rollcall",
        "client_secret": "rollcall-secret!",
        "token_url": f"{address}/token",
        "demographics": True,
        "page_size": 100,
    }
    return OneRosterSource.model_validate(given | more)


class TestVersion12(Conformance):
    data_paths = "/ims/*"
    empty = '{"users": []}'

    def app(self, records: Records, faults: Faults) -> ASGIApp:
        return create_app(records, faults=faults)

    def settings(self, address: str) -> OneRosterSource:
        return source(address)

    def refused(self, address: str) -> OneRosterSource:
        return source(address, client_secret="not-the-secret")


class TestVersion11(TestVersion12):
    def settings(self, address: str) -> OneRosterSource:
        return source(address, ROOTS["1.1"], sign_in="oauth1", token_url=None)

    def refused(self, address: str) -> OneRosterSource:
        return source(
            address, ROOTS["1.1"], sign_in="oauth1", token_url=None, client_secret="not-the-secret"
        )
