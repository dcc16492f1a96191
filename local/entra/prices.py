"""What an operation costs and which service's limits it falls under.

Resource units and writes: https://learn.microsoft.com/graph/throttling-limits#identity-and-access-
service-limits; Teams: …#microsoft-teams-service-limits, where the limits of a second are listed and
about 83 % of them hold for sustained use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from local.entra.messages import Request

Area = Literal["directory", "education", "teams", "extensions", "reports", "bulkUpload"]

READS = frozenset({"GET", "HEAD"})
# POSTs that only read, with their resource units.
READING_POSTS = {
    "getByIds": 5,
    "getMemberGroups": 2,
    "getMemberObjects": 2,
    "checkMemberGroups": 4,
    "checkMemberObjects": 4,
    "isMemberOf": 4,
    "validateProperties": 1,
    "getAvailableExtensionProperties": 1,
}
_UNITS_OF_GET = {
    "transitiveMembers": 5,
    "subscribedSkus": 3,
    "applications": 2,
    "extensionProperties": 2,
    "memberOf": 2,
    "transitiveMemberOf": 2,
    "licenseDetails": 2,
    "ownedObjects": 2,
}
# Schema extensions, as opposed to directory extensions (extension_…), have limits of their own.
_SCHEMA_EXTENSION = re.compile(r"ext[a-z0-9]{8}_\w+|microsoft_Education\w+")
_FEW = 20


@dataclass(frozen=True, slots=True)
class Price:
    """What an operation costs: resource units, write units, and whether it is a write at all."""

    area: Area
    units: int
    writes: int


@dataclass(frozen=True, slots=True)
class TeamsLimit:
    """A row of the limits of Teams: requests per second of an app, and of one team (n, seconds).

    `path`: segments; * stands for any one, an empty path for every other request.
    """

    method: str
    path: tuple[str, ...]
    per_second: int
    per_team: tuple[int, float] | None = None

    def covers(self, request: Request) -> bool:
        """Whether a request falls under this row."""
        if self.method not in ("*", request.method):
            return False
        path = request.path
        same = len(path) == len(self.path) and all(
            wanted in ("*", found) for wanted, found in zip(self.path, path, strict=True)
        )
        return not self.path or same


# The first row that covers a request counts.
TEAMS_LIMITS = (
    TeamsLimit("POST", ("teams",), 10),
    TeamsLimit("PUT", ("groups", "*", "team"), 6),
    TeamsLimit("GET", ("teams", "*"), 30, (4, 1.0)),
    TeamsLimit("PATCH", ("teams", "*"), 30, (4, 1.0)),
    TeamsLimit("GET", ("teams", "*", "members"), 60, (4, 1.0)),
    TeamsLimit("POST", ("teams", "*", "members"), 30, (4, 60.0)),
    TeamsLimit("POST", ("teams", "*", "members", "add"), 10, (4, 60.0)),
    TeamsLimit("GET", (), 30),
    TeamsLimit("DELETE", (), 15),
    TeamsLimit("*", (), 30),
)


def writes(request: Request) -> bool:
    """Whether an operation changes something, and so counts as a write."""
    return request.method not in READS and not (
        request.method == "POST" and request.path[-1] in READING_POSTS
    )


def price(request: Request, *, thirds: bool) -> Price:
    """The price of an operation. `thirds`: a bind of n references is n/3 writes, rounded up."""
    area = _area(request)
    if not writes(request):
        return Price(area, _reading(request), 0)
    bound = _references(request.body) if thirds else 0
    return Price(area, 1, max(1, -(-bound // 3)))


def teams_limit(request: Request) -> TeamsLimit:
    """The row of the limits of Teams that a request falls under."""
    return next(limit for limit in TEAMS_LIMITS if limit.covers(request))


def _area(request: Request) -> Area:
    path = request.path
    first = path[0]
    if first == "education":
        return "education"
    if first == "teams" or (first == "groups" and path[2:3] == ("team",)):
        return "teams"
    if first == "auditLogs":
        return "reports"
    if path[-1] == "bulkUpload":
        return "bulkUpload"
    if first == "schemaExtensions" or "extensions" in path or _extends(request.body):
        return "extensions"
    return "directory"


def _extends(body: Any) -> bool:
    return isinstance(body, dict) and any(
        _SCHEMA_EXTENSION.fullmatch(name) for name in cast("dict[str, Any]", body)
    )


def _reading(request: Request) -> int:
    path, query = request.path, request.query
    last = path[-1]
    if request.method == "POST":
        # Selecting properties makes this one cheaper than the rule for $select does.
        return 2 if last == "getByIds" and "$select" in query else READING_POSTS[last]
    if path == ("users",):
        units = 2
    elif last == "members" and path[0] == "groups":
        units = 3
    else:
        units = _UNITS_OF_GET.get(last, 1)
    if "$select" in query:
        units -= 1
    top = query.get("$top", "")
    if top.isdigit() and int(top) < _FEW:
        units -= 1
    if "$expand" in query:
        units += 1
    return max(1, units)


def _references(body: Any) -> int:
    if not isinstance(body, dict):
        return 0
    found = cast("dict[str, list[Any] | None]", body)
    return sum(len(value or ()) for name, value in found.items() if name.endswith("@odata.bind"))
