"""Pages of a list: which part of it a query asks for, and the links that lead on.

https://dev.clever.com/docs/paging-and-limits: ids ascend; `starting_after` and `ending_before` are
bounds, not positions, so ids that are gone serve as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .answers import Problem

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

DEFAULT = 100
MOST = 10_000
_ID = re.compile(r"[0-9a-f]{24}")
_FILTERS = ("count", "primary", "record_type", "role", "school")


@dataclass(frozen=True)
class Page:
    """Up to `limit` rows after the id `after`, or the last ones before the id `before`."""

    limit: int
    after: str | None
    before: str | None
    given: bool

    @classmethod
    def of(cls, query: QueryParams, most: int = MOST) -> Page:
        """What a query asks for. Problem 400 for what is no number or id, 413 for too much."""
        limit = query.get("limit", "")
        if limit and not limit.isdecimal():
            raise Problem(400, "limit must be a number")
        if int(limit or DEFAULT) > most:
            raise Problem(413, f"limit must not be greater than {most}")
        if limit and int(limit) < 1:
            raise Problem(400, "limit must be at least 1")
        return cls(
            int(limit or DEFAULT),
            _bound(query, "starting_after"),
            _bound(query, "ending_before"),
            bool(limit),
        )

    @property
    def backwards(self) -> bool:
        """Whether the page is the last one before a bound."""
        return self.before is not None

    def condition(self) -> tuple[str, dict[str, str]]:
        """SQL that holds for the rows within the bounds, with its values."""
        parts, values = ["true"], dict[str, str]()
        if self.after is not None:
            parts.append("id > $after")
            values["after"] = self.after
        if self.before is not None and self.before != "last":
            parts.append("id < $before")
            values["before"] = self.before
        return " AND ".join(parts), values


def links(path: str, query: QueryParams, page: Page, ends: tuple[str, str] | None, *, more: bool,
          keep_filters: bool) -> list[dict[str, str]]:  # fmt: skip
    """self, prev and next. `ends`: the first and last id of the page; `more`: there is more beyond.

    What a page was reached from is always linked, whether something is there or not.
    """
    kept = [
        (name, value)
        for name, value in query.multi_items()
        if (name in _FILTERS and keep_filters) or name == "limit"
    ]

    def link(rel: str, bound: str, id_: str) -> dict[str, str]:
        return {"rel": rel, "uri": f"{path}?{urlencode(sorted([*kept, (bound, id_)]))}"}

    found = [{"rel": "self", "uri": path + (f"?{query}" if str(query) else "")}]
    if ends is None:
        return found
    if page.after is not None or (page.backwards and more):
        found.append(link("prev", "ending_before", ends[0]))
    if page.backwards or more:
        found.append(link("next", "starting_after", ends[1]))
    return found


def _bound(query: QueryParams, name: str) -> str | None:
    value = query.get(name)
    if value is None or value == "":
        return None
    if not _ID.fullmatch(value.lower()) and not (name == "ending_before" and value == "last"):
        raise Problem(400, f"{name} must be an id")
    return value.lower()
