"""Handing people over to the provisioning service, against the emulated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graph.provisioning import Provisioning, scim_user
from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    from graph.client import Graph
    from tests.graph.conftest import Served

PRINCIPAL, JOB = "7a1c9f9e-6c1e-4c0f-9a55-0d3f2f7b1d10", "API2AAD.1"
PERSON: dict[str, Any] = {
    "external_id": "P1", "upn": "p1@contoso.edu", "display_name": "Ada Byron", "given_name": "Ada",
    "surname": "Byron", "primary_role": "student", "school": "Lincoln", "grade": "09",
    "account_enabled": True,
}  # fmt: skip


@pytest.fixture
async def job(served: Served, graph: Graph) -> Provisioning:
    await served.seed(provisioningJobs=[{"servicePrincipalId": PRINCIPAL, "id": JOB}])
    return Provisioning(graph, PRINCIPAL, JOB)


async def log(job: Provisioning) -> list[tuple[str, str, str]]:
    found = [attempt async for attempt in job.attempts("2020-01-01T00:00:00Z")]
    return sorted((one.external_id, one.status, one.reason) for one in found)


async def test_people_are_created_once_however_often_they_are_handed_over(
    job: Provisioning, served: Served
) -> None:
    for _ in range(2):
        await job.upload([PERSON, PERSON | {"external_id": "P2", "upn": "p2@contoso.edu"}])
    users = (await served.dump())["users"]
    assert sorted(u["userPrincipalName"] for u in users) == ["p1@contoso.edu", "p2@contoso.edu"]
    assert {(key, status) for key, status, _ in await log(job)} >= {
        ("P1", "success"),
        ("P2", "success"),
    }


async def test_a_leaver_is_disabled_by_a_record(job: Provisioning, served: Served) -> None:
    await job.upload([PERSON])
    await job.upload([PERSON | {"account_enabled": False}])
    [user] = (await served.dump())["users"]
    assert (user["accountEnabled"], user["displayName"]) == (False, "Ada Byron")


async def test_the_log_tells_why_a_record_failed(job: Provisioning, served: Served) -> None:
    failure = {"externalId": "P1", "errorCode": "NoSuchOU", "reason": "The OU does not exist."}
    await served.seed(provisioningFailures=[failure])
    await job.upload([PERSON])
    assert await log(job) == [("P1", "failure", "NoSuchOU The OU does not exist.")]


async def test_a_wrong_job_is_named(graph: Graph) -> None:
    with pytest.raises(Terminal, match=r"inbound\.job"):
        await Provisioning(graph, PRINCIPAL, "none").upload([PERSON])


async def test_a_busy_service_is_asked_again_later(job: Provisioning, served: Served) -> None:
    await served.faults(
        {"method": "POST", "path": "bulkUpload", "status": 429, "retryAfter": 90},
        {"method": "POST", "path": "bulkUpload", "status": 429},
        {"method": "POST", "path": "bulkUpload", "status": 503},
        {"method": "POST", "path": "bulkUpload", "status": 0, "when": "after"},
    )
    for wait in (90, 5, None, None):
        with pytest.raises(Transient) as error:
            await job.upload([PERSON])
        assert error.value.retry_after == wait
    await job.upload([PERSON])
    assert len((await served.dump())["users"]) == 1


def test_what_is_not_known_is_left_out_of_a_record() -> None:
    record = scim_user({"external_id": "P1", "upn": "p1@x", "account_enabled": False})
    assert set(record) == {
        "schemas", "externalId", "userName", "active",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    }  # fmt: skip
