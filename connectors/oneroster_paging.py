"""Paging through a OneRoster collection by limit and offset, so that nothing can fall between.

https://purl.imsglobal.org/spec/or/v1p2/schema/openapi/onerosterv1p2rostersservice_openapi3_v1p0.json

Design note. An offset counts rows, so a row that comes or goes while pages are read moves all that
follow. Therefore each page begins with the row that ended the one before it: if it is another row,
something moved, and the collection is read again. That row also proves the end: a page that has it
and nothing more is the last one, while an answer without any row, as a provider in trouble gives,
is never an end. Limits are cut down without a word, so offsets go on by the rows that came. Once a
page was as large as its limit, or as the one before it, and the provider says how many rows there
are, the other pages are asked for at the same time. A collection that is read again is read page by
page, whatever sizes the pages have.

Some providers make a page number of the offset and pass over the remainder. They cannot be asked
for a page that begins in another one; there, pages stand side by side, and the totals tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.connector import Doubt
from connectors.pages import Head

# More pages at once would be a total that cannot be true.
MOST_AT_ONCE = 20_000
# The parameter of a request that a provider's own link made: the path whose rows it brings.
OF = "of"


@dataclass(frozen=True)
class Spot:
    """A page to ask for. `overlap`: rows at its beginning that were read before, 0 or 1.

    `size`: rows of the page before, 0 if there was none. `among`: the page is one of many that are
    asked for at the same time, and not the last of them. `numbered`: offsets are multiples of the
    limit, see the module.
    """

    offset: int
    limit: int
    overlap: int = 0
    size: int = 0
    among: bool = False
    numbered: bool = False

    def params(self) -> dict[str, str]:
        """The spot, as a request keeps it."""
        return {name: str(int(value)) for name, value in asdict(self).items()}

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Spot:
        """The spot that a request keeps."""
        values = {name: int(params[name]) for name in ("offset", "limit", "overlap", "size")}
        return cls(**values, among=params["among"] == "1", numbered=params["numbered"] == "1")

    def following(self, got: int, total: int | None, *, at_once: bool) -> list[Spot]:
        """The pages after this one, which brought `got` rows; none behind the last one.

        `total`: the rows of the collection, if that is known for sure.
        """
        end = self.offset + got
        if self.among or got <= self.overlap or (end == total and got < self.limit):
            return []
        if self.numbered and self.size and got < self.limit:
            return []
        step = got if self.numbered else max(got - 1, 1)
        limit = got if self.numbered else self.limit
        after = Spot(self.offset + step, limit, got - step, got, numbered=self.numbered)
        full = got in (self.limit, self.size)
        if not (at_once and full and got > 1 and total is not None and total > end):
            return [after]
        count = -(-(total + 1 - end) // step)
        if count > MOST_AT_ONCE:
            return [after]
        offsets = [self.offset + step * place for place in range(1, count + 1)]
        return [replace(after, offset=at, limit=got, among=at != offsets[-1]) for at in offsets]


def facts(spot: Spot, rows: Sequence[Any]) -> dict[str, Any]:
    """What is remembered of a page, for `check_chain`."""
    ends = {"first": _id(rows[0]), "last": _id(rows[-1])} if rows else {"first": "", "last": ""}
    return {"offset": spot.offset, "overlap": spot.overlap, "got": len(rows), **ends}


def is_cursor(link: str) -> bool:
    """Whether a link says where it goes on in the provider's own way, and not by an offset."""
    offset = parse_qs(urlsplit(link).query).get("offset", [""])[0]
    return not offset.isdigit()


def check_pages(
    name: str, collection: str, heads: Sequence[Head], *, seen: bool, sorted_: bool
) -> list[Doubt]:
    """Doubts about the pages of one path, `name`. `seen`: it had rows before it was read."""
    doubted = frozenset({collection})
    if not heads:
        return [Doubt(doubted, f"no answer about {name}")]
    rows = sum(head.rows for head in heads)
    if seen and not rows:
        return [Doubt(doubted, f"{name} had rows before it was read, and none came")]
    if not any(OF in head.request.params for head in heads):
        return check_chain(name, collection, heads, sorted_=sorted_)
    totals = {head.total for head in heads if head.total is not None}
    if totals and totals != {rows}:
        said = " and ".join(f"{total:,}" for total in sorted(totals))
        return [Doubt(doubted, f"{name} has {said} rows by its own count, and {rows:,} came")]
    return []


def check_chain(name: str, collection: str, heads: Sequence[Head], *, sorted_: bool) -> list[Doubt]:
    """Doubts about the pages of one path, `name`, which were asked for by offset.

    A total that a page carries must be met. `sorted_`: the provider sorts when it is asked to.
    """
    pages = sorted((head.facts for head in heads), key=lambda page: int(page["offset"]))
    why = ""
    for before, page in pairwise(pages):
        end = before["offset"] + before["got"]
        if page["got"] and page["first"] == before["first"] != "" and before["got"] > 1:
            why = f"{name} gave the same page for the rows from {page['offset']:,} on as before"
        elif page["offset"] > end:
            why = f"{name}: a page ended at row {end:,}, and the next begins at {page['offset']:,}"
        elif page["overlap"] and not page["got"]:
            why = f"{name}: no row came from {page['offset']:,} on, where there was one before"
        elif page["overlap"] and page["first"] != before["last"]:
            why = f"{name} changed while it was read (at row {page['offset']:,})"
            why += "" if sorted_ else "; the provider does not sort, and may have no fixed order"
        if why:
            break
    totals = {head.total for head in heads if head.total is not None}
    rows = max((page["offset"] + page["got"] for page in pages), default=0)
    if not why and len(totals) > 1:
        both = " and ".join(f"{total:,}" for total in sorted(totals))
        why = f"{name} changed while it was read ({both} rows)"
    elif not why and totals and totals != {rows}:
        why = f"{name} has {totals.pop():,} rows by its own count, and {rows:,} came"
    return [Doubt(frozenset({collection}), why)] if why else []


def _id(row: Any) -> str:
    return str(row.get("sourcedId") or "")
