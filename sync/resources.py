"""Resources of Azure as Azure Resource Manager tells of them: read, never written.

https://learn.microsoft.com/rest/api/resources/
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from graph.direct import Service
from graph.exchange import as_object
from roster.errors import BadInput, Terminal

if TYPE_CHECKING:
    from graph.direct import Heard
    from graph.patience import Patience

AZURE = Service(
    "Azure Resource Manager",
    "https://management.azure.com",
    "https://management.azure.com/.default",
    "ROLLCALL_ARM_URL",
)
# The version of each provider's API, by the beginning of the type.
VERSIONS: MappingProxyType[str, str] = MappingProxyType(
    {
        "Microsoft.Web": "2024-11-01",
        "Microsoft.EventGrid": "2025-02-15",
        "Microsoft.Storage": "2024-01-01",
        "Microsoft.KeyVault": "2023-07-01",
        "Microsoft.Insights": "2020-02-02",
        "Microsoft.Authorization": "2022-04-01",
    }
)
SUBSCRIPTIONS_VERSION = "2022-12-01"


@dataclass(frozen=True)
class Reading:
    """What was read: an object, or the rows of a list. `refused`: why nothing was, in words.

    `is_absent`: there is no such resource, or none that who is signed in may see.
    """

    body: dict[str, Any]
    rows: tuple[dict[str, Any], ...] = ()
    refused: str = ""
    is_absent: bool = False

    @property
    def properties(self) -> dict[str, Any]:
        """The resource's own properties."""
        return _properties(self.body)


@dataclass(frozen=True)
class App:
    """A Function App at `host`. `id`: its resource id, in which subscription and group stand."""

    id: str
    name: str
    host: str = ""

    @property
    def subscription(self) -> str:
        """The id of its subscription."""
        return self.id.split("/")[2]

    @property
    def group_id(self) -> str:
        """The resource id of its resource group."""
        return "/".join(self.id.split("/")[:5])


async def read(line: Patience, address: str, method: str = "GET") -> Reading:
    """A resource, by its id and whatever follows that; the version of its API is added."""
    heard = await line.ask(method, _versioned(address))
    return _reading(heard, (dict(heard.response.body),) if heard.response.ok else ())


async def read_list(line: Patience, address: str) -> Reading:
    """A list of resources, all pages of it."""
    rows, heard = await line.rows(_versioned(address))
    return _reading(heard, tuple(rows))


async def find_app(line: Patience, name: str, group: str, subscription: str) -> App:
    """The Function App of this name; '' looks for the only one. '' for a group: in all of them.

    Raises BadInput unless there is exactly one, Terminal where looking is not allowed.
    """
    subscription = subscription or await _only_subscription(line)
    scope = f"/subscriptions/{subscription}"
    if group:
        scope += f"/resourceGroups/{group}"
    found = await read_list(line, f"{scope}/providers/Microsoft.Web/sites")
    where = f"resource group {group}" if group else f"subscription {subscription}"
    if found.is_absent:
        raise BadInput(f"There is no {where}, or you have no role on it; `az group list` shows "
                       "those that you may see")  # fmt: skip
    if found.refused:
        raise Terminal(
            f"The apps of {where} cannot be read ({found.refused}): it takes the role Reader on it"
        )
    apps = [
        App(str(row["id"]), str(row["name"]), str(_properties(row).get("defaultHostName", "")))
        for row in found.rows
        if "functionapp" in str(row.get("kind", "")) and name.lower() in ("", row["name"].lower())
    ]
    if len(apps) == 1:
        return apps[0]
    if not apps:
        called = f" called {name}" if name else ""
        raise BadInput(f"No Function App{called} is in {where}, or you have no role on it")
    names = ", ".join(sorted(app.name for app in apps))
    raise BadInput(f"Which Function App? {where} has {names}: name it with --app")


async def _only_subscription(line: Patience) -> str:
    rows, heard = await line.rows(f"/subscriptions?api-version={SUBSCRIPTIONS_VERSION}")
    if not heard.response.ok:
        raise Terminal(f"The subscriptions cannot be read ({_words(heard)})")
    if not rows:
        raise BadInput("Who is signed in may see no subscription of Azure")
    if len(rows) > 1:
        names = ", ".join(f"{row['subscriptionId']} ({row['displayName']})" for row in rows)
        raise BadInput(f"Which subscription? Name it with --subscription; you may see {names}")
    return str(rows[0]["subscriptionId"])


def _properties(row: dict[str, Any]) -> dict[str, Any]:
    return as_object(row.get("properties"))


def _versioned(address: str) -> str:
    """The address with the version of the API of its last provider."""
    provider = address.rpartition("/providers/")[2].partition("/")[0]
    mark = "&" if "?" in address else "?"
    return f"{address}{mark}api-version={VERSIONS[provider]}"


def _reading(heard: Heard, rows: tuple[dict[str, Any], ...]) -> Reading:
    if heard.response.ok:
        return Reading(heard.response.body, rows)
    return Reading({}, (), _words(heard), heard.response.status == 404)


def _words(heard: Heard) -> str:
    """Status and code: the message may name persons."""
    return f"{heard.response.status} {heard.response.code}".rstrip()
