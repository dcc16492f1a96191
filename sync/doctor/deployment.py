"""Checks of a deployed app itself: its code, plan, settings, identity, and the portal's sign-in.

https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph.exchange import as_object

from ..deployment import (
    DEPRECATED_SETTINGS,
    FEDERATION,
    FUNCTIONS,
    IDENTITY_SETTINGS,
    LEAST_MEMORY_MB,
    PLAN,
    PLAN_TIER,
    RUNTIME,
    SETTINGS,
    VERSIONS,
)
from ..storage import CONNECTION
from .check import Check

if TYPE_CHECKING:
    from ..deployment import Setting
    from ..resources import Reading
    from .deployed import Deployed

APP, SET, IDENTITY, SIGN_IN = "Function App", "App settings", "Identity", "Portal sign-in"
DEPLOY = "deploy the infrastructure again (`azd provision`)"
_REFERENCE = "@Microsoft.KeyVault("
_READER = "the role Reader on its resource group shows it"


def unreadable(area: str, name: str, reading: Reading, advice: str = _READER) -> Check:
    """What could not be read, as a warning: it is not known whether it is there."""
    return Check(area, name, "warning", f"cannot be read: {reading.refused}", advice)


def check_app(deployed: Deployed) -> list[Check]:
    """State, runtime, plan and code."""
    site = deployed.site
    if site.refused:
        return [unreadable(APP, deployed.app.name, site)]
    state = str(site.properties.get("state", ""))
    host = str(site.properties.get("defaultHostName", ""))
    checks = [
        Check(APP, "state", "ok", f"{state} at https://{host}")
        if state == "Running"
        else Check(APP, "state", "problem", state or "unknown", "start it: Overview > Start")
    ]
    if not site.properties.get("httpsOnly"):
        checks.append(Check(APP, "HTTPS only", "problem", "off", DEPLOY))
    return [*checks, *_scale(deployed), _plan(deployed.plan), _code(deployed.functions)]


def _scale(deployed: Deployed) -> list[Check]:
    config = as_object(deployed.site.properties.get("functionAppConfig"))
    runtime, scale = as_object(config.get("runtime")), as_object(config.get("scaleAndConcurrency"))
    language, version = str(runtime.get("name", "")), str(runtime.get("version", ""))
    memory = int(scale.get("instanceMemoryMB") or 0)
    told = f"{language} {version}".strip() or "unknown"
    checks: list[Check] = []
    if language == RUNTIME and version in VERSIONS:
        checks.append(Check(APP, "runtime", "ok", told))
    else:
        checks.append(Check(APP, "runtime", "problem", told,
                            f"use {RUNTIME} {VERSIONS[-1]}: {DEPLOY}"))  # fmt: skip
    instances = f"{memory:,} MB each, at most {scale.get('maximumInstanceCount', 0)} of a function"
    if memory >= LEAST_MEMORY_MB:
        checks.append(Check(APP, "instances", "ok", instances))
    else:
        advice = f"a large roster needs {LEAST_MEMORY_MB:,} MB: parameter instanceMemoryMB"
        checks.append(Check(APP, "instances", "warning", instances, advice))
    return checks


def _plan(plan: Reading) -> Check:
    if plan.refused:
        return unreadable(APP, "plan", plan)
    sku = as_object(plan.body.get("sku"))
    found = f"{sku.get('tier', '')} {sku.get('name', '')}".strip()
    if sku.get("name") == PLAN:
        return Check(APP, "plan", "ok", found)
    advice = f"Rollcall's settings are made for {PLAN_TIER}: {DEPLOY}"
    return Check(APP, "plan", "warning", found, advice)


def _code(functions: Reading) -> Check:
    if functions.refused:
        return unreadable(APP, "functions", functions)
    found = {str(row["name"]).rpartition("/")[2] for row in functions.rows}
    missing = [name for name in FUNCTIONS if name not in found]
    if not missing:
        return Check(APP, "functions", "ok", f"all {len(FUNCTIONS)} are there")
    if not found:
        advice = "no code is deployed, or it does not start: `azd deploy`, then look at Log stream"
        return Check(APP, "functions", "problem", "none", advice)
    advice = "another version of the code is deployed: `azd deploy`"
    return Check(APP, "functions", "problem", f"missing: {', '.join(missing)}", advice)


def check_settings(deployed: Deployed) -> list[Check]:
    """The app settings: those that have to be there, and those that must not; never a value."""
    if deployed.settings.refused:
        return [unreadable(SET, "all", deployed.settings, "it takes the role Website Contributor")]
    values = deployed.values
    checks = [
        _setting(setting, values.get(setting.name, ""))
        for setting in SETTINGS
        if setting.name in values or not setting.is_optional
    ]
    if CONNECTION in values:
        advice = "take it away: it may hold a key, and the settings by identity are passed over"
        checks.append(Check(SET, CONNECTION, "problem", "set", advice))
    if useless := sorted(DEPRECATED_SETTINGS & set(values)):
        advice = "Flex Consumption passes them over or refuses them: take them away"
        checks.append(Check(SET, "not for this plan", "warning", ", ".join(useless), advice))
    return [*checks, *_references(deployed.references)]


def _setting(setting: Setting, value: str) -> Check:
    if not value:
        return Check(SET, setting.name, "problem", "missing", f"{setting.purpose}: {DEPLOY}")
    if setting.value and value != setting.value:
        return Check(SET, setting.name, "problem", "another value",
                     f"set it to {setting.value}: {setting.purpose}")  # fmt: skip
    if setting.is_secret and not value.startswith(_REFERENCE):
        advice = "keep it in the Key Vault, and refer to it: @Microsoft.KeyVault(VaultName=…)"
        return Check(SET, setting.name, "problem", "holds the secret itself", advice)
    return Check(SET, setting.name, "ok", "set")


def _references(references: Reading) -> list[Check]:
    """The settings that refer to a Key Vault, as Azure itself says whether it can read them."""
    if references.refused:
        return [unreadable(SET, "Key Vault references", references)]
    states = {str(row.get("name", "")): as_object(row.get("properties")).get("status")
              for row in references.rows}  # fmt: skip
    broken = [f"{name} ({status})" for name, status in states.items() if status != "Resolved"]
    if broken:
        advice = (
            "look whether the secret has that name, and whether the app's identity has the role "
            "Key Vault Secrets User; Azure tries again within a day, or after a change of settings"
        )
        return [Check(SET, "Key Vault references", "problem", ", ".join(broken), advice)]
    if not states:
        return []
    return [Check(SET, "Key Vault references", "ok", f"all {len(states)} can be read")]


def check_identity(deployed: Deployed) -> list[Check]:
    """The identity that the app works with, and whether the settings mean it."""
    if deployed.site.refused:
        return []
    identities, identity = deployed.identities, deployed.identity
    if not identities:
        advice = f"its rights and app roles are those of a user-assigned identity: {DEPLOY}"
        return [Check(IDENTITY, "user-assigned", "problem", "none", advice)]
    if identity is None:
        names = ", ".join(one.id.rpartition("/")[2] for one in identities)
        advice = f"set AZURE_CLIENT_ID to the client id of the one that Rollcall uses: {DEPLOY}"
        return [Check(IDENTITY, "user-assigned", "problem", f"several: {names}", advice)]
    name = identity.id.rpartition("/")[2]
    checks = [Check(IDENTITY, "user-assigned", "ok", f"{name}, object id {identity.principal_id}")]
    for setting in IDENTITY_SETTINGS:
        value = deployed.values.get(setting)
        if value and value != identity.client_id:
            advice = f"it has to be {identity.client_id}, the client id of {name}: {DEPLOY}"
            checks.append(Check(IDENTITY, setting, "problem", "names another identity", advice))
    reference = str(deployed.site.properties.get("keyVaultReferenceIdentity", ""))
    if reference.lower() != identity.id:
        advice = f"Key Vault references are to be read as {name}: {DEPLOY}"
        checks.append(Check(IDENTITY, "keyVaultReferenceIdentity", "warning", "another", advice))
    return checks


def check_sign_in(deployed: Deployed) -> list[Check]:
    """App Service Authentication, which lets people into the portal."""
    reading = deployed.sign_in
    if reading.refused:
        return [unreadable(SIGN_IN, "authentication", reading)]
    platform = as_object(reading.properties.get("platform"))
    providers = as_object(reading.properties.get("identityProviders"))
    entra = as_object(providers.get("azureActiveDirectory"))
    registration = as_object(entra.get("registration"))
    if not platform.get("enabled") or not entra.get("enabled"):
        advice = (
            "the portal stays shut: `rollcall portal register`, then deploy with its client id as "
            "the parameter portalClientId"
        )
        return [Check(SIGN_IN, "authentication", "warning", "off", advice)]
    checks = [Check(SIGN_IN, "authentication", "ok",
                    f"on, client id {registration.get('clientId', '')}")]  # fmt: skip
    if registration.get("clientSecretSettingName") != FEDERATION:
        advice = f"a secret is in use where the identity could vouch: {DEPLOY}"
        checks.append(Check(SIGN_IN, "secret", "warning", "not by identity", advice))
    validation = as_object(reading.properties.get("globalValidation"))
    if validation.get("requireAuthentication") and "/api/health" not in (
        validation.get("excludedPaths") or ()
    ):
        advice = f"monitors get 401 for /api/health: {DEPLOY}"
        checks.append(Check(SIGN_IN, "health check", "warning", "needs a sign-in", advice))
    return checks
