"""Looking at a OneRoster provider before a pull: where it is, what it offers, how it is asked.

Design note. Each question is about one row, so looking costs little. What is found decides the
pull and stays with it: which paths make up a collection (some providers have /schools and
/students but not /orgs and /users), whether it sorts, how many rows a page may have. That a
collection has rows is remembered, so that a page that comes back empty a moment later is doubted
and not believed. Whether changes can be asked for is tried with a moment in the future: a provider
that knows the filter has nothing to say to that, one that passes over filters answers with rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from connectors.oneroster_asking import Manner, ask, refusal, roots
from connectors.oneroster_reply import Reply
from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    from connectors.session import Session

# Collection → the ways to read it, each one or several paths; the first that is open is taken.
WAYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "orgs": (("orgs",), ("schools",)),
    "academicSessions": (("academicSessions",), ("terms", "gradingPeriods")),
    "courses": (("courses",),),
    "classes": (("classes",),),
    "users": (("users",), ("students", "teachers")),
    "enrollments": (("enrollments",),),
    "demographics": (("demographics",),),
    "classGroups": (("classGroups",),),
}
# A provider may lack these; what they tell is then not there.
OPTIONAL = frozenset({"courses"})
# Without these on request, nothing is certain about what they tell.
WANTED = frozenset({"demographics", "classGroups"})
FUTURE = "2999-01-01T00:00:00.000Z"
_SMALLER = (1000, 100)


@dataclass(frozen=True)
class Offer:
    """What a provider offers. `paths`: collection → the paths that make it up.

    `seen`: path → whether it had a row.
    """

    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    seen: Mapping[str, bool] = field(default_factory=dict[str, bool])

    def every(self) -> list[str]:
        """All paths, in order."""
        return [path for paths in self.paths.values() for path in paths]


@dataclass(frozen=True)
class Filtering:
    """How a provider filters by dateLastModified. `works`: it does.

    `counts`: its totals count what passes a filter. `empty_is_missing`: it says 404 of no rows.
    """

    works: bool
    counts: bool = False
    empty_is_missing: bool = False


class Probe:
    """Questions to one provider. `filters`: path → filter that its rows have to pass."""

    def __init__(
        self, session: Session, address: str, filters: Mapping[str, str] | None = None
    ) -> None:
        self._session = session
        self._address = address
        self._filters = filters or {}

    async def find(self, version: str, limit: int) -> Manner:
        """Where the service is and how it wants to be asked; Terminal if it is nowhere.

        One of several places may be down or closed where another one is not, so what goes wrong
        counts only when all were tried.
        """
        trouble: Transient | Terminal | None = None
        for root in roots(self._address, version):
            try:
                manner, reply = await self._manner(root, "orgs", limit)
                if reply.kind != "rows":
                    instead, told = await self._manner(root, "schools", limit)
                    manner, reply = (instead, told) if told.kind == "rows" else (manner, reply)
            except Transient as error:
                trouble = error
            except Terminal as error:
                if error.code != "401":
                    raise
                trouble = error
            else:
                if reply.kind == "rows":
                    return manner
                if reply.kind != "missing":
                    trouble = trouble or refusal("orgs", reply)
        if trouble:
            raise trouble
        tried = ", ".join(f"/{root}orgs" for root in roots(self._address, version))
        raise Terminal(
            f"there is no OneRoster service at this address (tried {tried}, and /schools); give"
            " the address up to and including v1p1 or v1p2, as the vendor names it",
            "404",
        )

    async def _manner(self, root: str, path: str, limit: int) -> tuple[Manner, Reply]:
        """How a path wants to be asked, and the answer: rows, or the refusal that stayed.

        Some refuse to sort, some a limit that is too high; a few call the latter missing.
        """
        manner, reply = Manner(), Reply("missing")
        for size in (limit, *(size for size in _SMALLER if size < limit)):
            for sorts in (True, False):
                params = {"limit": str(size), "offset": "0"}
                manner = Manner(root, "", size, sorts)
                reply, manner = await ask(self._session, self._address, manner, path, params)
                if reply.kind == "rows" and "invalidsortfield" in reply.codes:
                    manner = replace(manner, sorts=False)
                if reply.kind != "refused":
                    break
            if reply.kind not in ("refused", "missing"):
                break
        return manner, reply

    async def offer(self, manner: Manner, collections: Sequence[str]) -> Offer:
        """Which paths make up the collections; Terminal for one that is closed and needed."""
        paths: dict[str, tuple[str, ...]] = {}
        seen: dict[str, bool] = {}
        for collection in collections:
            way, found = await self._way(manner, collection)
            paths[collection] = way
            seen |= found
        return Offer(paths, seen)

    async def _way(
        self, manner: Manner, collection: str
    ) -> tuple[tuple[str, ...], dict[str, bool]]:
        closed: tuple[str, Reply] | None = None
        for way in WAYS[collection]:
            replies = {path: await self._one(manner, path) for path in way}
            if all(reply.kind == "rows" for reply in replies.values()):
                return way, {path: bool(reply.rows) for path, reply in replies.items()}
            path, reply = next((p, r) for p, r in replies.items() if r.kind != "rows")
            if reply.kind == "refused":
                raise refusal(path, reply)
            closed = closed or (path, reply)
        assert closed is not None
        if collection in OPTIONAL:
            return (), {}
        # Some providers say 404 of a collection that has no rows yet. Whether one had rows the
        # last time is looked at when the roster is read.
        if closed[1].kind == "missing" and collection not in WANTED:
            (path,) = WAYS[collection][0]
            return (path,), {path: False}
        raise refusal(*closed)

    async def stepping(self, manner: Manner, path: str) -> Manner:
        """The manner, with what offsets do: the second of two rows has to come first from 1 on.

        Rows may come and go meanwhile, so what speaks against the provider is looked at twice.
        """
        numbered = await self._repeats(manner, path) and await self._repeats(manner, path)
        return replace(manner, numbered=numbered)

    async def _repeats(self, manner: Manner, path: str) -> bool:
        """Whether two rows from 0 on are also two rows from 1 on."""
        pages: list[list[str]] = []
        for offset in ("0", "1"):
            params = {"limit": "2", "offset": offset}
            reply, _ = await ask(self._session, self._address, manner, path, params)
            pages.append([str(row.get("sourcedId")) for row in reply.rows])
        return len(pages[0]) == 2 and pages[0] == pages[1]

    async def filtering(self, manner: Manner, path: str) -> Filtering:
        """Whether and how the provider filters by dateLastModified."""
        reply = await self._one(manner, path, since(FUTURE))
        if reply.kind == "missing":
            return Filtering(True, empty_is_missing=True)
        if reply.kind != "rows" or reply.rows:
            return Filtering(False)
        return Filtering(True, counts=reply.total == 0)

    async def changed(
        self, manner: Manner, offer: Offer, filtering: Filtering, at: str
    ) -> dict[str, bool] | None:
        """Path → whether anything changed since; None if one of them cannot be asked that."""
        if not filtering.works:
            return None
        seen: dict[str, bool] = {}
        for path in offer.every():
            reply = await self._one(manner, path, since(at))
            nothing = filtering.empty_is_missing or not offer.seen[path]
            if reply.kind != "rows" and not (reply.kind == "missing" and nothing):
                return None
            seen[path] = bool(reply.rows)
        return seen

    async def _one(self, manner: Manner, path: str, condition: str = "") -> Reply:
        params = {"limit": "1", "offset": "0"}
        if chosen := condition or self._filters.get(path, ""):
            params["filter"] = chosen
        reply, _ = await ask(self._session, self._address, manner, path, params)
        return reply


def since(at: str) -> str:
    """The filter for what changed since a moment."""
    return f"dateLastModified>'{at}'"
