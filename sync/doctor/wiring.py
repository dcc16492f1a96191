"""Checks of what hangs on a deployed app: storage, rights, and the events of new files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graph.exchange import as_object

from ..deployment import ARRIVAL, LISTED, QUEUE_SENDER, RIGHTS, STORAGE_SETTINGS
from .check import Check
from .deployment import DEPLOY, unreadable

if TYPE_CHECKING:
    from ..deployment import Right
    from ..resources import Reading
    from .deployed import Deployed

STORAGE, RIGHTS_AREA, EVENTS = "Storage account", "Rights in Azure", "Events"
# Lists leave out what one has no role on, so that this and "not there" look the same.
_NOT_FOUND = "not found among what you may see"
_UNSEEN = "you lack the role Reader on its resource group"
_TAKES_TIME = "a role takes some minutes to work after it was assigned"


def check_account(deployed: Deployed) -> list[Check]:
    """The account, and the containers, queues and tables in it."""
    account = deployed.account
    if not deployed.values.get(STORAGE_SETTINGS[0]):
        return []  # the settings tell of it
    if account.is_absent:
        advice = f"{STORAGE_SETTINGS[0]} names one that is not in this subscription, or {_UNSEEN}"
        return [Check(STORAGE, "account", "warning", _NOT_FOUND, advice)]
    if account.refused:
        return [unreadable(STORAGE, "account", account)]
    checks = [Check(STORAGE, "account", "ok", str(account.body.get("name", "")))]
    if account.properties.get("allowSharedKeyAccess") is not False:
        advice = f"whoever has a key of it can read and change all: {DEPLOY}"
        checks.append(Check(STORAGE, "keys", "warning", "may be used", advice))
    for kind, _, names in LISTED:
        listed, wanted = deployed.listed[kind], names
        if kind == "containers":
            wanted = (*names, *_package(deployed))
        if listed.refused:
            checks.append(unreadable(STORAGE, kind, listed))
            continue
        there = {str(row["name"]) for row in listed.rows}
        if missing := [name for name in wanted if name not in there]:
            checks.append(Check(STORAGE, kind, "problem", f"missing: {', '.join(missing)}", DEPLOY))
        else:
            checks.append(Check(STORAGE, kind, "ok", f"all {len(wanted)} are there"))
    return checks


def _package(deployed: Deployed) -> list[str]:
    """The container with the package that the app runs from, where it is on this account."""
    config = as_object(deployed.site.properties.get("functionAppConfig"))
    place = str(as_object(as_object(config.get("deployment")).get("storage")).get("value", ""))
    account, _, container = place.rstrip("/").rpartition("/")
    here = deployed.values.get(STORAGE_SETTINGS[0], "").rstrip("/")
    return [container] if container and account == here else []


def check_rights(deployed: Deployed) -> list[Check]:
    """The roles in Azure of the app's identity: on storage, vaults and telemetry."""
    identity = deployed.identity
    if identity is None:
        return []
    checks = [check for right in RIGHTS for check in _right(deployed, right, identity.principal_id)]
    policies = [
        str(vault["name"])
        for vault in deployed.vaults.rows
        if not as_object(vault.get("properties")).get("enableRbacAuthorization")
    ]
    if policies:
        advice = f"roles count for nothing there: {DEPLOY}"
        found = f"{', '.join(policies)}: by access policies"
        checks.append(Check(RIGHTS_AREA, "vault", "problem", found, advice))
    return checks


def _right(deployed: Deployed, right: Right, principal: str) -> list[Check]:
    assigned = deployed.assigned[right.target]
    resources = _resources(deployed, right)
    if not resources:
        return []
    if assigned.refused:
        return [unreadable(RIGHTS_AREA, right.name, assigned)]
    lacking = [
        scope.rpartition("/")[2]
        for resource in resources
        for scope in _scopes(resource, right)
        if not _holds(assigned, right.role.id, scope)
    ]
    if not lacking:
        return [Check(RIGHTS_AREA, right.name, "ok", right.role.name)]
    scope = resources[0]
    command = (
        f"az role assignment create --assignee-object-id {principal} "
        f"--assignee-principal-type ServicePrincipal --role {right.role.id} --scope {scope}"
    )
    advice = f"give the identity the role {right.role.name}: {DEPLOY}; {_TAKES_TIME}"
    found = f"missing on {', '.join(lacking)}"
    return [Check(RIGHTS_AREA, right.name, "problem", found, advice, command)]


def _resources(deployed: Deployed, right: Right) -> list[str]:
    """The ids of the resources that a right is about; none where they are not known."""
    one = {"storage": deployed.account, "insights": deployed.insights}
    if right.target == "vault":
        return [str(vault["id"]) for vault in deployed.vaults.rows]
    return [str(one[right.target].body["id"])] if one[right.target].body else []


def _scopes(resource: str, right: Right) -> list[str]:
    return [f"{resource}/{part}" for part in right.parts] or [resource]


def _holds(assigned: Reading, role: str, scope: str) -> bool:
    """Whether a role is assigned at a scope or above it."""
    return any(
        str(row["properties"].get("roleDefinitionId", "")).lower().endswith(f"/{role}")
        and _is_within(scope, str(row["properties"].get("scope", "")))
        for row in assigned.rows
    )


def _is_within(scope: str, above: str) -> bool:
    """Whether a scope is another one or below it; / is above all."""
    return f"{scope.lower()}/".startswith(f"{above.lower().rstrip('/')}/")


def check_events(deployed: Deployed) -> list[Check]:
    """The topic of the account, its subscription, and whether events may be put on the queue."""
    topic = deployed.topic
    if not deployed.account.body:
        return []
    if topic.is_absent:
        advice = (
            f"new files are found by the hourly look at the folders only: {DEPLOY}; or {_UNSEEN}"
        )
        return [Check(EVENTS, "topic", "warning", _NOT_FOUND, advice)]
    if topic.refused:
        return [unreadable(EVENTS, "topic", topic)]
    if deployed.subscriptions.refused:
        return [unreadable(EVENTS, "subscription", deployed.subscriptions)]
    fitting = [row for row in deployed.subscriptions.rows if _goes_to_queue(row, deployed)]
    checks = [_subscription(fitting[0]) if fitting else _no_subscription(deployed)]
    return [*checks, *_sender(deployed)]


def _no_subscription(deployed: Deployed) -> Check:
    names = ", ".join(str(row["name"]) for row in deployed.subscriptions.rows) or "no subscription"
    advice = f"it has to put events on the queue {ARRIVAL.queue} of the app's account: {DEPLOY}"
    return Check(EVENTS, "subscription", "problem", f"{names}: none goes there", advice)


def _goes_to_queue(row: dict[str, Any], deployed: Deployed) -> bool:
    destination = as_object(_destination(row).get("properties"))
    account = str(deployed.account.body["id"]).lower()
    return (
        _destination(row).get("endpointType") == "StorageQueue"
        and str(destination.get("resourceId", "")).lower() == account
        and destination.get("queueName") == ARRIVAL.queue
    )


def _destination(row: dict[str, Any]) -> dict[str, Any]:
    properties = as_object(row.get("properties"))
    by_identity = as_object(properties.get("deliveryWithResourceIdentity"))
    return as_object(by_identity.get("destination") or properties.get("destination"))


def _subscription(row: dict[str, Any]) -> Check:
    """The first thing that is wrong with a subscription that goes to the right queue."""
    properties, name = as_object(row.get("properties")), str(row["name"])
    filtered = as_object(properties.get("filter"))
    state = str(properties.get("provisioningState", ""))
    if state != "Succeeded":
        return Check(EVENTS, "subscription", "problem", f"{name} is {state or 'unknown'}", DEPLOY)
    events = filtered.get("includedEventTypes") or [ARRIVAL.event]
    if ARRIVAL.event not in events:
        found = f"{name} leaves out {ARRIVAL.event}"
        return Check(EVENTS, "subscription", "problem", found, DEPLOY)
    begins = str(filtered.get("subjectBeginsWith") or "")
    if not ARRIVAL.subject.startswith(begins):
        return Check(EVENTS, "subscription", "problem", f"{name} is for {begins} only",
                     f"it has to be for {ARRIVAL.subject}: {DEPLOY}")  # fmt: skip
    if properties.get("expirationTimeUtc"):
        return Check(EVENTS, "subscription", "warning",
                     f"{name} ends at {properties['expirationTimeUtc']}", DEPLOY)  # fmt: skip
    return Check(EVENTS, "subscription", "ok", f"{name}: new files go to the queue {ARRIVAL.queue}")


def _sender(deployed: Deployed) -> list[Check]:
    """Whether the topic's identity may send; without one events come by the account's key."""
    assigned, account = deployed.topic_assigned, str(deployed.account.body["id"])
    if not as_object(deployed.topic.body.get("identity")).get("principalId"):
        advice = f"an account without keys takes no events from it: {DEPLOY}"
        return [Check(EVENTS, "identity", "problem", "the topic has none", advice)]
    if assigned.refused:
        return [unreadable(EVENTS, "identity", assigned)]
    queue = f"{account}/queueServices/default/queues/{ARRIVAL.queue}"
    if _holds(assigned, QUEUE_SENDER.id, queue):
        return [Check(EVENTS, "identity", "ok", f"has {QUEUE_SENDER.name}")]
    advice = f"give the topic's identity that role on the queue: {DEPLOY}; {_TAKES_TIME}"
    return [Check(EVENTS, "identity", "problem", f"lacks {QUEUE_SENDER.name}", advice)]
