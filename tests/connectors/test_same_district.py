"""One district, written in each format, gives the same desired directory, entity by entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from connectors import read_roster
from directory.desired import build_desired
from graph.mirror import load_empty
from local.district import District, generate
from local.district.writing import Format
from roster.database import open_database
from sync.config import Config
from sync.memory import start_memory

TODAY = date(2026, 11, 24)
DOMAIN = "contoso.edu"
CONFIG = Config.model_validate(
    {
        "people": {
            "mode": "create",
            "guardians": True,
            "domains": {"staff": DOMAIN, "students": DOMAIN},
        },
        "teams": {"enabled": True},
    }
)
TABLES = {
    "desired_people": "external_id",
    "desired_contacts": "external_id",
    "desired_schools": "external_id",
    "desired_classes": "external_id",
    "desired_teams": "external_id",
    "desired_groups": "unique_name",
    "desired_members": "person",
}
Directory = Mapping[str, frozenset[tuple[object, ...]]]


@dataclass(frozen=True)
class Poverty:
    """What a format cannot say. `columns`: desired table → columns that it lacks.

    `entities`: desired table → SQL condition for rows that it cannot have, or only it has.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entities: Mapping[str, str] = field(default_factory=dict)


# The one person who teaches or works in a school, and studies in another one's evening class.
_STUDYING = "person IN (SELECT user_sourced_id FROM evening)"
_OF_DISTRICT = "external_id IN (SELECT user_sourced_id FROM district)"
_OF_STAFF = f"contains(contacts::VARCHAR, '@{DOMAIN}')"
_ADULTS = "contains(unique_name, '-adulteducation-')"

FORCED: Mapping[Format, Poverty] = {
    # Staff are all teachers and belong to a school, not to the district; a student of the evening
    # class must not stand in the file of students, and school mail has no column.
    "sds-v1": Poverty(
        {"desired_people": ("email",), "desired_members": ("reason",)},
        {
            "desired_members": f"{_STUDYING} OR person IN (SELECT user_sourced_id FROM district)",
            "desired_people": _OF_DISTRICT,
        },
    ),
    # One role a person, of eight words: no principal, no second role as a student (and so no
    # group of adult students), and no word for a teacher that is somebody's parent.
    "oneroster-1.1": Poverty(
        {"desired_members": ("reason",)},
        {
            "desired_members": _STUDYING,
            "desired_groups": _ADULTS,
            "desired_contacts": _OF_STAFF,
        },
    ),
    "oneroster-1.2": Poverty(),
    # Nobody belongs to the district itself: who does stands in the file once for each school. And
    # there is no word for the grade of an adult.
    "clever": Poverty(
        entities={
            "desired_people": _OF_DISTRICT,
            "desired_groups": f"{_ADULTS} OR contains(unique_name, 'grade-other')",
            "desired_members": f"person IN (SELECT user_sourced_id FROM district) OR {_STUDYING}"
            " AND (contains(target, '-adulteducation-') OR contains(target, 'grade-other'))",
        },
    ),
}


@pytest.fixture(scope="module")
def district() -> District:
    return generate(300, 1, today=TODAY, domain=DOMAIN)


def _desired(district: District, folder: Path, form: Format, poverty: Poverty) -> Directory:
    """The desired directory of the district in a format, without what `poverty` forgives."""
    district.write(folder / form, form)
    with open_database() as con:
        assert read_roster(folder / form, con).format == form
        load_empty(con)
        start_memory(con)
        build_desired(con, CONFIG, today=TODAY, domains=[DOMAIN])
        con.execute("CREATE TEMP TABLE evening (user_sourced_id VARCHAR)")
        con.execute(
            "INSERT INTO evening SELECT user_sourced_id FROM enrollments"
            " WHERE class_sourced_id = 'C100000' AND role = 'student'"
        )
        con.execute("CREATE TEMP TABLE district (user_sourced_id VARCHAR)")
        people = district.con.execute(
            f"SELECT user_id FROM {district.schema}.roles WHERE org = 'district'"
        ).fetchall()
        con.executemany("INSERT INTO district VALUES (?)", people)
        directory: dict[str, frozenset[tuple[object, ...]]] = {}
        for table in TABLES:
            lacking = ("origin_file", "origin_row", *poverty.columns.get(table, ()))
            there = {name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall()}
            left_out = ", ".join(sorted(there & set(lacking)))
            columns = f"* EXCLUDE ({left_out})" if left_out else "*"
            rows = con.execute(
                f"SELECT DISTINCT {columns} FROM {table}"
                f" WHERE NOT ({poverty.entities.get(table, 'false')})"
            ).fetchall()
            directory[table] = frozenset(tuple(map(str, row)) for row in rows)
        return directory


@pytest.mark.parametrize("form", FORCED)
def test_a_format_gives_the_same_directory_but_for_what_it_cannot_say(
    district: District, tmp_path: Path, form: Format
) -> None:
    poverty = FORCED[form]
    expected = _desired(district, tmp_path, "sds-v2.1", poverty)
    found = _desired(district, tmp_path, form, poverty)
    for table in TABLES:
        assert found[table] - expected[table] == frozenset(), f"{table}: only in {form}"
        assert expected[table] - found[table] == frozenset(), f"{table}: not in {form}"
        assert expected[table], f"{table}: nothing is compared"


@pytest.mark.parametrize("form", [form for form, poverty in FORCED.items() if poverty.entities])
def test_every_difference_that_is_forgiven_is_there(
    district: District, tmp_path: Path, form: Format
) -> None:
    expected = _desired(district, tmp_path, "sds-v2.1", Poverty())
    found = _desired(district, tmp_path, form, Poverty())
    differing = {table for table in TABLES if found[table] != expected[table]}
    assert differing == FORCED[form].columns.keys() | FORCED[form].entities.keys()
