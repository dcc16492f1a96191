"""A sample district: tables in DuckDB, made from a seed.

The same people, seed and day give the same district, byte for byte, on every machine with the same
DuckDB version. `people` counts pupils and staff; guardians come on top.

Tables of one day (a DuckDB schema of its own): orgs, sessions, courses, classes, users, roles,
enrollments, relationships, demographics, user_flags.
"""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from roster.errors import BadInput

from .classes import make_classes, make_sessions, school_year
from .people import define_choices, make_people
from .schools import GRADES, PUPILS_PER_TEACHER, School, plan_schools
from .writing import write_files

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from .writing import Format

FEWEST_PEOPLE = 20
MOST_PEOPLE = 5_000_000


@dataclass(frozen=True, slots=True)
class District:
    """One day of a sample district. `domain`: what usernames end in, or None for bare ones.

    `schema`: where the day's tables are in `con`; no two days share one.
    """

    con: duckdb.DuckDBPyConnection
    schema: str
    day: int
    today: date
    domain: str | None

    def write(
        self,
        folder: Path,
        format: Format = "sds-v2.1",  # noqa: A002  (the word everybody uses for it)
        *,
        as_zip: bool = False,
        minimal: bool = False,
    ) -> list[Path]:
        """Writes the CSV files of `format` into `folder`, or one roster.zip of them.

        `minimal` leaves out what the format does not require. Returns the paths written.
        """
        self.select()
        return write_files(
            self.con, folder, format, domain=self.domain, as_zip=as_zip, minimal=minimal
        )

    def counts(self) -> dict[str, int]:
        """Rows of each table that has a file in SDS v2.1."""
        self.select()
        return {table: _count(self.con, table) for table in TABLES}

    def select(self) -> None:
        """Makes this day's tables the ones that unqualified names mean."""
        self.con.execute(f"SET schema = '{self.schema}'")


TABLES = (
    "orgs",
    "sessions",
    "courses",
    "classes",
    "users",
    "roles",
    "enrollments",
    "relationships",
    "demographics",
    "user_flags",
)
_WORK_TABLES = ("cells", "staff_cells", "pupils", "staff", "guardians", "sections", "subjects")


def generate(
    people: int = 300,
    seed: int = 1,
    *,
    today: date,
    domain: str | None = None,
    guardians: bool = True,
) -> District:
    """Makes the first day of a district of `people` pupils and staff in sessions around `today`.

    Raises BadInput for a number of people that no district has.
    """
    if not FEWEST_PEOPLE <= people <= MOST_PEOPLE:
        raise BadInput(
            f"{people} people: a sample district has {FEWEST_PEOPLE} to {MOST_PEOPLE:,} people."
        )
    staff = max(3, round(people / (PUPILS_PER_TEACHER + 1)))
    schools = plan_schools(people - staff, staff, seed)
    con = duckdb.connect(
        config={"threads": 2, "memory_limit": "2GB", "temp_directory": tempfile.gettempdir()}
    )
    schema = new_schema(con)
    define_choices(con, seed)
    make_people(con, schools, year=school_year(today), guardians=guardians)
    make_sessions(con, today)
    make_classes(con, today)
    _make_orgs(con, schools)
    for table in _WORK_TABLES:
        con.execute(f"DROP TABLE {table}")
    return District(con, schema, 1, today, domain)


def new_schema(con: duckdb.DuckDBPyConnection) -> str:
    """Makes an empty schema for a day, selects it, and returns its name."""
    name = f"day_{uuid.uuid4().hex}"
    con.execute(f"CREATE SCHEMA {name}; SET schema = '{name}'")
    return name


def _make_orgs(con: duckdb.DuckDBPyConnection, schools: list[School]) -> None:
    con.execute(
        """CREATE TABLE orgs (sourced_id VARCHAR, name VARCHAR, type VARCHAR, parent VARCHAR,
        lowest VARCHAR, highest VARCHAR)"""
    )
    rows: list[tuple[str | None, ...]] = [
        ("district", "Contoso Unified School District", "district", None, None, None)
    ]
    rows += [
        (
            school.sourced_id,
            school.name,
            "school",
            "district",
            GRADES[school.band.first],
            GRADES[school.band.last],
        )
        for school in schools
    ]
    con.executemany("INSERT INTO orgs VALUES (?, ?, ?, ?, ?, ?)", rows)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
