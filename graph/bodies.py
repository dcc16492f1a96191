"""Bodies of education objects and groups, built with msgraph-sdk's models.

`fields` have Rollcall's names; only those given are written, so that an update is what differs.
Whatever is written is marked: `externalSource` sis, `externalSourceDetail` Rollcall and the
roster's own id, or `uniqueName` (https://learn.microsoft.com/graph/api/resources/educationuser).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgraph.generated.models.education_class import EducationClass
    from msgraph.generated.models.education_school import EducationSchool
    from msgraph.generated.models.education_user import EducationUser
    from msgraph.generated.models.group import Group
    from msgraph.generated.models.related_contact import RelatedContact

Fields = dict[str, Any]
SOURCE_DETAIL = "Rollcall"

_PERSON = {
    "upn": "user_principal_name",
    "mail_nickname": "mail_nickname",
    "display_name": "display_name",
    "given_name": "given_name",
    "surname": "surname",
    "usage_location": "usage_location",
    "account_enabled": "account_enabled",
}
_CLASS = ("display_name", "mail_nickname", "external_name", "class_code", "description")


def person_body(
    fields: Mapping[str, Any], password: str | None = None, *, force_change: bool = True
) -> EducationUser:
    """An educationUser. `external_id` and `grade` go where `primary_role` says."""
    from msgraph.generated.models.education_external_source import EducationExternalSource
    from msgraph.generated.models.education_student import EducationStudent
    from msgraph.generated.models.education_teacher import EducationTeacher
    from msgraph.generated.models.education_user import EducationUser
    from msgraph.generated.models.education_user_role import EducationUserRole
    from msgraph.generated.models.password_profile import PasswordProfile

    user = EducationUser(**{_PERSON[key]: fields[key] for key in fields if key in _PERSON})
    role = fields.get("primary_role")
    if role:
        user.primary_role = EducationUserRole(role)
    if "external_id" in fields:
        user.external_source = EducationExternalSource.Sis
        user.external_source_detail = SOURCE_DETAIL
        if role == "teacher":
            user.teacher = EducationTeacher(external_id=fields["external_id"])
    student = {key: fields[key] for key in ("external_id", "grade") if key in fields}
    if student and role != "teacher":
        user.student = EducationStudent(**student)
    if "related_contacts" in fields:
        user.related_contacts = [_contact(contact) for contact in fields["related_contacts"]]
    if password:
        user.password_profile = PasswordProfile(
            password=password, force_change_password_next_sign_in=force_change
        )
    return user


def school_body(fields: Mapping[str, Any]) -> EducationSchool:
    """An educationSchool; its administrative unit comes with it."""
    from msgraph.generated.models.education_external_source import EducationExternalSource
    from msgraph.generated.models.education_school import EducationSchool

    school = EducationSchool(display_name=fields.get("display_name"))
    if "external_id" in fields:
        school.external_id = fields["external_id"]
        school.external_source = EducationExternalSource.Sis
        school.external_source_detail = SOURCE_DETAIL
    return school


def class_body(fields: Mapping[str, Any]) -> EducationClass:
    """An educationClass; it is a Microsoft 365 group with the same id."""
    from msgraph.generated.models.education_class import EducationClass
    from msgraph.generated.models.education_external_source import EducationExternalSource

    class_ = EducationClass(**{key: fields[key] for key in _CLASS if key in fields})
    if "external_id" in fields:
        class_.external_id = fields["external_id"]
        class_.external_source = EducationExternalSource.Sis
        class_.external_source_detail = SOURCE_DETAIL
    return class_


def group_body(fields: Mapping[str, Any], members: list[str]) -> Group:
    """An assigned security group; `members` are the addresses bound in the same write."""
    from msgraph.generated.models.group import Group

    group = Group(display_name=fields.get("display_name"))
    if "mail_nickname" in fields:
        group.mail_nickname = fields["mail_nickname"]
        group.mail_enabled = False
        group.security_enabled = True
        group.group_types = []
    if members:
        group.additional_data = {"members@odata.bind": members}
    return group


def _contact(contact: Mapping[str, Any]) -> RelatedContact:
    from msgraph.generated.models.contact_relationship import ContactRelationship
    from msgraph.generated.models.related_contact import RelatedContact

    return RelatedContact(
        display_name=contact["displayName"],
        email_address=contact["emailAddress"],
        mobile_phone=contact.get("mobilePhone"),
        relationship=ContactRelationship(contact["relationship"]),
    )
