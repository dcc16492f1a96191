"""OneRoster over REST, versions 1.1 and 1.2: the rostering service of a student information system.

https://www.imsglobal.org/oneroster-v11-final-specification
https://www.imsglobal.org/spec/oneroster/v1p2
What School Data Sync reads of it: https://learn.microsoft.com/en-us/schooldatasync/sds-oneroster-api

Design note. A full pull reads each collection from beginning to end, deleted rows included, so that
the provider's own count is comparable. A pull of changes filters by dateLastModified, which brings
rows that were marked as deleted too; rows that vanish without a mark are found by the next full
pull. The moment from which changes are asked for lies `overlap_minutes` before the last pull began:
rows that come again change nothing, while a moment too late loses them, and there are providers
that write local time as if it were UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors import oneroster_rows as rows
from connectors.connector import Doubt, Mark, Pull
from connectors.oneroster_asking import (
    Manner,
    ask,
    get,
    named_version,
    own_address,
    refusal,
)
from connectors.oneroster_paging import OF, Spot, check_pages, facts, is_cursor
from connectors.oneroster_probe import WAYS, Filtering, Offer, Probe, since
from connectors.pages import Head, Page, Request
from connectors.projection import Collection
from connectors.proof import check_ids
from connectors.pull import utc_now, wants_full
from connectors.source import Address, ApiSource
from roster.errors import BadInput, Refused, Transient

if TYPE_CHECKING:
    from httpx import Auth

    from connectors.oneroster_reply import Reply
    from connectors.session import Session

_SCOPES = "https://purl.imsglobal.org/spec/or/v1p{}/scope/"


def _token_address(address: str) -> str:
    from connectors.session import checked_address

    try:
        checked_address(address)
    except BadInput as error:
        raise ValueError(str(error)) from error
    return address


def _collection(name: str) -> str:
    if name not in WAYS:
        raise ValueError(f"use any of {', '.join(WAYS)}")
    return name


class OneRosterSource(ApiSource):
    """A OneRoster provider, version 1.1 or 1.2."""

    kind: Literal["oneroster"] = Field(
        default="oneroster", description="oneroster: OneRoster 1.1 or 1.2 over REST"
    )
    address: Address = Field(
        description="Address of the service, up to and including v1p1 or v1p2 as a rule"
    )
    version: Literal["auto", "1.1", "1.2"] = Field(
        default="auto",
        description="Version of the service, if its address does not tell: auto tries both",
    )
    sign_in: Literal["oauth2", "oauth1", "bearer"] = Field(
        default="oauth2",
        description="oauth2: a token for client id and secret; oauth1: each request is signed with"
        " consumer key and secret; bearer: a token that never changes",
    )
    client_id: str = Field(default="", description="Client id (oauth2) or consumer key (oauth1)")
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="The secret of either, or the token (bearer)"
    )
    token_url: Annotated[str, AfterValidator(_token_address)] | None = Field(
        default=None, description="Where tokens are given out (oauth2)"
    )
    scope: str | None = Field(
        default=None,
        description="Scopes to ask for, parted by blanks (oauth2): null are those of the standard,"
        " an empty text is none",
    )
    credentials: Literal["header", "body", "query"] = Field(
        default="header",
        description="Where token_url wants client id and secret (oauth2): header is the rule",
    )
    signature: Literal["sha256", "sha1"] = Field(
        default="sha256", description="How requests are signed (oauth1)"
    )
    page_size: Annotated[int, Field(ge=10, le=50_000)] = Field(
        default=5000, description="Rows to ask for at a time; a provider may give fewer"
    )
    parallel: Annotated[int, Field(ge=1, le=16)] = Field(
        default=2,
        description="Requests at the same time; 1 for providers that allow no more, such as"
        " Infinite Campus in school hours",
    )
    demographics: bool = Field(
        default=False, description="Read birth dates and the like, which need a scope of their own"
    )
    class_groups: bool = Field(
        default=False,
        description="Read classGroups, an extension some systems have, and make one class of"
        " those that are cross-listed",
    )
    active_only: bool = Field(
        default=False,
        description="Ask for rows with the status active only when everything is pulled, for"
        " providers that keep deleted rows for years",
    )
    filters: dict[Annotated[str, AfterValidator(_collection)], str] = Field(
        default={},
        description="Filters by collection, as OneRoster writes them, such as classes:"
        " \"status='active'\"; with one everything is pulled each time",
    )
    overlap_minutes: Annotated[int, Field(ge=0, le=10_080)] = Field(
        default=900,
        description="Changes are asked for from this long before the last pull on, because clocks"
        " differ and some systems write local time: 900 covers every time zone",
    )
    trust_total: bool = Field(
        default=True,
        description="The provider's own count (X-Total-Count) must be met; false if the vendor"
        " confirms that it counts something else",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        secret = self.client_secret.get_secret_value()
        needed = {"client_secret": secret}
        if self.sign_in != "bearer":
            needed["client_id"] = self.client_id
        if self.sign_in == "oauth2":
            needed["token_url"] = self.token_url or ""
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"sign_in {self.sign_in} needs {', '.join(missing)}")
        named = named_version(self.address)
        if self.version != "auto" and named and named != self.version:
            raise ValueError(f"version is {self.version}, but the address is of version {named}")
        if self.filters and self.active_only:
            raise ValueError("active_only and filters do not go together; write it into filters")
        return self

    def connector(self) -> OneRosterApi:
        """The way to the provider."""
        return OneRosterApi(self)


class OneRosterApi:
    """The connector of a OneRoster provider, see connectors.connector."""

    def __init__(self, source: OneRosterSource) -> None:
        self._source = source
        self.form = rows.FORM_MERGING if source.class_groups else rows.FORM
        self.parallel = source.parallel
        deciding = ("address", "version", "demographics", "class_groups", "active_only", "filters")
        self.settings = json.dumps(source.model_dump(include={*deciding}), sort_keys=True)

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Opens the way to the provider."""
        from connectors.session import Session

        source = self._source
        refused = (
            f"compare the credentials of source {source.name} with those in the administration of"
            " the student information system, under API or OneRoster"
        )
        return Session(source.address, self._auth(refused), refused=refused)

    def _auth(self, refused: str) -> Auth:
        from connectors.signing import BearerToken, ClientCredentials, Signature

        source, secret = self._source, self._source.client_secret.get_secret_value()
        if source.sign_in == "bearer":
            return BearerToken(secret)
        if source.sign_in == "oauth1":
            return Signature(source.client_id, secret, source.signature)
        return ClientCredentials(
            source.token_url or "",
            source.client_id,
            secret,
            scope=self._scope(),
            credentials=source.credentials,
            refused=refused,
        )

    def _scope(self) -> str:
        """The scopes of the standard for what is read; none if the version is not known."""
        source = self._source
        version = named_version(source.address) or source.version
        if source.scope is not None or version == "auto":
            return source.scope or ""
        names = ["roster-core.readonly"]
        if source.demographics:
            names.append("roster-demographics.readonly")
        return " ".join(_SCOPES.format(version[-1]) + name for name in names)

    async def begin(self, session: Session, last: Mark | None, *, full: bool) -> Pull:
        """Looks at what the provider offers, and decides between everything and changes."""
        source, began = self._source, utc_now()
        filters = self._filters()
        probe = Probe(session, source.address, filters)
        manner = await probe.find(source.version, source.page_size)
        offer = await probe.offer(manner, self._names())
        manner = await probe.stepping(manner, offer.paths["users"][0])
        road = ", ".join(f"/{path}" for path in offer.every())
        self._refuse_less(last, offer)
        position = f"{began} {road}"
        known: dict[str, Any] = {"manner": asdict(manner), "paths": dict(offer.paths)}
        why = self._why_full(last, road, full=full)
        filtering = Filtering(works=False)
        if filters or not why:
            filtering = await probe.filtering(manner, offer.paths["users"][0])
        if last and not why:
            at = _earlier(last.position.partition(" ")[0], source.overlap_minutes)
            seen = await probe.changed(manner, offer, filtering, at)
            if seen is not None:
                known["filters"] = dict.fromkeys(offer.every(), since(at))
                known |= {"seen": seen, "counts": filtering.counts}
                why = f"what changed since {at}"
                return Pull(False, began, why, at, position, road, known)
            why = "the provider does not say what changed (filter by dateLastModified)"
        known |= {"filters": filters, "seen": offer.seen, "counts": filtering.counts}
        return Pull(True, began, why, "", position, road, known)

    def _why_full(self, last: Mark | None, road: str, *, full: bool) -> str:
        """Why everything has to be pulled, in words; "" if changes will do."""
        source = self._source
        if full:
            return "as was asked for"
        if last is None:
            return "nothing was pulled before"
        if source.filters:
            return "with filters, what no longer passes them shows only in a full pull"
        if wants_full(last, self.settings, source.full_days, datetime.now(UTC)):
            return "the last full pull is too long ago, or settings of the source changed"
        if last.position.partition(" ")[2] != road:
            return "the provider offers other collections than before"
        return ""

    def _refuse_less(self, last: Mark | None, offer: Offer) -> None:
        """A collection that is closed today looks as if all had left whom other paths lack."""
        before = set(last.position.partition(" ")[2].split(", ")) if last else set[str]()
        for collection, paths in offer.paths.items():
            ways = WAYS[collection]
            table = _TABLES.get(collection, collection)
            read = next((n for n, way in enumerate(ways) if f"/{way[0]}" in before), len(ways))
            open_ = next((n for n, way in enumerate(ways) if way == paths), len(ways))
            if read < open_ and table not in self._source.may_be_missing:
                instead = " and ".join(f"/{path}" for path in paths) or "nothing"
                raise Refused(
                    f"completeness: /{ways[read][0]} was read the last time and is closed now;"
                    f" {instead} in its place would tell less. Have the right given back in the"
                    f" administration of the student information system, or name {table} in"
                    " may_be_missing of the source to go on without"
                )

    def _names(self) -> list[str]:
        left_out = {"demographics": not self._source.demographics,
                    "classGroups": not self._source.class_groups}  # fmt: skip
        return [name for name in WAYS if not left_out.get(name)]

    def _filters(self) -> dict[str, str]:
        """Path → the filter that its rows have to pass when everything is pulled."""
        source = self._source
        chosen = dict.fromkeys(WAYS, "status='active'") if source.active_only else source.filters
        return {path: text for name, text in chosen.items() for way in WAYS[name] for path in way}

    def collections(self, pull: Pull) -> tuple[Collection, ...]:  # noqa: ARG002
        """The collections that are read, with the tables that they make."""
        names = self._names()
        return tuple(one for one in rows.COLLECTIONS if one.name in names)

    def start(self, pull: Pull) -> Sequence[Request]:
        """The first page of each path."""
        manner = Manner(**pull.facts["manner"])
        first = Spot(0, manner.limit, numbered=manner.numbered)
        return [
            _request(collection, path, first)
            for collection, paths in pull.facts["paths"].items()
            for path in paths
        ]

    async def fetch(self, session: Session, pull: Pull, request: Request) -> Page:
        """One page. Passwords are left out before anything is kept."""
        if OF in request.params:
            return await self._fetch_linked(session, pull, request)
        path, spot = request.path, Spot.of(request.params)
        manner = Manner(**pull.facts["manner"])
        params = {"limit": str(spot.limit), "offset": str(spot.offset)}
        if chosen := pull.facts["filters"].get(path):
            params["filter"] = chosen
        reply, _ = await ask(session, self._source.address, manner, path, params)
        found = self._rows(reply, path, there=spot.offset == 0 and pull.facts["seen"][path])
        total = self._total(pull, path, reply)
        if reply.next and is_cursor(reply.next):
            then = [self._linked(request, path, f"{manner.root}{path}", reply.next, 1)]
        else:
            at_once = request.attempt == 0
            after = spot.following(len(found), total, at_once=at_once)
            then = [_request(request.collection, path, next_one) for next_one in after]
        return Page(found[spot.overlap :], tuple(then), total, facts(spot, found))

    async def _fetch_linked(self, session: Session, pull: Pull, request: Request) -> Page:
        """A page that the provider's own link leads to."""
        path, number = request.params[OF], int(request.params[_NUMBER])
        reply = await get(session, request.path, path)
        found = self._rows(reply, path, there=True)
        then: list[Request] = []
        if reply.next:
            following = self._linked(request, path, request.path, reply.next, number + 1)
            then = [following] if following.path != request.path else []
        return Page(found, tuple(then), self._total(pull, path, reply), {OF: path})

    def _linked(self, request: Request, path: str, here: str, link: str, number: int) -> Request:
        address = own_address(self._source.address, here, link)
        params = {OF: path, _NUMBER: str(number)}
        return Request(request.collection, f"{path}-next-{number:09}", address, params)

    def _rows(self, reply: Reply, path: str, *, there: bool) -> Sequence[Any]:
        """The rows of an answer. `there`: it must have some; 404 is then an outage."""
        if reply.kind == "missing":
            if there:
                raise Transient(f"/{path}: answered 404, and was there a moment ago")
            return []
        if reply.kind != "rows":
            raise refusal(path, reply)
        if path in _PEOPLE:
            for row in reply.rows:
                for name in _NEVER_KEPT:
                    row.pop(name, None)
        check_ids(f"/{path}", (one for row in reply.rows for one in _ids(row)), _ID_TYPES)
        return reply.rows

    def _total(self, pull: Pull, path: str, reply: Reply) -> int | None:
        """The collection's size, if the provider says so and can be believed."""
        believed = path not in pull.facts["filters"] or pull.facts["counts"]
        return reply.total if believed and self._source.trust_total else None

    def prove(self, pull: Pull, heads: Sequence[Head]) -> Sequence[Doubt]:
        """Each path's pages follow from each other, and are as many rows as the provider says."""
        return [
            doubt
            for collection, paths in pull.facts["paths"].items()
            for path in paths
            for doubt in check_pages(
                path,
                collection,
                [head for head in heads if head.request.params.get(OF, head.request.path) == path],
                seen=pull.facts["seen"][path],
                sorted_=pull.facts["manner"]["sorts"],
            )
        ]


_NUMBER = "number"
# Tables of the roster that are called otherwise than the collection.
_TABLES = {"academicSessions": "academic_sessions"}
_PEOPLE = ("users", "students", "teachers")
# Some providers write ids that look like numbers as numbers.
_ID_TYPES: frozenset[type] = frozenset({str, int})
# Passwords stand here: https://www.imsglobal.org/spec/oneroster/v1p2
_NEVER_KEPT = ("password", "userProfiles")


def _request(collection: str, path: str, spot: Spot) -> Request:
    return Request(collection, f"{path}-{spot.offset:09}", path, spot.params())


def _ids(row: Any) -> Iterator[Any]:
    """The ids in an object: its own, and whose and which class's it is; bare ones, too."""
    yield row.get("sourcedId")
    for name in ("user", "class"):
        named = row.get(name)
        yield named.get("sourcedId") if isinstance(named, dict) else named


def _earlier(at: str, minutes: int) -> str:
    """A moment before another one, as OneRoster writes it."""
    moment = datetime.fromisoformat(at).astimezone(UTC) - timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
