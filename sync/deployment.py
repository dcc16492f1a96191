"""What a deployed app consists of: the one list that the infrastructure, the doctor and the tests
go by. Names of containers, queues and tables are those of `storage`.

https://learn.microsoft.com/azure/azure-functions/functions-app-settings,
https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .sealing import SETTING as CREDENTIALS_KEY
from .storage import (
    ARRIVALS_QUEUE,
    CONNECTION,
    CONTAINERS,
    QUEUES,
    ROSTERS,
    TABLES,
)
from .vault import VAULT_URL

Target = Literal["storage", "vault", "insights"]


@dataclass(frozen=True)
class Setting:
    """An app setting. `value`: what it has to be; '' for whatever fits the deployment.

    `is_secret`: it holds a reference to a Key Vault and nothing else.
    """

    name: str
    purpose: str
    value: str = ""
    is_optional: bool = False
    is_secret: bool = False


FEDERATION = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"
TENANTS = "WEBSITE_AUTH_AAD_ALLOWED_TENANTS"
CLIENT_ID = "AZURE_CLIENT_ID"
STORAGE_SETTINGS = tuple(
    f"{CONNECTION}__{service}ServiceUri" for service in ("blob", "queue", "table")
)
IDENTITY_SETTINGS = (f"{CONNECTION}__clientId", CLIENT_ID, FEDERATION)
TELEMETRY = "APPLICATIONINSIGHTS_CONNECTION_STRING"
TELEMETRY_SIGN_IN = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"
SETTINGS = (
    *(Setting(name, "where the app's storage is") for name in STORAGE_SETTINGS),
    Setting(f"{CONNECTION}__credential", "storage is opened by identity", "managedidentity"),
    Setting(f"{CONNECTION}__clientId", "the identity that opens storage"),
    Setting(CLIENT_ID, "the identity that signs in to Microsoft Graph"),
    Setting("AZURE_TOKEN_CREDENTIALS", "no developer's tool is looked for", "prod"),
    Setting(TELEMETRY, "where logs and metrics go"),
    Setting(TELEMETRY_SIGN_IN, "they are sent by identity"),
    Setting(FEDERATION, "the portal's sign-in works without a secret", is_optional=True),
    Setting(TENANTS, "the portal takes people of this tenant only", is_optional=True),
    Setting(VAULT_URL, "where secrets of rollcall.yaml are kept", is_optional=True),
    Setting(CREDENTIALS_KEY, "seals first passwords", is_optional=True, is_secret=True),
)
# What Flex Consumption passes over or refuses; and the key of a storage account.
DEPRECATED_SETTINGS = frozenset(
    {
        "AzureWebJobsDashboard", "ENABLE_ORYX_BUILD", "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_WORKER_RUNTIME_VERSION",
        "FUNCTIONS_WORKER_PROCESS_COUNT", "FUNCTIONS_MAX_HTTP_CONCURRENCY",
        "SCM_DO_BUILD_DURING_DEPLOYMENT", "TZ", "WEBSITES_CONTAINER_START_TIME_LIMIT",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "WEBSITE_CONTENTOVERVNET",
        "WEBSITE_CONTENTSHARE", "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
        "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_TIME_ZONE", "WEBSITE_VNET_ROUTE_ALL",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Role:
    """A built-in role of Azure: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles."""

    name: str
    id: str


BLOB_OWNER = Role("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b")
QUEUE_CONTRIBUTOR = Role("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88")
QUEUE_SENDER = Role("Storage Queue Data Message Sender", "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a")
TABLE_CONTRIBUTOR = Role("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3")
SECRETS_USER = Role("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6")
METRICS_PUBLISHER = Role("Monitoring Metrics Publisher", "3913510d-42f4-4e42-8a64-420c390055eb")


@dataclass(frozen=True)
class Right:
    """What the app's identity needs on a resource.

    `parts`: where it is enough to have it, as ids below the resource; () for the whole of it.
    """

    name: str
    target: Target
    role: Role
    parts: tuple[str, ...] = ()


# The Functions host makes containers of its own, so its right on blobs is one on the whole account.
RIGHTS = (
    Right("blobs", "storage", BLOB_OWNER),
    Right("queues", "storage", QUEUE_CONTRIBUTOR,
          tuple(f"queueServices/default/queues/{name}" for name in QUEUES)),
    Right("tables", "storage", TABLE_CONTRIBUTOR,
          tuple(f"tableServices/default/tables/{name}" for name in TABLES)),
    Right("secrets", "vault", SECRETS_USER),
    Right("telemetry", "insights", METRICS_PUBLISHER),
)  # fmt: skip
# What is listed of the account: the kind, as addresses name it, with its names.
LISTED = (
    ("containers", "blobServices/default/containers", CONTAINERS),
    ("queues", "queueServices/default/queues", QUEUES),
    ("tables", "tableServices/default/tables", TABLES),
)

# The functions of function_app.py, as the host names them.
FUNCTIONS = (
    "hourly", "arrivals", "runs", "changes", "arrivals_poison", "runs_poison", "changes_poison",
    "health", "portal",
)  # fmt: skip


@dataclass(frozen=True)
class Arrival:
    """The subscription that tells of new files: which events of which folder go to which queue."""

    event: str = "Microsoft.Storage.BlobCreated"
    subject: str = f"/blobServices/default/containers/{ROSTERS}/"
    queue: str = ARRIVALS_QUEUE


ARRIVAL = Arrival()
PLAN, PLAN_TIER = "FC1", "FlexConsumption"
RUNTIME, VERSIONS = "python", ("3.11", "3.12", "3.13")
LEAST_MEMORY_MB = 2_048
CALLBACK = "/.auth/login/aad/callback"
