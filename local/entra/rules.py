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
from local.entra.views import (
    EDUCATION_USER,
    EXTENSION_ATTRIBUTES,
    GROUP,
    SCHOOL,
    UNIT,
    USER,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.entra.directory import Directory
    from local.entra.extensions import Extensions
    from local.entra.objects import DirectoryObject

_UPN = re.compile(r"[A-Za-z0-9'._!#^~-]+@[A-Za-z0-9.-]+")
_NICKNAME = re.compile(r"[\x21-\x7e]+")
_NOT_IN_NICKNAME = set('@()\\[]";:<>, .')
# What stays writable in the cloud on an account that on-premises AD masters; directory extensions
# that no AD attribute feeds do too.
_CLOUD_MASTERED = frozenset(
    {"usageLocation", "passwordPolicies", "ageGroup", "consentProvidedForMinor", "primaryRole",
     "student", "teacher", "externalSource", "externalSourceDetail", "relatedContacts",
     "middleName", "mailingAddress", "residenceAddress"}
)  # fmt: skip
_LONGEST = {
    "user": {
        "city": 128, "companyName": 64, "country": 128, "department": 64, "employeeId": 16,
        "faxNumber": 64, "givenName": 64, "jobTitle": 128, "mobilePhone": 64,
        "officeLocation": 128, "postalCode": 40, "state": 128, "streetAddress": 1024,
        "surname": 64, "employeeType": 1024, "middleName": 64,
    },
    "group": {"description": 1024, "uniqueName": 128, "membershipRule": 3072},
    "administrativeUnit": {"description": 1024, "membershipRule": 3072},
}  # fmt: skip
_BOOLEANS = frozenset(
    {"accountEnabled", "mailEnabled", "securityEnabled", "isAssignableToRole", "showInAddressList",
     "isMemberManagementRestricted"}
)  # fmt: skip
_EXTENSION_ATTRIBUTE_LONGEST = 1_024
# Complex values of which a PATCH changes only the parts that it names.
MERGED = frozenset({"student", "teacher", "onPremisesExtensionAttributes"})
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
    "ageGroup": ("Minor", "NotAdult", "Adult"),
    "consentProvidedForMinor": ("Granted", "Denied", "NotRequired"),
    "membershipRuleProcessingState": ("On", "Paused"),
}


def check_names(view: View, body: dict[str, Any], extensions: Extensions) -> dict[str, Any]:
    """The values of a body without annotations; unknown and read-only names are refused."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        if "@" in name:
            continue
        if not view.has(name):
            raise errors.unknown_property(name)
        if name.startswith("extension_"):
            extensions.check_value(view.kind, name, value)
        if name in view.read_only:
            raise errors.read_only(name)
        values[name] = _bare(value)
    for name, allowed in _ENUMS.items():
        if values.get(name) is not None and values[name] not in allowed:
            raise errors.invalid_value(name, view.name)
    for name, value in values.items():
        _check_kind(view, name, value)
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
    mastered = {name for name in values if not name.startswith("extension_")} - _CLOUD_MASTERED
    if changed.synced and mastered:
        raise errors.synced()
    # An account that was once synchronized (false instead of null) keeps these read-only.
    once_synced = changed.values.get("onPremisesSyncEnabled") is not None
    if once_synced and "onPremisesExtensionAttributes" in values:
        raise errors.synced()
    if view is GROUP and "uniqueName" in values:
        raise errors.read_only("uniqueName")
    if "passwordProfile" in values:
        _check_password(values.pop("passwordProfile"), view)
    check_values(view, values, directory, domains, changed)


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
    _check_extension_attributes(values.get("onPremisesExtensionAttributes"), view)
    _check_addresses(values, directory, view, changed)
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
    _check_proxies(directory, upn, changed)


def _check_kind(view: View, name: str, value: Any) -> None:
    """Refuses a value of another JSON type than the property's, or one that is too long."""
    if value is None:
        return
    longest = _LONGEST[view.kind].get(name)
    wrong = name in _BOOLEANS and not isinstance(value, bool)
    if wrong or (longest and (not isinstance(value, str) or len(value) > longest)):
        raise errors.invalid_value(name, view.name)


def _check_extension_attributes(attributes: Any, view: View) -> None:
    if attributes is None:
        return
    for name, value in cast("dict[str, Any]", attributes).items():
        if name not in EXTENSION_ATTRIBUTES:
            raise errors.unknown_property(name)
        if value is not None and len(str(value)) > _EXTENSION_ATTRIBUTE_LONGEST:
            raise errors.invalid_value("onPremisesExtensionAttributes", view.name)


def _check_addresses(
    values: dict[str, Any], directory: Directory, view: View, changed: DirectoryObject | None
) -> None:
    """Other mail addresses are 250 at most, of 250 characters; a user's mail is nobody else's."""
    mails = cast("list[str]", values.get("otherMails") or [])
    if len(mails) > 250 or any(len(mail) > 250 for mail in mails):
        raise errors.invalid_value("otherMails", view.name)
    for address in cast("list[str]", values.get("proxyAddresses") or []):
        _check_proxies(directory, address.partition(":")[2], changed)
    if values.get("onPremisesImmutableId"):
        _check_unique(
            directory, "user", "onPremisesImmutableId", values["onPremisesImmutableId"], changed
        )


def _check_proxies(directory: Directory, address: str, changed: DirectoryObject | None) -> None:
    """Refuses an address that somebody else receives mail under."""
    for kind in ("user", "group"):
        _check_unique(directory, kind, "proxyAddresses", f"smtp:{address}", changed)


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
