"""What a connector is: the protocol between a source system's API and everything else.

A pull goes `begin` → `start` → `fetch` for each request, and for each that follows from it →
`prove`. The connector knows its vendor's paths, paging, totals and shapes. Done for it are: keeping
pages, going on after a crash, fetching in parallel, reading again what shifted
(connectors.extraction), making tables of the pages (connectors.projection), the roster of the
tables (connectors.pulled), and remembering where the next pull goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from connectors.formats import CsvFormat
    from connectors.pages import Head, Page, Request
    from connectors.projection import Collection
    from connectors.session import Session


@dataclass(frozen=True)
class Mark:
    """Where the next pull may go on. Times are ISO 8601 in UTC.

    `at`: when the last pull began. `full_at`: when the last full one began. `position`: the
    source's own bookmark, as of `at` (a time, a revision, an event's id). `settings`: what the
    connector was told then; with other settings everything is pulled again.
    """

    at: str
    full_at: str
    position: str
    settings: str

    def as_dict(self) -> dict[str, Any]:
        """The mark for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Pull:
    """What a pull does, decided once when it begins, so that it goes on the same after a crash.

    `full`: everything, or only what changed `since` (the position of a mark). `began`: ISO 8601,
    UTC. `position`: the source's bookmark when the pull began, which the next one goes on from.
    `why`: why everything, or what of it, in words. `road`: which of several ways into the source.
    `facts`: what else the connector has to remember.
    """

    full: bool
    began: str
    why: str
    since: str = ""
    position: str = ""
    road: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        """What is pulled, for reports."""
        return f"everything ({self.why})" if self.full else self.why

    def as_dict(self) -> dict[str, Any]:
        """The pull for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Doubt:
    """A reason not to believe a pull: `collections` are read again, at first."""

    collections: frozenset[str]
    why: str


class Connector(Protocol):
    """One source system, with its settings.

    `form`: the tables that its answers make, and how these fill the roster. `parallel`: requests
    at the same time, within what the vendor allows. `settings`: a text that differs whenever a
    setting that decides what is pulled differs (no secrets).
    """

    form: CsvFormat
    parallel: int
    settings: str

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Opens the way to the source. The credentials are used with the first request."""
        ...

    async def begin(self, session: Session, last: Mark | None, *, full: bool) -> Pull:
        """Decides on a pull; `full`: it has to be one. Raises Terminal for refused credentials."""
        ...

    def collections(self, pull: Pull) -> tuple[Collection, ...]:
        """What the pages of a pull consist of, and the tables that they make."""
        ...

    def start(self, pull: Pull) -> Sequence[Request]:
        """The first requests, at least one for each collection that stands on its own."""
        ...

    async def fetch(self, session: Session, pull: Pull, request: Request) -> Page:
        """One page. Raises Transient for an outage, Terminal for what no repetition mends."""
        ...

    def prove(self, pull: Pull, heads: Sequence[Head]) -> Sequence[Doubt]:
        """What speaks against the pages being all that there is; nothing if they are complete."""
        ...
