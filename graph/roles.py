"""The Microsoft Graph app roles (application permissions) that Rollcall needs, and what for.

Names and meaning: https://learn.microsoft.com/graph/permissions-reference
"""

from __future__ import annotations

from types import MappingProxyType

APP_ROLES: MappingProxyType[str, str] = MappingProxyType(
    {
        "User.ReadWrite.All": "read accounts; create, update and disable them in mode create",
        "EduRoster.ReadWrite.All": "schools, classes and the roster's marks on accounts",
        "Group.ReadWrite.All": "security groups; owners and members of classes and groups",
        "AdministrativeUnit.ReadWrite.All": "the people of a school's administrative unit",
        "Member.Read.Hidden": "members of classes whose membership is hidden",
        "Team.Create": "class teams, where they are switched on",
        "TeamSettings.ReadWrite.All": "archive and restore class teams",
        "Domain.Read.All": "the tenant's verified domains",
    }
)

# Which role a refused address hints at; the first match counts.
_BY_PATH = (
    ("/teams/", "TeamSettings.ReadWrite.All"),
    ("/teams", "Team.Create"),
    ("/education", "EduRoster.ReadWrite.All"),
    ("/directory/administrativeUnits", "AdministrativeUnit.ReadWrite.All"),
    ("/groups", "Group.ReadWrite.All"),
    ("/users", "User.ReadWrite.All"),
    ("/domains", "Domain.Read.All"),
)


def role_for(url: str) -> str:
    """The app role that a request to `url` (relative or absolute) most likely lacks."""
    return next((role for path, role in _BY_PATH if path in url), "User.ReadWrite.All")
