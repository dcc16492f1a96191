"""Class teams: made from a class group that is there, archived and restored. None of it is at once.

    POST ──202──► operation ──succeeded──► done
      │ 404, no owner yet, 409  │ failed
      ▼                         ▼
    refused: again after 24, 30, 90, 270 seconds, then a failure that says what to do

Design note, the ladder. Teams hears of a group, and of its owners, some time after the directory:
a request that comes too early is answered 404, or that the group has no owner
(https://learn.microsoft.com/graph/api/team-put-teams suggests to wait and try again). An operation
is looked at no more often than the service allows
(https://learn.microsoft.com/graph/api/resources/teamsasyncoperation). Nobody waits here for any of
this: `Unfinished` hands back what the next try has to know.

Everything may be done twice: a group that is a team already answers 409, and archiving an archived
team changes nothing. A class team waits for its teacher to activate it; an app must not do that
(docs/teams.md).
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from roster.errors import RollcallError, Terminal, Unfinished

from .errors import error_for
from .exchange import GraphRequest, GraphResponse, as_object, from_sdk
from .spacing import Spacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Graph

TEMPLATE = "educationClass"
LADDER = (24.0, 30.0, 90.0, 270.0)
CHECK_SECONDS, CHECKS = 31.0, 15
# Of 30 requests a second five sixths may be sustained; making a team counts threefold (of 10).
RATE = 25.0
COST = {"create": 3, "archive": 1, "restore": 1}
_OPERATION = re.compile(r"/operations[(/]'?([^')/?]+)")
_DONE_ALREADY = {
    "create": re.compile(r"already (provisioned|exists)", re.IGNORECASE),
    "archive": re.compile(r"already (been )?archived", re.IGNORECASE),
    "restore": re.compile(r"not archived|already active", re.IGNORECASE),
}
_TRY_AGAIN = "the next run tries again; if that keeps failing, look at the health of the service"
_HINTS = {
    400: "the class group has no owner with an account that Teams knows: give the class a teacher, "
    "and the teacher an account with a licence for Teams",
    404: f"Teams does not know the class group yet; {_TRY_AGAIN}",
    409: f"something else is at work on this team; {_TRY_AGAIN}",
}
_NO_TEAMS = (
    "Teams is not available for this class: its owners need a licence for Teams, and the tenant "
    "must allow them to have teams"
)


@dataclass(frozen=True)
class Progress:
    """What is known of a change that takes several tries: the operation that the service works
    on ('' before it took the request), how often it was looked at, how often it was refused."""

    operation: str = ""
    checks: int = 0
    refusals: int = 0


class Teams:
    """Changes the teams of class groups in the tenant that `graph` is connected to."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._spacing = Spacing(RATE)

    async def change(self, action: str, group: str, progress: Mapping[str, Any]) -> None:
        """Does the next step of `create`, `archive` or `restore`; returns when all is done.

        Raises Unfinished while the service works on it or is not ready for it, Transient when it
        is busy, Terminal when it will not work.
        """
        known = Progress(**progress)
        if known.operation:
            await self._check(group, known)
        else:
            await self._start(action, group, known)

    async def _start(self, action: str, group: str, known: Progress) -> None:
        request = self._request(action, group)
        response = await self._send(request, COST[action])
        if response.ok:
            if operation := _OPERATION.search(response.headers.get("location", "")):
                raise _later("Teams works on it", CHECK_SECONDS, Progress(operation[1]))
        elif not _is_done(action, response):
            raise _refusal(request, response, known)

    async def _check(self, group: str, known: Progress) -> None:
        """Looks at the operation. One that cannot be seen was taken, and may be done."""
        request = GraphRequest("GET", f"/teams/{group}/operations/{known.operation}")
        response = await self._send(request, 1)
        if response.status in (403, 404):
            return
        if not response.ok:
            raise error_for(request, response)
        status = response.body.get("status")
        if status == "failed":
            code = str(as_object(response.body.get("error")).get("code", ""))
            raise _down_the_ladder(f"Teams could not do it ({code})", _TRY_AGAIN, code, known)
        if status != "succeeded":
            if known.checks >= CHECKS:
                raise Terminal("Teams is still at it; the next run sees what became of it")
            progress = replace(known, checks=known.checks + 1)
            raise _later("Teams works on it", CHECK_SECONDS, progress)

    async def _send(self, request: GraphRequest, units: int) -> GraphResponse:
        await self._spacing.take(units)
        response = await self._graph.alone(request)
        if response.status == 429:
            self._spacing.refused(response.retry_after)
        return response

    def _request(self, action: str, group: str) -> GraphRequest:
        """A team of a group takes its name and its people from it, and must not be given any."""
        from msgraph.generated.models.team import Team
        from msgraph.generated.teams.item.archive.archive_post_request_body import (
            ArchivePostRequestBody,
        )

        teams = self._graph.sdk.teams
        if action == "archive":
            archive = teams.by_team_id(group).archive
            return from_sdk(archive.to_post_request_information(ArchivePostRequestBody()))
        if action == "restore":
            return from_sdk(teams.by_team_id(group).unarchive.to_post_request_information())
        bound = {
            "template@odata.bind": f"{self._graph.root}/teamsTemplates('{TEMPLATE}')",
            "group@odata.bind": f"{self._graph.root}/groups('{group}')",
        }
        return from_sdk(teams.to_post_request_information(Team(additional_data=bound)))


def _is_done(action: str, response: GraphResponse) -> bool:
    """Whether a refusal says that things are as they should be; a team that is gone is at rest."""
    if action == "archive" and response.status == 404:
        return True
    return response.status in (400, 409) and bool(_DONE_ALREADY[action].search(response.message))


def _refusal(request: GraphRequest, response: GraphResponse, known: Progress) -> RollcallError:
    message = response.message.lower()
    early = response.status in (404, 409) or (response.status == 400 and "owner" in message)
    if early:
        what = f"Teams answered {response.status} {response.code}"
        return _down_the_ladder(what, _HINTS[response.status], response.code, known)
    denied = response.code == "Authorization_RequestDenied" or "role" in message
    if response.status == 403 and not denied:
        return Terminal(f"Teams answered 403 {response.code}: {_NO_TEAMS}", response.code)
    return error_for(request, response)


def _down_the_ladder(what: str, hint: str, code: str, known: Progress) -> RollcallError:
    """Another try after the next wait, or the end."""
    if known.refusals >= len(LADDER):
        return Terminal(f"{what} {known.refusals + 1} times: {hint}", code)
    progress = Progress(refusals=known.refusals + 1)
    return _later(f"{what}; it is tried again", LADDER[known.refusals], progress)


def _later(what: str, seconds: float, progress: Progress) -> Unfinished:
    return Unfinished(what, seconds, asdict(progress))
