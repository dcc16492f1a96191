"""Bodies of education objects and groups, built with msgraph-sdk's models.

`fields` have Rollcall's names; only those given are written, so that an update is what differs.
Whatever is written is marked: `externalSource` sis and the roster's own id, or `uniqueName`
(https://learn.microsoft.com/graph/api/resources/educationuser).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgraph.generated.models.administrative_unit import AdministrativeUnit
    from msgraph.generated.models.education_class import EducationClass
    from msgraph.generated.models.education_school import EducationSchool
    from msgraph.generated.models.education_user import EducationUser
    from msgraph.generated.models.group import Group
    from msgraph.generated.models.related_contact import RelatedContact
    from msgraph.generated.models.user import User

Fields = dict[str, Any]

_PERSON = {
    "upn": "user_principal_name",
    "mail_nickname": "mail_nickname",
    "display_name": "display_name",
    "given_name": "given_name",
    "surname": "surname",
    "usage_location": "usage_location",
    "account_enabled": "account_enabled",
    "department": "department",
    "officeLocation": "office_location",
}
EXTENSION = "extensionAttribute"
DYNAMIC = "DynamicMembership"
_CLASS = ("display_name", "mail_nickname", "external_name", "class_code", "description")


def person_body(fields: Mapping[str, Any], password: str | None = None) -> EducationUser:
    """An educationUser. `external_id` and `grade` go where `primary_role` says."""
    from msgraph.generated.models.education_external_source import EducationExternalSource
    from msgraph.generated.models.education_student import EducationStudent
    from msgraph.generated.models.education_teacher import EducationTeacher
    from msgraph.generated.models.education_user import EducationUser
    from msgraph.generated.models.education_user_role import EducationUserRole
    from msgraph.generated.models.password_profile import PasswordProfile

    user = EducationUser(**{_PERSON[key]: fields[key] for key in fields if key in _PERSON})
    # The SDK leaves out what is None; only as additional data is it written, and so cleared.
    cleared = [key for key in ("department", "officeLocation") if fields.get(key, "") is None]
    user.additional_data = dict.fromkeys(cleared)
    role = fields.get("primary_role")
    if role:
        user.primary_role = EducationUserRole(role)
    if "external_id" in fields:
        user.external_source = EducationExternalSource.Sis
        if role == "teacher":
            user.teacher = EducationTeacher(external_id=fields["external_id"])
    student = {key: fields[key] for key in ("external_id", "grade") if key in fields}
    if student and role != "teacher":
        user.student = EducationStudent(**student)
    if "related_contacts" in fields:
        user.related_contacts = [_contact(contact) for contact in fields["related_contacts"]]
    if password:
        user.password_profile = PasswordProfile(
            password=password, force_change_password_next_sign_in=True
        )
    return user


def extension_body(fields: Mapping[str, Any]) -> User | None:
    """A user with the given extensionAttributes, which an educationUser has not; None without any.

    None as a value clears an attribute
    (https://learn.microsoft.com/graph/api/resources/onpremisesextensionattributes).
    """
    from msgraph.generated.models.on_premises_extension_attributes import (
        OnPremisesExtensionAttributes,
    )
    from msgraph.generated.models.user import User

    written = {key: value for key, value in fields.items() if key.startswith(EXTENSION)}
    if not written:
        return None
    attributes = OnPremisesExtensionAttributes(additional_data=written)
    return User(on_premises_extension_attributes=attributes)


def has_education_fields(fields: Mapping[str, Any]) -> bool:
    """Whether any of a person's fields is one that an educationUser has."""
    return any(not key.startswith(EXTENSION) for key in fields)


def school_body(fields: Mapping[str, Any]) -> EducationSchool:
    """An educationSchool; its administrative unit comes with it."""
    from msgraph.generated.models.education_external_source import EducationExternalSource
    from msgraph.generated.models.education_school import EducationSchool

    school = EducationSchool(display_name=fields["display_name"])
    if "external_id" in fields:
        school.external_id = fields["external_id"]
        school.external_source = EducationExternalSource.Sis
    return school


def class_body(fields: Mapping[str, Any]) -> EducationClass:
    """An educationClass; it is a Microsoft 365 group with the same id."""
    from msgraph.generated.models.education_class import EducationClass
    from msgraph.generated.models.education_external_source import EducationExternalSource

    class_ = EducationClass(**{key: fields[key] for key in _CLASS if key in fields})
    if "external_id" in fields:
        class_.external_id = fields["external_id"]
        class_.external_source = EducationExternalSource.Sis
    return class_


def unit_body(rule: str | None) -> AdministrativeUnit:
    """An administrative unit of whom `rule` says; None: of whom is put into it.

    https://learn.microsoft.com/entra/identity/role-based-access-control/admin-units-members-dynamic
    """
    from msgraph.generated.models.administrative_unit import AdministrativeUnit

    if rule is None:
        return AdministrativeUnit(membership_type="Assigned")
    return AdministrativeUnit(
        membership_type="Dynamic", membership_rule=rule, membership_rule_processing_state="On"
    )


def group_body(fields: Mapping[str, Any]) -> Group:
    """A security group; of whom `membership_rule` says, if it has one.

    A rule that is None takes the group's rule away: its members stay, and are then put into it
    (https://learn.microsoft.com/entra/identity/users/groups-change-type).
    """
    from msgraph.generated.models.group import Group

    group = Group(display_name=fields.get("display_name"))
    if "mail_nickname" in fields:
        group.mail_nickname = fields["mail_nickname"]
        group.mail_enabled = False
        group.security_enabled = True
        group.group_types = []
    if "membership_rule" in fields:
        rule = fields["membership_rule"]
        group.group_types = [DYNAMIC] if rule else []
        if rule:
            group.membership_rule = rule
        group.membership_rule_processing_state = "On" if rule else "Paused"
    return group


def class_group_body(fields: Mapping[str, Any]) -> Group:
    """A class as a plain Microsoft 365 group; who is in it is hidden, as in an education class.

    The visibility can be set at creation only
    (https://learn.microsoft.com/graph/api/resources/group#group-visibility-options).
    """
    from msgraph.generated.models.group import Group

    return Group(
        display_name=fields["display_name"],
        mail_nickname=fields["mail_nickname"],
        mail_enabled=True,
        security_enabled=False,
        group_types=["Unified"],
        visibility="HiddenMembership",
    )


def _contact(contact: Mapping[str, Any]) -> RelatedContact:
    from msgraph.generated.models.contact_relationship import ContactRelationship
    from msgraph.generated.models.related_contact import RelatedContact

    return RelatedContact(
        display_name=contact["displayName"],
        email_address=contact["emailAddress"],
        mobile_phone=contact.get("mobilePhone"),
        relationship=ContactRelationship(contact["relationship"]),
    )
