"""What is there before Rollcall comes: accounts, synced accounts, hand-made groups, licences.

Read-only values (onPremisesSyncEnabled, mail, the education attributes) are taken as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from local.entra import education, errors
from local.entra.extensions import EDUCATION, OBJECT_TYPE

if TYPE_CHECKING:
    from local.entra.messages import Json
    from local.entra.objects import DirectoryObject, Kind
    from local.entra.tenant import Tenant

_KINDS: dict[str, Kind] = {
    "users": "user",
    "groups": "group",
    "administrativeUnits": "administrativeUnit",
}
_DEFAULTS: dict[Kind, Json] = {
    "user": {"accountEnabled": True},
    "group": {"groupTypes": []},
    "administrativeUnit": {},
}


def seed(tenant: Tenant, objects: Json) -> Json:
    """Adds `extensions` (names, or definitions), `users`, `groups` and `administrativeUnits`.

    Members and owners are user principal names or ids. An object with education attributes is the
    education object that they say. Returns the ids in the order given, by those names.
    """
    for wanted in objects.get("extensions", []):
        _define(tenant, wanted)
    made = {
        name: [_add(tenant, kind, values) for values in cast("list[Json]", objects.get(name, []))]
        for name, kind in _KINDS.items()
    }
    tenant.settle()
    return {name: [one.id for one in found] for name, found in made.items()}


def _define(tenant: Tenant, wanted: str | Json) -> None:
    if isinstance(wanted, str):
        wanted = {"name": wanted}
    targets = wanted.get("targetObjects", ("User", "Group", "AdministrativeUnit"))
    tenant.extensions.define(wanted["name"], wanted.get("dataType", "String"), targets)


def _add(tenant: Tenant, kind: Kind, given: Json) -> DirectoryObject:
    plain = {name: value for name, value in given.items() if name not in ("members", "owners")}
    values = _DEFAULTS[kind] | education.from_attributes(kind, plain)
    attributes = any(name.startswith(EDUCATION) for name in plain)
    if not attributes and ("externalId" in plain or "primaryRole" in plain):
        values |= education.attributes(kind, values, None)
    is_education = kind != "user" and (
        plain.get(OBJECT_TYPE) in ("Section", "School") or "externalId" in plain
    )
    added = tenant.directory.add(
        kind, values, education=is_education, object_id=values.pop("id", "")
    )
    for relation in ("members", "owners"):
        for key in given.get(relation, []):
            tenant.directory.link(added, relation, _id(tenant, key))
    return added


def _id(tenant: Tenant, key: str) -> str:
    found = tenant.directory.find("user", "userPrincipalName", key)
    if found:
        return found[0].id
    if key.lower() not in tenant.directory.live:
        raise errors.not_found(key)
    return key.lower()
