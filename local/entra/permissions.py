"""App roles: which of them opens which operation.

Each line is a method, a pattern of addresses, and the roles of which one is needed; roles joined by
a plus are needed together. The first line that fits counts; an address in no line needs none.
https://learn.microsoft.com/graph/permissions-reference
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from local.entra.delegation import NOT_GRAPH, RIGHT
from local.entra.errors import GraphError

if TYPE_CHECKING:
    from local.entra.messages import Request
    from local.entra.objects import DirectoryObject, Relation

ROLE_MANAGEMENT = "RoleManagement.ReadWrite.Directory"
HIDDEN_MEMBERS = "Member.Read.Hidden"

_DIRECTORY = "Directory.Read.All Directory.ReadWrite.All"
_READ_USERS = f"User.Read.All User.ReadWrite.All {_DIRECTORY}"
_READ_GROUPS = (
    "GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All Group.ReadWrite.All "
    f"{_DIRECTORY}"
)
_WRITE_USERS = "User.ReadWrite.All Directory.ReadWrite.All"
_WRITE_MEMBERS = "GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All"
_WRITE_GROUPS = "Group.ReadWrite.All Directory.ReadWrite.All"
_READ_UNITS = f"AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All {_DIRECTORY}"
_ROSTER = "EduRoster.ReadWrite.All"
_SETTINGS = "TeamSettings.ReadWrite.All Group.ReadWrite.All"
_WRITE_TEAM_MEMBERS = "TeamMember.ReadWrite.All Group.ReadWrite.All"
_JOBS = "Synchronization.ReadWrite.All"
_READ_TEAMS = f"Team.ReadBasic.All TeamSettings.Read.All {_SETTINGS}"
_READ_ROSTER = f"EduRoster.Read.All {_ROSTER}"
_DELETE_USERS = "User.DeleteRestore.All User.ReadWrite.All"
_WRITE_DELETED = f"{_DELETE_USERS} Group.ReadWrite.All AdministrativeUnit.ReadWrite.All"
_OWN_LICENCES = "LicenseAssignment.ReadWrite.All"
_READ_ORGANIZATION = f"Organization.Read.All Organization.ReadWrite.All {_DIRECTORY}"
_WRITE_APPS = "Application.ReadWrite.All Application.ReadWrite.OwnedBy"
_READ_APPS = f"Application.Read.All {_WRITE_APPS} {_DIRECTORY}"
_UPLOAD = "SynchronizationData-User.Upload SynchronizationData-User.Upload.OwnedBy"
_READ_LOG = "ProvisioningLog.Read.All AuditLog.Read.All+Directory.Read.All"
_DELETED = "directory/deletedItems"
# What the caller may assign is looked at again when it is known whose role it is.
_ASSIGN = " ".join(
    f"{one}+{read}"
    for one in (RIGHT, NOT_GRAPH)
    for read in ("Application.Read.All", "Directory.Read.All", "Application.ReadWrite.All")
)
_UNITS = "directory/administrativeUnits(/.*)?"

_LINES: tuple[tuple[str, str, str], ...] = (
    ("POST", r"users/[^/]+/assignLicense", f"{_OWN_LICENCES} {_WRITE_USERS}"),
    ("GET", r"users(/.*)?", _READ_USERS),
    ("DELETE", r"users/[^/]+", _DELETE_USERS),
    ("*", r"users(/.*)?", _WRITE_USERS),
    ("GET", r"groups/[^/]+/team", _READ_TEAMS),
    ("PUT", r"groups/[^/]+/team", "Team.Create Group.ReadWrite.All"),
    ("GET", r"groups(\(uniqueName=\))?(/.*)?", _READ_GROUPS),
    ("POST", r"groups", f"Group.Create {_WRITE_GROUPS}"),
    ("*", r"groups/[^/]+/members/(.*/)?\$ref", _WRITE_MEMBERS),
    ("DELETE", r"groups/[^/]+/(members|owners)/[^/]+", "User.ReadWrite.All"),
    ("DELETE", r"groups/[^/]+", "Group.ReadWrite.All"),
    ("*", r"groups(\(uniqueName=\))?(/.*)?", _WRITE_GROUPS),
    ("GET", _UNITS, _READ_UNITS),
    ("*", _UNITS, "AdministrativeUnit.ReadWrite.All Directory.ReadWrite.All"),
    ("GET", rf"{_DELETED}/graph.user", _READ_USERS),
    ("GET", rf"{_DELETED}/graph.group", f"Group.Read.All Group.ReadWrite.All {_DIRECTORY}"),
    ("GET", rf"{_DELETED}/graph.administrativeUnit", _READ_UNITS),
    ("GET", rf"{_DELETED}(/.*)?", _DIRECTORY),
    ("*", rf"{_DELETED}(/.*)?", _WRITE_DELETED),
    ("GET", r"education/\w+(/delta)?", f"EduRoster.ReadBasic.All {_READ_ROSTER}"),
    ("GET", r"education(/.*)?", _READ_ROSTER),
    ("POST", r"education/classes/[^/]+/members/\$ref", f"{_ROSTER}+{HIDDEN_MEMBERS}"),
    ("*", r"education(/.*)?", _ROSTER),
    ("*", r"directoryObjects/getByIds", f"User.Read.All User.ReadWrite.All {_READ_GROUPS}"),
    ("GET", r"domains(/.*)?", f"Domain.Read.All Domain.ReadWrite.All {_DIRECTORY}"),
    ("GET", r"organization(/.*)?", _READ_ORGANIZATION),
    ("GET", r"subscribedSkus", f"LicenseAssignment.Read.All {_OWN_LICENCES} {_READ_ORGANIZATION}"),
    ("GET", r"applications(\(\w+=\))?(/.*)?", _READ_APPS),
    ("*", r"applications(\(\w+=\))?(/.*)?", _WRITE_APPS),
    ("POST", r"teams", "Team.Create Group.ReadWrite.All"),
    ("GET", r"teams/[^/]+/members(/.*)?", f"TeamMember.Read.All {_WRITE_TEAM_MEMBERS}"),
    ("*", r"teams/[^/]+/members(/.*)?", _WRITE_TEAM_MEMBERS),
    ("GET", r"teams/[^/]+/operations/.*", f"Team.Create {_READ_TEAMS}"),
    ("GET", r"teams/.*", _READ_TEAMS),
    ("*", r"teams/.*", _SETTINGS),
    ("POST", r"servicePrincipals/.*/bulkUpload", f"{_UPLOAD} {_JOBS}"),
    ("GET", r"servicePrincipals/.*/jobs(/.*)?", f"Synchronization.Read.All {_JOBS}"),
    ("*", r"servicePrincipals/.*/jobs(/.*)?", _JOBS),
    ("GET", r"servicePrincipals(\(appId=\))?(/.*)?", _READ_APPS),
    ("*", r"servicePrincipals/[^/]+/appRoleAssign(ments|edTo)(/.*)?", _ASSIGN),
    ("*", r"servicePrincipals(\(appId=\))?(/.*)?", _WRITE_APPS),
    ("GET", r"auditLogs/provisioning", _READ_LOG),
)


def known_roles() -> frozenset[str]:
    """The app roles that Microsoft Graph offers here."""
    named = {one for _, _, roles in _LINES for one in re.split(r"[ +]", roles)}
    return frozenset(named - {NOT_GRAPH} | {ROLE_MANAGEMENT, RIGHT, "Mail.Read"})


def check_role(request: Request) -> None:
    """403 unless the token holds a role that opens this operation."""
    path = "/".join(request.path)
    needed = _needed(request.method, path)
    if request.method == "PATCH" and re.fullmatch(r"groups/[^/]+", path) and _only_members(request):
        needed = _alternatives(_WRITE_MEMBERS)
    if needed is not None and not any(one <= request.roles for one in needed):
        raise denied()


def hides(container: DirectoryObject, relation: Relation, request: Request) -> bool:
    """Whether the members of a group or unit are not the app's to see."""
    hidden = container.values.get("visibility") == "HiddenMembership"
    return relation == "members" and hidden and HIDDEN_MEMBERS not in request.roles


def denied() -> GraphError:
    """403 for what the app may not do."""
    return GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def _only_members(request: Request) -> bool:
    return isinstance(request.body, dict) and set(request.body) == {"members@odata.bind"}  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _needed(method: str, path: str) -> tuple[frozenset[str], ...] | None:
    for one, pattern, roles in _compiled().get(_start(path), ()):
        if one in (method, "*") and pattern.fullmatch(path):
            return roles
    return None


_Line = tuple[str, re.Pattern[str], tuple[frozenset[str], ...]]


def _start(text: str) -> str:
    return re.split(r"\W", text, maxsplit=1)[0]


@cache
def _compiled() -> dict[str, list[_Line]]:
    """The lines by the word that their addresses begin with."""
    found: dict[str, list[_Line]] = {}
    for method, text, roles in _LINES:
        found.setdefault(_start(text), []).append((method, re.compile(text), _alternatives(roles)))
    return found


def _alternatives(roles: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(one.split("+")) for one in roles.split())
