"""One district, written in each format, gives the same desired directory, entity by entity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from local.district import District, generate
from local.district.writing import Format
from tests.connectors.same_district import (
    ADULTS,
    DOMAIN,
    OF_DISTRICT,
    ONEROSTER_11,
    STUDYING,
    TABLES,
    TODAY,
    Poverty,
    assert_same,
    of_files,
)

FORCED: Mapping[Format, Poverty] = {
    # Staff are all teachers and belong to a school, not to the district; a student of the evening
    # class must not stand in the file of students, and school mail has no column.
    "sds-v1": Poverty(
        {"desired_people": ("email",), "desired_members": ("reason",)},
        {
            "desired_members": f"{STUDYING} OR person IN (SELECT user_sourced_id FROM district)",
            "desired_people": OF_DISTRICT,
        },
    ),
    "oneroster-1.1": ONEROSTER_11,
    "oneroster-1.2": Poverty(),
    # Nobody belongs to the district itself: who does stands in the file once for each school. And
    # there is no word for the grade of an adult.
    "clever": Poverty(
        entities={
            "desired_people": OF_DISTRICT,
            "desired_groups": f"{ADULTS} OR contains(unique_name, 'grade-other')",
            "desired_members": f"person IN (SELECT user_sourced_id FROM district) OR {STUDYING}"
            " AND (contains(target, '-adulteducation-') OR contains(target, 'grade-other'))",
        },
    ),
}


@pytest.fixture(scope="module")
def district() -> District:
    return generate(300, 1, today=TODAY, domain=DOMAIN)


@pytest.mark.parametrize("form", FORCED)
def test_a_format_gives_the_same_directory_but_for_what_it_cannot_say(
    district: District, tmp_path: Path, form: Format
) -> None:
    poverty = FORCED[form]
    expected = of_files(district, tmp_path, "sds-v2.1", poverty)
    assert_same(of_files(district, tmp_path, form, poverty), expected, form)


@pytest.mark.parametrize("form", [form for form, poverty in FORCED.items() if poverty.entities])
def test_every_difference_that_is_forgiven_is_there(
    district: District, tmp_path: Path, form: Format
) -> None:
    expected = of_files(district, tmp_path, "sds-v2.1", Poverty())
    found = of_files(district, tmp_path, form, Poverty())
    differing = {table for table in TABLES if found[table] != expected[table]}
    assert differing == FORCED[form].columns.keys() | FORCED[form].entities.keys()
