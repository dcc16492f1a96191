"""Extraction: from a connector to a complete set of pages, resumable at any page.

Design note. The pages are the cursor. Each saved page says what follows from it, so what is still
to do is always: the first requests, and all that pages lead to, without what was saved. Whoever is
killed between two pages, on whatever machine, goes on from there and asks for no page twice. When
nothing is left to do the connector looks at the heads and says what it doubts; doubted collections
are read again from the start, under a new attempt number that makes the old pages void. What is in
doubt after that is refused: the run holds, and nobody is removed because data was missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from connectors.pages import Head, Page, Pages, Request
from roster.errors import Refused
from roster.spans import note, span

if TYPE_CHECKING:
    from connectors.connector import Connector, Pull
    from connectors.session import Session

MOST_ATTEMPTS = 3
MOST_PAGES = 200_000


@dataclass(frozen=True)
class Extracted:
    """The valid heads, in the order of collections and places. `done`: nothing is left to do."""

    heads: tuple[Head, ...]
    done: bool

    def of(self, collection: str) -> list[Head]:
        """The pages of a collection, in order."""
        return [head for head in self.heads if head.request.collection == collection]

    def rows(self) -> dict[str, int]:
        """Rows by collection."""
        counts: dict[str, int] = {}
        for head in self.heads:
            collection = head.request.collection
            counts[collection] = counts.get(collection, 0) + head.rows
        return counts


async def extract(
    connector: Connector,
    session: Session,
    pull: Pull,
    pages: Pages,
    *,
    until: float | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Extracted:
    """Fetches what is missing of a pull, and proves it.

    `until`: time.monotonic() at which to stop and return what there is (None: never). `progress`
    is told a collection and how many rows of it are there. Raises Refused for a pull that stays
    incomplete, and what the connector raises; the pages saved until then are kept.
    """
    heads = {head.request.name: head for head in await asyncio.to_thread(pages.heads)}
    while True:
        complete = await _fetch_missing(connector, session, pull, pages, heads, until, progress)
        valid = _valid(heads.values())
        if not complete:
            return Extracted(valid, done=False)
        doubts = connector.prove(pull, valid)
        if not doubts:
            return Extracted(valid, done=True)
        again = _begin_again(connector, pull, heads, doubts)
        for head in again:
            await asyncio.to_thread(pages.save, head, b"[]")
            heads[head.request.name] = head


def gathered(pages: Pages) -> Extracted:
    """A pull that is known to be complete, as its pages were saved."""
    return Extracted(_valid(pages.heads()), done=True)


async def _fetch_missing(
    connector: Connector,
    session: Session,
    pull: Pull,
    pages: Pages,
    heads: dict[str, Head],
    until: float | None,
    progress: Callable[[str, int], None] | None,
) -> bool:
    """Fetches all that is left to do, some requests at a time; False if time ran out first."""
    todo = _todo(connector.start(pull), heads)
    running: dict[asyncio.Task[Head], Request] = {}
    rows: dict[str, int] = Extracted(_valid(heads.values()), done=False).rows()
    try:
        while todo or running:
            late = until is not None and time.monotonic() >= until
            while todo and len(running) < connector.parallel and not late:
                request = todo.pop()
                task = asyncio.create_task(_fetch(connector, session, pull, pages, request))
                running[task] = request
            if not running:
                return False
            finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                head = task.result()
                del running[task]
                heads[head.request.name] = head
                todo += [r for r in reversed(head.then) if r.name not in heads]
                if len(heads) > MOST_PAGES:
                    raise Refused(
                        f"completeness: more than {MOST_PAGES:,} pages, and still no end; the "
                        "source repeats itself, ask its vendor about paging"
                    )
                collection = head.request.collection
                rows[collection] = rows.get(collection, 0) + head.rows
                if progress:
                    progress(collection, rows[collection])
    finally:
        # What is under way may end well, and need not be asked for again.
        await asyncio.gather(*running, return_exceptions=True)
    return True


async def _fetch(
    connector: Connector, session: Session, pull: Pull, pages: Pages, request: Request
) -> Head:
    with span("extract page", collection=request.collection):
        page: Page = await connector.fetch(session, pull, request)
        note(rows=len(page.rows))
    then = tuple(replace(next_one, attempt=request.attempt) for next_one in page.then)
    head = Head(request, len(page.rows), then, page.total, page.facts)
    await asyncio.to_thread(pages.save, head, orjson.dumps(page.rows))
    return head


def _todo(first: Sequence[Request], heads: dict[str, Head]) -> list[Request]:
    """What was never fetched, the first to do last; of an attempt only if it is the newest."""
    attempts = _attempts(heads.values())
    known: dict[str, Request] = {}
    for request in first:
        if not attempts.get(request.collection):
            known[request.name] = request
    for head in heads.values():
        for request in head.then:
            if request.attempt == attempts.get(request.collection, request.attempt):
                known[request.name] = request
    return [known[name] for name in sorted(known.keys() - heads.keys(), reverse=True)]


def _attempts(heads: Any) -> dict[str, int]:
    newest: dict[str, int] = {}
    for head in heads:
        collection = head.request.collection
        newest[collection] = max(newest.get(collection, 0), head.request.attempt)
    return newest


def _valid(heads: Any) -> tuple[Head, ...]:
    """The heads of each collection's newest attempt, without the markers that began it."""
    newest = _attempts(heads)
    valid = [
        head
        for head in heads
        if head.request.attempt == newest[head.request.collection]
        and head.request.place != BEGINNING
    ]
    return tuple(sorted(valid, key=lambda head: head.request.name))


BEGINNING = "again"


def _begin_again(
    connector: Connector, pull: Pull, heads: dict[str, Head], doubts: Sequence[Any]
) -> list[Head]:
    """Markers, one a doubted collection, from which its next attempt follows."""
    doubted = frozenset(name for doubt in doubts for name in doubt.collections)
    attempts = _attempts(heads.values())
    if not doubted or max(attempts.get(name, 0) for name in doubted) + 1 >= MOST_ATTEMPTS:
        why = "; ".join(doubt.why for doubt in doubts)
        raise Refused(
            f"completeness: {why}; read {MOST_ATTEMPTS} times. Nothing is changed with such data: "
            "run again later, or show this message to the vendor of the source"
        )
    first: dict[str, list[Request]] = {name: [] for name in doubted}
    for request in connector.start(pull):
        if request.collection in doubted:
            attempt = attempts.get(request.collection, 0) + 1
            first[request.collection].append(replace(request, attempt=attempt))
    return [
        Head(Request(name, BEGINNING, "", attempt=attempts.get(name, 0) + 1), 0, tuple(requests))
        for name, requests in first.items()
    ]
