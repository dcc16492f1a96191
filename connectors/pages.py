"""Pages: what a source answered, request by request, as it is kept until the roster is read.

A page is a JSON array of the rows of one answer, and a head that says what was asked, how many rows
came and what to ask next. The head is written after the rows, so a page with a head is whole. What
is still to do is known from the heads alone, see connectors.extraction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    """One request of a pull.

    `collection`: what kind of rows it brings. `place`: names it within the collection; pages count
    in the order of their places. `path`: relative to the source's address, or absolute. `body`:
    JSON of a POST, None for a GET. `attempt`: how often the collection was begun before.
    """

    collection: str
    place: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    attempt: int = 0

    @property
    def name(self) -> str:
        """Where the page lies: `users/0-000005000`."""
        return f"{self.collection}/{self.attempt}-{self.place}"


@dataclass(frozen=True)
class Head:
    """A page without its rows. `rows`: how many came. `then`: what follows from it.

    `total`: how many rows the collection has, if the source said so with this page. `facts`: what
    the connector wants to know of the page when it proves the pull, such as the last id.
    """

    request: Request
    rows: int
    then: tuple[Request, ...] = ()
    total: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> bytes:
        """The head as it is written."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Head:
        """A head as it was written."""
        values = json.loads(data)
        then = tuple(Request(**request) for request in values.pop("then"))
        return cls(Request(**values.pop("request")), then=then, **values)


@dataclass(frozen=True)
class Page:
    """An answer: `rows` as they came, unwrapped from what the source puts around them."""

    rows: Sequence[Any]
    then: tuple[Request, ...] = ()
    total: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Pages(Protocol):
    """Where the pages of a pull are kept."""

    def heads(self) -> list[Head]:
        """The heads of all pages that were saved, by whichever process."""
        ...

    def save(self, head: Head, rows: bytes) -> None:
        """Keeps a page: `rows` is a JSON array. Safe to call again for the same request."""
        ...

    def files(self, heads: Sequence[Head]) -> list[Path]:
        """Local files with the rows of these pages, in the same order."""
        ...


class FolderPages:
    """Pages in a local folder, for the command line, benchmarks and tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def heads(self) -> list[Head]:
        """The heads of all pages in the folder."""
        return [Head.from_json(p.read_bytes()) for p in sorted(self._folder.rglob("*.head"))]

    def save(self, head: Head, rows: bytes) -> None:
        """Writes a page into the folder."""
        path = self._path(head, "json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows)
        self._path(head, "head").write_bytes(head.to_json())

    def files(self, heads: Sequence[Head]) -> list[Path]:
        """The files of these pages."""
        return [self._path(head, "json") for head in heads]

    def _path(self, head: Head, ending: str) -> Path:
        return self._folder / f"{head.request.name}.{ending}"
