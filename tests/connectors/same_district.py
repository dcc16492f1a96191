"""Comparing the desired directories that one district gives, whichever way it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from connectors.reading import read_roster
from directory.desired import build_desired
from graph.mirror import load_empty
from local.district import District
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
TABLES = (
    "desired_people", "desired_contacts", "desired_schools", "desired_classes", "desired_teams",
    "desired_groups", "desired_members",
)  # fmt: skip
Directory = Mapping[str, frozenset[tuple[object, ...]]]


@dataclass(frozen=True)
class Poverty:
    """What a format cannot say. `columns`: desired table → columns that it lacks.

    `entities`: desired table → SQL condition for rows that it cannot have, or only it has. It may
    use the tables `evening` (who studies in the evening class) and `district` (who works there).
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entities: Mapping[str, str] = field(default_factory=dict)


# The one person who teaches or works in a school, and studies in another one's evening class.
STUDYING = "person IN (SELECT user_sourced_id FROM evening)"
OF_DISTRICT = "external_id IN (SELECT user_sourced_id FROM district)"
OF_STAFF = f"contains(contacts::VARCHAR, '@{DOMAIN}')"
ADULTS = "contains(unique_name, '-adulteducation-')"
# One role a person, of eight words: no principal, no second role as a student (and so no group of
# adult students), and no word for a teacher that is somebody's parent.
ONEROSTER_11 = Poverty(
    {"desired_members": ("reason",)},
    {"desired_members": STUDYING, "desired_groups": ADULTS, "desired_contacts": OF_STAFF},
)


def of_files(district: District, folder: Path, form: Format, poverty: Poverty) -> Directory:
    """The desired directory of the district, written as CSV files of a format."""
    district.write(folder / form, form)
    with open_database() as con:
        assert read_roster(folder / form, con).format == form
        return of_roster(con, district, poverty)


def of_roster(con: duckdb.DuckDBPyConnection, district: District, poverty: Poverty) -> Directory:
    """The desired directory of the roster in `con`, without what `poverty` forgives."""
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


def assert_same(found: Directory, expected: Directory, what: str) -> None:
    """Table by table; `what` was found."""
    for table in TABLES:
        assert found[table] - expected[table] == frozenset(), f"{table}: only in {what}"
        assert expected[table] - found[table] == frozenset(), f"{table}: not in {what}"
        assert expected[table], f"{table}: nothing is compared"
