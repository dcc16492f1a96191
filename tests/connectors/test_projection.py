"""Pages become tables; what changed is folded over what was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.projection import Collection, Projection, keep, project
from tests.connectors.ledger_source import COLLECTIONS, user

Rows = list[tuple[Any, ...]]


def pages(folder: Path, *lists: list[dict[str, Any]]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, rows in enumerate(lists):
        path = folder / f"{number:03}.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        paths.append(path)
    return paths


def users(folder: Path, *lists: list[dict[str, Any]], before: Path | None = None) -> Any:
    """The users and roles that these pages make."""
    with duckdb.connect() as con:
        tables = project(con, COLLECTIONS, {"users": pages(folder, *lists)}, before)
        keep(con, tables, folder / "kept")
        names = con.execute(f'SELECT "sourcedId", username FROM {tables["users"]}').fetchall()
        roles = con.execute(f'SELECT "userSourcedId", role FROM {tables["roles"]}').fetchall()
        return names, roles


def test_rows_become_flat_columns_and_lists_become_rows(tmp_path: Path) -> None:
    names, roles = users(tmp_path, [user("U1", "teacher", "aide")], [user("U2")])
    assert names == [("U1", "u1"), ("U2", "u2")]
    assert roles == [("U1", "teacher"), ("U1", "aide"), ("U2", "student")]


def test_values_of_any_type_become_text_and_absent_ones_null(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"sourcedId": 7, "username": True},
        {"sourcedId": "8", "username": None, "extra": {"a": [1]}},
        {"sourcedId": "9", "username": {"odd": 1}, "roles": []},
    ]
    names, roles = users(tmp_path, rows)
    assert names == [("7", "true"), ("8", None), ("9", '{"odd":1}')]
    assert roles == []


def test_of_a_row_that_came_twice_the_later_counts(tmp_path: Path) -> None:
    first = user("U1", "teacher")
    names, roles = users(tmp_path, [first, user("U1", username="old")], [user("U1", "aide")])
    assert names == [("U1", "u1")]
    assert roles == [("U1", "aide")]


def test_no_page_makes_an_empty_table(tmp_path: Path) -> None:
    assert users(tmp_path) == ([], [])


def test_a_row_that_has_no_roles_any_more_loses_them(tmp_path: Path) -> None:
    users(tmp_path / "a", [user("U1", "teacher"), user("U2")])
    changed = user("U1") | {"roles": []}
    names, roles = users(tmp_path / "b", [changed], before=tmp_path / "a" / "kept")
    assert names == [("U1", "u1"), ("U2", "u2")]
    assert roles == [("U2", "student")]


def test_a_deleted_row_goes_with_all_that_it_made(tmp_path: Path) -> None:
    users(tmp_path / "a", [user("U1", "teacher"), user("U2")])
    gone = user("U1", deleted=True)
    found = users(tmp_path / "b", [gone], before=tmp_path / "a" / "kept")
    assert found == ([("U2", "u2")], [("U2", "student")])


def test_several_collections_feed_one_table_the_later_one_wins(tmp_path: Path) -> None:
    fields: Any = {"id": "VARCHAR", "type": "VARCHAR"}
    projection = Projection("orgs", {"sourcedId": "id", "name": "type"}, "id")
    events = Projection(
        "orgs", {"sourcedId": "id", "name": "type"}, "id", where="type LIKE 'school%'",
        gone="type = 'school.deleted'",
    )  # fmt: skip
    collections = [
        Collection("schools", fields, (projection,)),
        Collection("events", fields, (events,)),
    ]
    files = {
        "schools": pages(tmp_path / "s", [{"id": "1", "type": "a"}, {"id": "2", "type": "b"}]),
        "events": pages(
            tmp_path / "e",
            [{"id": "1", "type": "school.new"}, {"id": "2", "type": "school.deleted"}],
            [{"id": "3", "type": "user"}],
        ),
    }
    with duckdb.connect() as con:
        tables = project(con, collections, files)
        assert con.execute(f'SELECT "sourcedId", name FROM {tables["orgs"]}').fetchall() == [
            ("1", "school.new")
        ]


_PEOPLE = st.dictionaries(
    st.sampled_from([f"U{n}" for n in range(6)]),
    st.lists(st.sampled_from(["student", "teacher"]), max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(_PEOPLE, _PEOPLE, st.integers(1, 3))
@pytest.mark.timeout(600)
def test_what_changed_over_what_was_is_the_same_as_everything(
    tmp_path_factory: pytest.TempPathFactory,
    yesterday: dict[str, list[str]],
    today: dict[str, list[str]],
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("fold")

    def rows(people: dict[str, list[str]]) -> list[dict[str, Any]]:
        return [user(name) | {"roles": [{"role": r, "org": "S1"} for r in roles]}
                for name, roles in people.items()]  # fmt: skip

    def cut(whole: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        return [whole[at : at + size] for at in range(0, len(whole), size)]

    users(folder / "a", *cut(rows(yesterday)))
    changed = rows({n: r for n, r in today.items() if yesterday.get(n) != r})
    changed += [user(name, deleted=True) for name in yesterday.keys() - today.keys()]
    folded = users(folder / "b", *cut(changed), before=folder / "a" / "kept")
    assert folded == users(folder / "c", *cut(rows(today)))


def test_a_collection_that_came_whole_forgets_what_was(tmp_path: Path) -> None:
    projection = Projection("people", {"id": "id"}, "id")
    with duckdb.connect() as con:
        for whole, expected in ((False, [("1",), ("2",)]), (True, [("2",)])):
            one = Collection("people", {"id": "VARCHAR"}, (projection,), whole=whole)
            first = {"people": pages(tmp_path / "1", [{"id": 1}])}
            keep(con, project(con, [one], first), tmp_path / "kept")
            second = {"people": pages(tmp_path / "2", [{"id": 2}])}
            table = project(con, [one], second, tmp_path / "kept")["people"]
            assert con.execute(f"SELECT id FROM {table} ORDER BY 1").fetchall() == expected
