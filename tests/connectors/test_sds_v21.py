from __future__ import annotations

import datetime

import duckdb

from tests.connectors.conftest import ReadDrop
from tests.connectors.samples import V21


def test_every_column_lands_in_its_table(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    roster = read_drop(V21)
    assert list(roster.findings()) == []
    assert roster.counts() == {
        "orgs": 3, "academic_sessions": 2, "courses": 1, "classes": 1, "users": 4, "roles": 4,
        "enrollments": 3, "relationships": 1, "demographics": 1, "user_flags": 1,
    }  # fmt: skip

    def first(table: str) -> tuple[object, ...]:
        names = ", ".join(c[0] for c in con.execute(f"DESCRIBE {table}").fetchall()[:-2])
        return con.execute(f"SELECT {names} FROM {table} ORDER BY origin_row LIMIT 1").fetchall()[0]

    day = datetime.date
    assert first("orgs") == ("D1", "Contoso District", "district", None, None, True)
    assert first("academic_sessions") == (
        "Y26", "2025/26", "schoolYear", "2026", day(2025, 8, 1), day(2026, 6, 30),
    )  # fmt: skip
    assert first("courses") == ("K1", "S1", "Algebra I", "ALG1", "Y26", ["02"], ["09", "10"])
    assert first("classes") == ("C1", "S1", "Algebra", "ALG", "K1", ["Y26", "A26"], True)
    assert first("users") == (
        "U1", "ada@contoso.edu", "Ada", "Adams", None, "ada@contoso.edu", "+14255550101", None,
        None, None, None, None, None, None, None, True,
    )  # fmt: skip
    assert first("roles") == ("U1", "S1", "student", "09", None, True, None, None, True)
    assert first("enrollments") == ("C1", "U1", "student", None, None, True)
    assert first("relationships") == ("U1", "P1", "parent")
    assert first("demographics") == (
        "U1", "female", day(2010, 2, 3), "Redmond", "WA", "US", ["hispanicOrLatinoEthnicity"],
        ["white", "asian"],
    )  # fmt: skip
    assert first("user_flags") == ("U1", "freeLunch")


def test_passwords_are_known_and_not_read(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    users = V21["users.csv"].replace("Adams,,", "Adams,hunter2,")
    assert "hunter2" in users
    assert list(read_drop({**V21, "users.csv": users}).findings()) == []
    assert "hunter2" not in str(con.execute("FROM users").fetchall())
