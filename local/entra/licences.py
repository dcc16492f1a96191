"""Licences: what the tenant has bought, and who holds them.

https://learn.microsoft.com/graph/api/subscribedsku-list,
https://learn.microsoft.com/graph/api/user-assignlicense,
https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast
from uuid import NAMESPACE_DNS, uuid5

from local.entra import errors

if TYPE_CHECKING:
    from local.entra.messages import Json
    from local.entra.objects import DirectoryObject
    from local.entra.tenant import Tenant

_PLANS = {
    "AAD_PREMIUM": "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
    "INTUNE_EDU": "da24caf9-af8e-485c-b7c8-e73336da2693",
    "TEAMS1": "57ff2da0-773e-42df-b2af-ffb7a2317929",
}
# What a tenant has that nobody seeded otherwise.
_BEGINNING: tuple[Json, ...] = (
    {"skuPartNumber": "M365EDU_A3_FACULTY", "skuId": "4b590615-0888-425a-a965-b3bf7789848d",
     "enabled": 10_000, "servicePlans": [*_PLANS]},
    {"skuPartNumber": "M365EDU_A3_STUUSEBNFT", "skuId": "18250162-5d87-4436-a834-d795c15c80f3",
     "enabled": 400_000, "servicePlans": [*_PLANS]},
)  # fmt: skip


class Licences:
    """The subscriptions of a tenant, by the id of their SKU."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._skus: dict[str, Json] = {}
        self._read = 0
        self._holders: dict[str, list[str]] = {}
        self._counted = Counter[str]()
        self.define(_BEGINNING)

    def define(self, skus: Any) -> None:
        """Sets what the tenant has: skuPartNumber, skuId, enabled (units), servicePlans (names)."""
        told = [_sku(one, self._tenant.identity.tenant_id) for one in cast("list[Json]", skus)]
        self._skus = {one["skuId"]: one for one in told}

    def told(self) -> list[Json]:
        """The subscriptions with what of them is used."""
        used = self._used()
        return [sku | {"consumedUnits": used[key]} for key, sku in self._skus.items()]

    def of_user(self, user: DirectoryObject) -> list[Json]:
        """The licences of a user in detail."""
        skus = [self._skus[one["skuId"]] for one in _held(user)]
        names = ("skuId", "skuPartNumber", "servicePlans")
        return [{"id": one["id"]} | {name: one[name] for name in names} for one in skus]

    def assign(self, user: DirectoryObject, body: Json) -> None:
        """Adds and removes licences of a user, all or nothing."""
        adding = cast("list[Json]", body.get("addLicenses") or [])
        removing = cast("list[str]", body.get("removeLicenses") or [])
        if not user.values.get("usageLocation"):
            raise errors.bad_request(
                "License assignment cannot be done for user with invalid usage location."
            )
        held = {one["skuId"]: one for one in _held(user)}
        for key in removing:
            if key not in held:
                raise errors.bad_request("User does not have a corresponding license.")
        used = self._used()
        for one in adding:
            self._check(one, held, used)
        kept = {key: one for key, one in held.items() if key not in removing}
        for one in adding:
            disabled = cast("list[str]", one.get("disabledPlans") or [])
            kept[one["skuId"]] = {"skuId": one["skuId"], "disabledPlans": disabled}
        self._tenant.directory.update(user, {"assignedLicenses": list(kept.values())})

    def _check(self, wanted: Json, held: dict[str, Json], used: Counter[str]) -> None:
        key = wanted.get("skuId")
        sku = self._skus.get(str(key))
        if sku is None:
            raise errors.bad_request(
                f"License {key} does not correspond to a valid company License."
            )
        plans = {one["servicePlanId"] for one in sku["servicePlans"]}
        foreign = [one for one in wanted.get("disabledPlans") or () if one not in plans]
        if foreign:
            raise errors.bad_request(f"Disabled service plan {foreign[0]} is not of license {key}.")
        if key not in held and used[str(key)] >= sku["prepaidUnits"]["enabled"]:
            raise errors.bad_request(
                f"Subscription with SKU {key} does not have any available licenses."
            )

    def _used(self) -> Counter[str]:
        """How many users hold each SKU; only users that changed are counted anew."""
        directory = self._tenant.directory
        log, self._read = directory.log["user"][self._read :], len(directory.log["user"])
        for key in dict.fromkeys(change.object_id for change in log):
            user = directory.live.get(key)
            self._counted.subtract(self._holders.pop(key, ()))
            if user is not None and _held(user):
                self._holders[key] = [one["skuId"] for one in _held(user)]
                self._counted.update(self._holders[key])
        return self._counted


def _held(user: DirectoryObject) -> list[Json]:
    return cast("list[Json]", user.values.get("assignedLicenses") or [])


def _sku(given: Json, tenant: str) -> Json:
    part = given["skuPartNumber"]
    key = given.get("skuId") or str(uuid5(NAMESPACE_DNS, part))
    plans = [
        {"servicePlanId": _PLANS.get(name) or str(uuid5(NAMESPACE_DNS, name)),
         "servicePlanName": name, "provisioningStatus": "Success", "appliesTo": "User"}
        for name in given.get("servicePlans", ())
    ]  # fmt: skip
    return {
        "id": f"{tenant}_{key}", "skuId": key, "skuPartNumber": part, "appliesTo": "User",
        "capabilityStatus": "Enabled", "servicePlans": plans,
        "prepaidUnits": {"enabled": given.get("enabled", 0), "suspended": 0, "warning": 0,
                         "lockedOut": 0},
    }  # fmt: skip
