"""Clever's API: a whole district page by page, and what changed since from its events.

https://dev.clever.com/docs/ss-design
https://dev.clever.com/docs/events-api
https://dev.clever.com/docs/build-district-roster-sync-events

Design note, events. Clever notes every change as an event with the whole object, and keeps events
for thirty days, for applications that have them switched on. The id of the newest one is taken
before a pull begins; the next pull asks for what came after it, so that nothing falls between, and
what is told twice changes nothing. Nothing tells of a gap. So everything is pulled again where
events do not reach back to the last pull for certain: where it is too old, where there are none,
and where the newest is older than the district's last sync, of which there is always one event.

Design note, proof. A district's data change when it syncs. The time of its last sync is read before
the first page and after the last page of each list; if it differs, or a list has not as many rows
as Clever counts, all is read again. What is shared is compared with the last pull, see
connectors.clever_sharing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from connectors.connector import Doubt, Mark, Pull
from connectors.pages import Head, Page, Request
from connectors.source import Address, ApiSource

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from connectors.projection import Collection
    from connectors.session import Answer, Session

DATA = "https://api.clever.com"
TOKENS = "https://clever.com"
EVENT_DAYS = 29
EVENTS_A_PAGE = 1_000
# Events bear the second of their sync; a district syncs once a day or more often.
LATE_EVENTS = timedelta(hours=12)
_DISTRICTS = "districts"
_EVENTS = "events"
_FIRST = "000000"
_CHANGES = ("created", "updated", "deleted")


class CleverSource(ApiSource):
    """A district in Clever, for an application with Secure Sync."""

    kind: Literal["clever"] = Field(default="clever", description="clever: Clever's API")
    client_id: str = Field(
        default="", description="Id of the application in Clever (dashboard, Settings)"
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="Secret of the application, which finds district tokens"
    )
    district_token: SecretStr = Field(
        default=SecretStr(""),
        description="A district's token, instead of the application's id and secret",
    )
    district: Annotated[str, Field(pattern=r"^([0-9a-f]{24})?$")] = Field(
        default="", description="Clever's id of the district, if the application has several"
    )
    version: Literal["v3.0", "v3.1"] = Field(default="v3.1", description="Version of the API")
    keyed_by: Literal["clever_id", "sis_id", "legacy_id"] = Field(
        default="clever_id",
        description="Ids that people, schools and classes are known by. sis_id: as in Clever's CSV "
        "files and in other sources; legacy_id: people as in the API until v2.1",
    )
    contacts: bool = Field(default=True, description="Whether contacts of students are pulled")
    largest_drop: Annotated[int, Field(ge=0, le=100)] = Field(
        default=10,
        description="Percent by which people or sections may become fewer from one pull to the "
        "next; with more, less is shared perhaps, and nothing is changed. 100: no limit",
    )
    gone_schools: tuple[str, ...] = Field(
        default=(), description="SIS ids or Clever ids of schools that may be gone, as they closed"
    )
    page_size: Annotated[int, Field(ge=100, le=10_000)] = Field(
        default=2_000, description="Rows a request; more take more memory"
    )
    address: Address = Field(default=DATA, description="Address of the data API")
    token_address: Address | None = Field(
        default=None,
        description="Address that lists district tokens (default: https://clever.com, and "
        "`address` if that is not Clever's)",
    )

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        application = bool(self.client_id), bool(self.client_secret.get_secret_value())
        if bool(self.district_token.get_secret_value()) == any(application):
            raise ValueError("give client_id and client_secret, or district_token")
        if any(application) and not all(application):
            raise ValueError("client_id and client_secret belong together")
        return self

    @property
    def tokens(self) -> str:
        """The address that lists district tokens."""
        if self.token_address:
            return self.token_address
        return TOKENS if self.address.rstrip("/") == DATA else self.address

    def connector(self) -> CleverConnector:
        """The way into the district."""
        return CleverConnector(self)


class CleverConnector:
    """One district."""

    parallel = 4

    def __init__(self, source: CleverSource) -> None:
        from connectors.clever_asking import Pace
        from connectors.clever_form import make_form

        self._source = source
        self._pace = Pace()
        self.form = make_form(source.keyed_by)
        self.settings = " ".join(
            (
                "clever",
                source.version,
                source.address.rstrip("/"),
                source.district,
                "contacts" if source.contacts else "no contacts",
            )
        )

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Opens the way to the data API; the token is found with the first request."""
        from connectors.clever_tokens import WHERE, DistrictToken
        from connectors.session import Session
        from connectors.signing import BearerToken

        source = self._source
        token = source.district_token.get_secret_value()
        auth = (
            BearerToken(token)
            if token
            else DistrictToken(
                source.tokens,
                source.client_id,
                source.client_secret.get_secret_value(),
                source.district,
            )
        )
        return Session(source.address, auth, refused=WHERE)

    async def begin(self, session: Session, last: Mark | None, *, full: bool) -> Pull:
        """Reads the district's state and its newest event, and decides on the pull."""
        district = await self._read_district(session)
        own = str(district["id"])
        newest = await self._read_newest_event(session)
        position = f"{own}/{newest['id']}" if newest else ""
        now = datetime.now(UTC)
        facts = {"district": own}
        began = now.isoformat(timespec="milliseconds")
        since, why = "", "everything"
        if not newest:
            why = (
                "everything, every time: Clever has no events for the application (Settings, "
                "Integrations, Enable events)"
            )
        elif not full and last is not None and last.position:
            since, why = _since(last, own, district, newest, now)
        return Pull(not since, began, why, since=since, position=position, facts=facts)

    def collections(self, pull: Pull) -> tuple[Collection, ...]:
        """Lists of a full pull, events of another."""
        from connectors.clever_rows import event_collections, list_collections

        make = list_collections if pull.full else event_collections
        return make(contacts=self._source.contacts)

    def start(self, pull: Pull) -> Sequence[Request]:  # noqa: ARG002
        """The district; everything else follows from it, so that one doubt begins all again."""
        return [Request(_DISTRICTS, _FIRST, f"{self._source.version}/districts")]

    async def fetch(self, session: Session, pull: Pull, request: Request) -> Page:
        """The district, one page of a list, or one of the events."""
        from connectors.clever_asking import ask_page, ask_total

        if request.collection == _DISTRICTS:
            return await self._fetch_district(session, pull, request)
        total = None
        if request.collection != _EVENTS and request.place.endswith(_FIRST):
            total = await ask_total(session, self._pace, request)
        page = await ask_page(session, self._pace, request)
        rows = page.rows
        if request.collection == _EVENTS:
            rows = [row for event in rows if (row := _happened(event))]
        then = page.then or (self._district_after(request),)
        return Page(rows, then, total, page.facts)

    def prove(self, pull: Pull, heads: Sequence[Head]) -> Sequence[Doubt]:
        """Each list as long as it says and in order, and the district in step all the time."""
        from connectors.clever_asking import unlike
        from connectors.clever_rows import LISTS

        lists: dict[tuple[str, str], list[Head]] = {}
        for head in heads:
            chain = head.request.place.rpartition("-")[0]
            lists.setdefault((head.request.collection, chain), []).append(head)
        reasons: list[str] = []
        for name in LISTS if pull.full else (_EVENTS,):
            found = [pages for (collection, _), pages in lists.items() if collection == name]
            reasons += [] if found else [f"no answer about {name}"]
            reasons += [why for pages in found if (why := unlike(pages))]
        synced = {h.facts["synced"] for h in heads if h.request.collection == _DISTRICTS}
        if len(synced) > 1:
            reasons.append("the district synced while it was read")
        return [Doubt(frozenset({_DISTRICTS}), why) for why in reasons]

    def compare(self, con: DuckDBPyConnection, tables: Mapping[str, str], before: Path) -> None:
        """Refuses what looks as if less were shared than at the last pull."""
        from connectors.clever_sharing import Allowed, compare

        source = self._source
        schools = frozenset(source.gone_schools)
        compare(con, tables, before, Allowed(source.largest_drop, schools, source.contacts))

    async def _read_district(self, session: Session) -> dict[str, Any]:
        from connectors.clever_asking import ask

        answer = await ask(session, self._pace, f"{self._source.version}/districts", {})
        return self._only_district(answer)

    def _only_district(self, answer: Answer) -> dict[str, Any]:
        """The one district of a token, if it is the right one and in order."""
        from connectors.clever_asking import listed, unwrapped
        from connectors.clever_sharing import check_state
        from connectors.clever_tokens import fields_of
        from roster.errors import Terminal, Transient

        found = [fields_of(unwrapped(item)) for item in listed(answer)]
        if len(found) != 1 or not found[0].get("id"):
            raise Transient(f"{answer.path}: names {len(found)} districts, a token opens one")
        district = found[0]
        wanted = self._source.district
        if wanted and district["id"] != wanted:
            raise Terminal(
                f"{answer.path}: the token opens the district {district['id']}, and `district` of "
                f"the source is {wanted}"
            )
        check_state(district)
        return district

    async def _read_newest_event(self, session: Session) -> dict[str, Any] | None:
        from connectors.clever_asking import ask, listed, unwrapped
        from connectors.clever_tokens import fields_of
        from roster.errors import Transient

        query = {"ending_before": "last", "limit": "1"}
        answer = await ask(session, self._pace, f"{self._source.version}/events", query)
        events = listed(answer)
        if not events:
            return None
        newest = fields_of(unwrapped(events[-1]))
        if not isinstance(newest.get("id"), str):
            raise Transient(f"{answer.path}: an event without an id")
        return newest

    async def _fetch_district(self, session: Session, pull: Pull, request: Request) -> Page:
        from roster.errors import Terminal

        district = await self._read_district(session)
        if district["id"] != pull.facts["district"]:
            raise Terminal(
                "/districts: another district answers than when the pull began; check the token, "
                "or set `district` of the source"
            )
        then = self._first_pages(pull) if request.place == _FIRST else ()
        return Page([district], then, facts={"synced": str(district.get("last_sync") or "")})

    def _first_pages(self, pull: Pull) -> tuple[Request, ...]:
        from connectors.clever_rows import LISTS

        source = self._source
        if not pull.full:
            params = {
                "limit": str(min(source.page_size, EVENTS_A_PAGE)),
                "starting_after": pull.since.rpartition("/")[2],
            }
            return (Request(_EVENTS, _FIRST, f"{source.version}/events", params),)
        return tuple(
            Request(
                name,
                f"{role}-{_FIRST}" if role else _FIRST,
                f"{source.version}/{name}",
                {"limit": str(source.page_size)} | ({"role": role} if role else {}),
            )
            for name in LISTS
            for role in (_NOT_CONTACTS if name == "users" and not source.contacts else ("",))
        )

    def _district_after(self, request: Request) -> Request:
        place = f"after-{request.collection}-{request.place}"
        return Request(_DISTRICTS, place, f"{self._source.version}/districts")


# Without contacts each role is asked for, and who has two roles comes twice.
_NOT_CONTACTS = ("student", "teacher", "staff", "district_admin")


def _since(
    last: Mark, district: str, about: Mapping[str, Any], newest: Mapping[str, Any], now: datetime
) -> tuple[str, str]:
    """The position that events reach back to for certain, or ""; and why."""
    if not last.position.startswith(f"{district}/"):
        return "", "everything: the district is another one"
    if now - datetime.fromisoformat(last.at) > timedelta(days=EVENT_DAYS):
        return "", "everything: the last pull is long ago, and Clever keeps events for 30 days"
    synced, noted = _moment(about.get("last_sync")), _moment(newest.get("created"))
    if synced and noted and synced - noted > LATE_EVENTS:
        return "", "everything: the district synced since the last event; are events switched on?"
    return last.position, f"what changed since {last.at}, by Clever's events"


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _happened(event: Any) -> dict[str, Any] | None:
    """The object of an event with what happened to it; None if it is of no use for a roster."""
    from connectors.clever_rows import LISTS
    from connectors.clever_tokens import fields_of
    from roster.errors import Terminal

    about = fields_of(fields_of(fields_of(event).get("data")).get("object"))
    kind, _, change = str(fields_of(event).get("type")).partition(".")
    if change not in _CHANGES or not about:
        raise Terminal(
            "/events: an event that says nothing about an object. `rollcall pull NAME --full` asks "
            "for everything instead; show this message to Clever's support"
        )
    if kind not in LISTS:
        return None
    return {**about, "event": f"{kind}.{change}"}
