"""Privileged people and groups: what an app without a directory role may not do to them.

Sensitive properties of a user who holds a directory role, or who is in a group that can hold one,
are for privileged administrators; so is deleting the user. Such a group itself takes no change from
an app without RoleManagement.ReadWrite.Directory. Members of a unit of restricted management take
changes only from who holds a role for that unit, which an app here never does.
https://learn.microsoft.com/graph/api/resources/users#who-can-perform-sensitive-actions,
https://learn.microsoft.com/entra/identity/role-based-access-control/groups-concept,
https://learn.microsoft.com/entra/identity/role-based-access-control/admin-units-restricted-management
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from local.entra.permissions import ROLE_MANAGEMENT, denied

if TYPE_CHECKING:
    from local.entra.directory import Directory
    from local.entra.objects import DirectoryObject

SENSITIVE = frozenset(
    {"accountEnabled", "businessPhones", "mobilePhone", "onPremisesImmutableId", "onPremisesInfo",
     "otherMails", "passwordProfile", "userPrincipalName"}
)  # fmt: skip


def check_write(
    directory: Directory, changed: DirectoryObject, names: Iterable[str], roles: frozenset[str]
) -> None:
    """403 where these properties of this object are not the app's to change."""
    if changed.kind == "group":
        check_group(directory, changed, roles)
        return
    sensitive = changed.kind == "user" and bool(SENSITIVE & set(names))
    if is_restricted(directory, changed) or (sensitive and is_privileged(directory, changed)):
        raise denied()


def check_deletion(directory: Directory, gone: DirectoryObject, roles: frozenset[str]) -> None:
    """403 for deleting somebody privileged, or a group that can hold a role."""
    check_write(directory, gone, SENSITIVE, roles)


def check_group(directory: Directory, group: DirectoryObject, roles: frozenset[str]) -> None:
    """403 for changing a protected group, its members and owners included."""
    for_roles = group.values.get("isAssignableToRole") and ROLE_MANAGEMENT not in roles
    if for_roles or is_restricted(directory, group):
        raise denied()


def is_restricted(directory: Directory, member: DirectoryObject) -> bool:
    """Whether an object is in a unit of restricted management."""
    units = (directory.live.get(container) for container, _ in member.containers)
    return any(one is not None and one.values.get("isMemberManagementRestricted") for one in units)


def is_privileged(directory: Directory, user: DirectoryObject) -> bool:
    """Whether a user holds a directory role, or is in a group that can."""
    if user.values.get("directoryRoles"):
        return True
    groups = (directory.live.get(container) for container, _ in user.containers)
    return any(one is not None and one.values.get("isAssignableToRole") for one in groups)
