"""Uploads of people: what is taken, what becomes of it and when, and how the log tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local.entra.conftest import Caller

if TYPE_CHECKING:
    import httpx

    from local.entra.clock import VirtualClock

SCIM_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
PRINCIPAL, JOB = "11111111-2222-3333-4444-555555555555", "API2AAD.abc.def"
PATH = f"/servicePrincipals/{PRINCIPAL}/synchronization/jobs/{JOB}"


def record(key: str, name: str = "", **values: Any) -> dict[str, Any]:
    return {
        "schemas": [SCIM_USER, ENTERPRISE], "externalId": key,
        "userName": f"{name or key}@contoso.edu", "displayName": name or key, "active": True,
        "name": {"givenName": name, "familyName": "Lee"},
        ENTERPRISE: {"department": "Year 9", "organization": "S1"},
        "addresses": [{"type": "work", "locality": "Cork"}],
        "phoneNumbers": [{"type": "mobile", "value": "1"}, {"type": "work", "value": "2"}],
        "emails": [{"type": "work", "value": f"{name or key}@contoso.edu"}],
    } | values  # fmt: skip


def envelope(*records: dict[str, Any]) -> dict[str, Any]:
    operations = [
        {"method": "POST", "bulkId": str(number), "path": "/Users", "data": data}
        for number, data in enumerate(records, 1)
    ]
    return {"schemas": [BULK], "Operations": operations, "failOnErrors": None}


async def send(call: Caller, body: Any, kind: str = "application/scim+json") -> httpx.Response:
    return await call("POST", f"{PATH}/bulkUpload", body, Content_Type=kind)


async def log(call: Caller, more: str = "") -> list[dict[str, Any]]:
    path = f"/auditLogs/provisioning?$filter=jobId eq '{JOB}'{more}"
    return (await call("GET", path)).json()["value"]


async def person(call: Caller, name: str) -> dict[str, Any]:
    select = (
        "id,userPrincipalName,accountEnabled,department,companyName,employeeId,surname,city,mail,"
        "onPremisesSyncEnabled,onPremisesSamAccountName,onPremisesImmutableId"
    )
    answer = await call("GET", f"/users/{name}@contoso.edu?$select={select}")
    return answer.json() if answer.is_success else {}


@pytest.fixture(autouse=True)
async def job(call: Caller) -> None:
    await call.seed(provisioningJobs=[{"servicePrincipalId": PRINCIPAL, "id": JOB}])


async def test_an_upload_is_worked_off_later_and_told_later_still(
    call: Caller, clock: VirtualClock
) -> None:
    await call.set(bulkDelay=60, logDelay=300)
    sent = await send(call, envelope(record("U1", "ann")))
    assert (sent.status_code, sent.content) == (202, b"")
    assert not await person(call, "ann")
    clock.advance(seconds=60)
    assert (await person(call, "ann"))["department"] == "Year 9"
    assert await log(call) == []
    clock.advance(seconds=300)
    told = sent.headers["location"].partition("/v1.0")[2]
    [entry] = (await call("GET", told)).json()["value"]
    assert (entry["provisioningAction"], entry["provisioningStatusInfo"]["status"]) == (
        "create",
        "success",
    )
    assert entry["sourceIdentity"]["id"] == "U1"
    assert entry["targetIdentity"]["id"] == (await person(call, "ann"))["id"]
    changes = {one["displayName"]: one["newValue"] for one in entry["modifiedProperties"]}
    assert changes["companyName"] == "S1"


async def test_records_are_matched_then_updated_disabled_or_left(call: Caller) -> None:
    await send(call, envelope(record("U1", "ann")))
    await send(call, envelope(record("U1", "ann")))
    await send(call, envelope(record("U1", "ann", title="Prefect")))
    await send(call, envelope(record("U1", "ann", title="Prefect", active=False)))
    assert [one["provisioningAction"] for one in reversed(await log(call))] == [
        "create", "other", "update", "disable",
    ]  # fmt: skip
    found = await person(call, "ann")
    assert (found["accountEnabled"], found["employeeId"], found["city"]) == (False, "U1", "Cork")
    assert len((await call("GET", "/users")).json()["value"]) == 1
    skipped = await log(call, " and provisioningStatusInfo/status eq 'skipped'")
    assert len(skipped) == 1


class TestFailures:
    async def outcome(self, call: Caller) -> tuple[str, str]:
        status = (await log(call))[0]["provisioningStatusInfo"]
        return status["status"], status["errorInformation"]["errorCode"]

    async def test_a_name_that_is_taken(self, call: Caller) -> None:
        await call.user("ann")
        await send(call, envelope(record("U1", "ann"), record("U2", "bob")))
        [first] = await log(call, " and provisioningStatusInfo/status eq 'failure'")
        assert first["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "ObjectConflict"
        assert (await person(call, "bob"))["employeeId"] == "U2"

    async def test_two_accounts_with_one_id(self, call: Caller) -> None:
        for name in ("ann", "bob"):
            await call.user(name, employeeId="U1")
        await send(call, envelope(record("U1")))
        assert await self.outcome(call) == ("failure", "DuplicateTargetEntries")

    async def test_a_record_without_id_or_domain(self, call: Caller) -> None:
        await send(call, envelope(record("")))
        assert await self.outcome(call) == ("failure", "JoiningPropertyValueIsEmpty")
        await send(call, envelope(record("U1", userName="ann")))
        assert await self.outcome(call) == ("failure", "InvalidValue")
        await send(call, envelope(record("U" * 17, "bob")))
        assert await self.outcome(call) == ("failure", "InvalidValue")

    async def test_a_synced_account_is_not_the_clouds_to_change(self, call: Caller) -> None:
        await call.seed(users=[{"userPrincipalName": "ann@contoso.edu", "employeeId": "U1",
                                "displayName": "A", "onPremisesSyncEnabled": True}])  # fmt: skip
        await send(call, envelope(record("U1", "ann")))
        assert (await self.outcome(call))[0] == "failure"

    async def test_failures_can_be_asked_for(self, call: Caller) -> None:
        await call.seed(provisioningFailures=[{"externalId": "U1", "errorCode": "Quarantined"}])
        await send(call, envelope(record("U1", "ann")))
        assert await self.outcome(call) == ("failure", "Quarantined")
        await send(call, envelope(record("U1", "ann")))
        assert (await log(call))[0]["provisioningAction"] == "create"


class TestOnPremises:
    @pytest.fixture(autouse=True)
    async def target(self, call: Caller) -> None:
        await call.set(provisioningTarget="on-premises", syncDelay=1800)

    async def test_accounts_arrive_as_synced_users(self, call: Caller, clock: VirtualClock) -> None:
        await send(call, envelope(record("U1", "ann")))
        assert (await log(call))[0]["targetIdentity"]["id"].startswith("CN=ann,")
        assert not await person(call, "ann")
        clock.advance(seconds=1800)
        found = await person(call, "ann")
        assert found["onPremisesSyncEnabled"]
        assert (found["onPremisesSamAccountName"], found["mail"]) == ("ann", "ann@contoso.edu")
        await send(call, envelope(record("U1", "ann", active=False)))
        clock.advance(seconds=1800)
        changed = await person(call, "ann")
        assert (changed["id"], changed["accountEnabled"]) == (found["id"], False)

    async def test_synced_accounts_are_matched_and_cloud_ones_are_not(
        self, call: Caller, clock: VirtualClock
    ) -> None:
        await call.seed(users=[{"userPrincipalName": "ann@contoso.edu", "employeeId": "U1",
                                "displayName": "A", "onPremisesSyncEnabled": True}])  # fmt: skip
        cloud = await call.user("bob", employeeId="U2")
        await send(call, envelope(record("U1", "ann"), record("U2", "bobby")))
        clock.advance(seconds=1800)
        assert (await person(call, "ann"))["department"] == "Year 9"
        assert (await person(call, "bobby"))["id"] != cloud

    async def test_a_cloud_account_of_the_same_name_is_taken_over(
        self, call: Caller, clock: VirtualClock
    ) -> None:
        cloud = await call.user("ann")
        await send(call, envelope(record("U1", "ann")))
        clock.advance(seconds=1800)
        found = await person(call, "ann")
        assert (found["id"], found["onPremisesSyncEnabled"]) == (cloud, True)

    async def test_a_name_on_premises_is_one_persons(self, call: Caller) -> None:
        await send(call, envelope(record("U1", "ann"), record("U2", "ann")))
        failed = await log(call, " and provisioningStatusInfo/status eq 'failure'")
        assert [one["sourceIdentity"]["id"] for one in failed] == ["U2"]

    async def test_names_can_come_of_a_rule_and_end_in_a_verified_domain(
        self, call: Caller, clock: VirtualClock
    ) -> None:
        await call.set(upnRule="p{externalId}@school.local")
        await send(call, envelope(record("U1", "ann")))
        clock.advance(seconds=1800)
        assert (await person(call, "pU1"))["onPremisesSamAccountName"] == "pU1"


class TestRefusals:
    async def test_another_content_type(self, call: Caller) -> None:
        answer = await send(call, envelope(record("U1")), "application/json")
        assert (answer.status_code, "Invalid Data Format" in answer.text) == (400, True)

    @pytest.mark.parametrize(
        "change",
        [
            {"schemas": []},
            {"Operations": []},
            {"Operations": [5]},
            {"failOnErrors": "no"},
            envelope(*[record(f"U{number}") for number in range(51)]),
            {"Operations": [envelope(record("U1"))["Operations"][0] | {"method": "DELETE"}]},
            {"Operations": [envelope(record("U1"))["Operations"][0] | {"path": "/Groups"}]},
            {"Operations": [envelope(record("U1"))["Operations"][0] | {"bulkId": ""}]},
            envelope(record("U1", schemas=[])),
            envelope(record("U1", schemas=[SCIM_USER])),
            envelope(record("U1", schemas=[SCIM_USER, ENTERPRISE, "urn:other"])),
        ],
    )
    async def test_other_than_scim_bulk_requests(self, call: Caller, change: Any) -> None:
        assert (await send(call, envelope(record("U1")) | change)).status_code == 400
        assert await log(call) == []

    async def test_an_unknown_job(self, call: Caller) -> None:
        path = f"/servicePrincipals/{PRINCIPAL}/synchronization/jobs/other"
        assert (await call("GET", path)).status_code == 404

    async def test_a_filter_that_the_log_does_not_serve(self, call: Caller) -> None:
        await send(call, envelope(record("U1")))
        for text in ("jobId like 'x'", "colour eq 'x'"):
            answer = await call("GET", f"/auditLogs/provisioning?$filter={text}")
            assert answer.status_code == 400


async def test_a_paused_job_lets_uploads_wait(call: Caller) -> None:
    assert (await call("GET", PATH)).json()["status"]["code"] == "Active"
    assert (await call("POST", f"{PATH}/pause", {})).status_code == 204
    await send(call, envelope(record("U1", "ann")))
    assert not await person(call, "ann")
    assert (await call("GET", PATH)).json()["status"]["code"] == "Paused"
    assert (await call("POST", f"{PATH}/start", {})).status_code == 204
    assert await person(call, "ann")
    listed = (await call("GET", PATH.rpartition("/")[0])).json()["value"]
    assert [one["id"] for one in listed] == [JOB]


async def test_the_log_comes_in_pages(call: Caller) -> None:
    await send(call, envelope(*[record(f"U{number}", f"u{number}") for number in range(5)]))
    path, seen = "/auditLogs/provisioning?$top=2", list[str]()
    while path:
        page = (await call("GET", path)).json()
        seen += [one["sourceIdentity"]["id"] for one in page["value"]]
        path = page.get("@odata.nextLink", "").partition("/v1.0")[2]
    assert seen == ["U4", "U3", "U2", "U1", "U0"]


async def test_uploads_reach_dynamic_groups(call: Caller) -> None:
    group = {"displayName": "G", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True,
             "groupTypes": ["DynamicMembership"], "membershipRuleProcessingState": "On",
             "membershipRule": 'user.department -eq "Year 9"'}  # fmt: skip
    key = (await call("POST", "/groups", group)).json()["id"]
    await send(call, envelope(record("U1", "ann")))
    assert len((await call("GET", f"/groups/{key}/members")).json()["value"]) == 1
