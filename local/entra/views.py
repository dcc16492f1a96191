"""Types as Graph shows them: which properties each has, which come by default, which are read-only.

Two types may show one object: a user and an educationUser, a group and an educationClass, an
administrative unit and an educationSchool.
https://learn.microsoft.com/graph/api/resources/user#properties,
https://learn.microsoft.com/graph/api/resources/educationuser#properties
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.entra.extensions import NAME as EXTENSION
from local.entra.objects import DirectoryObject, Kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class View:
    """A type. `default`: the properties that come without $select. `path`: its collection."""

    name: str
    kind: Kind
    path: str
    default: frozenset[str]
    more: frozenset[str]
    read_only: frozenset[str]
    education: bool = False

    @property
    def properties(self) -> frozenset[str]:
        """Every property."""
        return self.default | self.more

    def has(self, name: str) -> bool:
        """Whether the type has this property; directory types take directory extensions."""
        extended = not self.education and EXTENSION.fullmatch(name) is not None
        return name in self.properties or extended

    def id_of(self, shown: DirectoryObject) -> str:
        """The id that this view shows: a school has one of its own."""
        return shown.school_id if self is SCHOOL else shown.id

    def shows(self, candidate: DirectoryObject) -> bool:
        """Whether the object is of this type."""
        return candidate.kind == self.kind and (
            candidate.education or self in (USER, EDUCATION_USER, GROUP, UNIT)
        )

    def body(self, shown: DirectoryObject, select: frozenset[str] | None) -> dict[str, Any]:
        """The JSON of an object with the selected properties; those without a value are null.

        Directory extensions without a value are left out; units tell theirs by default.
        """
        names = self.default if select is None else select & self.properties
        found: dict[str, Any] = {"id": self.id_of(shown)}
        for name in sorted(names - {"id"}):
            value = shown.values.get(name)
            found[name] = _EMPTY.get(name) if value is None else value
        if "onPremisesExtensionAttributes" in found:
            found["onPremisesExtensionAttributes"] = dict.fromkeys(EXTENSION_ATTRIBUTES) | (
                shown.values.get("onPremisesExtensionAttributes") or {}
            )
        if "onPremisesInfo" in found:
            found["onPremisesInfo"] = {"immutableId": shown.values.get("onPremisesImmutableId")}
        if self is UNIT and select is None:
            select = frozenset(shown.values)
        for name in () if select is None or self.education else select - self.properties:
            if name.startswith("extension_") and shown.values.get(name) is not None:
                found[name] = shown.values[name]
        return found


EXTENSION_ATTRIBUTES = tuple(f"extensionAttribute{number}" for number in range(1, 16))
_EMPTY: dict[str, Any] = {
    name: []
    for name in _words(
        "groupTypes businessPhones assignedLicenses proxyAddresses otherMails relatedContacts "
        "assignedPlans provisionedPlans creationOptions resourceProvisioningOptions"
    )
}

USER = View(
    "user",
    "user",
    "users",
    default=_words(
        "id businessPhones displayName givenName jobTitle mail mobilePhone officeLocation "
        "preferredLanguage surname userPrincipalName"
    ),
    more=_words(
        "accountEnabled ageGroup assignedLicenses city companyName consentProvidedForMinor country "
        "createdDateTime department employeeId employeeType mailNickname "
        "deletedDateTime employeeHireDate faxNumber onPremisesDistinguishedName "
        "onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId "
        "onPremisesLastSyncDateTime onPremisesSamAccountName onPremisesSecurityIdentifier "
        "onPremisesSyncEnabled onPremisesUserPrincipalName otherMails passwordPolicies "
        "passwordProfile postalCode proxyAddresses showInAddressList state streetAddress "
        "usageLocation userType"
    ),
    read_only=_words(
        "id assignedLicenses createdDateTime deletedDateTime onPremisesDistinguishedName "
        "onPremisesDomainName onPremisesLastSyncDateTime onPremisesSamAccountName "
        "onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName "
        "proxyAddresses"
    ),
)  # fmt: skip
EDUCATION_USER = View(
    "educationUser",
    "user",
    "education/users",
    default=_words(
        "id accountEnabled assignedLicenses assignedPlans businessPhones department displayName "
        "externalSource externalSourceDetail givenName mail mailNickname mailingAddress "
        "middleName mobilePhone officeLocation passwordPolicies preferredLanguage primaryRole "
        "provisionedPlans residenceAddress showInAddressList student surname teacher "
        "usageLocation userPrincipalName userType"
    ),
    more=_words("passwordProfile relatedContacts onPremisesInfo"),
    read_only=_words("id mail assignedLicenses assignedPlans provisionedPlans"),
    education=True,
)
GROUP = View(
    "group",
    "group",
    "groups",
    default=_words(
        "id classification createdDateTime description displayName groupTypes mail mailEnabled "
        "mailNickname membershipRule membershipRuleProcessingState onPremisesSyncEnabled "
        "proxyAddresses securityEnabled securityIdentifier theme uniqueName visibility"
    ),
    more=_words(
        "assignedLicenses creationOptions deletedDateTime isAssignableToRole "
        "onPremisesDomainName onPremisesLastSyncDateTime onPremisesSamAccountName "
        "preferredLanguage resourceBehaviorOptions resourceProvisioningOptions"
    ),
    read_only=_words(
        "id assignedLicenses createdDateTime creationOptions deletedDateTime mail "
        "onPremisesDomainName onPremisesLastSyncDateTime onPremisesSamAccountName "
        "onPremisesSyncEnabled proxyAddresses resourceProvisioningOptions securityIdentifier"
    ),
)  # fmt: skip
CLASS = View(
    "educationClass",
    "group",
    "education/classes",
    default=_words(
        "id classCode createdBy description displayName externalId externalName externalSource "
        "externalSourceDetail grade mailNickname term"
    ),
    more=_words("course"),
    read_only=_words("id createdBy"),
    education=True,
)
UNIT = View(
    "administrativeUnit",
    "administrativeUnit",
    "directory/administrativeUnits",
    default=_words(
        "id description displayName isMemberManagementRestricted membershipRule "
        "membershipRuleProcessingState membershipType visibility"
    ),
    more=_words("deletedDateTime"),
    read_only=_words("id deletedDateTime"),
)
SCHOOL = View(
    "educationSchool",
    "administrativeUnit",
    "education/schools",
    default=_words(
        "id address createdBy description displayName externalId externalPrincipalId "
        "externalSource externalSourceDetail fax highestGrade lowestGrade phone principalEmail "
        "principalName schoolNumber"
    ),
    more=frozenset(),
    read_only=_words("id createdBy"),
    education=True,
)
VIEWS = {view.path: view for view in (USER, EDUCATION_USER, GROUP, CLASS, UNIT, SCHOOL)}
