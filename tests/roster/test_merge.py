"""Precedence: whose row, whose column, and what is filled from whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.database import open_database
from roster.merge import MergeRules, Precedence
from tests.roster.rosters import SOUND, Row, Tables, combine, rows

SCHOOL = {"sourced_id": "S1", "name": "School", "type": "school"}


def people(*users: Row) -> Tables:
    roles = [
        {"user_sourced_id": user["sourced_id"], "org_sourced_id": "S1", "role": "teacher"}
        for user in users
    ]
    return {"orgs": [SCHOOL], "users": users, "roles": roles}


SIS = people({"sourced_id": "T1", "username": "tom", "family_name": "Taylor", "phone": None})
HR = people(
    {"sourced_id": "T1", "username": "tt", "family_name": "Tailor", "phone": "4711",
     "email": "tom@contoso.edu"}
)  # fmt: skip


def test_the_leading_row_wins_and_the_next_source_fills_what_is_blank(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = combine(con, tmp_path, {"sis": SIS, "hr": HR})
    assert rows(con, "SELECT username, family_name, phone, email FROM users") == [
        ("tom", "Taylor", "4711", "tom@contoso.edu")
    ]
    assert roster.counts() == {"orgs": 1, "users": 1, "roles": 1}
    assert list(roster.findings()) == []


def test_a_column_may_be_led_by_another_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    users = Precedence(columns={"username": ("hr",), "email": ("sis",)})
    combine(con, tmp_path, {"sis": SIS, "hr": HR}, tables={"users": users})
    assert rows(con, "SELECT username, family_name, email FROM users") == [
        ("tt", "Taylor", "tom@contoso.edu")
    ]


def test_a_table_may_be_led_by_another_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    combine(con, tmp_path, {"sis": SIS, "hr": HR}, tables={"users": Precedence(("hr",))})
    assert rows(con, "SELECT family_name, f.name FROM users JOIN files f ON id = origin_file") == [
        ("Tailor", "hr/users.csv")
    ]


def test_sources_that_no_setting_names_follow_by_name() -> None:
    rules = MergeRules(("b", "a"), {"users": Precedence(("c",), {"email": ("d",)})})
    assert rules.order("orgs") == ("b", "a")
    assert rules.order("users", "email") == ("d", "c", "b", "a")


def test_an_empty_list_is_blank(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def with_class(sessions: str) -> Tables:
        class_ = {**SOUND["classes"][0], "session_sourced_ids": sessions}
        return {**SOUND, "classes": [class_]}

    combine(con, tmp_path, {"sis": with_class(","), "lms": with_class("Y1")})
    assert rows(con, "SELECT session_sourced_ids FROM classes") == [(["Y1"],)]


def enrollment(**values: str | None) -> Row:
    return {"class_sourced_id": "C1", "user_sourced_id": "U1", "role": "student"} | values


def test_enrollments_meet_by_class_person_and_role(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lms = {**SOUND, "enrollments": [enrollment(), enrollment(role="teacher", user_sourced_id="U2")]}
    roster = combine(con, tmp_path, {"sis": SOUND, "lms": lms})
    assert rows(con, "SELECT user_sourced_id, role FROM enrollments ORDER BY ALL") == [
        ("T1", "teacher"), ("U1", "student"), ("U2", "teacher")
    ]  # fmt: skip
    assert not any(rule.id.endswith("duplicate") for rule in roster.rules())


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {"start_date": "2026-01-07", "end_date": "2026-05-01"}, ("2026-01-07", "2026-05-01")),
        ({"start_date": "2026-06-01"}, {"end_date": "2026-05-01"}, ("2026-06-01", None)),
    ],
)
def test_the_two_dates_are_taken_together(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    first: dict[str, str],
    second: dict[str, str],
    expected: tuple[str | None, str | None],
) -> None:
    sources = {
        name: {**SOUND, "enrollments": [enrollment(**dates)]}
        for name, dates in (("sis", first), ("lms", second))
    }
    combine(con, tmp_path, sources)
    assert rows(con, "SELECT start_date::VARCHAR, end_date::VARCHAR FROM enrollments") == [expected]


def test_a_source_that_leads_in_one_date_leads_in_both(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sis = {**SOUND, "enrollments": [enrollment(start_date="2026-01-01", end_date="2026-01-02")]}
    lms = {**SOUND, "enrollments": [enrollment(start_date="2026-02-01", end_date="2026-02-02")]}
    led = {"enrollments": Precedence(columns={"end_date": ("lms",)})}
    combine(con, tmp_path, {"sis": sis, "lms": lms}, tables=led)
    assert rows(con, "SELECT start_date::VARCHAR FROM enrollments") == [("2026-02-01",)]


def test_of_several_roles_of_a_kind_the_leading_source_has_its_own_and_no_others(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    role = {"user_sourced_id": "U1", "org_sourced_id": "S1", "role": "student"}
    sis = {**SOUND, "roles": [{**role, "grade": "09"}, {**role, "grade": "10"}]}
    lms = {**SOUND, "roles": [{**role, "grade": "11", "is_primary": "true"}]}
    combine(con, tmp_path, {"sis": sis, "lms": lms})
    assert rows(con, "SELECT grade, is_primary FROM roles ORDER BY ALL") == [
        ("09", None), ("10", None)
    ]  # fmt: skip


def test_what_a_finding_says_of_a_filled_value_is_cited_where_it_stands(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    def with_class(**values: str | None) -> Tables:
        blank = {"sourced_id": "C1", "org_sourced_id": "S1", "title": "Algebra"}
        return {**SOUND, "classes": [{"sourced_id": "C0"}, {**blank, **values}]}

    sis, lms = with_class(course_sourced_id="?", code=None), with_class(course_sourced_id="K9")
    sis["classes"][1]["course_sourced_id"] = None  # type: ignore[index]
    roster = combine(con, tmp_path, {"sis": sis, "lms": lms})
    (missing,) = [f for f in roster.findings() if f.rule == "classes.course_sourced_id.missing"]
    assert (missing.file, missing.line, missing.value) == ("lms/classes.csv", 3, "K9")
    assert rows(con, "SELECT f.name FROM classes JOIN files f ON f.id = origin_file") == [
        ("sis/classes.csv",)
    ]


def test_what_a_source_leaves_uncertain_stays_so_although_another_has_the_row(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sis = people({"sourced_id": "T1", "username": "tom", "email": "no mail"}, {"sourced_id": "T2"})
    sis = {**sis, "roles": [{**sis["roles"][0], "role": "wizard"}, sis["roles"][1]]}
    roster = combine(con, tmp_path, {"sis": sis, "hr": HR})
    assert rows(con, "SELECT email FROM users WHERE sourced_id = 'T1'") == [("tom@contoso.edu",)]
    assert rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'T1'") == [("teacher",)]
    assert rows(con, "FROM uncertain") == [("role", "T1", None), ("user", "T1", None)]
    assert roster.dropped() == {"orgs": 0, "users": 0, "roles": 1}
    files = {f.file for f in roster.findings() if f.severity == "error"}
    assert files == {"sis/roles.csv"}


_VALUES = {
    "username": ("ann", "ben"),
    "family_name": ("Adams", "Brown"),
    "email": ("a@contoso.edu", "b@contoso.edu", "no mail"),
    "phone": ("4711", "4712"),
}
_ROW = st.fixed_dictionaries(
    {name: st.none() | st.sampled_from(values) for name, values in _VALUES.items()}
)
_SOURCES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.dictionaries(st.sampled_from(["U1", "U2", "U3"]), _ROW),
    min_size=1,
)
_ORDER = st.permutations(["a", "b", "c"]).map(tuple)


@settings(max_examples=15, deadline=None)
@given(_SOURCES, _ORDER, _ORDER)
def test_precedence_and_fill_hold_column_by_column(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: dict[str, dict[str, dict[str, str | None]]],
    order: tuple[str, ...],
    emails: tuple[str, ...],
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    sources = {
        source: {
            "orgs": [SCHOOL],
            "users": [{"sourced_id": key, **row} for key, row in users.items()],
        }
        for source, users in given_rows.items()
        if users
    }
    expected: dict[str, list[Any]] = {}
    for key in {key for users in given_rows.values() for key in users}:
        expected[key] = [
            next(
                (
                    given_rows[s][key][name]
                    for s in (emails if name == "email" else order)
                    if given_rows.get(s, {}).get(key, {}).get(name) not in (None, "no mail")
                ),
                None,
            )
            for name in _VALUES
        ]
    if not sources:
        return
    doubtful = {
        key for users in given_rows.values() for key, row in users.items()
        if row["email"] == "no mail"
    }  # fmt: skip
    with open_database() as con:
        precedence = {"users": Precedence(order, {"email": emails})}
        combine(con, folder, sources, tables=precedence)
        found = rows(con, f"SELECT sourced_id, {', '.join(_VALUES)} FROM users")
        assert {key: list(values) for key, *values in found} == expected
        uncertain = {key for (key,) in rows(con, "SELECT key FROM uncertain WHERE kind = 'user'")}
        assert doubtful <= uncertain
