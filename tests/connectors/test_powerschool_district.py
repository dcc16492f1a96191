"""The sample district by PowerSchool gives the same desired directory as by CSV files."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import duckdb
import pytest

from connectors.pages import FolderPages
from connectors.pull import make_tables, run_pull
from connectors.pulled import read_pulled
from local.district import generate
from local.powerschool import create_app
from local.sis.records import Records
from local.sis.serving import serving
from roster.database import open_database
from tests.connectors.same_district import (
    ADULTS,
    DOMAIN,
    OF_STAFF,
    TABLES,
    TODAY,
    Directory,
    Poverty,
    assert_same,
    of_files,
    of_roster,
)
from tests.connectors.test_powerschool_api import plugin, source

# A class is called by its course, whose name ends after 40 letters, and by its number. Staff are
# teachers or staff, and nobody is staff and a student. Staff who are parents are other persons too,
# with an address of their own.
_OTHER_ADDRESS = f"({OF_STAFF} OR contains(contacts::VARCHAR, '@example.org'))"


def by_queries(records: Records) -> Poverty:
    """What neither road can say."""
    evening = records.rows(
        "SELECT user_id FROM enrollments WHERE class_id = 'C100000' AND role = 'student'"
    )
    return Poverty(
        {
            "desired_classes": ("external_name", "class_code", "display_name"),
            "desired_members": ("reason",),
        },
        {
            "desired_contacts": _OTHER_ADDRESS,
            "desired_groups": ADULTS,
            "desired_members": " OR ".join(f"person = '{person}'" for (person,) in evening),
        },
    )


def by_lists(records: Records) -> Poverty:
    """The lists do not show who works for the district only, nor who teaches beside the lead."""
    of_district = "IN (SELECT user_sourced_id FROM district)"
    beside = records.rows(
        """SELECT class_id, user_id FROM psdata.stays WHERE role = 'teacher' AND ended IS NULL
        EXCEPT SELECT class_id, user_id FROM psdata.leads"""
    )
    assert beside
    teaching = " OR ".join(f"(target = '{c}' AND person = '{t}')" for c, t in beside)
    common = by_queries(records)
    return Poverty(
        common.columns,
        {
            **common.entities,
            "desired_people": f"external_id {of_district}",
            "desired_members": " OR ".join(
                (common.entities["desired_members"], f"person {of_district}", teaching)
            ),
        },
    )


# Where the emulated server begins to number: DCIDs of schools, courses and sections.
_NUMBERS = {"school": 2, "course": 70, "section": 1500}
_CITED = {
    "orgs": {"sourced_id": "school", "parent_sourced_id": "school"},
    "courses": {"sourced_id": "course", "org_sourced_id": "school"},
    "classes": {
        "sourced_id": "section", "org_sourced_id": "school", "course_sourced_id": "course",
    },
    "roles": {"org_sourced_id": "school"},
    "enrollments": {"class_sourced_id": "section"},
}  # fmt: skip


@pytest.fixture(scope="module")
def records() -> Records:
    return Records(generate(300, 1, today=TODAY, domain=DOMAIN))


@pytest.fixture(scope="module")
def address(records: Records) -> Generator[str]:
    with serving(create_app(records, plugin=plugin())) as served:
        yield served


async def _pulled(
    address: str, records: Records, road: str, folder: Path, poverty: Poverty
) -> Directory:
    settings = source(address, road=road, people_ids="number")
    connector, pages = settings.connector(), FolderPages(folder)
    found = await run_pull(connector, pages, lambda: None, lambda _: None)
    with open_database() as con:
        tables = make_tables(con, connector, found, pages)
        read_pulled(con, connector.form, tables)
        _name_as_the_district(con, records)
        return of_roster(con, records.district, poverty)


def _name_as_the_district(con: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Puts the district's ids in place of the server's."""
    con.execute("CREATE TEMP TABLE names (kind VARCHAR, dcid VARCHAR, name VARCHAR)")
    rows = [
        (kind, str(number + _NUMBERS[kind]), key)
        for kind, key, number in records.rows("SELECT kind, key, n FROM psdata.ids")
        if kind in _NUMBERS
    ]
    con.executemany("INSERT INTO names VALUES (?, ?, ?)", [*rows, ("school", "0", "district")])
    for table, columns in _CITED.items():
        for column, kind in columns.items():
            con.execute(
                f"UPDATE {table} SET {column} = n.name FROM names n"
                f" WHERE n.kind = '{kind}' AND n.dcid = {table}.{column}"
            )


@pytest.mark.parametrize("road", ["queries", "walk"])
async def test_the_directory_is_the_same_but_for_what_powerschool_cannot_say(
    address: str, records: Records, tmp_path: Path, road: str
) -> None:
    poverty = (by_queries if road == "queries" else by_lists)(records)
    expected = of_files(records.district, tmp_path, "sds-v2.1", poverty)
    found = await _pulled(address, records, road, tmp_path / "pages", poverty)
    if road == "walk":
        assert not found["desired_contacts"]
        found = {**found, "desired_contacts": expected["desired_contacts"]}
    assert_same(found, expected, road)


@pytest.mark.parametrize("road", ["queries", "walk"])
async def test_every_difference_that_is_forgiven_is_there(
    address: str, records: Records, tmp_path: Path, road: str
) -> None:
    poverty = (by_queries if road == "queries" else by_lists)(records)
    expected = of_files(records.district, tmp_path, "sds-v2.1", Poverty())
    found = await _pulled(address, records, road, tmp_path / "pages", Poverty())
    differing = {table for table in TABLES if found[table] != expected[table]}
    assert differing == poverty.columns.keys() | poverty.entities.keys()
