"""Examining a source before its first sync: what is observed, and what is a problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors import examination
from connectors.connector import Pull
from connectors.examination import Observation, examine
from connectors.pages import Page, Request
from connectors.projection import Collection
from local.district import generate
from local.oneroster import Quirks, create_app
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from roster.errors import Terminal
from tests.connectors.conformance import TODAY
from tests.connectors.test_oneroster_api import source

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

GOOD = Observation("users", 30, 120, 0.2, more=True, steady=True, filled={"email": 0.5})


async def test_a_provider_is_asked_for_the_first_page_of_each_collection_twice() -> None:
    faults, said = Faults(), list[str]()
    records = Records(generate(40, 1, today=TODAY, domain="contoso.edu"))
    with serving(create_app(records, faults=faults)) as address:
        asked = source(address, page_size=30).connector()
        found = await examine(asked, said.append)
    seen = {observation.collection: observation for observation in found.observations}
    [(users,)] = records.rows("SELECT count(*) FROM users")
    assert seen["users"].rows == 30
    assert seen["users"].total == users
    assert (seen["users"].more, seen["orgs"].more) == (True, False)
    assert seen["users"].filled["username"] == 1
    assert seen["users"].filled["email"] == 1
    assert seen["users"].filled["phone"] == 0
    assert all(observation.steady for observation in found.observations)
    assert not found.has_problems
    assert "everything" in found.would_pull
    assert found.requests <= len(faults.seen) < 50
    assert said[0] == "Signing in"
    assert "Asking for users" in said
    assert set(GOOD.as_dict()) == set(seen["users"].as_dict())


async def test_what_nobody_tells_is_not_known() -> None:
    records = Records(generate(40, 1, today=TODAY, domain="contoso.edu"))
    with serving(create_app(records, Quirks(total="none"))) as address:
        found = await examine(source(address).connector())
    assert {observation.total for observation in found.observations} == {None}
    assert not found.has_problems


async def test_a_system_that_refuses_says_so() -> None:
    faults = Faults()
    records = Records(generate(40, 1, today=TODAY, domain="contoso.edu"))
    with serving(create_app(records, faults=faults)) as address:
        faults.add(Fault("status", path="/ims/*", status=403, times=None))
        with pytest.raises(Terminal, match="forbids"):
            await examine(source(address).connector())


@pytest.mark.parametrize(
    ("observation", "problem"),
    [
        (GOOD, ""),
        (replace(GOOD, total=None), ""),
        (replace(GOOD, steady=False), "gave other rows the second time"),
        (replace(GOOD, rows=0, total=0), "nothing is shared with this access"),
        (replace(GOOD, seconds=31.4), "one page took 31 s"),
        (replace(GOOD, total=29), "says there are 29 rows, and gave 30 on one page"),
    ],
)
def test_what_is_a_problem(observation: Observation, problem: str) -> None:
    found = observation.problems()
    assert len(found) == (1 if problem else 0)
    assert problem in "".join(found)
    assert observation.as_dict()["problems"] == found


class Scripted:
    """A connector whose answers are given by path; the last of a path's comes again and again."""

    parallel, settings, form = 1, "", None

    def __init__(self, answers: Mapping[str, Sequence[Page]]) -> None:
        self.asked: list[str] = []
        self._answers = {path: list(pages) for path, pages in answers.items()}

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Any]:
        self.requests = 0
        yield self

    async def begin(self, *_: Any, full: bool) -> Pull:
        return Pull(full, "2026-11-26T00:00:00+00:00", "a test")

    def collections(self, _: Pull) -> tuple[Collection, ...]:
        return (Collection("users", {"id": "VARCHAR", "roles": "JSON"}),)

    def start(self, _: Pull) -> list[Request]:
        return [Request("users", "0", "first")]

    async def fetch(self, _: Any, __: Pull, request: Request) -> Page:
        self.asked.append(request.path)
        pages = self._answers[request.path]
        return pages.pop(0) if len(pages) > 1 else pages[0]


def rows(*ids: str) -> list[dict[str, Any]]:
    return [{"id": name, "roles": []} for name in ids]


async def test_a_source_that_answers_differently_the_second_time_is_not_steady() -> None:
    connector: Any = Scripted({"first": [Page(rows("1", "2")), Page(rows("2", "1"))]})
    [users] = (await examine(connector)).observations
    assert not users.steady
    assert users.filled == {"id": 1, "roles": 0}


async def test_an_empty_page_with_more_behind_it_is_not_the_collection() -> None:
    more = (Request("users", "1", "second"),)
    connector: Any = Scripted({"first": [Page([], more)], "second": [Page(rows("1"))]})
    [users] = (await examine(connector)).observations
    assert (users.rows, connector.asked) == (1, ["first", "second", "second"])


async def test_a_collection_without_rows_or_without_tables_has_no_fields() -> None:
    other = (Request("lists", "0", "other"),)
    connector: Any = Scripted({"first": [Page([], other)], "other": [Page([{"id": "x"}])]})
    found = await examine(connector)
    assert [(seen.collection, seen.rows, seen.filled) for seen in found.observations] == [
        ("users", 0, {}),
        ("lists", 1, {}),
    ]
    assert found.has_problems


async def test_a_source_that_leads_on_and_on_is_left_after_some_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examination, "MOST_REQUESTS", 5)
    connector: Any = Scripted({"first": [Page([], (Request("users", "0", "first"),))]})
    assert (await examine(connector)).observations == ()
    assert len(connector.asked) == 5
