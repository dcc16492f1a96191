"""What the administrator wants in the directory: the settings that shape desired from a roster.

Each model is a section of `rollcall.yaml`. Values are checked here, once; the rest of the code
relies on them. Defaults are the careful ones: accounts are matched and never created, teachers
own their classes and are not members of them too.
"""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PERSON_FIELDS = ("given_name", "family_name", "middle_name", "username", "sourced_id")
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


PersonTemplate = Annotated[str, _template(*PERSON_FIELDS)]
SchoolTemplate = Annotated[str, _template(*SCHOOL_FIELDS)]
ClassTemplate = Annotated[str, _template(*CLASS_FIELDS)]
GroupTemplate = Annotated[str, _template(*GROUP_FIELDS)]
Domain = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")]


class Section(BaseModel):
    """Base of every section: unknown settings are errors, values never change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class MatchRule(Section):
    """One way to find a person's account: a value of the roster equals a property of the account.

    With `domain`, `@domain` is appended to a value that has none. Without it, a value that is
    compared with userPrincipalName gets the tenant's default domain.
    """

    source: Literal["username", "email", "active_directory_match_id"] = Field(
        alias="from", description="Roster value: username, email or active_directory_match_id"
    )
    target: Literal["userPrincipalName", "mail"] = Field(
        alias="to", description="Account property: userPrincipalName or mail"
    )
    domain: Domain | None = Field(
        default=None,
        description="Domain appended to a value without one",
    )


def _default_rules() -> tuple[MatchRule, ...]:
    return (
        MatchRule.model_validate({"from": "username", "to": "userPrincipalName"}),
        MatchRule.model_validate({"from": "email", "to": "mail"}),
    )


class Matching(Section):
    """Match rules by role group, tried in order; the first rule that finds an account decides."""

    staff: tuple[MatchRule, ...] = Field(
        default_factory=_default_rules, description="Rules for everyone with a staff role"
    )
    students: tuple[MatchRule, ...] = Field(
        default_factory=_default_rules, description="Rules for students"
    )


class Domains(Section):
    """Domain of created accounts whose username has none; None means the tenant's default."""

    staff: Domain | None = Field(default=None, description="Domain for staff usernames")
    students: Domain | None = Field(default=None, description="Domain for student usernames")


class People(Section):
    """Accounts of students and staff."""

    mode: Literal["match", "create"] = Field(
        default="match",
        description="match: only find existing accounts; create: also make, keep, disable",
    )
    domains: Domains = Field(default_factory=Domains, description="Domains of created accounts")
    display_name: PersonTemplate = Field(
        default="{given_name} {family_name}", description="Display name of created accounts"
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


class Classes(Section):
    """One class group for each class that is active today."""

    enabled: bool = Field(default=True, description="Keep a class group for each class")
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


class Groups(Section):
    """Security groups, for Intune, Conditional Access and licences."""

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
    groups: Groups = Field(default_factory=Groups, description="Security groups")
    sessions: Sessions = Field(default_factory=Sessions, description="Academic sessions")
    drift: Literal["repair", "report"] = Field(
        default="repair",
        description="What was changed by hand in what Rollcall keeps: repair or report it",
    )
