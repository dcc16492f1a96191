"""Objects that are there before Rollcall comes: accounts, synced accounts, hand-made groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from local.entra import errors

if TYPE_CHECKING:
    from local.entra.messages import Json
    from local.entra.tenant import Tenant


def seed(tenant: Tenant, objects: Json) -> Json:
    """Adds `users` and `groups`; members and owners are user principal names or ids.

    Values are taken as they are, read-only ones (onPremisesSyncEnabled, mail) included. Returns
    the ids in the order given.
    """
    directory = tenant.directory
    users = [
        directory.add("user", {"accountEnabled": True, **values}).id
        for values in cast("list[Json]", objects.get("users", []))
    ]
    groups: list[str] = []
    for values in cast("list[Json]", objects.get("groups", [])):
        plain = {name: value for name, value in values.items() if name not in ("members", "owners")}
        group = directory.add("group", {"groupTypes": [], **plain}, education="externalId" in plain)
        for relation in ("members", "owners"):
            for key in values.get(relation, []):
                directory.link(group, relation, _user_id(tenant, key))
        groups.append(group.id)
    return {"users": users, "groups": groups}


def _user_id(tenant: Tenant, key: str) -> str:
    found = tenant.directory.find("user", "userPrincipalName", key)
    if found:
        return found[0].id
    if key.lower() not in tenant.directory.live:
        raise errors.not_found(key)
    return key.lower()
