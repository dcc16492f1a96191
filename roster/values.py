"""The closed lists of values that School Data Sync knows, and the spellings accepted for them.

Values compare without regard to case and are kept in the spelling given here. A list may be
extended by a customer's own words (their value → our value), never by a new value of ours.

Sources: https://learn.microsoft.com/en-us/schooldatasync/default-list-of-values and
https://learn.microsoft.com/en-us/schooldatasync/parent-contact-sync-file-format
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from roster.errors import BadInput

RoleGroup = Literal["staff", "student", "none"]
Vocabulary = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class ValueList:
    """A named list of values. `aliases`: lower-case spellings and the value that each means."""

    name: str
    values: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def spellings(self, vocabulary: Vocabulary | None = None) -> dict[str, str]:
        """Lower-case spelling → value, a customer's own words included."""
        known = {value.lower(): value for value in self.values} | dict(self.aliases)
        own = (vocabulary or {}).get(self.name, {})
        return known | {theirs.strip().lower(): known[ours.lower()] for theirs, ours in own.items()}


@dataclass(frozen=True)
class OrgRole:
    """A role that a person has in an org. The lowest `sort` among a person's roles leads."""

    name: str
    sort: int
    group: RoleGroup


def _staff(*names: str) -> tuple[OrgRole, ...]:
    return tuple(OrgRole(name, 10 * place, "staff") for place, name in enumerate(names, start=1))


# Microsoft ranks 28 staff roles in this order, alumni among them, and leaves student and other
# unranked. Its Graph pages also use `aide`, which stands in no list: here it follows `assistant`.
ORG_ROLES: tuple[OrgRole, ...] = (
    *_staff(
        "principal", "chair", "professor", "researcher", "adjunct", "affiliate",
        "occupationalTherapist", "physicalTherapist", "speechTherapist", "visionTherapist",
        "paraprofessional", "specialServices", "advisor", "proctor", "nurse", "officeStaff",
        "lecturer", "itAdmin", "administrator", "teacher", "faculty", "staff",
        "teacherAssistant", "assistant", "instructor", "substitute", "coach", "alumni",
    ),
    OrgRole("aide", 245, "staff"),
    OrgRole("student", 290, "student"),
    OrgRole("other", 300, "none"),
)  # fmt: skip

ORG_TYPE = ValueList(
    "org_types",
    (
        "school", "ministryOfEducation", "localAuthority", "department", "university", "region",
        "district", "college", "division", "local", "campus", "province", "state",
        "adultEducation", "researchCenter", "national", "municipality", "program",
        "departmentOfEducation", "academicTrust",
    ),
)  # fmt: skip

ORG_ROLE = ValueList(
    "org_roles",
    tuple(role.name for role in ORG_ROLES),
    # `guardian`, `parent`, `relative` are OneRoster's roles for contacts: no school role at all.
    # The others are OneRoster 1.2's names for roles that stand in the list under another one.
    MappingProxyType(
        {
            "parent": "other",
            "guardian": "other",
            "relative": "other",
            "districtadministrator": "administrator",
            "siteadministrator": "administrator",
            "systemadministrator": "itAdmin",
            "counselor": "advisor",
        }
    ),
)

# OneRoster enrolls people in these roles too, and School Data Sync reads them there; it has no such
# members of a class. https://learn.microsoft.com/en-us/schooldatasync/sds-oneroster-api
CONTACT_ROLES = ("guardian", "parent", "relative")

SECTION_ROLE = ValueList(
    "section_roles",
    (
        "student", "teacher", "visionTherapist", "substitute", "aide", "paraprofessional",
        "principal", "proctor", "teacherAssistant", "specialServices", "professor", "advisor",
        "administrator", "lecturer", "coach", "occupationalTherapist", "affiliate", "assistant",
        "physicalTherapist", "adjunct", "staff", "speechTherapist", "instructor", "alumni",
        "chair", "itAdmin", "officeStaff", *CONTACT_ROLES,
    ),
    MappingProxyType({"aid": "aide"}),
)  # fmt: skip

_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}

# Only spellings that mean one thing everywhere: "Year 9" or "R" depend on the country.
GRADE = ValueList(
    "grades",
    (
        "it", "pr", "pk", "tk", "kg", *(f"{year:02}" for year in range(1, 15)), "ps", "ug",
        "other", "ps1", "ps2", "ps3", "ps4", "undergraduate", "graduate", "postgraduate",
        "alumni", "adultEducation",
    ),
    MappingProxyType(
        {
            "k": "kg", "kindergarten": "kg", "pre-k": "pk", "prek": "pk", "p-k": "pk",
            "infanttoddler": "it", "infant/toddler": "it", "preschool": "pr",
            "prekindergarten": "pk", "pre-kindergarten": "pk", "transitionalkindergarten": "tk",
            "transitional kindergarten": "tk", "ungraded": "ug", "pg": "postgraduate",
            **{str(year): f"{year:02}" for year in range(1, 10)},
            **{_ORDINALS.get(year, f"{year}th"): f"{year:02}" for year in range(1, 13)},
        }
    ),
)  # fmt: skip

SESSION_TYPE = ValueList(
    "session_types", ("schoolYear", "semester", "term", "gradingPeriod", "quarter")
)

# A blank role in the v1 guardian file means `other`.
RELATIONSHIP_ROLE = ValueList(
    "relationship_roles",
    ("parent", "guardian", "relative", "aide", "doctor", "child", "administrator", "other"),
    MappingProxyType(
        {
            **dict.fromkeys(
                ("mother", "father", "stepmother", "stepfather", "stepparent"), "parent"
            ),
            **dict.fromkeys(("parent/guardian", "legal guardian", "foster parent"), "guardian"),
            **dict.fromkeys(
                (
                    "grandparent",
                    "grandmother",
                    "grandfather",
                    "aunt/uncle",
                    "aunt",
                    "uncle",
                    "sibling",
                    "brother",
                    "sister",
                    "cousin",
                    "family",
                ),
                "relative",
            ),
        }
    ),
)

SEX = ValueList(
    "sexes",
    ("male", "female", "notSelected"),
    MappingProxyType(
        {"m": "male", "f": "female", "x": "notSelected", "not selected": "notSelected"}
    ),
)

RACE = ValueList(
    "races",
    (
        "americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican",
        "nativeHawaiianOrOtherPacificIslander", "white", "demographicRaceTwoOrMoreRaces",
    ),
    MappingProxyType(
        {
            "american indian": "americanIndianOrAlaskaNative",
            "black or african american": "blackOrAfricanAmerican",
            "caucasian": "white",
            "hawaiian or other pacific islander": "nativeHawaiianOrOtherPacificIslander",
            "two or more races": "demographicRaceTwoOrMoreRaces",
        }
    ),
)  # fmt: skip

ETHNICITY = ValueList("ethnicities", ("hispanicOrLatinoEthnicity",))

FLAG = ValueList(
    "flags",
    ("freeLunch", "reducedLunch", "homeless", "giftedOrTalented", "504", "ELL", "LEP", "IEP"),
)

_YES = ("yes", "y", "t", "1")
_NO = ("no", "n", "f", "0")


def _truth(yes: tuple[str, ...], no: tuple[str, ...]) -> Mapping[str, str]:
    words: dict[str, str] = dict.fromkeys(yes, "true")
    return MappingProxyType(words | dict.fromkeys(no, "false"))


# v1 documents `Active` for people and sections; `Expired` and `Retired` are what Microsoft's own
# clean-up scripts write. The other words are the ones that student information systems export.
STATUS = ValueList(
    "statuses",
    ("true", "false"),
    _truth(
        (*_YES, "active", "enrolled", "current"),
        (
            *_NO, "inactive", "expired", "retired", "withdrawn", "disabled", "deleted",
            "tobedeleted", "graduated", "transferred", "archived", "left",
        ),
    ),
)  # fmt: skip

BOOLEAN = ValueList("booleans", ("true", "false"), _truth(_YES, _NO))

VALUE_LISTS: Mapping[str, ValueList] = MappingProxyType(
    {
        values.name: values
        for values in (
            ORG_TYPE, ORG_ROLE, SECTION_ROLE, GRADE, SESSION_TYPE, RELATIONSHIP_ROLE, SEX, RACE,
            ETHNICITY, FLAG, STATUS, BOOLEAN,
        )
    }
)  # fmt: skip


def check_vocabulary(vocabulary: Vocabulary) -> None:
    """Raise BadInput where a customer's words name a list or a value that is not there."""
    for name, words in vocabulary.items():
        if name not in VALUE_LISTS:
            raise BadInput(
                f"mappings: there is no list “{name}”; lists: {', '.join(sorted(VALUE_LISTS))}"
            )
        allowed = {value.lower() for value in VALUE_LISTS[name].values}
        for theirs, ours in words.items():
            if ours.lower() not in allowed:
                raise BadInput(
                    f"mappings.{name}: “{theirs}” cannot mean “{ours}”; "
                    f"allowed: {', '.join(VALUE_LISTS[name].values)}"
                )
