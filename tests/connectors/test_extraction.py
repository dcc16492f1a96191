"""Extraction goes on at any page, and believes nothing that does not add up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors import extraction
from connectors.connector import Doubt, Pull
from connectors.extraction import extract, gathered
from connectors.pages import FolderPages, Head, Page, Request
from connectors.pull import utc_now
from roster.errors import Refused, Transient
from tests.connectors.ledger_source import LedgerSource, user

PULL = Pull(True, utc_now(), "a test")
NOBODY: Any = None


class Crash(Exception):
    """The process is gone."""


class CrashingPages(FolderPages):
    """Pages of a process that is killed after so many were saved."""

    def __init__(self, folder: Path, saves: int) -> None:
        super().__init__(folder)
        self.left = saves

    def save(self, head: Head, rows: bytes) -> None:
        if not self.left:
            raise Crash
        self.left -= 1
        super().save(head, rows)


def source(people: int = 7, **more: Any) -> LedgerSource:
    return LedgerSource([user(f"U{n:02}") for n in range(people)], **more)


async def test_all_pages_are_fetched_and_kept_in_order(tmp_path: Path) -> None:
    found = await extract(source(), NOBODY, PULL, FolderPages(tmp_path))
    assert found.done
    assert found.rows() == {"orgs": 1, "users": 7}
    assert [head.request.place for head in found.of("users")] == ["000", "002", "004", "006"]
    assert gathered(FolderPages(tmp_path)) == found


@pytest.mark.parametrize("saves", range(5))
@pytest.mark.parametrize("parallel", [1, 3])
async def test_killed_at_any_page_it_goes_on_and_asks_for_no_saved_page_again(
    tmp_path: Path, saves: int, parallel: int
) -> None:
    killed = source(parallel=parallel)
    with pytest.raises(Crash):
        await extract(killed, NOBODY, PULL, CrashingPages(tmp_path, saves))
    saved = {head.request.name for head in FolderPages(tmp_path).heads()}
    assert len(saved) == saves
    fresh = source(parallel=parallel)
    found = await extract(fresh, NOBODY, PULL, FolderPages(tmp_path))
    assert found.rows() == {"orgs": 1, "users": 7}
    assert sorted([*fresh.asked, *saved]) == sorted(head.request.name for head in found.heads)


async def test_it_stops_when_its_time_is_up_and_goes_on_later(tmp_path: Path) -> None:
    pages = FolderPages(tmp_path)
    for _ in range(20):
        found = await extract(source(), NOBODY, PULL, pages, until=time.monotonic())
        assert not found.done
    found = await extract(source(), NOBODY, PULL, pages)
    assert found.done


async def test_progress_tells_rows_by_collection(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    pages = FolderPages(tmp_path)
    await extract(source(), NOBODY, PULL, pages, progress=lambda *news: told.append(news))
    assert sorted(told) == [("orgs", 1), ("users", 2), ("users", 4), ("users", 6), ("users", 7)]


async def test_a_list_that_changed_while_it_was_read_is_read_again(tmp_path: Path) -> None:
    shifting = source(totals={0: [7, 7, 6, 6], 1: [7, 7, 7, 7]})
    found = await extract(shifting, NOBODY, PULL, FolderPages(tmp_path))
    assert found.rows() == {"orgs": 1, "users": 7}
    assert shifting.asked.count("orgs/0-0") == 1
    assert {head.request.attempt for head in found.of("users")} == {1}


async def test_killed_while_it_reads_again_it_goes_on_there(tmp_path: Path) -> None:
    totals = {0: [7, 7, 6, 6], 1: [7, 7, 7, 7]}
    with pytest.raises(Crash):
        await extract(source(totals=totals), NOBODY, PULL, CrashingPages(tmp_path, 8))
    fresh = source(totals=totals)
    found = await extract(fresh, NOBODY, PULL, FolderPages(tmp_path))
    assert found.rows() == {"orgs": 1, "users": 7}
    assert all(name.startswith("users/1-") for name in fresh.asked)


async def test_what_never_adds_up_is_refused_with_what_was_seen(tmp_path: Path) -> None:
    short = source(totals={attempt: [9, 9, 9, 9] for attempt in range(9)})
    with pytest.raises(Refused, match=r"users has 9 rows, and 7 came.*3 times"):
        await extract(short, NOBODY, PULL, FolderPages(tmp_path))
    assert short.asked.count("users/2-000") == 1
    assert short.asked.count("users/3-000") == 0


async def test_a_doubt_that_no_reading_mends_is_refused_at_once(tmp_path: Path) -> None:
    class Paused(LedgerSource):
        def prove(self, pull: Pull, heads: Sequence[Head]) -> Sequence[Doubt]:
            return [Doubt(frozenset(), "the district is paused")]

    with pytest.raises(Refused, match="the district is paused"):
        await extract(Paused([user("U1")]), NOBODY, PULL, FolderPages(tmp_path))


async def test_an_outage_keeps_the_pages_and_reaches_the_caller(tmp_path: Path) -> None:
    class Down(LedgerSource):
        async def fetch(self, session: Any, pull: Pull, request: Request) -> Page:
            if request.place == "004":
                raise Transient("down", 60)
            return await super().fetch(session, pull, request)

    down = Down([user(f"U{n:02}") for n in range(7)])
    with pytest.raises(Transient, match="down"):
        await extract(down, NOBODY, PULL, FolderPages(tmp_path))
    assert len(FolderPages(tmp_path).heads()) == 3


async def test_a_source_that_never_ends_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(LedgerSource):
        async def fetch(self, session: Any, pull: Pull, request: Request) -> Page:
            following = replace(request, place=f"{int(request.place) + 1:03}")
            return Page([{"sourcedId": "U1"}], (following,))

    monkeypatch.setattr(extraction, "MOST_PAGES", 20)
    with pytest.raises(Refused, match="no end"):
        await extract(Endless([]), NOBODY, PULL, FolderPages(tmp_path))


def test_a_head_comes_back_as_it_was_written() -> None:
    request = Request("users", "1", "users", {"limit": "5"}, {"q": 1}, 2)
    head = Head(request, 3, (replace(request, place="2"),), 9, {"last": "U9"})
    assert Head.from_json(head.to_json()) == head
