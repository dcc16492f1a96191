"""The limits of the service: buckets, prices, headers, other apps, Teams, uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.entra import Tenant
from local.entra.bucket import Bucket, Window
from local.entra.errors import GraphError
from local.entra.identity import UserAssigned
from local.entra.messages import Request, split_target
from local.entra.prices import price
from local.entra.quota import Limits
from local.entra.scenario import Quotas, Scenario
from tests.local.entra.conftest import Caller, bind, user

if TYPE_CHECKING:
    from local.entra.clock import VirtualClock


def request(
    method: str, target: str, body: Any = None, app: str = "app", **headers: str
) -> Request:
    path, query = split_target(target)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, target, path, query, sent, body, "", frozenset(), app)


def limits(clock: VirtualClock, **quotas: Any) -> Limits:
    return Limits(Quotas(**quotas), "tenant", clock)


def accepted(limits: Limits, count: int, *args: Any, **kwargs: Any) -> int:
    """How many of so many equal requests are let through."""
    done = 0
    for _ in range(count):
        try:
            limits.charge(request(*args, **kwargs))
        except GraphError:
            continue
        done += 1
    return done


@pytest.mark.parametrize(
    ("method", "target", "units", "writes"),
    [
        ("GET", "/users", 2, 0),
        ("GET", "/users?$select=id", 1, 0),
        ("GET", "/users?$select=id&$top=5", 1, 0),
        ("GET", "/users?$top=999", 2, 0),
        ("GET", "/users/a", 1, 0),
        ("GET", "/users/delta?$select=id", 1, 0),
        ("GET", "/users/a/memberOf", 2, 0),
        ("GET", "/groups?$expand=members", 2, 0),
        ("GET", "/groups/a/members", 3, 0),
        ("GET", "/groups/a/members?$select=id", 2, 0),
        ("GET", "/groups/a/members?$select=id&$top=5", 1, 0),
        ("GET", "/groups/a/transitiveMembers", 5, 0),
        ("GET", "/subscribedSkus", 3, 0),
        ("POST", "/directoryObjects/getByIds", 5, 0),
        ("POST", "/directoryObjects/getByIds?$select=id", 2, 0),
        ("POST", "/users/a/checkMemberGroups", 4, 0),
        ("POST", "/users/a/getMemberGroups", 2, 0),
        ("POST", "/users", 1, 1),
        ("PATCH", "/groups/a", 1, 1),
        ("DELETE", "/groups/a/members/b/$ref", 1, 1),
    ],
)
def test_prices(method: str, target: str, units: int, writes: int) -> None:
    found = price(request(method, target), thirds=True)
    assert (found.units, found.writes) == (units, writes)


@pytest.mark.parametrize(("references", "units"), [(0, 1), (1, 1), (3, 1), (4, 2), (20, 7)])
def test_a_bind_may_cost_a_third_of_its_references(references: int, units: int) -> None:
    body = {"members@odata.bind": bind(*("x" for _ in range(references)))}
    assert price(request("PATCH", "/groups/a", body), thirds=True).writes == units
    assert price(request("PATCH", "/groups/a", body), thirds=False).writes == 1


@pytest.mark.parametrize(("size", "most"), [("S", 3_500), ("M", 5_000), ("L", 8_000)])
def test_resource_units_depend_on_the_tenants_size(
    clock: VirtualClock, size: str, most: int
) -> None:
    found = limits(clock, tenant_size=size)
    assert accepted(found, 5_000, "GET", "/users") == most // 2
    with pytest.raises(GraphError) as refused:
        found.charge(request("GET", "/users"))
    headers = refused.value.headers
    assert headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert headers["x-ms-throttle-scope"] == "Tenant_Application/Read/app/tenant"


def test_apps_have_quotas_of_their_own_within_the_tenants(clock: VirtualClock) -> None:
    found = limits(clock, units=100_000)
    for number in range(6):
        assert accepted(found, 3_001, "POST", "/users", app=f"app{number}") == 3_000
    with pytest.raises(GraphError) as refused:
        found.charge(request("POST", "/users", app="seventh"))
    assert refused.value.headers["x-ms-throttle-scope"] == "Tenant/Write/seventh/tenant"


def test_a_quota_refills_evenly(clock: VirtualClock) -> None:
    found = limits(clock, throttled_accrue=False)
    accepted(found, 3_000, "POST", "/users")
    clock.advance(seconds=10)
    assert accepted(found, 300, "POST", "/users") == 200
    clock.advance(seconds=3_600)
    assert accepted(found, 4_000, "POST", "/users") == 3_000


def test_requests_made_while_throttled_put_off_the_end_of_it(clock: VirtualClock) -> None:
    patient, pushy = limits(clock, writes=15), limits(clock, writes=15)
    for found in (patient, pushy):  # those of one batch cannot know yet
        assert accepted(found, 20, "POST", "/users") == 15
    clock.advance(seconds=9)
    assert accepted(pushy, 20, "POST", "/users") == 0
    clock.advance(seconds=1)
    assert accepted(patient, 1, "POST", "/users") == 1
    assert accepted(pushy, 1, "POST", "/users") == 0


async def test_early_warning_and_share_of_refused_load(clock: VirtualClock) -> None:
    call = Caller(Tenant(clock=clock, write_quota=10))
    answers = [await call("POST", "/users", user(f"u{n}")) for n in range(20)]
    told = [answer.headers.get("x-ms-throttle-limit-percentage") for answer in answers]
    assert told[:8] == [None] * 7 + ["0.80"]
    assert told[9] == "1.00"
    assert told[19] == "1.50"
    assert answers[0].headers["x-ms-resource-unit"] == "1"
    clock.advance(seconds=150)
    quiet = await call("POST", "/users", user("later"))
    assert "x-ms-throttle-limit-percentage" not in quiet.headers


async def test_retry_after_may_be_missing(clock: VirtualClock) -> None:
    scenario = Scenario(quotas=Quotas(writes=1, retry_after=False))
    call = Caller(Tenant(clock=clock, scenario=scenario))
    await call.user("a")
    refused = await call("POST", "/users", user("b"))
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers


async def test_apps_are_told_apart_by_their_tokens(clock: VirtualClock) -> None:
    tenant = Tenant(clock=clock, write_quota=1)
    call, other = Caller(tenant), Caller(tenant)
    second = "11111111-0000-0000-0000-000000000000"
    roles = tenant.identity.roles
    tenant.identity.user_assigned.append(UserAssigned(second, "oid-2", "/subscriptions/x", roles))
    token = tenant.identity.token("https://graph.microsoft.com", second)["access_token"]
    other.http.headers["Authorization"] = f"Bearer {token}"
    answers = [await one("POST", "/users", user(name)) for one, name in
               ((call, "a"), (call, "b"), (other, "b"), (other, "c"))]  # fmt: skip
    assert [answer.status_code for answer in answers] == [201, 429, 201, 429]
    scopes = [answer.headers["x-ms-throttle-scope"].split("/")[2] for answer in answers[1::2]]
    assert scopes == [tenant.identity.app_id, second]


async def test_each_item_of_a_batch_is_charged(clock: VirtualClock) -> None:
    call = Caller(Tenant(clock=clock, write_quota=5))
    items = [
        {"id": str(n), "method": "POST", "url": "/users", "body": user(f"u{n}"),
         "headers": {"Content-Type": "application/json"}}
        for n in range(8)
    ]  # fmt: skip
    answer = await call("POST", "/$batch", {"requests": items})
    statuses = sorted(one["status"] for one in answer.json()["responses"])
    assert (answer.status_code, statuses) == (200, [201] * 5 + [429] * 3)
    counters = (await call.http.get("/emulator/counters")).json()
    assert {name: counters[name] for name in ("requests", "writes", "throttled", "http")} == {
        "requests": 8, "writes": 5, "throttled": 3, "http": 1,
    }  # fmt: skip
    assert counters["areas"]["directory"]["throttled"] == 3
    await call.http.post("/emulator/scenario", json={"batch": {"failedDependency": True}})
    again = await call("POST", "/$batch", {"requests": items})
    assert again.status_code == 424
    assert len(again.json()["responses"]) == 8


class TestOtherApps:
    def test_low_priority_gives_way_when_others_press(self, clock: VirtualClock) -> None:
        found = limits(clock)
        found.spend_others(15_000)
        low = request("POST", "/users", x_ms_throttle_priority="low")
        with pytest.raises(GraphError) as refused:
            found.charge(low)
        assert refused.value.headers["x-ms-throttle-scope"].startswith("Tenant/Write/")
        found.charge(request("POST", "/users"))
        clock.advance(seconds=60)
        found.charge(low)

    def test_without_others_low_priority_has_the_whole_quota(self, clock: VirtualClock) -> None:
        found = limits(clock, tenant_writes=100)
        assert accepted(found, 101, "POST", "/users", x_ms_throttle_priority="low") == 100

    def test_noise_takes_its_share_all_the_time(self, clock: VirtualClock) -> None:
        found = limits(clock, noise=50)
        clock.advance(seconds=1)
        assert accepted(found, 3_000, "POST", "/users") == 3_000
        found.spend_others(18_000)
        clock.advance(seconds=10)
        assert accepted(found, 150, "POST", "/users") == 100  # 10 s of (60 - 50)

    async def test_noise_can_be_made_over_http(self, call: Caller) -> None:
        await call.http.post("/emulator/noise", json={"writes": 18_000})
        assert (await call("POST", "/users", user("a"))).status_code == 429
        wrong = await call.http.post("/emulator/noise", json={"writes": "many"})
        assert (wrong.status_code, "writes: a number" in wrong.json()["error"]) == (400, True)


class TestOtherServices:
    def test_education_has_a_bucket_and_its_writes_count_in_the_directory(
        self, clock: VirtualClock
    ) -> None:
        found = limits(clock, writes=10, education=15)
        assert accepted(found, 20, "POST", "/education/users") == 10
        assert accepted(found, 20, "GET", "/education/users") == 5
        apart = limits(clock, writes=10, education=15, education_writes_count=False)
        assert accepted(apart, 20, "POST", "/education/users") == 15
        assert accepted(apart, 20, "POST", "/users") == 10

    def test_what_is_refused_takes_from_no_bucket(self, clock: VirtualClock) -> None:
        found = limits(clock, writes=5, education=100)
        accepted(found, 50, "POST", "/education/users")
        assert accepted(found, 200, "GET", "/education/users") == 95

    @pytest.mark.parametrize(
        ("method", "target", "most"),
        [
            ("POST", "/teams", 10),
            ("PUT", "/groups/a/team", 6),
            ("GET", "/teams/a", 4),
            ("PATCH", "/teams/a", 4),
            ("GET", "/teams/a/members", 4),
            ("POST", "/teams/a/members/add", 4),
            ("GET", "/teams/a/operations/b", 30),
            ("DELETE", "/teams/a/members/b", 15),
            ("POST", "/teams/a/archive", 30),
        ],
    )
    def test_teams(self, clock: VirtualClock, method: str, target: str, most: int) -> None:
        found = limits(clock)
        assert accepted(found, 40, method, target) == most
        assert accepted(limits(clock, teams=False), 40, method, target) == 40

    def test_adding_to_a_team_is_four_a_minute_for_each_team(self, clock: VirtualClock) -> None:
        found = limits(clock)
        for team in "ab":
            assert accepted(found, 5, "POST", f"/teams/{team}/members/add") == 4
        clock.advance(seconds=15)
        assert accepted(found, 5, "POST", "/teams/a/members/add") == 1

    def test_teams_hold_four_fifths_of_their_rate_in_the_long_run(
        self, clock: VirtualClock
    ) -> None:
        found, done = limits(clock, throttled_accrue=False), 0
        for _ in range(600):
            done += accepted(found, 2, "POST", "/teams")
            clock.advance(seconds=0.1)
        assert 0.82 * 600 <= done <= 0.85 * 600

    def test_teams_and_reports_are_no_directory_writes(self, clock: VirtualClock) -> None:
        found = limits(clock, writes=1)
        assert accepted(found, 10, "POST", "/teams") == 10
        assert accepted(found, 10, "GET", "/auditLogs/provisioning") == 5

    def test_schema_extensions_have_a_bucket_of_their_own(self, clock: VirtualClock) -> None:
        found = limits(clock, extensions=3)
        marked = {"microsoft_EducationClassSisExt": {"sisCourseId": "1"}}
        assert accepted(found, 9, "PATCH", "/groups/a", marked) == 3
        assert accepted(found, 9, "PATCH", "/groups/a", {"extension_ab_x": "1"}) == 9

    def test_uploads_have_a_number_a_day(self, clock: VirtualClock) -> None:
        found = limits(clock, bulk_uploads_daily=50)
        target = "/servicePrincipals/a/synchronization/jobs/b/bulkUpload"
        assert accepted(found, 45, "POST", target) == 40
        clock.advance(seconds=5)
        assert accepted(found, 45, "POST", target) == 10
        clock.advance(hours=23)
        assert accepted(found, 1, "POST", target) == 0
        clock.advance(hours=1)
        assert accepted(found, 1, "POST", target) == 1


def test_a_bucket_owes_no_more_than_ten_seconds() -> None:
    bucket, now = Bucket(10, 100, 0.0), 0.0
    bucket.take(10, now)
    waits = list[float]()
    for _ in range(500):
        waits.append(bucket.refuse(1, now, bucket.lack(1, now), accrue=True))
        now += 0.1
    assert waits[0] == 10
    assert 15 < max(waits) <= 20


def test_a_window_begins_with_its_first_operation() -> None:
    window = Window(2, 100)
    assert window.lack(1, 1_000) < 0
    window.take(2, 1_000)
    assert window.lack(1, 1_099) > 0
    assert window.refuse(1, 1_099, 1, accrue=True) == 1
    assert window.used(1_099) == 1
    assert window.lack(1, 1_100) < 0
