"""Which pages follow from which, and what their ends tell."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.oneroster_paging import Spot, check_chain, check_pages, facts, is_cursor
from connectors.pages import Head, Request

ROWS = [{"sourcedId": f"E{number:03}"} for number in range(250)]


def read(
    spot: Spot,
    rows: list[dict[str, str]],
    *,
    most: int = 1000,
    total: int | None = None,
    at_once: bool = True,
    numbered: bool = False,
) -> list[Head]:
    """All pages from a provider that cuts limits down to `most`.

    `numbered`: it makes a page number of the offset.
    """
    todo, heads = [spot], list[Head]()
    while todo:
        spot = todo.pop(0)
        limit = min(spot.limit, most)
        at = spot.offset // limit * limit if numbered else spot.offset
        found = rows[at : at + limit]
        request = Request("enrollments", f"{spot.offset}", "enrollments", spot.params())
        assert Spot.of(request.params) == spot
        heads.append(Head(request, len(found[spot.overlap :]), (), total, facts(spot, found)))
        todo += spot.following(len(found), total, at_once=at_once)
        assert len(heads) < 300
    return heads


def doubts(heads: list[Head], *, sorted_: bool = True) -> list[str]:
    return [d.why for d in check_chain("enrollments", "enrollments", heads, sorted_=sorted_)]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 20, 28, 29, 99, 100, 101, 250])
@pytest.mark.parametrize("most", [1, 2, 10, 1000])
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_every_row_comes_once(count: int, most: int, told: bool, at_once: bool) -> None:
    rows = ROWS[:count]
    total = count if told else None
    heads = read(Spot(0, 100), rows, most=most, total=total, at_once=at_once)
    assert sum(head.rows for head in heads) == count
    assert doubts(heads) == []


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 20, 29, 99, 100, 101, 250])
@pytest.mark.parametrize("most", [10, 1000])
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_every_row_comes_once_from_a_provider_that_counts_pages(
    count: int, most: int, told: bool, at_once: bool
) -> None:
    rows = ROWS[:count]
    total = count if told else None
    first = Spot(0, 100, numbered=True)
    heads = read(first, rows, most=most, total=total, at_once=at_once, numbered=True)
    assert sum(head.rows for head in heads) == count
    assert doubts(heads) == []


def test_a_provider_that_counts_pages_must_be_asked_by_pages() -> None:
    heads = read(Spot(0, 100), ROWS, numbered=True, total=250, at_once=False)
    assert doubts(heads) == ["enrollments gave the same page for the rows from 99 on as before"]


def test_one_request_is_enough_for_few_rows_with_a_total() -> None:
    assert len(read(Spot(0, 100), ROWS[:40], total=40)) == 1
    assert len(read(Spot(0, 100), ROWS[:40])) == 2


def test_pages_are_asked_for_at_once_as_soon_as_their_size_is_sure() -> None:
    assert len(Spot(0, 100).following(100, 1000, at_once=True)) == 10
    assert len(Spot(0, 100).following(50, 1000, at_once=True)) == 1
    assert len(Spot(49, 100, 1, size=50).following(50, 1000, at_once=True)) == 19
    assert len(Spot(0, 100).following(100, 1000, at_once=False)) == 1
    assert len(Spot(0, 100).following(100, 10**9, at_once=True)) == 1


def test_the_last_of_many_pages_looks_behind_the_total() -> None:
    """A total that is too small is seen, because there is a row where none should be."""
    heads = read(Spot(0, 10), ROWS[:50], total=37)
    assert sum(head.rows for head in heads) == 50
    assert doubts(heads) == ["enrollments has 37 rows by its own count, and 50 came"]


def _head(at: int, got: int, first: str, last: str, overlap: int = 1, **more: Any) -> Head:
    page = {"offset": at, "got": got, "overlap": overlap, "first": first, "last": last}
    return Head(Request("enrollments", f"{at}", "enrollments"), got - overlap, facts=page, **more)


@pytest.mark.parametrize(
    ("heads", "why"),
    [
        ([_head(0, 5, "a", "e", 0), _head(4, 5, "f", "j")], "changed while it was read"),
        ([_head(0, 5, "a", "e", 0), _head(4, 0, "", "")], "no row came from 4 on"),
        ([_head(0, 5, "a", "e", 0), _head(9, 2, "j", "k")], "ended at row 5"),
        (
            [_head(0, 5, "a", "e", 0, total=9), _head(4, 5, "e", "i", total=10)],
            "changed while it was read",
        ),
        ([_head(0, 5, "a", "e", 0, total=9)], "has 9 rows by its own count, and 5 came"),
    ],
)
def test_pages_that_do_not_follow_from_each_other_are_doubted(heads: list[Head], why: str) -> None:
    [told] = doubts(heads)
    assert why in told


def test_a_provider_that_does_not_sort_is_named_as_such() -> None:
    heads = [_head(0, 5, "a", "e", 0), _head(4, 5, "f", "j")]
    assert "does not sort" in doubts(heads, sorted_=False)[0]


def test_a_path_without_any_answer_is_doubted() -> None:
    [doubt] = check_pages("students", "users", [], seen=False, sorted_=True)
    assert doubt.why == "no answer about students"
    assert doubt.collections == {"users"}


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("/users?limit=5&offset=10", False),
        ("https://x.test/users?offset=0", False),
        ("/users?cursor=abc", True),
        ("/users?offset=", True),
        ("/users?offset=abc", True),
        ("/users", True),
    ],
)
def test_a_link_without_an_offset_has_to_be_followed(link: str, cursor: bool) -> None:
    assert is_cursor(link) is cursor
