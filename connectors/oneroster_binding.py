"""The CSV tables of OneRoster 1.1 and 1.2 to the letter: files, columns in order, types, words.

https://www.imsglobal.org/oneroster-v11-final-csv-tables
https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv

Design note. `connectors.oneroster_csv` says what is read, and reads whatever can be understood.
This says what the standard prescribes, and is used only to hold a package to it. Where published
sources contradict each other (does a class of 1.1 need a course?) the laxer one is followed.
Version 1.2.1 has the number 1.2 in its manifest; both of its headers of users.csv are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

VERSIONS = ("1.1", "1.2")
STATES = ("absent", "bulk", "delta")
SECRETS = frozenset({"password"})


class Kind(Enum):
    """What a cell holds."""

    TEXT = auto()
    GUID = auto()
    DATE = auto()
    DATE_TIME = auto()
    YEAR = auto()
    BOOLEAN = auto()
    WORD = auto()
    USER_IDS = auto()


@dataclass(frozen=True)
class Words:
    """A vocabulary. `extensible`: `ext:` words may stand beside these."""

    words: tuple[str, ...]
    extensible: bool = False


@dataclass(frozen=True)
class BoundColumn:
    """A column. `several`: its cells hold lists. `target`: the file whose `sourcedId` it cites."""

    name: str
    kind: Kind
    required: bool
    several: bool = False
    words: Words = Words(())
    target: str = ""


@dataclass(frozen=True)
class BoundFile:
    """A file: its name without ending, and its columns in order, for each header it may have."""

    name: str
    headers: tuple[tuple[BoundColumn, ...], ...]

    def columns(self, names: frozenset[str]) -> tuple[BoundColumn, ...]:
        """The header that is nearest to the columns which a file has."""
        return min(self.headers, key=lambda header: len({column.name for column in header} ^ names))


_KINDS = {
    "date": Kind.DATE, "dateTime": Kind.DATE_TIME, "year": Kind.YEAR, "boolean": Kind.BOOLEAN,
    "guid": Kind.GUID, "userIds": Kind.USER_IDS, "": Kind.TEXT,
}  # fmt: skip

_GRADES = ("IT", "PR", "PK", "TK", "KG", *(f"{year:02}" for year in range(1, 14)), "PS", "UG",
           "Other")  # fmt: skip
_USER_ROLES = ("administrator", "aide", "guardian", "parent", "proctor", "relative", "student",
               "teacher")  # fmt: skip
_ENROLLED = ("administrator", "proctor", "student", "teacher")
_COMMON_WORDS = {
    "status": Words(("active", "tobedeleted")),
    "importance": Words(("primary", "secondary")),
    "scoreStatus": Words(
        ("exempt", "fully graded", "not submitted", "partially graded", "submitted")
    ),
}
_WORDS_11 = _COMMON_WORDS | {
    "sessionType": Words(("gradingPeriod", "semester", "schoolYear", "term")),
    "orgType": Words(("department", "school", "district", "local", "state", "national")),
    "classType": Words(("homeroom", "scheduled")),
    "role": Words(_USER_ROLES),
    "enrollmentRole": Words(_ENROLLED),
    "sex": Words(("male", "female")),
    "grade": Words(_GRADES),
    "residence": Words(("01652", "01653", "01654", "01655", "01656")),
}
_WORDS_12 = _COMMON_WORDS | {
    "sessionType": Words(_WORDS_11["sessionType"].words, extensible=True),
    "orgType": Words(_WORDS_11["orgType"].words, extensible=True),
    "classType": Words(_WORDS_11["classType"].words, extensible=True),
    "role": Words(
        (
            "aide", "counselor", "districtAdministrator", "guardian", "parent", "principal",
            "proctor", "relative", "siteAdministrator", "student", "systemAdministrator", "teacher",
        ),
        extensible=True,
    ),
    "roleType": Words(("primary", "secondary")),
    "enrollmentRole": Words(_ENROLLED, extensible=True),
    "sex": Words(("male", "female", "unspecified", "other"), extensible=True),
    "objectiveSource": Words(("case", "unknown")),
}  # fmt: skip

_RACES = (
    "americanIndianOrAlaskaNative:boolean asian:boolean blackOrAfricanAmerican:boolean"
    " nativeHawaiianOrOtherPacificIslander:boolean white:boolean"
    " demographicRaceTwoOrMoreRaces:boolean hispanicOrLatinoEthnicity:boolean"
)
_PERSON = "givenName! familyName! middleName identifier email sms phone"
_LAST_OF_USERS = (
    "preferredGivenName preferredMiddleName preferredFamilyName primaryOrgSourcedId:@orgs pronouns"
)
_USERS_12 = (
    f"enabledUser!:boolean username! userIds:userIds* {_PERSON} agentSourcedIds:@users*"
    " grades:grade* password userMasterIdentifier"
)

# Files in an order in which each stands after those that it cites. A column is written as
# name, ! where a value is required, : and a kind or vocabulary or @file, * for a list.
_COMMON = {
    "orgs": "name! type!:orgType identifier parentSourcedId:@orgs",
    "academicSessions": "title! type!:sessionType startDate!:date endDate!:date"
    " parentSourcedId:@academicSessions schoolYear!:year",
    "courses": "schoolYearSourcedId:@academicSessions title! courseCode grades:grade*"
    " orgSourcedId!:@orgs subjects* subjectCodes*",
    "classes": "title! grades:grade* courseSourcedId:@courses classCode classType!:classType"
    " location schoolSourcedId!:@orgs termSourcedIds!:@academicSessions* subjects*"
    " subjectCodes* periods*",
    "users": "",
    "enrollments": "classSourcedId!:@classes schoolSourcedId!:@orgs userSourcedId!:@users"
    " role!:enrollmentRole primary:boolean beginDate:date endDate:date",
    "demographics": f"birthDate:date sex:sex {_RACES} countryOfBirthCode"
    " stateOfBirthAbbreviation cityOfBirth publicSchoolResidenceStatus:residence",
    "resources": "vendorResourceId! title roles:role* importance:importance vendorId applicationId",
    "classResources": "title classSourcedId!:guid resourceSourcedId!:guid",
    "courseResources": "title courseSourcedId!:guid resourceSourcedId!:guid",
}
_FILES_11 = _COMMON | {
    "users": f"enabledUser!:boolean orgSourcedIds!:@orgs* role!:role username! userIds:userIds*"
    f" {_PERSON} agentSourcedIds:@users* grades:grade* password",
    "categories": "title!",
    "lineItems": "title! description assignDate! dueDate! classSourcedId!:guid"
    " categorySourcedId!:guid gradingPeriodSourcedId!:guid resultValueMin! resultValueMax!",
    "results": "lineItemSourcedId!:guid studentSourcedId!:guid scoreStatus!:scoreStatus score!"
    " scoreDate! comment",
}
_FILES_12 = _COMMON | {
    "classes": _COMMON["classes"].replace("courseSourcedId:", "courseSourcedId!:"),
    "users": f"{_USERS_12} {_LAST_OF_USERS} | {_USERS_12} resourceSourcedIds:guid*"
    f" {_LAST_OF_USERS}",
    "userProfiles": "userSourcedId!:@users profileType! vendorId! applicationId description"
    " credentialType! username! password",
    "roles": "userSourcedId!:@users roleType!:roleType role!:role beginDate:date endDate:date"
    " orgSourcedId!:@orgs userProfileSourcedId:@userProfiles",
    "userResources": "userSourcedId!:@users orgSourcedId:@orgs classSourcedId:@classes"
    " resourceSourcedId!:@resources",
    "categories": "title! weight",
    "lineItems": "title! description assignDate! dueDate! classSourcedId!:guid"
    " categorySourcedId!:guid academicSessionSourcedId!:guid resultValueMin resultValueMax"
    " schoolSourcedId!:guid",
    "results": "lineItemSourcedId!:guid studentSourcedId!:guid scoreStatus!:scoreStatus score"
    " scoreDate! comment textScore classSourcedId:guid inProgress incomplete late missing",
    "scoreScales": "title! type! orgSourcedId:guid courseSourcedId:guid classSourcedId:guid"
    " scoreScaleValue!",
    "lineItemLearningObjectiveIds": "lineItemSourcedId!:guid source!:objectiveSource"
    " learningObjectiveId!",
    "resultLearningObjectiveIds": "resultSourcedId!:guid source!:objectiveSource"
    " learningObjectiveId! score textScore",
    "lineItemScoreScales": "title lineItemSourcedId!:guid scoreScaleSourcedId!:guid",
    "resultScoreScales": "title resultSourcedId!:guid scoreScaleSourcedId!:guid",
}


def _column(text: str, vocabularies: dict[str, Words]) -> BoundColumn:
    name, _, kind = text.rstrip("*").partition(":")
    required, several, name = name.endswith("!"), text.endswith("*"), name.rstrip("!")
    if kind.startswith("@"):
        return BoundColumn(name, Kind.GUID, required, several, target=kind[1:])
    if kind in vocabularies:
        return BoundColumn(name, Kind.WORD, required, several, vocabularies[kind])
    # A vocabulary that a version leaves to whoever exchanges data is none to be held to.
    return BoundColumn(name, _KINDS.get(kind, Kind.TEXT), required, several)


def _file(name: str, text: str, vocabularies: dict[str, Words]) -> BoundFile:
    first = "sourcedId!:@users" if name == "demographics" else "sourcedId!:guid"
    leading = f"{first} status:status dateLastModified:dateTime"
    return BoundFile(
        name,
        tuple(
            tuple(_column(word, vocabularies) for word in f"{leading} {header}".split())
            for header in text.split("|")
        ),
    )


BINDING: MappingProxyType[str, MappingProxyType[str, BoundFile]] = MappingProxyType(
    {
        version: MappingProxyType(
            {name: _file(name, text, vocabularies) for name, text in files.items()}
        )
        for version, files, vocabularies in (
            ("1.1", _FILES_11, _WORDS_11),
            ("1.2", _FILES_12, _WORDS_12),
        )
    }
)
