"""The Microsoft Graph app roles (application permissions) that Rollcall needs: which, why, and how
to grant them.

What is needed follows from the features that the configuration switches on; reading is never asked
for as writing. Names and meaning: https://learn.microsoft.com/graph/permissions-reference
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

Feature = Literal[
    "matching", "accounts", "schools", "classes", "groups", "teams", "provisioning", "rules"
]
GRAPH_APP = "00000003-0000-0000-c000-000000000000"  # Microsoft Graph itself, in every tenant
OBJECT_ID = "OBJECT_ID"  # stands in commands for the object id of the identity
_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")


@dataclass(frozen=True)
class Need:
    """An app role, what for, and the features that need any one of which makes it needed.

    `wider`: roles that allow the same and more. Without an `is_optional` role all works, but the
    doctor cannot tell everything.
    """

    role: str
    purpose: str
    features: frozenset[Feature]
    wider: tuple[str, ...] = ()
    is_optional: bool = False

    def is_met(self, roles: Collection[str]) -> bool:
        """Whether `roles` allow what it is for."""
        return self.role in roles or any(role in roles for role in self.wider)


_ALWAYS: frozenset[Feature] = frozenset({"matching"})
NEEDS = (
    Need(
        "User.Read.All", "read accounts, to find whose they are", _ALWAYS,
        ("User.ReadWrite.All", *_DIRECTORY),
    ),
    Need(
        "User.ReadWrite.All", "create, update and disable accounts; keep the attribute of rules",
        frozenset({"accounts", "rules"}), ("Directory.ReadWrite.All",),
    ),
    Need(
        "EduRoster.ReadWrite.All", "schools, classes and the roster's marks on accounts", _ALWAYS
    ),
    Need(
        "Group.Read.All", "read groups and who is in them", _ALWAYS,
        ("Group.ReadWrite.All", *_DIRECTORY),
    ),
    Need(
        "Group.ReadWrite.All", "security groups; owners and members of classes and groups",
        frozenset({"groups", "classes", "teams"}), ("Directory.ReadWrite.All",),
    ),
    Need(
        "AdministrativeUnit.Read.All", "read administrative units", _ALWAYS,
        ("AdministrativeUnit.ReadWrite.All", *_DIRECTORY),
    ),
    Need(
        "AdministrativeUnit.ReadWrite.All", "the people of a school's administrative unit",
        frozenset({"schools"}), ("Directory.ReadWrite.All",),
    ),
    Need(
        "Member.Read.Hidden", "members of classes whose membership is hidden",
        frozenset({"classes", "teams"}),
    ),
    Need(
        "Domain.Read.All", "the tenant's verified domains", _ALWAYS,
        ("Domain.ReadWrite.All", *_DIRECTORY),
    ),
    Need("Team.Create", "make class teams", frozenset({"teams"})),
    Need(
        "TeamSettings.ReadWrite.All", "archive and restore class teams", frozenset({"teams"}),
    ),
    Need(
        "SynchronizationData-User.Upload", "hand people to the provisioning service",
        frozenset({"provisioning"}),
    ),
    Need(
        "ProvisioningLog.Read.All", "read what became of them", frozenset({"provisioning"}),
        ("AuditLog.Read.All",),
    ),
    Need(
        "Organization.Read.All", "licences and directory synchronisation, for the doctor only",
        _ALWAYS, ("Organization.ReadWrite.All", *_DIRECTORY), is_optional=True,
    ),
)  # fmt: skip
APP_ROLES: MappingProxyType[str, str] = MappingProxyType({n.role: n.purpose for n in NEEDS})

_READS = frozenset({"GET", "HEAD"})
# Which role a refused request lacks: its address, its role to read, its role to write. First match.
_BY_REQUEST = (
    (r"/appRoleAssign", "Application.Read.All", "AppRoleAssignment.ReadWrite.All"),
    (r"/education/classes/[^/]+/members$", "Member.Read.Hidden", "EduRoster.ReadWrite.All"),
    (r"/education", "EduRoster.ReadWrite.All", "EduRoster.ReadWrite.All"),
    (r"/administrativeUnits", "AdministrativeUnit.Read.All", "AdministrativeUnit.ReadWrite.All"),
    (r"/synchronization/.*bulkUpload", "Synchronization.Read.All",
     "SynchronizationData-User.Upload"),
    (r"/synchronization", "Synchronization.Read.All", "Synchronization.ReadWrite.All"),
    (r"/servicePrincipals|/applications", "Application.Read.All", "Application.ReadWrite.All"),
    (r"/auditLogs/provisioning", "ProvisioningLog.Read.All", "ProvisioningLog.Read.All"),
    (r"/teams/[^/]+/members", "TeamMember.Read.All", "TeamMember.ReadWrite.All"),
    (r"/teams$|/groups/[^/]+/team$", "Team.Create", "Team.Create"),
    (r"/teams", "TeamSettings.ReadWrite.All", "TeamSettings.ReadWrite.All"),
    (r"/groups/[^/]+/members", "Member.Read.Hidden", "GroupMember.ReadWrite.All"),
    (r"/groups", "Group.Read.All", "Group.ReadWrite.All"),
    (r"/domains", "Domain.Read.All", "Domain.ReadWrite.All"),
    (r"/organization", "Organization.Read.All", "Organization.ReadWrite.All"),
    (r"/subscribedSkus", "Organization.Read.All", "Organization.ReadWrite.All"),
    (r"/assignLicense", "LicenseAssignment.Read.All", "LicenseAssignment.ReadWrite.All"),
    (r"/directoryRoles|/roleManagement", "RoleManagement.Read.Directory",
     "RoleManagement.ReadWrite.Directory"),
    (r"/directoryObjects/getByIds", "User.Read.All", "User.Read.All"),
)  # fmt: skip


def needed(features: Collection[str]) -> list[Need]:
    """The roles that these features need, without those that another one of them includes."""
    found = [need for need in NEEDS if need.features & set(features)]
    roles = {need.role for need in found}
    return [need for need in found if not any(role in roles for role in need.wider)]


def missing(features: Collection[str], roles: Collection[str]) -> list[Need]:
    """What these features need and `roles` do not allow; optional ones too."""
    return [need for need in needed(features) if not need.is_met(roles)]


def unneeded(features: Collection[str], roles: Collection[str]) -> list[str]:
    """Roles that write and that nothing switched on needs: what a thief of the identity could do.

    A wider role in place of a narrower one that is not granted is unneeded too.
    """
    wanted = {need.role for need in needed(features)}
    return sorted(role for role in roles if _writes(role) and role not in wanted)


def role_for(url: str, method: str = "GET") -> str:
    """The app role that a refused request to `url` (relative or absolute) most likely lacks."""
    path = url.partition("?")[0]
    reads = method.upper() in _READS
    for pattern, to_read, to_write in _BY_REQUEST:
        if re.search(pattern, path):
            return to_read if reads else to_write
    return "User.Read.All" if reads else "User.ReadWrite.All"


def grant_command(roles: Collection[str], object_id: str = "") -> str:
    """One line for bash that grants `roles` to an identity; role ids are looked up by name.

    `object_id`: of the managed identity or of the app's service principal, not the client id;
    without it the line holds the word OBJECT_ID. Who runs it needs the right to grant app roles:
    https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
    """
    one = "az ad sp show --id $API --query \"appRoles[?value=='$ROLE'].id | [0]\" -o tsv"
    body = r"{\"principalId\":\"$ID\",\"resourceId\":\"$GRAPH\",\"appRoleId\":\"$(" + one + r")\"}"
    url = "https://graph.microsoft.com/v1.0/servicePrincipals/$ID/appRoleAssignments"
    return (
        f"ID={object_id or OBJECT_ID}; API={GRAPH_APP}; "
        "GRAPH=$(az ad sp show --id $API --query id -o tsv); "
        f"for ROLE in {' '.join(roles)}; do "
        f'az rest --method POST --url "{url}" --body "{body}"; done'
    )


def _writes(role: str) -> bool:
    """Whether a role's name says that it changes something."""
    return not re.search(r"\.(?:Read|ReadBasic)(?:\.|$)", role)
