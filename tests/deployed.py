"""A deployed app in an emulated subscription, as Azure tells of one in which all is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from local.azure import Cloud
from sync import deployment
from sync.deployment import ARRIVAL, FUNCTIONS, LISTED, QUEUE_SENDER, RIGHTS

GROUP, APP, ACCOUNT, HOST = "rg-schools", "func-rollcall", "rollcallstorage", "rollcall.example.net"
# Client id and object id of the app's identity.
CLIENT, OBJECT = "c1c1c1c1-0000-4000-8000-000000000001", "b1b1b1b1-0000-4000-8000-000000000001"
INSIGHTS = "InstrumentationKey=0;IngestionEndpoint=https://example.net/"
OWNER = {"/": ("Owner",)}


@dataclass
class Deployment:
    """The ids of the parts, by which a test takes one away or spoils it."""

    cloud: Cloud
    app: str
    plan: str
    account: str
    vault: str
    insights: str
    topic: str
    subscription: str
    identity: str
    client_id: str
    object_id: str

    @property
    def site(self) -> dict[str, Any]:
        """The properties of the app."""
        return self.part(self.app)

    @property
    def settings(self) -> dict[str, Any]:
        """The app settings."""
        return self.part(f"{self.app}/config/appsettings")

    def part(self, resource_id: str) -> dict[str, Any]:
        """The properties of a resource."""
        return self.cloud.resources[resource_id.lower()]["properties"]

    def revoke(self, role: str) -> None:
        """Takes every assignment of a role away."""
        for one in [*self.cloud.resources.values()]:
            if str(one["properties"].get("roleDefinitionId", "")).endswith(role):
                self.cloud.remove(one["id"])


def deploy(
    tenant_id: str, client_id: str, object_id: str, endpoints: tuple[str, str, str] | None = None
) -> Deployment:
    """An app that is whole. `endpoints`: of its storage, when it is a real one."""
    cloud = Cloud(tenant_id, groups={GROUP}, roles=dict(OWNER))
    group = f"/subscriptions/{cloud.subscription}/resourceGroups/{GROUP}"
    web, storage = f"{group}/providers/Microsoft.Web", f"{group}/providers/Microsoft.Storage"
    topic = f"{group}/providers/Microsoft.EventGrid/systemTopics/evgt-rollcall"
    made = Deployment(
        cloud,
        app=f"{web}/sites/{APP}",
        plan=f"{web}/serverfarms/asp-rollcall",
        account=f"{storage}/storageAccounts/{ACCOUNT}",
        vault=f"{group}/providers/Microsoft.KeyVault/vaults/kv-rollcall",
        insights=f"{group}/providers/Microsoft.Insights/components/appi-rollcall",
        topic=topic,
        subscription=f"{topic}/eventSubscriptions/arrivals",
        identity=f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-rollcall",
        client_id=client_id,
        object_id=object_id,
    )
    _add_app(made, endpoints)
    _add_storage(made)
    _add_rights(made)
    cloud.add(made.vault, properties={"enableRbacAuthorization": True})
    cloud.add(made.insights, kind="web", properties={"ConnectionString": INSIGHTS})
    return made


def _add_app(made: Deployment, endpoints: tuple[str, str, str] | None) -> None:
    cloud = made.cloud
    services = ("blob", "queue", "table")
    public = [f"https://{ACCOUNT}.{service}.core.windows.net/" for service in services]
    blobs = (endpoints or public)[0]
    cloud.add(made.plan, kind="functionapp", sku={"name": "FC1", "tier": "FlexConsumption"})
    cloud.add(
        made.app,
        kind="functionapp,linux",
        identity={
            "type": "UserAssigned",
            "userAssignedIdentities": {
                made.identity: {"principalId": made.object_id, "clientId": made.client_id}
            },
        },
        properties={
            "state": "Running", "httpsOnly": True, "defaultHostName": HOST,
            "serverFarmId": made.plan, "keyVaultReferenceIdentity": made.identity,
            "functionAppConfig": {
                "deployment": {"storage": {"type": "blobContainer", "value": f"{blobs}package"}},
                "runtime": {"name": "python", "version": "3.13"},
                "scaleAndConcurrency": {"instanceMemoryMB": 2048, "maximumInstanceCount": 40},
            },
        },
    )  # fmt: skip
    values = dict(zip(deployment.STORAGE_SETTINGS, endpoints or public, strict=True))
    values |= {one.name: one.value for one in deployment.SETTINGS if one.value}
    values |= dict.fromkeys(deployment.IDENTITY_SETTINGS, made.client_id)
    values |= {
        deployment.TELEMETRY: INSIGHTS,
        deployment.TELEMETRY_SIGN_IN: f"ClientId={made.client_id};Authorization=AAD",
        deployment.CREDENTIALS_KEY: "@Microsoft.KeyVault(VaultName=kv-rollcall;SecretName=sheet)",
        deployment.TENANTS: cloud.tenant_id,
    }
    cloud.add(f"{made.app}/config/appsettings", properties=values)
    reference = f"{made.app}/config/configreferences/appsettings/{deployment.CREDENTIALS_KEY}"
    cloud.add(reference, properties={"status": "Resolved", "vaultName": "kv-rollcall"})
    cloud.add(
        f"{made.app}/config/authsettingsV2",
        properties={
            "platform": {"enabled": True},
            "globalValidation": {"requireAuthentication": True, "excludedPaths": ["/api/health"]},
            "identityProviders": {
                "azureActiveDirectory": {
                    "enabled": True,
                    "registration": {
                        "clientId": str(uuid4()),
                        "clientSecretSettingName": deployment.FEDERATION,
                    },
                }
            },
        },
    )
    for name in FUNCTIONS:
        cloud.add(f"{made.app}/functions/{name}", name=f"{APP}/{name}")


def _add_storage(made: Deployment) -> None:
    cloud = made.cloud
    cloud.add(made.account, kind="StorageV2", properties={"allowSharedKeyAccess": False})
    for _, path, names in LISTED:
        for name in names:
            cloud.add(f"{made.account}/{path}/{name}")
    cloud.add(f"{made.account}/blobServices/default/containers/package")
    cloud.add(
        made.topic,
        identity={"type": "SystemAssigned", "principalId": "topic"},
        properties={"source": made.account, "topicType": "Microsoft.Storage.StorageAccounts"},
    )
    cloud.add(
        made.subscription,
        properties={
            "provisioningState": "Succeeded",
            "deliveryWithResourceIdentity": {
                "identity": {"type": "SystemAssigned"},
                "destination": {
                    "endpointType": "StorageQueue",
                    "properties": {"resourceId": made.account, "queueName": ARRIVAL.queue},
                },
            },
            "filter": {
                "includedEventTypes": [ARRIVAL.event], "subjectBeginsWith": ARRIVAL.subject,
            },
        },
    )  # fmt: skip


def _add_rights(made: Deployment) -> None:
    on = {"storage": made.account, "vault": made.vault, "insights": made.insights}
    for right in RIGHTS:
        resource = on[right.target]
        for scope in [f"{resource}/{part}" for part in right.parts] or [resource]:
            made.cloud.assign(scope, made.object_id, right.role.id)
    queue = f"{made.account}/queueServices/default/queues/{ARRIVAL.queue}"
    made.cloud.assign(queue, "topic", QUEUE_SENDER.id)
