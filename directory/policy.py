"""What the administrator wants in the directory: the settings that shape desired from a roster.

Each model is a section of `rollcall.yaml`. Values are checked here, once; the rest of the code
relies on them. Defaults are the careful ones: accounts are matched and never created, teachers
own their classes and are not members of them too.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from roster.section import Section
from roster.values import GRADE

from .match_rules import Domain, Matching, MatchRule
from .naming import username_parts

_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
PERSON_FIELDS = ("given_name", "family_name", "middle_name", "username", "sourced_id")
USERNAME_FIELDS = (
    *PERSON_FIELDS, "identifier", "grade", "school_year",
)  # fmt: skip
SCHOOL_FIELDS = ("name", "identifier", "sourced_id")
CLASS_FIELDS = ("title", "code", "sourced_id", "school", "course", "session")
GROUP_FIELDS = ("role", "grade", "school")


def _template(*allowed: str) -> AfterValidator:
    """Accepts text in which each `{field}` is one of `allowed`."""

    def check(text: str) -> str:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        unknown = [name for name in names if name not in allowed]
        if unknown or not text.strip():
            fields = ", ".join("{" + name + "}" for name in allowed)
            what = "{" + unknown[0] + "} is not known" if unknown else "the template is empty"
            raise ValueError(f"{what}; use text and any of {fields}")
        return text

    return AfterValidator(check)


def _username_template(text: str) -> str:
    username_parts(text, USERNAME_FIELDS)
    return text


def _spellings(letters: dict[str, str]) -> dict[str, str]:
    for letter, spelling in letters.items():
        if len(letter) != 1 or letter.isascii() or not re.fullmatch("[a-z0-9]*", spelling):
            raise ValueError(
                f"{letter}: {spelling!r} is no spelling of one letter; write a letter beyond A-Z "
                "and what stands for it in small letters, such as {ä: ae}"
            )
    return letters


def _grade(text: str) -> str:
    if text not in GRADE.values:
        raise ValueError(f"use one of {', '.join(GRADE.values)}, in quotation marks")
    return text


PersonTemplate = Annotated[str, _template(*PERSON_FIELDS)]
SchoolTemplate = Annotated[str, _template(*SCHOOL_FIELDS)]
ClassTemplate = Annotated[str, _template(*CLASS_FIELDS)]
GroupTemplate = Annotated[str, _template(*GROUP_FIELDS)]
Membership = Literal["assigned", "dynamic"]
RuleAttribute = Literal[
    "department", "officeLocation", "extensionAttribute1", "extensionAttribute2",
    "extensionAttribute3", "extensionAttribute4", "extensionAttribute5", "extensionAttribute6",
    "extensionAttribute7", "extensionAttribute8", "extensionAttribute9", "extensionAttribute10",
    "extensionAttribute11", "extensionAttribute12", "extensionAttribute13", "extensionAttribute14",
    "extensionAttribute15",
]  # fmt: skip
UsernameTemplate = Annotated[str, AfterValidator(_username_template)]


class Domains(Section):
    """Domain of created accounts whose username has none; None means the tenant's default."""

    staff: Domain | None = Field(default=None, description="Domain for staff usernames")
    students: Domain | None = Field(default=None, description="Domain for student usernames")


class Usernames(Section):
    """How the usernames of created accounts are made; null takes the roster's username.

    A username made from a template is given once and never changes, whatever the name becomes.
    """

    staff: UsernameTemplate | None = Field(
        default=None, description="Template for staff, such as {given_name}.{family_name}"
    )
    students: UsernameTemplate | None = Field(
        default=None, description="Template for students, such as {given_name:1}{family_name}"
    )
    transliterate: Annotated[dict[str, str], AfterValidator(_spellings)] = Field(
        default={},
        description="Spelling of letters where the usual one (ä: a) is not wanted: {ä: ae}",
    )


PasswordKind = Literal["strong", "words", "file"]


class ForceChange(Section):
    """Who must change the first password at the first sign-in."""

    staff: bool = Field(default=True, description="Staff must change it")
    students: bool = Field(default=True, description="Students must change it")


class Passwords(Section):
    """First passwords of created accounts. Where `file` brings none, one is generated."""

    staff: PasswordKind = Field(
        default="strong",
        description="strong: random characters; words: readable words; file: from the roster's "
        "file",
    )
    students: PasswordKind = Field(default="strong", description="strong, words or file")
    words_until_grade: Annotated[str, AfterValidator(_grade)] | None = Field(
        default="05",
        description="Students up to this grade get words instead of strong; null for none",
    )
    length: Annotated[int, Field(ge=14, le=64)] = Field(
        default=16, description="Characters of a strong password"
    )
    force_change: ForceChange = Field(
        default_factory=ForceChange, description="Change at the first sign-in"
    )


class People(Section):
    """Accounts of students and staff."""

    mode: Literal["match", "create", "inbound"] = Field(
        default="match",
        description="match: only find existing accounts; create: also make, keep, disable; "
        "inbound: the same by way of the provisioning service, into on-premises AD",
    )
    domains: Domains = Field(default_factory=Domains, description="Domains of created accounts")
    usernames: Usernames = Field(
        default_factory=Usernames, description="Usernames of created accounts"
    )
    passwords: Passwords = Field(
        default_factory=Passwords, description="First passwords of created accounts"
    )
    display_name: PersonTemplate = Field(
        default="{given_name} {family_name}", description="Display name of created accounts"
    )
    use_preferred_names: bool = Field(
        default=False,
        description="Use the given and family name that a person prefers, where the roster has "
        "one: in the account's names, and in usernames made from a template",
    )
    usage_location: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="Two-letter country code; licences need it"
    )
    disable_after_days: Annotated[int, Field(ge=0, le=365)] = Field(
        default=7,
        description="Days after leaving the roster until the account is disabled (mode create)",
    )
    guardians: bool = Field(
        default=False,
        description="Write guardians as related contacts of students",
    )
    opt_out_group: str | None = Field(
        default=None,
        description="Group whose members are never written to: its object id, unique name or "
        "display name",
    )

    @property
    def takes_file_passwords(self) -> bool:
        """Whether first passwords come from the roster's file."""
        return self.mode == "create" and "file" in (self.passwords.staff, self.passwords.students)


class Inbound(Section):
    """The provisioning job that makes accounts in mode inbound, as its Overview page shows it."""

    service_principal: Annotated[str, Field(pattern=_GUID)] = Field(
        description="Object id of the provisioning app (its Service Principal Object ID)"
    )
    job: Annotated[str, Field(min_length=3)] = Field(description="Id of the provisioning job")
    daily_calls: Annotated[int, Field(ge=1, le=6_000)] = Field(
        default=2_000,
        description="Calls of 50 people a day: 2000, or 6000 with Entra ID Governance",
    )


class Schools(Section):
    """One administrative unit for each school."""

    enabled: bool = Field(default=True, description="Keep an administrative unit for each school")
    org_types: tuple[str, ...] = Field(
        default=("school",), description="Organisation types that count as a school"
    )
    display_name: SchoolTemplate = Field(
        default="{name}",
        description="Name of the administrative unit",
    )
    membership: Membership = Field(
        default="assigned",
        description="assigned: people are added one by one; dynamic: by a rule, see dynamic",
    )


class Classes(Section):
    """One class group for each class that is active today."""

    enabled: bool = Field(default=True, description="Keep a class group for each class")
    kind: Literal["education", "group"] = Field(
        default="education",
        description="What a class is made as: education, which Assignments needs; group, a "
        "Microsoft 365 group made with its first people, for fewer writes",
    )
    display_name: ClassTemplate = Field(default="{title}", description="Name of the class group")
    mail_nickname: ClassTemplate = Field(
        default="Section_{sourced_id}",
        description="Mail nickname; made legal and unique, never changed",
    )
    owner_roles: tuple[str, ...] = Field(
        default=(
            "teacher", "professor", "lecturer", "instructor", "adjunct", "coach", "proctor",
            "teacherAssistant", "paraprofessional", "specialServices", "physicalTherapist",
            "speechTherapist", "visionTherapist", "occupationalTherapist", "staff",
        ),
        description="Enrollment roles that own the class",
    )  # fmt: skip
    member_roles: tuple[str, ...] = Field(
        default=("student", "substitute", "aide"), description="Enrollment roles that are members"
    )
    teachers_as_members: bool = Field(
        default=False,
        description="Make owners members too (they then look like students elsewhere)",
    )


class Teams(Section):
    """One class team for each class group that has a teacher; see docs/teams.md."""

    enabled: bool = Field(default=False, description="Make a class team for each class")
    archive_at_session_end: bool = Field(
        default=True,
        description="Archive the team of a class whose sessions are over or that left the roster, "
        "and keep its members; false: leave the team as it is and remove its members",
    )
    schools: tuple[str, ...] = Field(
        default=(), description="Roster ids of the schools that take part; none means all"
    )


class Groups(Section):
    """Security groups, for Intune, Conditional Access and licences."""

    membership: Membership = Field(
        default="assigned",
        description="assigned: people are added by Rollcall; dynamic: by a rule, see dynamic",
    )

    by_role: bool = Field(default=True, description="All students; all staff")
    by_school_role: bool = Field(
        default=True,
        description="Students of a school; staff of a school",
    )
    by_grade: bool = Field(default=True, description="Students of a grade")
    by_school_grade: bool = Field(default=True, description="Students of a grade in a school")
    role_name: GroupTemplate = Field(default="All {role}", description="Name of a by_role group")
    school_role_name: GroupTemplate = Field(
        default="{role} - {school}", description="Name of a by_school_role group"
    )
    grade_name: GroupTemplate = Field(
        default="Grade {grade}",
        description="Name of a by_grade group",
    )
    school_grade_name: GroupTemplate = Field(
        default="Grade {grade} - {school}", description="Name of a by_school_grade group"
    )


class Dynamic(Section):
    """The attribute of an account that the rules of dynamic memberships look at."""

    attribute: RuleAttribute | None = Field(
        default=None,
        description="Attribute that Rollcall keeps for rules: department, officeLocation or "
        "extensionAttribute1 to extensionAttribute15",
    )


class Adoption(Section):
    """What School Data Sync made in this tenant."""

    enabled: bool = Field(
        default=False,
        description="Take over the accounts, class groups and administrative units that School "
        "Data Sync made for people, classes and schools of the roster; see them with "
        "`rollcall adopt` first",
    )


class Sessions(Section):
    """When an academic session counts as current."""

    open_days_before: Annotated[int, Field(ge=0, le=90)] = Field(
        default=0, description="Days before its start that a session already counts"
    )
    close_days_after: Annotated[int, Field(ge=0, le=90)] = Field(
        default=0, description="Days after its end that a session still counts"
    )


class Policy(Section):
    """All that `directory/` needs of the configuration."""

    matching: Matching = Field(default_factory=Matching, description="How accounts are found")
    people: People = Field(default_factory=People, description="Accounts")
    schools: Schools = Field(default_factory=Schools, description="Administrative units")
    classes: Classes = Field(default_factory=Classes, description="Class groups")
    teams: Teams = Field(default_factory=Teams, description="Class teams")
    groups: Groups = Field(default_factory=Groups, description="Security groups")
    dynamic: Dynamic = Field(
        default_factory=Dynamic, description="Memberships by rule", validate_default=True
    )
    adopt: Adoption = Field(default_factory=Adoption, description="Objects of School Data Sync")
    sessions: Sessions = Field(default_factory=Sessions, description="Academic sessions")
    drift: Literal["repair", "report"] = Field(
        default="repair",
        description="What was changed by hand in what Rollcall keeps: repair or report it",
    )
    inbound: Inbound | None = Field(default=None, description="The job of people.mode inbound")

    @model_validator(mode="after")
    def _has_its_job(self) -> Self:
        if self.people.mode == "inbound" and self.inbound is None:
            raise ValueError(
                "people.mode is inbound, so the section `inbound` has to name the provisioning "
                "job: service_principal and job"
            )
        return self

    @property
    def match_rules(self) -> Matching:
        """The match rules; an account that provisioning made is found by its employeeId first."""
        if self.people.mode != "inbound":
            return self.matching
        first = MatchRule.model_validate({"from": "sourced_id", "to": "employeeId"})
        return Matching(
            staff=(first, *self.matching.staff), students=(first, *self.matching.students)
        )

    @field_validator("dynamic")
    @classmethod
    def _has_an_attribute(cls, dynamic: Dynamic, info: ValidationInfo) -> Dynamic:
        ruled = [
            name
            for name in ("schools", "groups")
            if getattr(info.data.get(name), "membership", "") == "dynamic"
        ]
        if ruled and dynamic.attribute is None:
            raise ValueError(
                f"{ruled[0]}.membership is dynamic, so dynamic.attribute is needed: department, "
                "officeLocation or extensionAttribute1 to extensionAttribute15"
            )
        return dynamic

    @property
    def unit_attribute(self) -> RuleAttribute | None:
        """The attribute that rules of administrative units read; None: people are assigned."""
        ruled = self.schools.enabled and self.schools.membership == "dynamic"
        return self.dynamic.attribute if ruled else None

    @property
    def group_attribute(self) -> RuleAttribute | None:
        """The attribute that rules of security groups read; None: people are assigned."""
        return self.dynamic.attribute if self.groups.membership == "dynamic" else None
