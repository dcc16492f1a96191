"""API-driven inbound provisioning: accounts handed to Entra's provisioning service, fifty a call.

The service takes records ("this is the person"), finds the account by its own matching rule, and
creates, updates or disables it, in on-premises AD through the provisioning agent or in Entra. It
says 202 at once and does the work later; what became of it stands in the provisioning log, some
minutes after. Only POST on /Users is known to it, at most 50 operations a call, 40 calls in 5
seconds, 2,000 calls a day (6,000 with Entra ID Governance).
https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-post-bulkupload,
https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-concepts
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from roster.errors import Terminal, Transient

from .errors import error_for
from .exchange import GraphRequest, as_object

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from .client import Graph

CONTENT_TYPE = "application/scim+json"
BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# A call that comes too early is asked for again after this, if the service does not say when.
BUSY_SECONDS = 5.0


@dataclass(frozen=True, order=True)
class Attempt:
    """What the service's log says of one record. `at`: ISO 8601; `status`: success, failure, …"""

    at: str
    external_id: str
    status: str
    reason: str


class Provisioning:
    """The provisioning job of a tenant."""

    def __init__(self, graph: Graph, service_principal: str, job: str) -> None:
        self._graph = graph
        self._job = job
        self._address = (
            f"/servicePrincipals/{service_principal}/synchronization/jobs/{quote(job, safe='')}"
        )

    async def upload(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Hands over at most fifty people, see `scim_user`; doing it twice does no harm.

        Raises Transient when the service is busy or its answer was lost, Terminal when it refuses.
        """
        operations = [
            {"method": "POST", "bulkId": str(number), "path": "/Users", "data": scim_user(record)}
            for number, record in enumerate(records, 1)
        ]
        request = GraphRequest(
            "POST",
            f"{self._address}/bulkUpload",
            {"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None},
            headers={"Content-Type": CONTENT_TYPE},
        )
        response = await self._graph.alone(request)
        if response.status == 404:
            raise Terminal(
                "The provisioning job does not exist: set inbound.service_principal and "
                "inbound.job to the ids that the app's Overview page shows",
                response.code,
            )
        if response.status == 429:
            raise Transient(
                "The provisioning service is busy", response.retry_after or BUSY_SECONDS
            )
        if not response.ok:
            raise error_for(request, response)

    async def attempts(self, since: str) -> AsyncIterator[Attempt]:
        """What the log says of records since a moment (ISO 8601, UTC)."""
        wanted = quote(f"jobId eq '{self._job}' and activityDateTime ge {since}", safe="")
        async for page in self._graph.pages(f"/auditLogs/provisioning?$filter={wanted}"):
            for entry in cast("list[dict[str, Any]]", page["value"]):
                yield _attempt(entry)


def scim_user(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The SCIM user of a record with Rollcall's names; what is absent is left out.

    `school` and `grade` travel as organization and department, the role as userType: the job's
    attribute mapping decides where they end.
    """
    core = {
        "externalId": fields["external_id"],
        "userName": fields.get("upn"),
        "displayName": fields.get("display_name"),
        "name": _present(givenName=fields.get("given_name"), familyName=fields.get("surname")),
        "userType": fields.get("primary_role"),
        "active": fields["account_enabled"],
    }
    enterprise = _present(
        employeeNumber=fields["external_id"],
        organization=fields.get("school"),
        department=fields.get("grade"),
    )
    return {
        "schemas": [CORE_USER, ENTERPRISE_USER],
        **{name: value for name, value in core.items() if value not in (None, {})},
        ENTERPRISE_USER: enterprise,
    }


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _attempt(entry: dict[str, Any]) -> Attempt:
    info = as_object(entry.get("provisioningStatusInfo"))
    error = as_object(info.get("errorInformation"))
    return Attempt(
        at=str(entry["activityDateTime"]),
        external_id=str(as_object(entry.get("sourceIdentity")).get("id", "")),
        status=str(info.get("status", "")),
        reason=" ".join(str(error[n]) for n in ("errorCode", "reason") if error.get(n)),
    )
