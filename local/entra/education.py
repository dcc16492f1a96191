"""The education attributes: how the education API keeps its values in the directory.

Students, teachers, classes and schools are users, groups and administrative units that carry
extension attributes of a Microsoft app (`..._Education_ObjectType` and so on); School Data Sync
writes the same ones. They can be read and filtered on /users, /groups and
/directory/administrativeUnits.
https://learn.microsoft.com/schooldatasync/how-to-deploy-sds-using-csv-files
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local.entra.extensions import EDUCATION

if TYPE_CHECKING:
    from local.entra.messages import Json
    from local.entra.objects import DirectoryObject, Kind

# Education property (or path) → attribute, for the names that need no more than a copy.
_COPIED: dict[Kind, dict[str, str]] = {
    "user": {
        "student/externalId": "SyncSource_StudentId",
        "student/grade": "Grade",
        "student/studentNumber": "StudentNumber",
        "student/graduationYear": "GraduationYear",
        "student/birthDate": "DateOfBirth",
        "student/gender": "Gender",
        "teacher/externalId": "SyncSource_TeacherId",
        "teacher/teacherNumber": "TeacherNumber",
        "middleName": "MiddleName",
    },
    "group": {
        "externalId": "SyncSource_SectionId",
        "externalName": "SectionName",
        "classCode": "SectionNumber",
        "grade": "Grade",
        "term/externalId": "TermId",
        "term/displayName": "TermName",
        "term/startDate": "TermStartDate",
        "term/endDate": "TermEndDate",
        "course/externalId": "SyncSource_CourseId",
        "course/displayName": "CourseName",
        "course/courseNumber": "CourseNumber",
        "course/description": "CourseDescription",
        "course/subject": "CourseSubject",
    },
    "administrativeUnit": {
        "externalId": "SyncSource_SchoolId",
        "schoolNumber": "SchoolNumber",
        "lowestGrade": "LowestGrade",
        "highestGrade": "HighestGrade",
        "principalName": "SchoolPrincipalName",
        "principalEmail": "SchoolPrincipalEmail",
        "phone": "Phone",
    },
}
_TYPES = {"student": "Student", "teacher": "Teacher"}
_SOURCES = {"sis": "SIS", "manual": "Manual"}


def attributes(kind: Kind, values: Json, changed: DirectoryObject | None) -> Json:
    """The attributes that education values set; only those whose source is written."""
    found: Json = {}
    for path, name in _COPIED[kind].items():
        top, slash, _ = path.partition("/")
        if top in values:
            found[EDUCATION + name] = _at(values, path) if slash else values[top]
    if "externalSource" in values:
        found[f"{EDUCATION}SyncSource"] = _SOURCES.get(values["externalSource"])
    if kind == "user":
        if "primaryRole" in values:
            found[f"{EDUCATION}ObjectType"] = _TYPES.get(values["primaryRole"])
    elif changed is None:
        found[f"{EDUCATION}ObjectType"] = "Section" if kind == "group" else "School"
    return found


def from_attributes(kind: Kind, values: Json) -> Json:
    """Education values that seeded attributes stand for; values that are given stay as they are."""
    found: Json = {}
    for path, name in _COPIED[kind].items():
        value = values.get(EDUCATION + name)
        if value is None:
            continue
        top, slash, rest = path.partition("/")
        if slash:
            cast("Json", found.setdefault(top, {}))[rest] = value
        else:
            found[top] = value
    source = str(values.get(f"{EDUCATION}SyncSource", "")).lower()
    if source:
        found["externalSource"] = "manual" if source == "manual" else "sis"
    roles = {name: role for role, name in _TYPES.items()}
    if kind == "user" and values.get(f"{EDUCATION}ObjectType") in roles:
        found["primaryRole"] = roles[values[f"{EDUCATION}ObjectType"]]
    return found | values


def _at(values: Json, path: str) -> Any:
    top, _, rest = path.partition("/")
    value = values[top]
    return cast("Json", value).get(rest) if isinstance(value, dict) else None
