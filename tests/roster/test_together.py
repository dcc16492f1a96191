"""Several sources, one roster: gathering, and the order of it all."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.database import open_database
from roster.merge import MergeRules, Precedence
from roster.schema import SIDE_TABLES, TABLES
from roster.selection import Choice, SelectRule
from roster.together import Combining, validate_all
from tests.roster.rosters import SOUND, TODAY, Row, plus, read, rows, stage


def everything(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows(con, f"FROM {name} ORDER BY ALL") for name in (*TABLES, *SIDE_TABLES)}


def test_one_reading_is_the_roster_that_it_would_be_by_itself(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = plus(
        SOUND,
        users=[
            {**SOUND["users"][0], "sourced_id": "U8", "username": "ada", "email": "no mail"},
            {"sourced_id": None, "username": "nobody"},
            SOUND["users"][1],
        ],
        enrollments=[{"class_sourced_id": "C9", "user_sourced_id": "U1", "role": "student"}],
        roles=[{**SOUND["roles"][0], "user_sourced_id": "U8"}],
    )
    alone = read(con, tables)
    with open_database() as other:
        together = validate_all(other, [stage(tmp_path, "test", tables)], Combining(), today=TODAY)
        assert everything(other) == everything(con)
        assert together.counts() == alone.counts()
        assert together.dropped() == alone.dropped()
        assert together.format == alone.format
        assert list(together.findings()) == list(alone.findings())
    assert alone.finding_counts()["error"] > 3


_KEYS = st.sampled_from(["U1", "U2", "17"])
_USER = st.fixed_dictionaries(
    {
        "sourced_id": _KEYS,
        "username": st.sampled_from([None, "ann", "ben"]),
        "given_name": st.sampled_from(["Ann", "Ben"]),
        "family_name": st.sampled_from(["Adams", "Brown"]),
        "email": st.sampled_from([None, "a@contoso.edu", "b@contoso.edu", "no mail"]),
        "identifier": st.sampled_from([None, "1", "2"]),
    }
)
_ENROLLMENT = st.fixed_dictionaries(
    {
        "class_sourced_id": st.sampled_from(["C1", "C2"]),
        "user_sourced_id": _KEYS,
        "role": st.sampled_from(["student", "teacher", "wizard"]),
        "end_date": st.sampled_from([None, "2026-01-01", "2026-07-01"]),
    }
)
_READING = st.fixed_dictionaries(
    {
        "users": st.lists(_USER, max_size=4),
        "enrollments": st.lists(_ENROLLMENT, max_size=4),
        "roles": st.lists(
            st.fixed_dictionaries(
                {
                    "user_sourced_id": _KEYS,
                    "org_sourced_id": st.sampled_from(["S1", "S2"]),
                    "role": st.sampled_from(["student", "teacher"]),
                }
            ),
            max_size=3,
        ),
    }
)
_COMBINING = Combining(
    MergeRules(("b",), {"users": Precedence(("a",))}, ("identifier", "email")),
    (
        SelectRule("teacherless", "leave_out", Choice(teacherless=True, classes=("C2",))),
        SelectRule("annexe", "leave_out", Choice(schools=("S2",))),
    ),
)


@settings(max_examples=8, deadline=None)
@given(st.lists(_READING, min_size=3, max_size=3), st.permutations("abc"))
def test_the_order_in_which_readings_are_given_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    readings: list[dict[str, list[Row]]],
    order: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("order")
    orgs = [{**SOUND["orgs"][1], "sourced_id": key} for key in ("S1", "S2")]
    classes = [{**SOUND["classes"][0], "sourced_id": key} for key in ("C1", "C2")]
    for source, tables in zip("abc", readings, strict=True):
        filled = {name: found for name, found in tables.items() if found}
        stage(folder, source, {"orgs": orgs, "classes": classes} | filled)
    overrides = folder / "overrides.csv"
    overrides.write_text("table,key,column,value\nusers,U1,email,x@contoso.edu\n")
    results = []
    for sources in ("abc", order):
        with open_database() as con:
            given_folders = [folder / source for source in sources]
            validate_all(con, given_folders, _COMBINING, today=TODAY, overrides=overrides)
            results.append(everything(con))
    assert results[0] == results[1]
    for source in "abc":
        doubts = duckdb.read_parquet(str(folder / source / "uncertain.parquet")).fetchall()
        assert set(doubts) <= set(results[0]["uncertain"])


@settings(max_examples=10, deadline=None)
@given(_READING)
def test_any_one_reading_gives_the_roster_that_it_gives_by_itself(
    tmp_path_factory: pytest.TempPathFactory, reading: dict[str, list[Row]]
) -> None:
    tables = {"orgs": SOUND["orgs"], "classes": SOUND["classes"]} | {
        name: found for name, found in reading.items() if found
    }
    folder = stage(tmp_path_factory.mktemp("one"), "test", tables)
    with open_database() as con, open_database() as other:
        alone = read(con, tables)
        rules = MergeRules(same_people=("email",))
        together = validate_all(other, [folder], Combining(rules), today=TODAY)
        assert everything(other) == everything(con)
        assert list(together.findings()) == list(alone.findings())
        assert together.dropped() == alone.dropped()
