"""PowerSchool over its API, against an emulated server, by both roads."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.powerschool_api import PowerSchoolSource
from connectors.powerschool_plugin import build_plugin
from local.powerschool import create_app
from local.powerschool.plugins import CREDENTIALS
from tests.connectors.conformance import PASSING, Conformance, System

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.faults import Fault, Faults
    from local.sis.records import Records


@cache
def plugin() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return build_plugin(Path(folder)).read_bytes()


def source(address: str, **more: Any) -> PowerSchoolSource:
    client_id, secret = CREDENTIALS
    values = {"name": "sis", "address": address, "client_id": client_id, "client_secret": secret}
    return PowerSchoolSource.model_validate(values | more)


class TestByQueries(Conformance):
    data_paths = "/ws/*"
    empty = '{"name": "STUDENTS", "@extensions": ""}'

    def app(self, records: Records, faults: Faults) -> ASGIApp:
        return create_app(records, faults=faults, plugin=plugin())

    def settings(self, address: str) -> PowerSchoolSource:
        return source(address)

    def refused(self, address: str) -> PowerSchoolSource:
        return source(address, client_secret="another-wrong-one")


class TestByLists(Conformance):
    data_paths = "/ws/*"
    empty = '{"students": {"@expansions": "", "@extensions": ""}}'

    def app(self, records: Records, faults: Faults) -> ASGIApp:
        return create_app(records, faults=faults)

    def settings(self, address: str) -> PowerSchoolSource:
        return source(address)

    def refused(self, address: str) -> PowerSchoolSource:
        return source(address, client_secret="another-wrong-one")

    def unreported(self, system: System) -> Mapping[str, set[Any]]:
        return {}

    # The session that survives these is the one of the queries.
    @pytest.mark.thorough
    @pytest.mark.parametrize("fault", PASSING, ids=lambda f: f"{f.kind}-{f.status}")
    async def test_what_passes_is_survived(
        self, system: System, tmp_path: Path, fault: Fault
    ) -> None:
        await super().test_what_passes_is_survived(system, tmp_path, fault)
