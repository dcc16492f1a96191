"""Whether code and infrastructure agree. Each check takes what a template makes and the names that
the code uses, and returns what is wrong, in words.

The lists below say what neither side tells by itself: which settings are not for a deployed app,
which are for the host and not for the code, and what each right is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .arm import GROUP, Resource, Unknown, deploy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .code import Code

Deployed = list[Resource]

APP_SETTINGS = "https://learn.microsoft.com/azure/azure-functions/functions-app-settings"
MADE_BY_AZURE = "https://learn.microsoft.com/azure/app-service/reference-app-settings"
SET_BY_ITSELF = "the app sets it for the exporter of telemetry, where nobody did"
# Settings that the code reads and no template sets, and why.
NOT_DEPLOYED = {
    "AzureWebJobsStorage": "a connection string holds a key: the local stack's only",
    "AZURE_AUTHORITY_HOST": "other clouds than the public one",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD": "signing in by certificate, where there is no identity",
    "AZURE_CLIENT_CERTIFICATE_PATH": "signing in by certificate, where there is no identity",
    "AZURE_CLIENT_SECRET": "signing in by secret, where there is no identity",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN": "signing in by certificate, where there is no identity",
    "AZURE_FEDERATED_TOKEN_FILE": "workload identity, outside of Azure Functions",
    "AZURE_TENANT_ID": "signing in as an app registration, set in the parameter `settings`",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": SET_BY_ITSELF,
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": SET_BY_ITSELF,
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": SET_BY_ITSELF,
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": SET_BY_ITSELF,
    "IDENTITY_ENDPOINT": MADE_BY_AZURE,
    "MSI_ENDPOINT": MADE_BY_AZURE,
    "OTEL_SDK_DISABLED": "switches telemetry off, where somebody wants that, in `settings`",
    "ROLLCALL_FEDERATED_IDENTITY": "the directory of another tenant, set in `settings`",
    "ROLLCALL_GRAPH_URL": "the emulator's address",
    "WEBSITE_AUTH_ENABLED": MADE_BY_AZURE,
    "WEBSITE_INSTANCE_ID": MADE_BY_AZURE,
    "WEBSITE_SITE_NAME": MADE_BY_AZURE,
}
# Settings that a template sets for the host or the platform, and where the vendor says so.
FOR_THE_HOST = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": APP_SETTINGS,
    "AzureWebJobsStorage__credential": "https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": "https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad",
    "WEBSITE_AUTH_AAD_ALLOWED_TENANTS": "https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad",
}
# What makes a connection by identity to a storage account.
FORMS = ("blobServiceUri", "queueServiceUri", "tableServiceUri", "credential", "clientId")
# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-deprecations
DEPRECATED_ON_FLEX = (
    "ENABLE_ORYX_BUILD", "FUNCTIONS_EXTENSION_VERSION", "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT", "TZ", "WEBSITES_CONTAINER_START_TIME_LIMIT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET", "WEBSITE_CONTENTSHARE", "WEBSITE_DNS_SERVER",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
)  # fmt: skip
DEPRECATED_OF_A_SITE = (
    "alwaysOn", "containerSize", "ftpsState", "functionAppScaleLimit", "javaVersion",
    "linuxFxVersion", "minimumElasticInstanceCount", "netFrameworkVersion", "powerShellVersion",
    "preWarmedInstanceCount", "use32BitWorkerProcess", "vnetRouteAllEnabled",
    "vnetBackupRestoreEnabled", "vnetContentShareEnabled", "vnetImagePullEnabled",
    "windowsFxVersion",
)  # fmt: skip
# The names of Azure's roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Queue Data Message Sender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Table Data Reader": "76199698-9eea-4c19-bc75-cec21354c6b6",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
OPERATOR = "00000000-0000-0000-0000-00000000000f"
# The largest that the parameters can make of a template.
EVERYTHING: dict[str, Any] = {
    "operatorId": OPERATOR,
    "operatorType": "Group",
    "portalClientId": "00000000-0000-0000-0000-00000000000e",
    "privateNetworking": True,
    "sheetKeyName": "sheet-key",
}


@dataclass(frozen=True)
class Right:
    """A right that somebody needs, and what for. `scopes` as `_scope` writes them."""

    who: str
    role: str
    scopes: tuple[str, ...]
    what_for: str


def rights(code: Code) -> list[Right]:
    """What the app, Event Grid and an operator may do, and no more."""
    containers = sorted(code.containers - {"credentials"})
    return [
        Right("app", "Storage Blob Data Owner", ("storage",),
              "the host's locks, keys and timers, the package, and every container"),
        Right("app", "Storage Queue Data Contributor", _each("queues", code.queues),
              "triggers take messages and put failed ones aside; steps send and count them"),
        Right("app", "Storage Table Data Contributor", _each("tables", code.tables),
              "runs, outcomes and approvals are written and read"),
        Right("app", "Key Vault Secrets User", ("vault",), "secrets of sources are read"),
        Right("app", "Monitoring Metrics Publisher", ("insights",), "telemetry is sent"),
        Right("events", "Storage Queue Data Message Sender",
              _each("queues", {code.arrivals_queue}), "events about rosters are delivered"),
        Right("operator", "Storage Blob Data Contributor", _each("containers", containers),
              "drops, the configuration, runs and the lock; never the first passwords"),
        Right("operator", "Storage Queue Data Message Sender",
              _each("queues", {"arrivals", "runs"}),
              "a drop is announced, an approved run goes on"),
        Right("operator", "Storage Table Data Contributor", _each("tables", {"approvals", "runs"}),
              "runs are approved, rejected and started"),
        Right("operator", "Storage Table Data Reader", _each("tables", {"outcomes"}),
              "the progress of a run is shown"),
        Right("operator", "Key Vault Secrets Officer", ("vault",), "secrets of sources are set"),
    ]  # fmt: skip


def check_storage(deployed: Deployed, code: Code) -> list[str]:
    """Containers, queues and tables, both ways; what triggers listen to is among them."""
    kinds = {
        "blobServices/containers": code.containers | {_package(deployed)},
        "queueServices/queues": code.queues | code.triggers,
        "tableServices/tables": code.tables,
    }
    wrong = [
        complaint
        for kind, wanted in kinds.items()
        for complaint in _compared(
            kind.partition("/")[2],
            wanted,
            _names(deployed, f"Microsoft.Storage/storageAccounts/{kind}"),
        )
    ]
    poison = {f"{name}-poison" for name in code.triggers if not name.endswith("-poison")}
    return wrong + [f"no trigger listens to {name}" for name in sorted(poison - code.triggers)]


def check_settings(deployed: Deployed, code: Code) -> list[str]:
    """Settings that are read are set, and those that are set are read by somebody."""
    are_set = set(settings(deployed))
    forms = {f"{connection}__{form}" for connection in code.connections for form in FORMS}
    wanted = (code.settings - NOT_DEPLOYED.keys()) | forms | FOR_THE_HOST.keys()
    return [
        *_compared("settings", wanted, are_set),
        *(
            f"{n} is deprecated on Flex Consumption"
            for n in sorted(are_set & {*DEPRECATED_ON_FLEX})
        ),
        *(f"the code does not read {n}" for n in sorted(NOT_DEPLOYED.keys() - code.settings)),
    ]


def check_identity(deployed: Deployed, code: Code) -> list[str]:
    """Every setting that names an identity names the app's, which is the only one it has."""
    [site] = _all(deployed, "Microsoft.Web/sites")
    found = settings(deployed)
    named = {f"{c}__clientId" for c in code.connections} | {"AZURE_CLIENT_ID"}
    named |= {"OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"}
    client = Unknown("main:identity.outputs.clientId.value")
    wrong = [f"{name} is {found.get(name)}" for name in sorted(named) if found.get(name) != client]
    if (
        found.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING")
        != f"ClientId={client};Authorization=AAD"
    ):
        wrong.append("telemetry is not sent by the app's identity")
    if [*site.body["identity"]["userAssignedIdentities"]] != ["<main:identity.outputs.id.value>"]:
        wrong.append("the app has another identity")
    return wrong


def check_flex(deployed: Deployed, code: Code) -> list[str]:
    """Nothing is set of the site that Flex Consumption does not know."""
    [site] = _all(deployed, "Microsoft.Web/sites")
    written = site.properties["siteConfig"].keys() | site.properties.keys()
    return [f"{name} of the site is deprecated on Flex Consumption"
            for name in sorted(written & {*DEPRECATED_OF_A_SITE})]  # fmt: skip


def check_events(deployed: Deployed, code: Code) -> list[str]:
    """Event Grid tells of files in rosters on the queue that the code listens to, in its schema."""
    [events] = _all(deployed, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    delivery = events.properties["deliveryWithResourceIdentity"]
    [account] = _all(deployed, "Microsoft.Storage/storageAccounts")
    told = {
        "events": events.properties["filter"]["includedEventTypes"],
        "subject": events.properties["filter"]["subjectBeginsWith"],
        "queue": delivery["destination"]["properties"]["queueName"],
        "account": delivery["destination"]["properties"]["resourceId"],
        "schema": events.properties["eventDeliverySchema"],
        "identity": delivery["identity"]["type"],
    }
    wanted = {
        "events": ["Microsoft.Storage.BlobCreated"],
        "subject": code.arrivals_subject,
        "queue": code.arrivals_queue,
        "account": f"{GROUP}/providers/{account.type}/{account.name}",
        "schema": "EventGridSchema",
        "identity": "SystemAssigned",  # no other may deliver where there are network rules
    }
    return [f"{part} of arrivals: {told[part]}, not {wanted[part]}"
            for part in wanted if told[part] != wanted[part]]  # fmt: skip


def check_lifecycle(deployed: Deployed, code: Code) -> list[str]:
    """What grows without end is deleted by age, and nothing else is."""
    [policy] = _all(deployed, "Microsoft.Storage/storageAccounts/managementPolicies")
    rules = policy.properties["policy"]["rules"]
    aged = {
        prefix
        for rule in rules
        if "delete" in rule["definition"]["actions"].get("baseBlob", {})
        for prefix in rule["definition"]["filters"].get("prefixMatch", ["everything"])
    }
    return _compared("lifecycle rules", {f"{name}/" for name in code.maintained}, aged)


def check_sign_in(deployed: Deployed, code: Code) -> list[str]:
    """People sign in for every route but the health check."""
    [found] = [r for r in _all(deployed, "Microsoft.Web/sites/config")
               if r.name.endswith("authsettingsV2")]  # fmt: skip
    validation = found.properties["globalValidation"]
    open_routes = {route for route in code.routes if not route.startswith("/portal")}
    wrong = _compared("open routes", open_routes, set(validation["excludedPaths"]))
    if validation["requireAuthentication"] is not True:
        wrong.append("signing in is not required")
    directory = found.properties["identityProviders"]["azureActiveDirectory"]
    by = directory["registration"]["clientSecretSettingName"]
    return wrong + ([] if by in settings(deployed) else [f"signing in goes by {by}, not set"])


def check_roles(deployed: Deployed, code: Code) -> list[str]:
    """Every right that is needed is given, and none that is not."""
    wanted = {
        f"{right.who}: {right.role} on {scope}" for right in rights(code) for scope in right.scopes
    }
    assignments = _all(deployed, "Microsoft.Authorization/roleAssignments")
    wrong = _compared("roles", wanted, {_assignment(a) for a in assignments})
    types = ("ServicePrincipal", EVERYTHING["operatorType"])
    wrong += [f"{a.symbol} does not say what it is given to" for a in assignments
              if a.properties.get("principalType") not in types]  # fmt: skip
    names = [a.name for a in assignments]
    return wrong + [
        f"{n} names two assignments" for n in sorted({n for n in names if names.count(n) > 1})
    ]


CHECKS: tuple[Callable[[Deployed, Code], list[str]], ...] = (
    check_storage, check_settings, check_identity, check_flex, check_events, check_lifecycle,
    check_sign_in, check_roles,
)  # fmt: skip


def check_groups(template: dict[str, Any], code: Code) -> list[str]:
    """Every function that scales by itself may be kept ready, and no other name is allowed."""
    name = template["definitions"]["alwaysReadyGroup"]["properties"]["name"]
    return _compared("always ready", code.groups, name["allowedValues"])


def disagreements(template: dict[str, Any], code: Code) -> list[str]:
    """All that is wrong between a compiled template and the code."""
    deployed = deploy(template, EVERYTHING)
    found = [complaint for check in CHECKS for complaint in check(deployed, code)]
    return found + check_groups(template, code)


def settings(deployed: Deployed) -> dict[str, Any]:
    """The app settings that a template makes."""
    [found] = [
        r for r in _all(deployed, "Microsoft.Web/sites/config") if r.name.endswith("/appsettings")
    ]
    return found.properties


def _package(deployed: Deployed) -> str:
    """The container that the app runs from."""
    [site] = _all(deployed, "Microsoft.Web/sites")
    return site.properties["functionAppConfig"]["deployment"]["storage"]["value"].rpartition(">")[2]


def _assignment(assignment: Resource) -> str:
    """`who: role on scope` of a role assignment."""
    principal = str(assignment.properties["principalId"])
    who = {OPERATOR: "operator"}.get(principal, principal)
    who = {
        "<roles:identity.principalId>": "app",
        "<roles:topic.identity.principalId>": "events",
    }.get(who, who)
    guid = assignment.properties["roleDefinitionId"].rpartition("/")[2]
    role = next((name for name, known in ROLES.items() if known == guid), guid)
    return f"{who}: {role} on {_scope(assignment.scope)}"


def _scope(scope: str) -> str:
    """A scope in short: `storage`, `vault`, `insights`, or `queues/runs`."""
    short = scope.removeprefix(f"{GROUP}/providers/")
    kinds = {"Microsoft.KeyVault/vaults": "vault", "Microsoft.Insights/components": "insights",
             "Microsoft.Storage/storageAccounts": "storage"}  # fmt: skip
    part = re.fullmatch(
        r"Microsoft.Storage/storageAccounts/[^/]+/\w+Services/default/(\w+/[^/]+)", short
    )
    return part[1] if part else kinds.get(short.rpartition("/")[0], scope)


def _each(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{kind}/{name}" for name in sorted(names))


def _all(deployed: Deployed, kind: str) -> Deployed:
    return [resource for resource in deployed if resource.type == kind]


def _names(deployed: Deployed, kind: str) -> set[str]:
    return {resource.name.rpartition("/")[2] for resource in _all(deployed, kind)}


def _compared(what: str, wanted: Iterable[str], found: Iterable[str]) -> list[str]:
    wanted, found = set(wanted), set(found)
    return [*(f"{what}: the template lacks {name}" for name in sorted(wanted - found)),
            *(f"{what}: the code knows no {name}" for name in sorted(found - wanted))]  # fmt: skip
