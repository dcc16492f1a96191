"""Asking Clever: one page of a list, with its limits of size and rate, and what follows it.

https://dev.clever.com/docs/paging-and-limits
https://dev.clever.com/docs/error-messages
https://dev.clever.com/reference (rate limits)

Design note. Pages follow ids, which ascend, so nobody shifts from one page to another while a list
is read. A link to the next page is followed within its own list, with the limit that was asked for,
and only forwards. A page that is full and has no link is asked about all the same: links may be
missing, and one request more shows that nothing follows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from connectors.clever_tokens import fields_of, next_link
from connectors.pages import Head, Page, Request
from connectors.proof import check_ids
from connectors.session import LONGEST_PAUSE
from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    import httpx

    from connectors.session import Answer, Session

# What is asked for instead where a page may not be that large.
SMALLER = (1_000, 100)
MINUTE = 60.0
_TEXT: frozenset[type] = frozenset({str})
_NO_COUNT = frozenset({400, 404, 413, 501})


@dataclass
class Pace:
    """How many requests a minute are left, as each answer says. `resumes`: a Unix second."""

    resumes: float = 0.0

    async def keep(self) -> None:
        """Waits until a request is allowed; Transient if that takes long."""
        wait = min(self.resumes - time.time(), MINUTE)
        if wait > LONGEST_PAUSE:
            raise Transient("Clever's limit of requests a minute is reached", wait)
        if wait > 0:
            await asyncio.sleep(wait)

    def note(self, headers: httpx.Headers) -> None:
        """Reads what an answer says of the limit."""
        if headers.get("x-ratelimit-remaining") == "0":
            try:
                self.resumes = float(headers.get("x-ratelimit-reset", ""))
            except ValueError:
                self.resumes = 0.0


async def ask(session: Session, pace: Pace, path: str, params: Mapping[str, str]) -> Answer:
    """One answer of the data API. Raises Terminal for 404, which no list ever is."""
    await pace.keep()
    answer = await session.get(path, params, allow={404, 413})
    pace.note(answer.headers)
    if answer.status == 404:
        raise Terminal(
            f"{answer.path}: answered 404; check `address` and `version` of the source. The token "
            "of a person who signed in reads no lists: a district's is needed, for an application "
            "with Secure Sync",
            "404",
        )
    return answer


async def ask_page(session: Session, pace: Pace, request: Request) -> Page:
    """One page of a list or of the events, unwrapped, and the request for the next one.

    `facts`: `first` and `last`, the ids at its ends.
    """
    answer, request = await _within_limit(session, pace, request)
    items = listed(answer)
    rows = [unwrapped(item) for item in items]
    check_ids(answer.path, (one for row in rows for one in _ids(fields_of(row))), _TEXT)
    ids = [str(fields_of(row).get("id")) for row in rows]
    facts = {"first": ids[0], "last": ids[-1]} if ids else {}
    link = next_link(answer.body)
    then: tuple[Request, ...] = ()
    if rows and link:
        then = (_following(request, link),)
    elif ids and len(rows) >= int(request.params["limit"]):
        then = (_next(request, dict(request.params) | {"starting_after": ids[-1]}),)
    return Page(rows, then, facts=facts)


def _ids(row: Mapping[str, Any]) -> Iterator[Any]:
    """The ids in an object of a list: its own, and those that decide who belongs where."""
    yield from (row.get(name) for name in ("id", "school", "teacher"))
    for name in ("students", "teachers"):
        yield from _items(row.get(name))
    for role in fields_of(row.get("roles")).values():
        yield fields_of(role).get("school")
        yield from _items(fields_of(role).get("schools"))


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


async def ask_total(session: Session, pace: Pace, request: Request) -> int | None:
    """How many rows a list has, if Clever says so: `count` stands in its specification only."""
    params = {k: v for k, v in request.params.items() if k != "starting_after"}
    await pace.keep()
    answer = await session.get(
        request.path, params | {"limit": "1", "count": "true"}, allow=_NO_COUNT
    )
    pace.note(answer.headers)
    count = fields_of(answer.body).get("count")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def listed(answer: Answer) -> list[Any]:
    """The items of a list; Transient for an answer that has none, which is never an empty list."""
    items: Any = fields_of(answer.body).get("data")
    if not isinstance(items, list):
        raise Transient(f"{answer.path}: answered {answer.status}, without a list")
    return cast("list[Any]", items)


def unlike(heads: Sequence[Head]) -> str:
    """What speaks against the pages of one list being all of it, or ""."""
    name = heads[0].request.collection
    rows, totals = sum(head.rows for head in heads), {h.total for h in heads if h.total is not None}
    if totals and rows not in totals:
        return f"{name} has {min(totals):,} rows, and {rows:,} came"
    last = ""
    for head in heads:
        if head.rows and last and str(head.facts.get("first")) <= last:
            return f"{name}: a page begins before the end of the one before it"
        last = str(head.facts.get("last", last))
    return ""


async def _within_limit(session: Session, pace: Pace, request: Request) -> tuple[Answer, Request]:
    """The answer to a request, which asks for less if that was too much for one page."""
    answer = await ask(session, pace, request.path, request.params)
    for limit in SMALLER:
        if answer.status != 413:
            break
        if limit < int(request.params["limit"]):
            request = replace(request, params=dict(request.params) | {"limit": str(limit)})
            answer = await ask(session, pace, request.path, request.params)
    if answer.status == 413:
        raise Terminal(f"{answer.path}: answered 413 even to a page of {SMALLER[-1]} rows", "413")
    return answer, request


def unwrapped(item: Any) -> Any:
    """An object without the `data` around it; some answers have none."""
    inner = fields_of(fields_of(item).get("data"))
    return inner if "id" in inner else item


def _following(request: Request, link: str) -> Request:
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query))
    bound, before = query.get("starting_after", ""), request.params.get("starting_after", "")
    own = parts.path.strip("/").lower().endswith(request.path.strip("/").lower())
    if not own or not bound or bound.lower() <= before.lower():
        raise Terminal(
            f"/{request.path}: its link to the next page leads elsewhere, and pages that go round "
            "never end; show this message to Clever's support"
        )
    return _next(request, query | dict(request.params) | {"starting_after": bound})


def _next(request: Request, params: dict[str, str]) -> Request:
    chain, _, number = request.place.rpartition("-")
    place = "-".join(part for part in (chain, f"{int(number) + 1:06}") if part)
    return replace(request, place=place, params=params)
