"""School Data Sync v1: six CSV files, two more for guardians, and the UK's names of columns.

https://learn.microsoft.com/en-us/schooldatasync/sds-v1-csv-file-format
https://learn.microsoft.com/en-us/schooldatasync/parent-contact-sync-file-format

Design note. v1 has no roles, sessions, courses or relationships of its own. A person's role is the
file that the person stands in, one row a school. Guardians have no id but their e-mail address, so
theirs is made from it. Status is the status of the row, that is of the person at that school, and
so belongs to the role.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.formats import CsvColumn, CsvFormat, FeedSpec, FileSpec, header_key
from connectors.terms import Term

_Spelling = Mapping[tuple[str, str], str]

# (file, SDS v1 header) → UK header; all others are the same.
_UK: _Spelling = {
    ("School", "SIS ID"): "DfE Number",
    ("School", "Zip"): "Postal Code",
    ("Section", "SIS ID"): "ID",
    ("Section", "School SIS ID"): "School DfE Number",
    ("Student", "SIS ID"): "ID",
    ("Student", "School SIS ID"): "School DfE Number",
    ("Teacher", "SIS ID"): "ID",
    ("Teacher", "School SIS ID"): "School DfE Number",
    ("StudentEnrollment", "Section SIS ID"): "Section ID",
    ("StudentEnrollment", "SIS ID"): "ID",
    ("TeacherRoster", "Section SIS ID"): "Section ID",
    ("TeacherRoster", "SIS ID"): "ID",
}
_SECRETS = {"password"}

# Columns that v1 knows and that the roster has no use for; they are no mistake.
_SCHOOL_EXTRAS = (
    "School NCES_ID,State ID,Grade Low,Grade High,Principal SIS ID,Principal Name,"
    "Principal Secondary Email,Address,City,State,Country,Zip,Phone,Zone"
)
_ADDRESS = "Address,City,State,Zip,Latitude,Longitude,Country"
_STUDENT_EXTRAS = ",".join(
    [
        "Password,State ID,Graduation Year,Gender,ELL Status,FederalRace",
        *(f"{place} {part}" for place in ("Mailing", "Resident") for part in _ADDRESS.split(",")),
    ]
)


_TERM = Term(
    id="{termsisid}",
    title="coalesce({termname}, {termsisid})",
    start="termstartdate",
    end="termenddate",
    needs=("termsisid", "termstartdate", "termenddate"),
)
_GUARDIAN = "'guardian:' || lower(trim({email}))"

_PERSON = {
    "sourced_id": "{sisid}",
    "username": "{username}",
    "given_name": "{firstname}",
    "family_name": "{lastname}",
    "middle_name": "{middlename}",
    "email": "{secondaryemail}",
}


def _role(role: str, **more: str) -> FeedSpec:
    columns = {
        "user_sourced_id": "{sisid}",
        "org_sourced_id": "{schoolsisid}",
        "role": f"'{role}'",
        "active": "{status}",
    }
    return FeedSpec("roles", columns | more)


def _enrollment(role: str) -> FeedSpec:
    return FeedSpec(
        "enrollments",
        {
            "class_sourced_id": "{sectionsisid}",
            "user_sourced_id": "{sisid}",
            "role": f"'{role}'",
        },
    )


_SECTION_FEEDS = (
    _TERM.feed(),
    FeedSpec(
        "courses",
        {
            "sourced_id": "{coursesisid}",
            "org_sourced_id": "{schoolsisid}",
            "title": "coalesce({coursename}, {coursesisid})",
            "code": "{coursenumber}",
            "subjects": "{coursesubject}",
        },
        needs=("coursesisid",),
        once="{coursesisid}",
    ),
    FeedSpec(
        "classes",
        {
            "sourced_id": "{sisid}",
            "org_sourced_id": "{schoolsisid}",
            "title": "{sectionname}",
            "code": "{sectionnumber}",
            "course_sourced_id": "{coursesisid}",
            "session_sourced_ids": _TERM.of_class(),
            "active": "{status}",
        },
    ),
)

_FILES = (
    ("School", True, "SIS ID,Name", f"School Number,{_SCHOOL_EXTRAS}", (
        FeedSpec("orgs", {
            "sourced_id": "{sisid}",
            "name": "{name}",
            "type": "'school'",
            "identifier": "{schoolnumber}",
        }),
    )),
    ("Section", False, "SIS ID,School SIS ID,Section Name",
        ("Section Number,Term SIS ID,Term Name,Term StartDate,Term EndDate,Course SIS ID,"
        "Course Name,Course Number,Course Description,Course Subject,Periods,Status"),
        _SECTION_FEEDS),
    ("Student", True, "SIS ID,School SIS ID,Username",
        "First Name,Last Name,Secondary Email,Student Number,Middle Name,Grade,Status,Birthdate,"
        + _STUDENT_EXTRAS,
        (
            FeedSpec("users", _PERSON | {"identifier": "{studentnumber}"}),
            _role("student", grade="{grade}"),
            FeedSpec("demographics", {"user_sourced_id": "{sisid}", "birth_date": "{birthdate}"},
                needs=("birthdate",), where="{birthdate} IS NOT NULL", once="{sisid}"),
        )),
    ("Teacher", True, "SIS ID,School SIS ID,Username",
        ("First Name,Last Name,Password,State ID,Teacher Number,Status,Middle Name,"
        "Secondary Email,Title,Qualification"),
        (FeedSpec("users", _PERSON | {"identifier": "{teachernumber}"}), _role("teacher"))),
    ("StudentEnrollment", False, "Section SIS ID,SIS ID", "", (_enrollment("student"),)),
    ("TeacherRoster", False, "Section SIS ID,SIS ID", "", (_enrollment("teacher"),)),
    ("User", False, "Email,First Name,Last Name", "Phone,SIS ID", (
        FeedSpec("users", {
            "sourced_id": _GUARDIAN,
            "username": "{email}",
            "given_name": "{firstname}",
            "family_name": "{lastname}",
            "email": "{email}",
            "phone": "{phone}",
            "identifier": "{sisid}",
        }),
    )),
    ("GuardianRelationship", False, "SIS ID,Email", "Role", (
        FeedSpec("relationships", {
            "user_sourced_id": "{sisid}",
            "relationship_user_sourced_id": _GUARDIAN,
            "role": "coalesce({role}, CASE WHEN {email} IS NOT NULL THEN 'other' END)",
        }),
    )),
)  # fmt: skip


def _columns(file: str, names: str, spelt: _Spelling, *, required: bool) -> list[CsvColumn]:
    return [
        CsvColumn(
            header_key(name),
            (spelt.get((file, name), name),),
            required,
            header_key(name) in _SECRETS,
        )
        for name in names.split(",")
        if name
    ]


def _format(name: str, spelt: _Spelling) -> CsvFormat:
    files = tuple(
        FileSpec(
            file,
            (
                *_columns(file, required, spelt, required=True),
                *_columns(file, optional, spelt, required=False),
            ),
            feeds,
            mandatory,
        )
        for file, mandatory, required, optional, feeds in _FILES
    )
    together = (
        frozenset({"section", "studentenrollment", "teacherroster"}),
        frozenset({"user", "guardianrelationship"}),
    )
    return CsvFormat(name, files, together, row_a_school=True)


FORMAT = _format("sds-v1", {})
UK_FORMAT = _format("sds-v1-uk", _UK)
