"""OneRoster over REST, against an emulated provider of each version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.oneroster_api import OneRosterSource
from connectors.pages import FolderPages
from connectors.pull import make_tables, run_pull
from connectors.pulled import read_pulled
from local.district import generate
from local.oneroster import create_app
from local.sis.records import Records
from local.sis.serving import serving
from roster.database import open_database
from tests.connectors.conformance import Conformance, Variant
from tests.connectors.same_district import (
    DOMAIN,
    ONEROSTER_11,
    TABLES,
    TODAY,
    Directory,
    Poverty,
    assert_same,
    of_files,
    of_roster,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from local.sis.faults import Faults

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


@pytest.mark.thorough
class TestVersion11(Variant, TestVersion12):
    def settings(self, address: str) -> OneRosterSource:
        return source(address, ROOTS["1.1"], sign_in="oauth1", token_url=None)

    def refused(self, address: str) -> OneRosterSource:
        return source(
            address, ROOTS["1.1"], sign_in="oauth1", token_url=None, client_secret="not-the-secret"
        )


POVERTY = {"1.1": ONEROSTER_11, "1.2": Poverty()}


async def _served(version: str, folder: Path, poverty: Poverty) -> tuple[Directory, Directory]:
    """The desired directory of a district that is served, and of the same as SDS v2.1 files."""
    district = generate(300, 1, today=TODAY, domain=DOMAIN)
    with serving(create_app(Records(district))) as address, open_database() as con:
        connector, pages = source(address, ROOTS[version]).connector(), FolderPages(folder / "api")
        found = await run_pull(connector, pages, lambda: None, lambda _: None)
        read_pulled(con, connector.form, make_tables(con, connector, found, pages))
        served = of_roster(con, district, poverty)
    return served, of_files(district, folder, "sds-v2.1", poverty)


@pytest.mark.parametrize("version", ROOTS)
async def test_a_served_district_gives_the_directory_that_its_files_give(
    version: str, tmp_path: Path
) -> None:
    served, files = await _served(version, tmp_path, POVERTY[version])
    assert_same(served, files, version)


@pytest.mark.parametrize("version", ROOTS)
async def test_every_difference_that_is_forgiven_is_there(version: str, tmp_path: Path) -> None:
    served, files = await _served(version, tmp_path, Poverty())
    forgiven = POVERTY[version]
    differing = {table for table in TABLES if served[table] != files[table]}
    assert differing == forgiven.columns.keys() | forgiven.entities.keys()
