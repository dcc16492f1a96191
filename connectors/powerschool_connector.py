"""PowerSchool SIS over its API, by the queries of Rollcall's plugin or by the lists of /ws/v1.

https://support.powerschool.com/developer
https://ps.powerschool-docs.com/pssis-admin/latest/view-oauth-client-credentials

Design note. The queries are the better road: a few requests instead of one a section, co-teachers,
contacts, and changes only (connectors.powerschool_queries). The lists are for servers that have
another plugin, or none of its queries (connectors.powerschool_walk). Which one is open the server
tells at the beginning of a pull. But once a roster came by the queries the lists are no substitute:
co-teachers and contacts would look as if they had left. So a road that closes holds the run, and an
administrator decides.

Inactive people: whether a student is there, ENROLL_STATUS says, and the day of leaving does not,
because that day passes for everybody at the end of each year. Staff are those with a current row
for a school (STATUS 1); one person with rows for several schools is one user with several roles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from connectors import powerschool_list_tables as list_tables
from connectors import powerschool_queries as queries
from connectors import powerschool_query_tables as query_tables
from connectors import powerschool_walk as walk
from connectors.connector import Doubt, Mark, Pull
from connectors.formats import CsvFormat
from connectors.pages import Head, Page, Request
from connectors.powerschool_api import PowerSchoolSource
from connectors.powerschool_format import DISTRICT, FORMAT
from connectors.powerschool_people import People
from connectors.powerschool_plugin import PREFIX
from connectors.powerschool_values import GRADUATED_SCHOOL
from connectors.projection import Collection
from connectors.pull import utc_now, wants_full
from connectors.session import Session
from roster.errors import BadInput, Refused, Terminal

PARALLEL = 4
_WHERE = (
    "in PowerSchool under System › System Settings › Plugin Management Configuration see that the"
    " plugin Rollcall is installed and enabled, and copy both credentials of its page Data Provider"
    " Configuration (they change together)"
)
_LEVEL = (
    "on the page Data Provider Configuration of the plugin set the access level of the PowerSchool"
    " API (/ws/v1) to Read, or install the plugin Rollcall with its queries"
)
_PLUGIN = (
    "install the plugin Rollcall in PowerSchool (or its current version as an update), and enable"
    " it, so that its fields are approved"
)


@dataclass(frozen=True)
class _Opened:
    """Which road is open, and why. `state`: what the query of that name answered."""

    road: Literal["queries", "walk"]
    why: str
    state: Mapping[str, str]


class PowerSchool:
    """The connector, see connectors.connector.Connector."""

    form: CsvFormat = FORMAT
    parallel: int = PARALLEL

    def __init__(self, source: PowerSchoolSource) -> None:
        self._source = source
        self.settings = json.dumps(
            [
                "powerschool-1", source.address, source.road, source.people_ids, source.username,
                sorted(source.schools), source.contacts, source.district, source.data_version,
            ]
        )  # fmt: skip

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Opens the way to the server; the token comes with the first request."""
        from connectors.signing import ClientCredentials

        auth = ClientCredentials(
            f"{self._source.address}oauth/access_token",
            self._source.client_id,
            self._source.client_secret.get_secret_value(),
            refused=_WHERE,
        )
        return Session(self._source.address, auth, refused=_WHERE)

    async def begin(self, session: Session, last: Mark | None, *, full: bool) -> Pull:
        """Chooses the road, and what of the tables is read. Raises Refused for a road that closed,
        Terminal if neither is open, BadInput for a school number that is not there."""
        before = _position(last)
        opened = await self._open(session, before)
        if opened.road == "walk":
            return await self._begin_walk(session, opened)
        return await self._begin_queries(session, opened, last, before, full=full)

    def collections(self, pull: Pull) -> tuple[Collection, ...]:
        """What the pages consist of."""
        people = People(
            self._source.people_ids,
            self._source.username,
            self._source.district,
            pull.facts["schools"],
        )
        if pull.road == "walk":
            return list_tables.collections(people)
        return query_tables.collections(pull, people, contacts=self._source.contacts)

    def start(self, pull: Pull) -> Sequence[Request]:
        """The first requests."""
        if pull.road == "walk":
            return walk.start(pull)
        return queries.start(pull, contacts=self._source.contacts)

    async def fetch(self, session: Session, pull: Pull, request: Request) -> Page:
        """One page."""
        if pull.road == "walk":
            return await walk.fetch(session, pull, request)
        return await queries.fetch(session, request)

    def prove(self, pull: Pull, heads: Sequence[Head]) -> Sequence[Doubt]:
        """What speaks against the pages."""
        if pull.road == "walk":
            return walk.prove(pull, heads)
        return queries.prove(heads, contacts=self._source.contacts)

    async def _open(self, session: Session, before: Mapping[str, Any]) -> _Opened:
        wanted = self._source.road
        if wanted == "walk":
            await self._check_walk(session)
            return _Opened("walk", "by the lists of /ws/v1, as the setting road says", {})
        state = await queries.ask_state(session)
        if not isinstance(state, str):
            return _Opened("queries", "by the queries of the plugin", state)
        why = f"the query {PREFIX}state is not to be had ({state})"
        if wanted == "queries":
            raise Terminal(f"PowerSchool: {why}; {_PLUGIN}", "queries")
        if before.get("road") == "queries":
            raise Refused(
                f"completeness: {why}, and the last roster came by the queries; by the lists of"
                " /ws/v1 co-teachers and contacts would look as if they had left."
                f" To go on, {_PLUGIN}; or set road: walk and may_be_missing: [relationships]"
            )
        await self._check_walk(session, f"{why}; ")
        return _Opened("walk", f"by the lists of /ws/v1, because {why}", {})

    async def _check_walk(self, session: Session, why: str = "") -> None:
        answer = await walk.district(session)
        described = answer.status == 401 and not walk.says_why(answer)
        walk.check_allowed(answer, why + (_WHERE if described else _LEVEL))

    async def _begin_walk(self, session: Session, opened: _Opened) -> Pull:
        sizes = await walk.page_sizes(session)
        path = "ws/v1/district/school"
        rows = await walk.all_rows(session, "schools", path, sizes["schools"])
        numbers = {
            str(row.get("school_number")): str(walk.whole_number(row, "id", path)) for row in rows
        }
        chosen = self._chosen(numbers)
        walked = sorted(
            dcid
            for number, dcid in numbers.items()
            if number not in (DISTRICT, GRADUATED_SCHOOL) and (not chosen or dcid in chosen)
        )
        return Pull(
            full=True,
            began=utc_now(),
            why=f"everything, {opened.why}; without co-teachers and contacts",
            position=walk.position(),
            road="walk",
            facts={"sizes": sizes, "schools": chosen, "walked": walked},
        )

    async def _begin_queries(
        self,
        session: Session,
        opened: _Opened,
        last: Mark | None,
        before: Mapping[str, Any],
        *,
        full: bool,
    ) -> Pull:
        state, began = opened.state, utc_now()
        lasts = queries.lasts(state)
        rows = await queries.count_all(session, state, lasts)
        application = self._source.data_version
        version = await queries.data_version(session, application, str(before.get("version", "")))
        facts: dict[str, Any] = {
            "application": application,
            "version": "",
            "year": state["year"],
            "spread": queries.spread(state, rows),
            "since": queries.EVERYTHING,
            "schools": await self._school_ids(session),
            "whole": list(queries.CHANGING),
        }
        why = self._why_full(last, before, state, full=full)
        if not why:
            still = await queries.count_all(session, state, before["lasts"])
            facts["whole"] = queries.deleted(before["rows"], still)
            facts["since"] = queries.day_before(str(before["now"]))
            facts["version"] = version and str(before.get("version", ""))
        return Pull(
            full=bool(why),
            began=began,
            why=f"{why or _changes(facts)}, {opened.why}",
            since="" if why else str(before["now"]),
            position=json.dumps(queries.position(state, rows, version)),
            road="queries",
            facts=facts,
        )

    def _why_full(
        self, last: Mark | None, before: Mapping[str, Any], state: Mapping[str, str], *, full: bool
    ) -> str:
        """Why everything is pulled; "" if the changes are enough."""
        now = datetime.now(UTC)
        if full or wants_full(last, self.settings, self._source.full_days, now):
            return "everything"
        if before.get("road") != "queries":
            return "everything, because the last pull came by another road"
        if str(before["year"]) != state["year"]:
            return "everything, because another school year counts"
        return ""

    async def _school_ids(self, session: Session) -> list[str]:
        """The DCIDs of the schools that the settings name; none if they name none."""
        if not self._source.schools:
            return []
        rows = await queries.all_schools(session)
        return self._chosen({str(row.get("school_number")): str(row.get("dcid")) for row in rows})

    def _chosen(self, numbers: Mapping[str, str]) -> list[str]:
        wanted = {str(int(number)) for number in self._source.schools}
        missing = sorted(wanted - {*numbers, DISTRICT})
        if missing:
            known = sorted(numbers, key=lambda number: (len(number), number))[:50]
            raise BadInput(
                f"source {self._source.name}: schools: PowerSchool has no school number"
                f" {', '.join(missing)}; it has {', '.join(known)}"
            )
        return sorted(numbers.get(number, DISTRICT) for number in wanted)


def _changes(facts: Mapping[str, Any]) -> str:
    whole = ", ".join(facts["whole"])
    deleted = f", all of {whole}, where rows were deleted" if whole else ""
    version = f" or data version {facts['version']}" if facts["version"] else ""
    return f"changes since {facts['since']}{version}{deleted}"


def _position(last: Mark | None) -> Mapping[str, Any]:
    """What the last pull left behind; nothing if that is not to be read."""
    try:
        found: Any = json.loads(last.position) if last else {}
    except ValueError:
        found = {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
