"""A subscription of Azure: its resource groups, its resources by id, and who may do what.

Ids are compared whatever their case, and kept as they were written. Roles of the caller go down
from the subscription to groups and resources, as in Azure
(https://learn.microsoft.com/azure/role-based-access-control/scope-overview).
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from local.azure import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
_ACTIONS = {
    "Owner": ("*",),
    "Contributor": ("*",),
    "Reader": ("*/read",),
    "Website Contributor": ("Microsoft.Web/*", "Microsoft.Insights/components/*",
                            "Microsoft.Authorization/*/read"),
}  # fmt: skip
_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
# Versions that this emulator answers in, by provider.
VERSIONS = {
    "Microsoft.Web": ("2024-11-01",),
    "Microsoft.Storage": ("2024-01-01", "2025-01-01"),
    "Microsoft.EventGrid": ("2025-02-15",),
    "Microsoft.KeyVault": ("2023-07-01", "2025-05-01"),
    "Microsoft.Insights": ("2020-02-02",),
    "Microsoft.Authorization": ("2022-04-01",),
}
_FILTER = re.compile(r"principalId eq '([^']+)'|assignedTo\('([^']+)'\)|atScope\(\)")


@dataclass(frozen=True)
class Address:
    """A resource id, taken apart. `kind`: the type; `name`: '' for a list of the type."""

    subscription: str
    group: str
    scope: str
    kind: str
    name: str
    parent: str


@dataclass
class Cloud:
    """One subscription. `roles`: those of the caller, by scope; `page`: the longest page."""

    tenant_id: str
    subscription: str = field(default_factory=lambda: str(uuid4()))
    groups: set[str] = field(default_factory=set[str])
    resources: dict[str, Json] = field(default_factory=dict[str, Json])
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    page: int = 1_000

    def add(self, resource_id: str, **values: Any) -> Json:
        """A resource that is there from now on."""
        at = address(resource_id)
        made: Json = {"id": resource_id, "name": at.name, "type": at.kind, **values}
        made.setdefault("properties", {})
        self.resources[resource_id.lower()] = made
        return made

    def assign(self, scope: str, principal: str, role: str) -> Json:
        """A role assignment. `role`: the id of a role definition."""
        provider = f"/subscriptions/{self.subscription}/providers/Microsoft.Authorization"
        definition = f"{provider}/roleDefinitions/{role}"
        return self.add(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}",
            properties={"roleDefinitionId": definition, "principalId": principal, "scope": scope,
                        "principalType": "ServicePrincipal"},
        )  # fmt: skip

    def remove(self, resource_id: str) -> None:
        """Takes a resource away, with what is below it."""
        gone = resource_id.lower()
        for key in [key for key in self.resources if f"{key}/".startswith(f"{gone}/")]:
            del self.resources[key]

    def may(self, action: str, scope: str) -> bool:
        """Whether the caller may do something at a scope."""
        held = (
            role
            for above, roles in self.roles.items()
            if f"{scope.lower()}/".startswith(f"{above.lower().rstrip('/')}/")
            for role in roles
        )
        wanted = action.lower()
        return any(
            fnmatch.fnmatchcase(wanted, pattern.lower()) for role in held for pattern in
            _ACTIONS[role]
        )  # fmt: skip

    def check(self, method: str, at: Address, version: str | None, caller: str, path: str) -> None:
        """Raises ArmError for a request that is wrong, or not the caller's to make."""
        if not version:
            raise errors.no_version()
        provider = at.kind.partition("/")[0]
        known = VERSIONS.get(provider, ())
        if not _VERSION.fullmatch(version) or version not in known:
            raise errors.unknown_version(at.kind, version, ", ".join(known))
        action = f"{at.kind}/{'read' if method == 'GET' else 'action'}"
        if method == "POST":  # …/config/appsettings/list is an action of sites/config
            action = f"{at.kind.removesuffix('/list')}/list/action"
        scope = path if at.name or at.parent != at.scope else at.scope
        if not self.may(action, scope) and not (at.name == "" and self._sees_some(at, action)):
            raise errors.forbidden(caller, action, scope)
        if at.subscription.lower() != self.subscription.lower():
            raise errors.no_subscription(at.subscription)
        if at.group and at.group.lower() not in {group.lower() for group in self.groups}:
            raise errors.no_group(at.group)

    def find(self, at: Address, path: str) -> Json:
        """A resource; 404 where there is none."""
        found = self.resources.get(path.lower())
        if found is None:
            raise errors.not_found(at.kind, at.name, at.group)
        return found

    def rows(self, at: Address, condition: str | None) -> list[Json]:
        """The resources of a type that the caller may see, below an address."""
        if at.kind == "Microsoft.Authorization/roleAssignments":
            return list(self._assignments(at.parent, condition))
        prefix = f"{at.parent.lower()}/"
        return [
            one
            for key, one in self.resources.items()
            if key.startswith(prefix)
            and one["type"].lower() == at.kind.lower()
            and self.may(f"{at.kind}/read", key)
        ]

    def _sees_some(self, at: Address, action: str) -> bool:
        """Lists of a whole subscription or group show what is the caller's to see, and no more."""
        return bool(at.scope == at.parent and self._held_below(at.scope, action))

    def _held_below(self, scope: str, action: str) -> bool:
        inside = f"{scope.lower()}/"
        return any(key.lower().startswith(inside) and self.may(action, key) for key in self.roles)

    def _assignments(self, scope: str, condition: str | None) -> Iterator[Json]:
        """Those at and above the scope; of one principal those below, too."""
        found = _FILTER.fullmatch(condition) if condition else None
        if condition and found is None:
            raise errors.ArmError(
                400, "UnsupportedQuery", f"The filter '{condition}' is not supported."
            )
        principal = (found[1] or found[2]) if found else None
        here = f"{scope.lower()}/"
        for one in self.resources.values():
            if one["type"] != "Microsoft.Authorization/roleAssignments":
                continue
            place = f"{one['properties']['scope'].lower().rstrip('/')}/"
            near = here.startswith(place) or (bool(found and found[1]) and place.startswith(here))
            if near and principal in (None, one["properties"]["principalId"]):
                yield one


def address(path: str) -> Address:
    """Takes a resource id apart; raises ArmError for one that is none."""
    before, found, after = path.rpartition("/providers/")
    parts = after.split("/")
    scope = re.match(r"/subscriptions/([^/]+)(?:/resourceGroups/([^/]+))?", path, re.IGNORECASE)
    if not found or scope is None or len(parts) < 2:
        raise errors.ArmError(404, "InvalidResourceId", f"The resource id '{path}' is not valid.")
    kind = "/".join([parts[0], *parts[1::2]])
    name = parts[-1] if len(parts) % 2 else ""
    parent = before if len(parts) == 2 else f"{before}/providers/{'/'.join(parts[:-1])}"
    return Address(scope[1], scope[2] or "", scope[0], kind, name, parent)
