"""`page` and `pagesize`: pages count from 1, and no page is larger than the resource allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import Refusal, message

if TYPE_CHECKING:
    from starlette.requests import Request

    from .quirks import Quirks


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows: `size` of them after `skipped`. A size of None: all."""

    size: int | None
    skipped: int

    @property
    def sql(self) -> str:
        return "" if self.size is None else f"LIMIT {self.size} OFFSET {self.skipped}"


def asked_page(request: Request, largest: int, quirks: Quirks) -> Page:
    """The page that a request asks for; without a size it is the largest."""
    number = whole(request, "page", 1, least=1)
    size = whole(request, "pagesize", largest, least=1)
    if size > largest:
        if quirks.oversize == "refuse":
            raise Refusal(message(400, f"pagesize {size} is larger than the maximum {largest}"))
        size = largest
    return Page(size, (number - 1) * size)


def whole(request: Request, name: str, default: int, *, least: int) -> int:
    """A whole number among the query parameters."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise Refusal(message(400, f"Invalid {name} {text!r}"))
    return value
