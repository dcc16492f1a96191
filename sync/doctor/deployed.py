"""What is read of a deployed app before it is checked: the app, and all that hangs on it.

Everything is read, nothing written. Each part is read whatever became of the one before; what may
not be read is told as such, never as missing.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graph.exchange import as_object
from roster.errors import BadInput

from ..deployment import CLIENT_ID, LISTED, STORAGE_SETTINGS, TELEMETRY
from ..resources import Reading, read, read_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from graph.patience import Patience

    from ..resources import App

NOTHING = Reading({}, (), "not looked for")
_ACCOUNT = re.compile(r"https://([a-z0-9]{3,24})\.blob\.")


@dataclass(frozen=True)
class Identity:
    """A user-assigned identity of the app. `id` is its resource id in small letters."""

    id: str
    principal_id: str
    client_id: str


@dataclass(frozen=True)
class Deployed:
    """A deployed app. `listed`: what the storage account holds, by kind.

    `assigned`: the role assignments of the app's identity, by the kind of resource they are on;
    those of a part or of a group above are among them. `topic_assigned` are the topic's.
    """

    app: App
    site: Reading
    settings: Reading
    references: Reading
    functions: Reading
    sign_in: Reading
    plan: Reading
    account: Reading
    listed: dict[str, Reading]
    vaults: Reading
    insights: Reading
    topic: Reading
    subscriptions: Reading
    assigned: dict[str, Reading]
    topic_assigned: Reading

    @property
    def identities(self) -> list[Identity]:
        """The user-assigned identities of the app."""
        return _identities(self.site)

    @property
    def identity(self) -> Identity | None:
        """The identity that the app works with: the one that its settings name, else the only."""
        return _identity(self.site, self.values)

    @property
    def values(self) -> dict[str, str]:
        """The app settings."""
        return _values(self.settings)


async def read_app(line: Patience, app: App, say: Callable[[str], None]) -> Deployed:
    """Reads all of a deployed app. Raises Transient when Azure does not answer."""
    say("Reading the app")
    config = f"{app.id}/config"
    site, settings, references, functions, sign_in = await asyncio.gather(
        read(line, app.id),
        read(line, f"{config}/appsettings/list", "POST"),
        read_list(line, f"{config}/configreferences/appsettings"),
        read_list(line, f"{app.id}/functions"),
        read(line, f"{config}/authsettingsV2"),
    )
    plan_id = str(site.properties.get("serverFarmId", ""))
    plan = await read(line, plan_id) if plan_id else NOTHING
    say("Reading storage, vault and telemetry")
    account = await _account(line, app, _values(settings))
    account_id = str(account.body.get("id", ""))
    listed = {name: NOTHING for name, _, _ in LISTED}
    if account_id:
        for name, path, _ in LISTED:
            listed[name] = await read_list(line, f"{account_id}/{path}")
    vaults = await read_list(line, f"{app.group_id}/providers/Microsoft.KeyVault/vaults")
    insights = await _insights(line, app, _values(settings))
    say("Reading roles and events")
    topic, subscriptions = await _events(line, app, account_id)
    identity = _identity(site, _values(settings))
    on = {
        "storage": [account_id],
        "vault": [str(vault["id"]) for vault in vaults.rows],
        "insights": [str(insights.body.get("id", ""))],
    }
    assigned = {
        kind: await _assignments(line, ids, identity.principal_id if identity else "")
        for kind, ids in on.items()
    }
    sender = str(as_object(topic.body.get("identity")).get("principalId", ""))
    return Deployed(
        app, site, settings, references, functions, sign_in, plan, account, listed, vaults,
        insights, topic, subscriptions, assigned, await _assignments(line, [account_id], sender),
    )  # fmt: skip


async def read_identity(line: Patience, app: App) -> Identity:
    """The identity that an app works with; BadInput where it has none, or it is not clear which."""
    site, settings = await asyncio.gather(
        read(line, app.id), read(line, f"{app.id}/config/appsettings/list", "POST")
    )
    found = _identity(site, _values(settings))
    if found is None:
        names = ", ".join(one.id.rpartition("/")[2] for one in _identities(site))
        told = f"has several identities ({names})" if names else "has no user-assigned identity"
        raise BadInput(f"The app {app.name} {told}: name the identity with --identity")
    return found


def _identities(site: Reading) -> list[Identity]:
    assigned = as_object(as_object(site.body.get("identity")).get("userAssignedIdentities"))
    return [
        Identity(key.lower(), str(one.get("principalId", "")), str(one.get("clientId", "")))
        for key, one in ((key, as_object(value)) for key, value in assigned.items())
    ]


def _identity(site: Reading, values: dict[str, str]) -> Identity | None:
    found = _identities(site)
    named = [one for one in found if one.client_id == values.get(CLIENT_ID, "-")]
    return named[0] if named else found[0] if len(found) == 1 else None


def _values(settings: Reading) -> dict[str, str]:
    return {name: str(value) for name, value in settings.properties.items()}


async def _account(line: Patience, app: App, values: dict[str, str]) -> Reading:
    """The storage account that the settings name, wherever in the subscription it is."""
    named = _ACCOUNT.match(values.get(STORAGE_SETTINGS[0], ""))
    if named is None:
        return NOTHING
    address = f"/subscriptions/{app.subscription}/providers/Microsoft.Storage/storageAccounts"
    return _row(await read_list(line, address), lambda row: row["name"] == named[1])


async def _insights(line: Patience, app: App, values: dict[str, str]) -> Reading:
    """The component that telemetry goes to."""
    wanted = values.get(TELEMETRY, "")
    if not wanted:
        return NOTHING
    address = f"/subscriptions/{app.subscription}/providers/Microsoft.Insights/components"
    found = await read_list(line, address)
    return _row(found, lambda row: row["properties"].get("ConnectionString") == wanted)


async def _events(line: Patience, app: App, account_id: str) -> tuple[Reading, Reading]:
    """The topic of the account, and its subscriptions."""
    if not account_id:
        return NOTHING, NOTHING
    address = f"/subscriptions/{app.subscription}/providers/Microsoft.EventGrid/systemTopics"
    found = await read_list(line, address)
    wanted = account_id.lower()
    topic = _row(found, lambda row: str(row["properties"].get("source", "")).lower() == wanted)
    if not topic.body:
        return topic, NOTHING
    return topic, await read_list(line, f"{topic.body['id']}/eventSubscriptions")


async def _assignments(line: Patience, resources: list[str], principal: str) -> Reading:
    """The role assignments of a principal on resources, on what is below, and on what is above."""
    rows: list[dict[str, Any]] = []
    if not principal:
        return NOTHING
    for resource in filter(None, resources):
        address = (
            f"{resource}/providers/Microsoft.Authorization/roleAssignments"
            f"?$filter=principalId eq '{principal}'"
        )
        found = await read_list(line, address)
        if found.refused:
            return found
        rows += found.rows
    return Reading({}, tuple(rows))


def _row(found: Reading, fits: Callable[[dict[str, Any]], bool]) -> Reading:
    """The row that fits, as an object; absent if there is none."""
    if found.refused:
        return found
    row = next(filter(fits, found.rows), None)
    return Reading(row) if row is not None else Reading({}, (), "not found", is_absent=True)
