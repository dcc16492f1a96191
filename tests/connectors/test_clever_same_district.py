"""A district that Clever serves over its API gives the directory that its files give."""

from __future__ import annotations

from pathlib import Path

from connectors.pages import FolderPages
from connectors.pull import make_tables, run_pull
from connectors.pulled import read_pulled
from local.clever import create_app
from local.district import District, generate
from local.sis.records import Records
from local.sis.serving import serving
from roster.database import open_database
from tests.connectors.same_district import (
    ADULTS,
    DOMAIN,
    STUDYING,
    TABLES,
    TODAY,
    Directory,
    Poverty,
    assert_same,
    of_files,
    of_roster,
)
from tests.connectors.test_clever_api import source


def _poverty(district: District) -> Poverty:
    """What Clever's API cannot say, keyed by the ids of the student information system.

    The district and its administrators have no such id; they are known by Clever's. There is no
    word for the grade of an adult. A parent who teaches is a contact with the address that the
    family gave, and no other.
    """
    kin = district.con.execute(
        f"""SELECT student_id FROM {district.schema}.relationships
        JOIN {district.schema}.users ON sourced_id = contact_id WHERE kind <> 'guardian'"""
    ).fetchall()
    children = ", ".join(f"'{student}'" for (student,) in kin)
    administrators = "{0} IN (SELECT user_sourced_id FROM district) OR length({0}) = 24"
    return Poverty(
        entities={
            "desired_people": administrators.format("external_id"),
            "desired_contacts": f"external_id IN ({children})",
            "desired_groups": f"{ADULTS} OR contains(unique_name, 'grade-other')",
            "desired_members": f"{administrators.format('person')} OR {STUDYING}"
            " AND (contains(target, '-adulteducation-') OR contains(target, 'grade-other'))",
        }
    )


async def _of_api(district: District, folder: Path, poverty: Poverty) -> Directory:
    records = Records(district)
    with serving(create_app(records)) as address:
        connector = source(address, keyed_by="sis_id").connector()
        pages = FolderPages(folder / "pages")
        found = await run_pull(connector, pages, lambda: None, lambda _: None)
    with open_database() as con:
        read_pulled(con, connector.form, make_tables(con, connector, found, pages))
        return of_roster(con, district, poverty)


async def test_the_api_gives_the_directory_of_the_files_but_for_what_it_cannot_say(
    tmp_path: Path,
) -> None:
    district = generate(300, 1, today=TODAY, domain=DOMAIN)
    poverty = _poverty(district)
    expected = {
        form: of_files(district, tmp_path, form, poverty) for form in ("sds-v2.1", "clever")
    }
    everything = of_files(district, tmp_path / "all", "sds-v2.1", Poverty())
    found = await _of_api(district, tmp_path, poverty)
    assert_same(found, expected["sds-v2.1"], "Clever's API")
    assert_same(found, expected["clever"], "Clever's API beside its files")
    for table in TABLES:
        forgiven = len(everything[table]) - len(found[table])
        assert (forgiven > 0) == (table in poverty.entities), f"{table}: {forgiven} forgiven"
