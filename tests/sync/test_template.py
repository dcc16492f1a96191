"""What the templates make passes the doctor: the golden snapshots, as a subscription."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure import Cloud
from local.azure import create_app as create_azure
from local.entra import Tenant, create_app
from local.entra.identity import UserAssigned, claims_of
from sync.deployment import FUNCTIONS
from tests.deployed import CLIENT, OBJECT, OWNER, Deployment
from tests.infra.arm import Expression, Unknown
from tests.sync.test_deployed import World, infrastructure
from tests.sync.test_doctor import serving

GOLDEN = sorted((Path(__file__).parents[1] / "infra" / "golden").glob("*.snapshot.json"))
# Alerts, workbooks and networks are no business of the doctor's.
LOOKED_AT = ("Microsoft.Web/", "Microsoft.Storage/", "Microsoft.KeyVault/", "Microsoft.EventGrid/",
             "Microsoft.Authorization/", "Microsoft.ManagedIdentity/",
             "Microsoft.Insights/components")  # fmt: skip
# What only a deployment tells: by the end of the path that a template reads.
TOLD = {
    "clientId": CLIENT, "principalId": OBJECT, "identity.principalId": "topic",
    "ConnectionString": "InstrumentationKey=0", "defaultHostName": "rollcall.example.net",
    "primaryEndpoints.blob": "https://{name}.blob.core.windows.net/",
    "primaryEndpoints.queue": "https://{name}.queue.core.windows.net/",
    "primaryEndpoints.table": "https://{name}.table.core.windows.net/",
    "vaultUri": "https://{name}.vault.azure.net/", "tenantId": "tenant",
    "authentication.loginEndpoint": "https://login.microsoftonline.com/",
}  # fmt: skip


FUNCTIONS_LEFT: dict[str, Callable[..., Any]] = {
    "format": lambda text, *more: text.format(*more),
    "createObject": lambda *all_: dict(zip(all_[::2], all_[1::2], strict=True)),
    "union": lambda *all_: {k: v for one in all_ for k, v in one.items()},
    "parameters": lambda _: {},  # settings of one's own, which a snapshot does not hold
    "if": lambda condition, yes, no: yes if condition else no,
    # What is read of a resource, by the last part of its name.
    "reference": lambda resource, *_: Unknown(resource.rpartition("/")[2]),
    "environment": lambda: Unknown(""),
    "tenant": lambda: Unknown(""),
}


def called(name: str, given: list[Any]) -> Any:
    """The value of a function that a snapshot leaves to the deployment."""
    return FUNCTIONS_LEFT[name](*map(told, given))


def told(value: Any) -> Any:
    """A value; of what only a deployment knows, that which ours tells."""
    if not isinstance(value, Unknown):
        return value
    resource, _, path = value.name.partition(".")
    return TOLD[path].format(name=resource)


def evaluated(written: Any) -> Any:
    """A value with its expressions evaluated."""
    if isinstance(written, str) and written.startswith("["):
        return told(Expression(written[1:-1], called).value())
    if isinstance(written, list):
        return [evaluated(one) for one in written]
    if isinstance(written, dict):
        return {key: evaluated(value) for key, value in written.items()}
    return written


def deployed(snapshot: dict[str, Any], tenant_id: str) -> Deployment:
    """What Azure would tell after that deployment, and after the code was put there."""
    made = (one for one in snapshot["predictedResources"] if one["type"].startswith(LOOKED_AT))
    resources = [evaluated(one) for one in made]
    subscription, group = resources[0]["id"].split("/")[2:5:2]
    cloud = Cloud(tenant_id, subscription, groups={group}, roles=dict(OWNER))
    ids: dict[str, str] = {}
    for one in resources:
        ids.setdefault(one["type"], one["id"])
        short = {"name": one["name"].rpartition("/")[2]}
        cloud.add(one["id"], **{k: v for k, v in one.items() if k not in ("id", "type")} | short)
        if "roleAssignments" in one["type"]:
            one["properties"]["scope"] = one["id"].partition("/providers/Microsoft.Authorization")[
                0
            ]
    app = ids["Microsoft.Web/sites"]
    identity = ids["Microsoft.ManagedIdentity/userAssignedIdentities"]
    cloud.resources[app.lower()]["identity"]["userAssignedIdentities"][identity] = {
        "principalId": OBJECT, "clientId": CLIENT,
    }  # fmt: skip
    cloud.resources[app.lower()]["properties"]["state"] = "Running"
    topic = ids["Microsoft.EventGrid/systemTopics"]
    cloud.resources[topic.lower()]["identity"]["principalId"] = "topic"
    subscribed = ids["Microsoft.EventGrid/systemTopics/eventSubscriptions"]
    cloud.resources[subscribed.lower()]["properties"]["provisioningState"] = "Succeeded"
    insights = cloud.resources[ids["Microsoft.Insights/components"].lower()]
    insights["properties"]["ConnectionString"] = TOLD["ConnectionString"]
    for name in FUNCTIONS:
        cloud.add(f"{app}/functions/{name}")
    return Deployment(
        cloud, app, ids["Microsoft.Web/serverfarms"], ids["Microsoft.Storage/storageAccounts"],
        ids["Microsoft.KeyVault/vaults"], ids["Microsoft.Insights/components"], topic, subscribed,
        identity, CLIENT, OBJECT,
    )  # fmt: skip


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    tenant = Tenant(domains=["contoso.edu"])
    identity = UserAssigned(CLIENT, OBJECT, "/x/id-rollcall", frozenset())
    made = deployed(json.loads(request.param.read_text("utf-8")), tenant.identity.tenant_id)
    with (
        serving(create_azure(made.cloud, claims_of), monkeypatch) as azure,
        serving(create_app(tenant), monkeypatch) as address,
    ):
        monkeypatch.setenv("ROLLCALL_ARM_URL", azure)
        yield World(tenant, made, address, identity)


def test_what_a_template_makes_passes_the_doctor(world: World) -> None:
    checks = infrastructure(world).values()
    wrong = {f"{check.area}: {check.name}": check.found for check in checks if check.state != "ok"}
    off = {"Portal sign-in: authentication": "off"}  # until there is a client id to deploy with
    assert wrong in ({}, off)
