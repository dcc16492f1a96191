"""Rosters made of a few rows, without files: the tables that a connector would have read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from roster.database import open_database
from roster.feed import Feed
from roster.intake import Intake
from roster.merge import MergeRules
from roster.roster import Roster
from roster.selection import SelectRule
from roster.staging import Staged
from roster.together import Combining, validate_all
from roster.validate import settle, validate
from roster.values import Vocabulary

Row = Mapping[str, str | None]
Tables = Mapping[str, Sequence[Row]]
TODAY = date(2026, 2, 1)

# One faultless row or two for every table.
SOUND: Tables = {
    "orgs": [
        {"sourced_id": "D1", "name": "District", "type": "district", "active": "true"},
        {"sourced_id": "S1", "name": "School", "type": "school", "parent_sourced_id": "D1"},
    ],
    "academic_sessions": [
        {
            "sourced_id": "Y1",
            "title": "Year",
            "type": "schoolYear",
            "school_year": "2026",
            "start_date": "2025-08-01",
            "end_date": "2026-06-30",
        }
    ],
    "courses": [
        {
            "sourced_id": "K1",
            "org_sourced_id": "S1",
            "title": "Algebra",
            "school_year_sourced_id": "Y1",
            "grades": "09,10",
        }
    ],
    "classes": [
        {
            "sourced_id": "C1",
            "org_sourced_id": "S1",
            "title": "Algebra 1",
            "course_sourced_id": "K1",
            "session_sourced_ids": "Y1",
            "active": "Active",
        }
    ],
    "users": [
        {
            "sourced_id": user,
            "username": name,
            "given_name": name,
            "family_name": "Adams",
            "email": f"{name}@contoso.edu",
            "phone": "(425) 555-0101",
            "sms": "+14255550101",
            "active": "true",
        }
        for user, name in (("U1", "ada"), ("U2", "ben"), ("T1", "tom"), ("P1", "pat"))
    ],
    "roles": [
        {
            "user_sourced_id": user,
            "org_sourced_id": "S1",
            "role": role,
            "grade": grade,
            "session_sourced_id": "Y1",
            "is_primary": "true",
            "start_date": "2025-08-01",
            "end_date": "2026-06-30",
            "active": "true",
        }
        for user, role, grade in (
            ("U1", "student", "09"),
            ("U2", "student", "10"),
            ("T1", "teacher", None),
        )
    ],
    "enrollments": [
        {
            "class_sourced_id": "C1",
            "user_sourced_id": user,
            "role": role,
            "start_date": "2025-08-01",
            "end_date": "2026-06-30",
            "active": "true",
        }
        for user, role in (("U1", "student"), ("T1", "teacher"))
    ],
    "relationships": [
        {"user_sourced_id": "U1", "relationship_user_sourced_id": "P1", "role": "parent"}
    ],
    "demographics": [
        {
            "user_sourced_id": "U1",
            "sex": "female",
            "birth_date": "2010-02-03",
            "ethnicity_codes": "hispanicOrLatinoEthnicity",
            "race_codes": "white,asian",
        }
    ],
    "user_flags": [{"user_sourced_id": "U1", "flag": "freeLunch"}],
}


def read(
    con: duckdb.DuckDBPyConnection,
    tables: Tables,
    *,
    row_a_school: bool = False,
    vocabulary: Vocabulary | None = None,
) -> Roster:
    """Take the tables in as one file each; "users#2" is a second file of users."""
    intake = take_in(con, tables, vocabulary=vocabulary)
    return validate(con, intake, "test", row_a_school=row_a_school)


def take_in(
    con: duckdb.DuckDBPyConnection,
    tables: Tables,
    *,
    source: str = "test",
    vocabulary: Vocabulary | None = None,
) -> Intake:
    """The tables as an intake, nothing checked but the rows for themselves."""
    intake = Intake(con, vocabulary or {})
    for file, (name, rows) in enumerate(tables.items()):
        columns = list(dict.fromkeys(column for row in rows for column in row))
        typed = ", ".join(f"{column} VARCHAR" for column in columns)
        con.execute(f"CREATE OR REPLACE TEMP TABLE raw_rows ({typed})")
        marks = ", ".join("?" for _ in columns)
        con.executemany(
            f"INSERT INTO raw_rows VALUES ({marks})",
            [[row.get(column) for column in columns] for row in rows],
        )
        intake.add_file(file, source, f"{name}.csv", len(rows), "SELECT 0 AS row, 2 AS line")
        names = {column: column for column in columns}
        intake.add(Feed(name.split("#")[0], "raw_rows", file, names, names))
    return intake


def stage(folder: Path, source: str, tables: Tables) -> Path:
    """Save the tables as the staged reading of a source, and say where."""
    with open_database() as con:
        intake = take_in(con, tables, source=source)
        settle(con, intake.ledger)
        Staged(con, intake, source, "test").save(folder / source)
    return folder / source


def plus(tables: Tables, **added: Sequence[Row]) -> dict[str, list[Row]]:
    """The tables with rows added at the end of some."""
    return {name: [*rows, *added.get(name, [])] for name, rows in tables.items()}


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    """What a query answers."""
    return con.execute(sql).fetchall()


def combine(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    sources: Mapping[str, Tables],
    *,
    select: Sequence[SelectRule] = (),
    overrides: str | None = None,
    last: Path | None = None,
    **merge: Any,
) -> Roster:
    """The roster of several sources, staged in `folder` and in the order of precedence.

    `merge`: fields of MergeRules. `overrides`: lines of such a file, without header. `last`: where
    the last roster was saved.
    """
    readings = [stage(folder, source, tables) for source, tables in sources.items()]
    rules = MergeRules(**{"sources": tuple(sources)} | merge)
    file = None
    if overrides is not None:
        file = folder / "overrides.csv"
        text = f"table,key,column,value,expires,reason\n{overrides}"
        file.write_text(text, encoding="utf-8")
    combining = Combining(rules, tuple(select))
    return validate_all(
        con,
        readings,
        combining,
        today=TODAY,
        overrides=file,
        last_renamed=last and last / "renamed.parquet",
    )
