"""What a person may do through a tool that they are signed in to: scopes and directory roles.

A delegated token carries scopes (`scp`) and the person's directory roles (`wids`); what both allow
is allowed. The scope Directory.AccessAsUser.All, which the Azure CLI asks for, stands for whatever
the person's directory roles allow.
https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

AS_USER = "Directory.AccessAsUser.All"
RIGHT = "AppRoleAssignment.ReadWrite.All"
# App roles of every app but Microsoft Graph; this is no name of a permission.
NOT_GRAPH = "AppRoleAssignment.ReadWrite.NotGraph"
TEMPLATES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
}
_MEMBER = frozenset({"Directory.Read.All", "User.Read.All", "Application.Read.All"})
_APPS = frozenset({"Application.ReadWrite.All", NOT_GRAPH})
_RIGHTS = {
    "Global Administrator": frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All",
                                       RIGHT}),
    "Privileged Role Administrator": frozenset({RIGHT}),
    "Application Administrator": _APPS,
    "Cloud Application Administrator": _APPS,
}  # fmt: skip


def effective(scopes: Collection[str], templates: Collection[str]) -> frozenset[str]:
    """What a person may do, in the words of app roles. `templates`: ids of directory roles."""
    held = [_RIGHTS[name] for name, template in TEMPLATES.items() if template in templates]
    allowed = _MEMBER.union(*held)
    if AS_USER in scopes:
        return allowed
    # Application administrators have no scope of their own for other apps' roles.
    asked = {*scopes, NOT_GRAPH} if RIGHT in scopes else {*scopes}
    return allowed & asked
