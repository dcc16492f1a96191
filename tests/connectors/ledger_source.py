"""A source that could not be simpler, for tests of what is done for every connector.

It serves pages of a list that may shift while it is read, over no network at all: what is tested
is resuming, reading again, and folding. Real connectors are tested against real servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from connectors.connector import Doubt, Mark, Pull
from connectors.oneroster_csv import FORMAT_12
from connectors.pages import Head, Page, Request
from connectors.projection import Collection, Projection
from connectors.proof import check_present, check_totals
from connectors.pull import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from connectors.session import Session

ORG = {"sourcedId": "S1", "name": "Fern Hill", "type": "school"}
COLLECTIONS = (
    Collection(
        "orgs",
        {"sourcedId": "VARCHAR", "name": "VARCHAR", "type": "VARCHAR"},
        (Projection("orgs", {n: n for n in ("sourcedId", "name", "type")}, "sourcedId"),),
    ),
    Collection(
        "users",
        {"sourcedId": "VARCHAR", "username": "VARCHAR", "deleted": "VARCHAR", "roles": "JSON"},
        (
            Projection(
                "users",
                {"sourcedId": "sourcedId", "username": "username", "givenName": "'Ann'",
                 "familyName": "'Lee'"},
                "sourcedId",
                gone="deleted = 'true'",
            ),
            Projection(
                "roles",
                {
                    "sourcedId": "concat_ws('-', sourcedId, item->>'org')",
                    "userSourcedId": "sourcedId",
                    "role": "item->>'role'",
                    "orgSourcedId": "item->>'org'",
                },
                "sourcedId",
                each="from_json(roles, '[\"json\"]')",
                gone="deleted = 'true'",
            ),
        ),
    ),
)  # fmt: skip


def user(name: str, *roles: str, **more: Any) -> dict[str, Any]:
    """A user with these roles in the one school."""
    given = [{"role": role, "org": "S1"} for role in roles or ("student",)]
    return {"sourcedId": name, "username": name.lower(), "roles": given} | more


class _NoNetwork:
    requests = 0


@dataclass
class LedgerSource:
    """`users`: what there is. `changed`: what an incremental pull gives. `asked`: each request.

    `totals`: what the pages say instead of the truth, by how often the list was begun.
    """

    users: list[dict[str, Any]]
    changed: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    totals: Mapping[int, Sequence[int]] = field(default_factory=dict[int, Sequence[int]])
    size: int = 2
    parallel: int = 2
    settings: str = "ledger"
    asked: list[str] = field(default_factory=list[str])
    form = FORMAT_12

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Session]:
        yield cast("Session", _NoNetwork())

    async def begin(self, session: Session, last: Mark | None, *, full: bool) -> Pull:
        since = "" if full or last is None else last.position
        return Pull(full, utc_now(), "a test", since=since, position="p1")

    def collections(self, pull: Pull) -> tuple[Collection, ...]:
        return COLLECTIONS

    def start(self, pull: Pull) -> Sequence[Request]:
        return [Request("orgs", "0", "orgs"), Request("users", "000", "users")]

    async def fetch(self, session: Session, pull: Pull, request: Request) -> Page:
        self.asked.append(request.name)
        if request.collection == "orgs":
            return Page([ORG])
        users = self.users if pull.full else self.changed
        start = int(request.place)
        rows = users[start : start + self.size]
        following = start + self.size
        then = (Request("users", f"{following:03}", "users"),) if following < len(users) else ()
        said = self.totals.get(request.attempt)
        return Page(rows, then, said[start // self.size] if said else len(users))

    def prove(self, pull: Pull, heads: Sequence[Head]) -> Sequence[Doubt]:
        return [*check_present(heads, ("orgs", "users")), *check_totals(heads, "users")]
