"""Azure Resource Manager as it answers: versions, rights, lists, and errors in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.azure import Cloud, create_app
from local.entra import Tenant
from local.entra.identity import claims_of
from tests.deployed import ACCOUNT, APP, GROUP, deploy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.deployed import Deployment

MANAGEMENT = "https://management.azure.com"
WEB, STORAGE = "2024-11-01", "2024-01-01"


class Caller:
    def __init__(self, made: Deployment, token: str) -> None:
        self.made = made
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(made.cloud, claims_of)),
            base_url="http://azure",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def __call__(
        self, path: str, version: str = WEB, method: str = "GET", **query: Any
    ) -> httpx.Response:
        asked = query | ({"api-version": version} if version else {})
        return await self.http.request(method, path, params=asked)

    async def refused(self, path: str, version: str = WEB, **more: Any) -> tuple[int, str]:
        answer = await self(path, version, **more)
        return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(["contoso.edu"])


@pytest.fixture
def made(tenant: Tenant) -> Deployment:
    return deploy(tenant.identity.tenant_id, "client", "object")


@pytest.fixture
async def call(tenant: Tenant, made: Deployment) -> AsyncIterator[Caller]:
    caller = Caller(made, tenant.identity.person([], audience=MANAGEMENT))
    yield caller
    await caller.http.aclose()


async def test_a_resource_and_its_lists_are_read(call: Caller) -> None:
    assert (await call(call.made.app)).json()["properties"]["state"] == "Running"
    listed = await call(f"{call.made.account}/queueServices/default/queues", STORAGE)
    assert "arrivals-poison" in {row["name"] for row in listed.json()["value"]}
    everywhere = f"/subscriptions/{call.made.cloud.subscription}/providers/Microsoft.Web/sites"
    assert [row["name"] for row in (await call(everywhere)).json()["value"]] == [APP]


async def test_ids_are_the_same_in_any_case(call: Caller) -> None:
    assert (await call(call.made.app.replace("resourceGroups", "resourcegroups"))).is_success
    assert (await call(call.made.app.upper().replace("/SUBSCRIPTIONS", "/subscriptions")
                       .replace("/PROVIDERS/MICROSOFT.WEB", "/providers/Microsoft.Web"))
            ).is_success  # fmt: skip


async def test_long_lists_come_in_pages(call: Caller) -> None:
    call.made.cloud.page = 4
    address = f"{call.made.account}/queueServices/default/queues"
    first = (await call(address, STORAGE)).json()
    second = (await call.http.get(first["nextLink"])).json()
    assert [len(first["value"]), len(second["value"])] == [4, 2]
    assert "nextLink" not in second


async def test_settings_are_told_to_a_post_only(call: Caller) -> None:
    address = f"{call.made.app}/config/appsettings"
    assert (await call.refused(address))[0] == 405
    told = await call(f"{address}/list", method="POST")
    assert told.json()["properties"]["AZURE_TOKEN_CREDENTIALS"] == "prod"
    assert (await call.refused(f"{call.made.app}/restart", method="POST"))[0] == 404


@pytest.mark.parametrize(
    ("version", "code"),
    [("", "MissingApiVersionParameter"), ("2014-01-01", "InvalidResourceType"),
     ("latest", "InvalidResourceType")],
)  # fmt: skip
async def test_a_request_names_a_version_that_there_is(
    call: Caller, version: str, code: str
) -> None:
    assert await call.refused(call.made.app, version) == (400, code)
    if not version:
        assert (await call.refused("/subscriptions", version))[1] == code


async def test_what_is_not_there_is_told_apart(call: Caller) -> None:
    app = call.made.app
    assert await call.refused(f"{app}x") == (404, "ResourceNotFound")
    assert await call.refused(app.replace(GROUP, "rg-none")) == (404, "ResourceGroupNotFound")
    other = app.replace(call.made.cloud.subscription, "00000000-0000-0000-0000-000000000000")
    assert await call.refused(other) == (404, "SubscriptionNotFound")
    assert await call.refused("/nonsense") == (404, "InvalidResourceId")


async def test_without_a_role_nothing_is_told_not_even_whether_it_is_there(call: Caller) -> None:
    call.made.cloud.roles = {}
    for path in (call.made.app, f"{call.made.app}x"):
        assert await call.refused(path) == (403, "AuthorizationFailed")
    assert (await call("/subscriptions", "2022-12-01")).json()["value"] == []


async def test_a_reader_reads_all_but_settings(call: Caller) -> None:
    cloud = call.made.cloud
    cloud.roles = {f"/subscriptions/{cloud.subscription}": ("Reader",)}
    assert (await call(call.made.app)).is_success
    settings = f"{call.made.app}/config/appsettings/list"
    assert await call.refused(settings, method="POST") == (403, "AuthorizationFailed")
    cloud.roles = {call.made.app: ("Website Contributor",)}
    assert (await call(settings, method="POST")).is_success
    assert await call.refused(call.made.account, STORAGE) == (403, "AuthorizationFailed")


async def test_a_list_of_the_subscription_shows_what_is_the_callers_to_see(call: Caller) -> None:
    cloud = call.made.cloud
    cloud.add(call.made.app.replace(APP, "other"), kind="functionapp")
    cloud.roles = {call.made.app: ("Reader",)}
    listed = await call(f"/subscriptions/{cloud.subscription}/providers/Microsoft.Web/sites")
    assert [row["name"] for row in listed.json()["value"]] == [APP]


async def test_assignments_of_a_principal_are_those_above_at_and_below(call: Caller) -> None:
    made, cloud = call.made, call.made.cloud
    cloud.assign(f"/subscriptions/{cloud.subscription}", "object", "everywhere")
    address = f"{made.account}/providers/Microsoft.Authorization/roleAssignments"
    version = "2022-04-01"
    mine = (await call(address, version, **{"$filter": "principalId eq 'object'"})).json()["value"]
    scopes = {row["properties"]["scope"] for row in mine}
    assert f"/subscriptions/{cloud.subscription}" in scopes
    assert f"{made.account}/queueServices/default/queues/runs" in scopes
    assert made.vault not in scopes
    assert {row["properties"]["principalId"] for row in mine} == {"object"}
    here = (await call(address, version)).json()["value"]
    assert {row["properties"]["scope"] for row in here} == {
        made.account, f"/subscriptions/{cloud.subscription}",
    }  # fmt: skip
    assert await call.refused(address, version, **{"$filter": "x eq 1"}) == (
        400,
        "UnsupportedQuery",
    )


async def test_a_token_for_another_service_is_refused(tenant: Tenant, made: Deployment) -> None:
    graph = tenant.identity.person([])
    foreign = Tenant().identity.person([], audience=MANAGEMENT)
    for token, code in (
        (graph, "InvalidAuthenticationTokenAudience"),
        (foreign, "InvalidAuthenticationTokenTenant"),
    ):
        caller = Caller(made, token)
        assert await caller.refused(made.app) == (401, code)
    tenant.identity.life *= -1
    late = Caller(made, tenant.identity.person([], audience=MANAGEMENT))
    assert await late.refused(made.app) == (401, "ExpiredAuthenticationToken")
    caller.http.headers.pop("Authorization")
    assert await caller.refused(made.app) == (401, "AuthenticationFailed")


async def test_what_is_taken_away_goes_with_what_is_below(made: Deployment) -> None:
    made.cloud.remove(made.account)
    assert not [key for key in made.cloud.resources if ACCOUNT in key]
    assert isinstance(made.cloud, Cloud)
