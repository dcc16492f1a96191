"""The provisioning log: one entry for each record of an upload, newest first.

https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from local.entra import errors, query
from local.entra.messages import Answer, Json, Request

if TYPE_CHECKING:
    from collections.abc import Callable

_CLAUSE = re.compile(r"\s*([\w/]+)\s+(eq|ne|gt|ge|lt|le)\s+('(?:[^']|'')*'|[\w:.+-]+)\s*")
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}
_SECRET = frozenset({"passwordProfile"})


@dataclass(slots=True)
class Entry:
    """What became of one record."""

    job: str
    principal: str
    tenant: str
    moment: str
    record: Json
    on_premises: bool
    id: str = field(default_factory=lambda: str(uuid4()))
    action: str = "other"
    status: str = "success"
    error: Json | None = None
    target: str = ""
    modified: list[Json] = field(default_factory=list[Json])

    def create(self, target: str, values: Json) -> None:
        """An account was created."""
        self.action, self.target = "create", target
        self._modify({}, values)

    def update(self, target: str, before: Json, news: Json) -> None:
        """An account was changed, disabled, or found to be as it should be."""
        self.target = target
        self._modify(before, news)
        if not news:
            self.status = "skipped"
        else:
            disabled = news.get("accountEnabled") is False
            self.action = "disable" if disabled else "update"

    def fail(self, code: str, reason: str) -> None:
        """The record could not be applied."""
        self.status = "failure"
        self.error = {
            "errorCode": code, "reason": reason, "errorCategory": "failure",
            "additionalDetails": "", "recommendedAction": "",
        }  # fmt: skip

    def _modify(self, before: Json, news: Json) -> None:
        self.modified = [
            {"displayName": name, "oldValue": _text(before.get(name)), "newValue": _text(value)}
            for name, value in sorted(news.items())
            if name not in _SECRET
        ]

    def told(self) -> Json:
        """The entry as Graph tells it."""
        system = "Active Directory" if self.on_premises else "Microsoft Entra ID"
        name = str(self.record.get("displayName") or self.record.get("userName") or "")
        status: Json = {"status": self.status, "errorInformation": self.error}
        return {
            "id": self.id, "activityDateTime": self.moment, "tenantId": self.tenant,
            "jobId": self.job, "cycleId": self.id, "changeId": self.id,
            "durationInMilliseconds": 100, "provisioningAction": self.action,
            "provisioningStatusInfo": status, "modifiedProperties": self.modified,
            "initiatedBy": {"id": "", "displayName": "Microsoft Entra provisioning service",
                            "initiatorType": "system"},
            "servicePrincipal": {"id": self.principal, "displayName": "API-driven provisioning"},
            "sourceSystem": {"id": self.principal, "displayName": "API", "details": {}},
            "targetSystem": {"id": self.tenant, "displayName": system, "details": {}},
            "sourceIdentity": {"id": str(self.record.get("externalId") or ""),
                               "displayName": name, "identityType": "User", "details": {}},
            "targetIdentity": {"id": self.target, "displayName": name, "identityType": "User",
                               "details": {}},
            "provisioningSteps": [
                {"name": f"Entry{self.action.title()}", "description": "",
                 "provisioningStepType": "export", "status": self.status, "details": {}}],
        }  # fmt: skip


class ProvisioningLog:
    """The entries, oldest first."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Tells of an entry from now on."""
        self._entries.append(entry)

    def answer(self, request: Request) -> Answer:
        """GET /auditLogs/provisioning with $filter (and, eq, ne, gt, ge, lt, le), $top and paging.

        Names in a filter do not mind case, as the address that an upload answers says `jobid`.
        """
        test = _test(request.query.get("$filter", ""))
        size, start = query.page_size(request), query.start(request)
        found = [one for one in (e.told() for e in reversed(self._entries)) if test(one)]
        body: Json = {
            "@odata.context": f"{request.base}/$metadata#auditLogs/provisioning",
            "value": found[start : start + size],
        }
        if len(found) > start + size:
            options = {n: v for n, v in request.query.items() if n != "$skiptoken"}
            asked = "&".join(f"{n}={v}" for n, v in options.items())
            address = f"{request.base}/auditLogs/provisioning?{asked}"
            body["@odata.nextLink"] = f"{address}{'&' if asked else ''}$skiptoken={start + size}"
        return Answer(200, body)


def _test(text: str) -> Callable[[Json], bool]:
    clauses: list[tuple[str, str, str]] = []
    for part in re.split(r"\s+and\s+", text.strip()) if text.strip() else ():
        found = _CLAUSE.fullmatch(part)
        if found is None:
            raise errors.bad_request("Invalid filter clause.", code="BadRequest")
        clauses.append((found[1], found[2], found[3].strip("'").lower()))
    return lambda one: all(
        _COMPARE[operator](str(_at(one, path)).lower(), value) for path, operator, value in clauses
    )


def _at(entry: Json, path: str) -> Any:
    """The value at a path whose names may be in any case."""
    value: Any = entry
    for name in path.split("/"):
        folded = {key.lower(): inner for key, inner in cast("Json", value or {}).items()}
        if name.lower() not in folded:
            raise errors.bad_request(f"Could not find a property named '{name}'.")
        value = folded[name.lower()]
    return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
