"""Clever's API: what every connector has to do, and what is Clever's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import SecretStr

from connectors.clever_api import CleverSource
from local.clever import create_app
from tests.connectors.conformance import Conformance

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.faults import Faults
    from local.sis.records import Records


def source(address: str, **more: Any) -> CleverSource:
    """The emulated district, as an administrator would configure it."""
    settings = {
        "client_id": "emulated-client",
        "client_secret": SecretStr("emulated-secret"),
        "address": address,
    }
    return CleverSource(name="clever", **(settings | more))


class TestClever(Conformance):
    data_paths = "/v3.*"
    empty = '{"data": [], "links": []}'
    more: ClassVar[dict[str, Any]] = {}

    def app(self, records: Records, faults: Faults) -> ASGIApp:
        return create_app(records, faults=faults)

    def settings(self, address: str) -> CleverSource:
        return source(address, **self.more)

    def refused(self, address: str) -> CleverSource:
        return source(address, client_secret=SecretStr("not-the-secret"))


class TestCleverKeyedBySisIds(TestClever):
    more: ClassVar[dict[str, Any]] = {"keyed_by": "sis_id", "version": "v3.0", "page_size": 100}


class TestCleverWithoutContacts(TestClever):
    more: ClassVar[dict[str, Any]] = {"contacts": False, "keyed_by": "legacy_id"}
