"""What the directory takes: rules for the values of users, groups and administrative units.

https://learn.microsoft.com/graph/api/user-post-users,
https://learn.microsoft.com/graph/api/group-post-groups,
https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any, cast

from local.entra import errors
from local.entra.views import EDUCATION_USER, GROUP, SCHOOL, UNIT, USER, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.entra.directory import Directory
    from local.entra.objects import DirectoryObject

_UPN = re.compile(r"[A-Za-z0-9'._!#^~-]+@[A-Za-z0-9.-]+")
_NICKNAME = re.compile(r"[\x21-\x7e]+")
_NOT_IN_NICKNAME = set('@()\\[]";:<>, .')
# What stays writable in the cloud on an account that on-premises AD masters.
_CLOUD_MASTERED = frozenset(
    {"usageLocation", "primaryRole", "student", "teacher", "externalSource",
     "externalSourceDetail", "relatedContacts", "ageGroup", "consentProvidedForMinor"}
)  # fmt: skip
_REQUIRED = {
    "user": ("accountEnabled", "displayName", "mailNickname", "userPrincipalName"),
    "educationUser": ("accountEnabled", "displayName", "mailNickname", "userPrincipalName"),
    "group": ("displayName", "mailEnabled", "mailNickname", "securityEnabled"),
    "educationClass": ("displayName", "mailNickname"),
    "administrativeUnit": ("displayName",),
    "educationSchool": ("displayName",),
}
_ENUMS = {
    "primaryRole": ("student", "teacher", "none"),
    "externalSource": ("sis", "manual"),
}


def check_names(view: View, body: dict[str, Any]) -> dict[str, Any]:
    """The values of a body without annotations; unknown and read-only names are refused."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        if "@" in name:
            continue
        if name not in view.properties:
            raise errors.unknown_property(name)
        if name in view.read_only:
            raise errors.read_only(name)
        values[name] = _bare(value)
    for name, allowed in _ENUMS.items():
        if values.get(name) is not None and values[name] not in allowed:
            raise errors.invalid_value(name, view.name)
    return values


def check_creation(
    view: View, values: dict[str, Any], directory: Directory, domains: Sequence[str]
) -> None:
    """Refuses a new object that lacks a value, or whose values clash."""
    for name in _REQUIRED[view.name]:
        if values.get(name) in (None, ""):
            raise errors.missing_value(name, view.name)
    if view in (USER, EDUCATION_USER):
        _check_password(values.pop("passwordProfile", None), view)
    check_values(view, values, directory, domains, None)


def check_update(
    view: View,
    changed: DirectoryObject,
    values: dict[str, Any],
    directory: Directory,
    domains: Sequence[str],
) -> None:
    """Refuses new values that the object cannot take."""
    if changed.synced and set(values) - _CLOUD_MASTERED:
        raise errors.synced()
    if view is GROUP and "uniqueName" in values:
        raise errors.read_only("uniqueName")
    if view is GROUP:
        _check_group_update(changed, values)
    if "passwordProfile" in values:
        _check_password(values.pop("passwordProfile"), view)
    check_values(view, values, directory, domains, changed)


def _check_group_update(changed: DirectoryObject, values: dict[str, Any]) -> None:
    """A group stays what it was made as, except that a rule may take its members over.

    https://learn.microsoft.com/graph/api/group-update
    """
    before = set(changed.values.get("groupTypes") or ())
    kept = {*(values.get("groupTypes") or ())} if "groupTypes" in values else before
    if (before ^ kept) - {"DynamicMembership"}:
        raise errors.invalid_value("groupTypes", "group")
    for name, fixed in (("visibility", "HiddenMembership"), ("isAssignableToRole", True)):
        held = changed.values.get(name)
        if name in values and values[name] != held and fixed in (values[name], held):
            raise errors.invalid_value(name, "group")


def check_values(
    view: View,
    values: dict[str, Any],
    directory: Directory,
    domains: Sequence[str],
    changed: DirectoryObject | None,
) -> None:
    """Formats, lengths and uniqueness."""
    name = values.get("displayName", "-")
    if not name or len(name) > 256:
        raise errors.invalid_value("displayName", view.name)
    if view in (UNIT, SCHOOL):
        return
    if "mailNickname" in values:
        _check_nickname(values["mailNickname"], view)
    if view in (USER, EDUCATION_USER):
        _check_user(view, values, directory, domains, changed)
        return
    unified = changed.unified if changed else "Unified" in values.get("groupTypes", ["Unified"])
    if unified and "mailNickname" in values:
        _check_unique(directory, "group", "mailNickname", values["mailNickname"], changed)
    if values.get("uniqueName"):
        _check_unique(directory, "group", "uniqueName", values["uniqueName"], changed)


def _check_user(
    view: View,
    values: dict[str, Any],
    directory: Directory,
    domains: Sequence[str],
    changed: DirectoryObject | None,
) -> None:
    if len(values.get("employeeId") or "") > 16:
        raise errors.invalid_value("employeeId", view.name)
    if "userPrincipalName" not in values:
        return
    upn = str(values["userPrincipalName"])
    if not _UPN.fullmatch(upn) or len(upn.partition("@")[0]) > 64 or upn.startswith("."):
        raise errors.invalid_value(
            "userPrincipalName", view.name, "Property userPrincipalName is invalid."
        )
    if upn.partition("@")[2].lower() not in (domain.lower() for domain in domains):
        raise errors.invalid_value(
            "userPrincipalName",
            view.name,
            "The domain portion of the userPrincipalName property is invalid. You must use one "
            "of the verified domain names in your organization.",
        )
    _check_unique(directory, "user", "userPrincipalName", upn, changed)


def _check_unique(
    directory: Directory, kind: Any, name: str, value: str, changed: DirectoryObject | None
) -> None:
    if any(found is not changed for found in directory.find(kind, name, value)):
        raise errors.conflict(name)


def _check_nickname(nickname: Any, view: View) -> None:
    legal = isinstance(nickname, str) and _NICKNAME.fullmatch(nickname) and len(nickname) <= 64
    groups_only = _NOT_IN_NICKNAME if view.kind == "group" else _NOT_IN_NICKNAME - {"."}
    if not legal or groups_only & set(cast("str", nickname)):
        raise errors.invalid_value("mailNickname", view.name)


def _check_password(profile: Any, view: View) -> None:
    if not isinstance(profile, dict) or "password" not in profile:
        raise errors.missing_value("passwordProfile", view.name)
    password = str(cast("dict[str, Any]", profile)["password"])
    classes = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    kinds = sum(bool(set(one) & set(password)) for one in classes)
    kinds += bool(set(password) - set("".join(classes)))
    if not 8 <= len(password) <= 256 or kinds < 3:
        raise errors.invalid_value(
            "passwordProfile",
            view.name,
            "The specified password does not comply with password complexity requirements. "
            "Please provide a different password.",
        )


def _bare(value: Any) -> Any:
    """A value without the annotations that clients add to complex values."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return {name: _bare(inner) for name, inner in found.items() if "@" not in name}
    if isinstance(value, list):
        return [_bare(inner) for inner in cast("list[Any]", value)]
    return value
