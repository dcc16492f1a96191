"""Examining a source before its first sync: what it answers, read-only and with few requests.

Asks for the first page of each collection, and a second time for the same page, because a source
that gives another answer to the same question cannot be read page by page. Nothing is kept. The
result names fields and counts, never a value, so that it can be sent to the vendor.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson

from connectors.connector import Connector, Pull
from connectors.pages import Page, Request
from connectors.projection import Collection
from connectors.session import Session
from roster.schema import literal, quoted

SLOW_SECONDS = 30.0
MOST_REQUESTS = 200


@dataclass(frozen=True)
class Observation:
    """The first page of a collection. `total`: what the source says there is, None if nothing.

    `seconds`: until the answer was there. `more`: whether pages follow. `steady`: whether the same
    request gave the same rows again. `filled`: field → share (0 to 1) of rows that have a value.
    """

    collection: str
    rows: int
    total: int | None
    seconds: float
    more: bool
    steady: bool
    filled: Mapping[str, float]

    def problems(self) -> list[str]:
        """What an administrator should ask the vendor about."""
        found: list[str] = []
        if not self.steady:
            found.append("the same request gave other rows the second time; no page can be trusted")
        if not self.rows:
            found.append("no rows; nothing is shared with this access, or there are none")
        if self.seconds > SLOW_SECONDS:
            found.append(f"one page took {self.seconds:.0f} s")
        if self.total is not None and self.total < self.rows:
            found.append(f"says there are {self.total:,} rows, and gave {self.rows:,} on one page")
        return found

    def as_dict(self) -> dict[str, Any]:
        """The observation for JSON."""
        return asdict(self) | {"problems": self.problems()}


@dataclass(frozen=True)
class Examination:
    """What was seen. `would_pull`: what a first run would ask for, in words."""

    would_pull: str
    requests: int
    observations: tuple[Observation, ...]

    @property
    def has_problems(self) -> bool:
        """Whether there is anything to ask the vendor about."""
        return any(observation.problems() for observation in self.observations)


async def examine(
    connector: Connector, progress: Callable[[str], None] | None = None
) -> Examination:
    """Examines a source. Raises what the connector raises when it cannot be reached."""
    tell = progress or _tell_nobody
    async with connector.session() as session:
        tell("Signing in")
        pull = await connector.begin(session, None, full=True)
        collections = {c.name: c for c in connector.collections(pull)}
        observations: dict[str, Observation] = {}
        todo = list(connector.start(pull))
        for _ in range(MOST_REQUESTS):
            request = next((r for r in todo if r.collection not in observations), None)
            if request is None:
                break
            todo.remove(request)
            tell(f"Asking for {request.collection}")
            page, seconds = await _timed(connector, session, pull, request)
            todo += page.then
            if page.rows or not any(r.collection == request.collection for r in todo):
                again, _ = await _timed(connector, session, pull, request)
                observations[request.collection] = _observe(
                    collections.get(request.collection), request, page, again, seconds
                )
        return Examination(str(pull), session.requests, tuple(observations.values()))


def _tell_nobody(_: str) -> None:
    pass


async def _timed(
    connector: Connector, session: Session, pull: Pull, request: Request
) -> tuple[Page, float]:
    began = time.monotonic()
    page = await connector.fetch(session, pull, request)
    return page, time.monotonic() - began


def _observe(
    collection: Collection | None, request: Request, page: Page, again: Page, seconds: float
) -> Observation:
    more = any(following.collection == request.collection for following in page.then)
    return Observation(
        request.collection,
        len(page.rows),
        page.total,
        round(seconds, 3),
        more,
        _digest(page) == _digest(again),
        _filled(collection, page) if collection and page.rows else {},
    )


def _digest(page: Page) -> str:
    return hashlib.sha256(orjson.dumps(page.rows, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _filled(collection: Collection, page: Page) -> dict[str, float]:
    """How much of each field that is read has a value; lists and objects count if not empty."""
    fields = ", ".join(
        f"{literal(name)}: {literal(kind)}" for name, kind in collection.fields.items()
    )
    shares = ", ".join(
        f"round(avg((nullif(trim({quoted(name)}::VARCHAR), '') IS NOT NULL"
        f" AND {quoted(name)}::VARCHAR NOT IN ('[]', '{{}}', 'null', '\"\"'))::INTEGER), 3)"
        for name in collection.fields
    )
    with tempfile.TemporaryDirectory(prefix="rollcall-") as folder, duckdb.connect() as con:
        path = Path(folder) / "page.json"
        path.write_bytes(orjson.dumps(page.rows))
        [values] = con.execute(
            f"SELECT {shares} FROM read_json({literal(str(path))}, format='array',"
            f" columns={{{fields}}})"
        ).fetchall()
    return dict(zip(collection.fields, map(float, values), strict=True))
