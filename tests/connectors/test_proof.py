"""What pages tell about themselves, compared with what the source says."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.pages import Head, Request
from connectors.proof import check_ids, check_present, check_totals
from roster.errors import Transient

TEXT = frozenset({str})


def head(rows: int, total: int | None, collection: str = "users") -> Head:
    return Head(Request(collection, f"{rows}", "p"), rows, total=total)


@pytest.mark.parametrize(
    ("heads", "why"),
    [
        ([head(3, 5), head(2, 5)], ""),
        ([head(3, None), head(2, None)], ""),
        ([head(3, 5), head(2, None), head(9, 9, "orgs")], ""),
        ([head(3, 5), head(1, 5)], "users has 5 rows, and 4 came"),
        ([head(3, 5), head(2, 6)], "users changed while it was read (5 and 6 rows)"),
    ],
)
def test_totals_have_to_stay_and_to_be_reached(heads: list[Head], why: str) -> None:
    doubts = check_totals(heads, "users")
    assert [doubt.why for doubt in doubts] == ([why] if why else [])
    assert all(doubt.collections == {"users"} for doubt in doubts)


def test_every_collection_has_to_be_answered() -> None:
    [doubt] = check_present([head(0, None)], ["users", "orgs"])
    assert (doubt.collections, doubt.why) == ({"orgs"}, "no answer about orgs")


@pytest.mark.parametrize("wrong", [True, 17, ["a"], {"odd": True}, 1.5])
def test_what_is_no_id_stops_the_pull(wrong: Any) -> None:
    check_ids("/users", ["a", "", None], TEXT)
    with pytest.raises(Transient, match="/users: answered with ids that are no ids"):
        check_ids("/users", ["a", wrong], TEXT)


def test_where_numbers_are_ids_they_may_stand() -> None:
    check_ids("/users", ["a", 17], TEXT | {int})
    with pytest.raises(Transient):
        check_ids("/users", ["a", True], TEXT | {int})
