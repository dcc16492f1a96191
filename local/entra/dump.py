"""The whole directory as JSON, for comparison: people, groups, administrative units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.entra.directory import Directory
    from local.entra.messages import Json
    from local.entra.objects import DirectoryObject, Kind

_USER = (
    "userPrincipalName", "displayName", "givenName", "surname", "mail", "mailNickname",
    "accountEnabled", "primaryRole", "usageLocation", "onPremisesSyncEnabled", "relatedContacts",
    "employeeId", "department", "companyName", "officeLocation", "onPremisesSamAccountName",
    "onPremisesExtensionAttributes", "directoryRoles", "assignedLicenses",
)  # fmt: skip
_UNIT = ("displayName", "externalId", "membershipType", "membershipRule")
_GROUP = (
    "displayName", "mailNickname", "uniqueName", "externalId", "groupTypes", "securityEnabled",
    "membershipRule", "onPremisesSyncEnabled", "isAssignableToRole", "isArchived",
    "resourceProvisioningOptions",
)  # fmt: skip


def dump(directory: Directory) -> Json:
    """Users, groups and administrativeUnits, in the order of their making.

    `externalId` is the roster's own id of a person, class or school; null on other objects.
    Directory extensions that a user has come by their names, the education ones among them.
    """
    return {
        "users": [_user(user) for user in _live(directory, "user")],
        "groups": [
            {"id": group.id}
            | {name: group.values.get(name) for name in _GROUP}
            | {"groupTypes": group.values.get("groupTypes", [])}
            | {"members": list(group.members), "owners": list(group.owners)}
            for group in _live(directory, "group")
        ],
        "administrativeUnits": [
            {"id": unit.id}
            | {name: unit.values.get(name) for name in _UNIT}
            | {"members": list(unit.members)}
            for unit in _live(directory, "administrativeUnit")
        ],
    }


def _live(directory: Directory, kind: Kind) -> list[DirectoryObject]:
    return [found for _, found in directory.page(kind, 0)]


def _user(user: DirectoryObject) -> Json:
    return (
        {"id": user.id}
        | {name: user.values.get(name) for name in _USER}
        | {name: value for name, value in user.values.items() if name.startswith("extension_")}
        | {
            "externalId": user.value("student/externalId") or user.value("teacher/externalId"),
            "grade": user.value("student/grade"),
        }
    )
