"""Patience: a request is asked again while the service is busy or its answer got lost.

That is for requests that may be done twice without harm: reads, PATCH by a key, an assignment that
answers "already exists" the second time, a DELETE that answers 404.
https://learn.microsoft.com/graph/best-practices-concept#handling-expected-errors
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from roster.errors import Transient

from .errors import reaction_to

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .direct import Direct, Heard

LONGEST_WAIT = 60.0
_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before another try
_AGAIN = ("throttled", "retry", "busy")


class Patience:
    """A line on which nothing is given up at the first try. `sleep` takes seconds."""

    def __init__(
        self, line: Direct, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.line = line
        self._sleep = sleep

    async def ask(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        fresh: bool = False,
    ) -> Heard:
        """The answer; Transient where there is none after all tries.

        `fresh`: what the request names may have just been made, and 404 may mean "not yet".
        """
        again = (*_AGAIN, "lag") if fresh else _AGAIN
        for wait in _WAITS:
            asked: float | None = None
            try:
                heard = await self.line.ask(method, url, body, headers)
            except Transient:
                pass
            else:
                if heard.response.ok or reaction_to(heard.response).meaning not in again:
                    return heard
                asked = heard.response.retry_after
            await self._sleep(min(asked or wait, LONGEST_WAIT))
        return await self.line.ask(method, url, body, headers)

    async def rows(self, url: str) -> tuple[list[dict[str, Any]], Heard]:
        """All rows of a list, page by page, with the last answer: refused ones have no rows."""
        found: list[dict[str, Any]] = []
        following = url
        while True:
            heard = await self.ask("GET", following)
            if not heard.response.ok:
                return [], heard
            found += cast("list[dict[str, Any]]", heard.response.body.get("value") or [])
            body = heard.response.body
            following = body.get("@odata.nextLink") or body.get("nextLink")  # of Graph, of Azure
            if not following:
                return found, heard
