"""The tables that PowerSchool's answers make, by whichever road they came, and the roster of them.

Design note. PowerSchool names one thing in several ways: the DCID, which its API uses, an older ID,
which its tables use among themselves, and numbers that people know (school number, student number,
teacher number). Here every column that points at something holds a DCID; the id that a person has
in the roster stands once, in the column `person` of students and staff, and is looked up there. So
it can be the DCID or the number, and no row is ever joined by the wrong one.

Who is not in `students` or `staff` (left, another school) has no row in a class either: rows of
CC and SECTIONTEACHER outlive the people in them. A class has no name of its own: it is called by
its course and its section number, and not by its period, which changes in the middle of a year.
Courses belong to the district, because those without a school (SCHOOLID 0) are taught in all.
"""

from __future__ import annotations

from connectors.formats import CsvColumn, CsvFormat, FeedSpec, FileSpec

DISTRICT = "0"


def _file(
    name: str, columns: str, *feeds: FeedSpec, keeps: str = "", required: bool = True
) -> FileSpec:
    return FileSpec(
        name,
        tuple(CsvColumn(column, (column,), required=True) for column in columns.split()),
        feeds,
        required,
        keeps=keeps,
    )


def _person(column: str, kept: str) -> str:
    return f"(SELECT any_value(person) FROM kept_{kept} k WHERE k.id = trim({{{column}}}))"


def _known(column: str, kept: str) -> str:
    return f"trim({{{column}}}) IN (SELECT id FROM kept_{kept})"


def _in_class(column: str, kept: str) -> str:
    """Rows of a class that count: section and person are there, or one is no id at all.

    Where no id stands, it cannot be said who was meant, so the row becomes an error.
    """
    known = f"{_known('section', 'sections')} AND {_known(column, kept)}"
    odd = " OR ".join(f"try_cast({{{name}}} AS BIGINT) IS NULL" for name in ("section", column))
    return f"({known}) OR {odd}"


_USER = {
    "sourced_id": "{person}",
    "username": "{username}",
    "given_name": "{givenname}",
    "family_name": "{familyname}",
    "middle_name": "{middlename}",
    "email": "{email}",
    "identifier": "{number}",
}
_KEPT_PERSON = "trim({id}) AS id, trim({person}) AS person"

SCHOOLS = _file(
    "schools",
    "id number name district",
    FeedSpec(
        "orgs",
        {"sourced_id": f"'{DISTRICT}'", "name": "{district}", "type": "'district'"},
        once=f"'{DISTRICT}'",
    ),
    FeedSpec(
        "orgs",
        {
            "sourced_id": "{id}",
            "name": "{name}",
            "type": "'school'",
            "parent_sourced_id": f"'{DISTRICT}'",
            "identifier": "{number}",
        },
    ),
)
TERMS = _file(
    "terms",
    "id name portion schoolyear firstday lastday",
    FeedSpec(
        "academic_sessions",
        {
            "sourced_id": "{id}",
            "title": "{name}",
            "type": "CASE {portion} WHEN '1' THEN 'schoolYear' WHEN '2' THEN 'semester'"
            " WHEN '4' THEN 'quarter' ELSE 'term' END",
            "school_year": "{schoolyear}",
            "start_date": "{firstday}",
            "end_date": "{lastday}",
        },
    ),
)
COURSES = _file(
    "courses",
    "id number name",
    FeedSpec(
        "courses",
        {
            "sourced_id": "{id}",
            "org_sourced_id": f"'{DISTRICT}'",
            "title": "coalesce({name}, {number})",
            "code": "{number}",
        },
    ),
    keeps="trim({id}) AS id, coalesce({name}, {number}) AS name, {number} AS number",
)
_COURSE_NAME = "(SELECT any_value(name) FROM kept_courses k WHERE k.id = trim({course}))"
_COURSE_NUMBER = "(SELECT any_value(number) FROM kept_courses k WHERE k.id = trim({course}))"
SECTIONS = _file(
    "sections",
    "id school course term number",
    FeedSpec(
        "classes",
        {
            "sourced_id": "{id}",
            "org_sourced_id": "{school}",
            "title": f"concat_ws(', ', {_COURSE_NAME}, 'Section ' || coalesce({{number}}, {{id}}))",
            "code": f"{_COURSE_NUMBER} || coalesce('-' || {{number}}, '')",
            "course_sourced_id": "{course}",
            "session_sourced_ids": "{term}",
        },
    ),
    keeps="trim({id}) AS id",
)
STUDENTS = _file(
    "students",
    "id person number username givenname familyname middlename email school grade",
    FeedSpec("users", _USER),
    FeedSpec(
        "roles",
        {
            "user_sourced_id": "{person}",
            "org_sourced_id": "{school}",
            "role": "'student'",
            "grade": "{grade}",
            "is_primary": "'true'",
        },
    ),
    keeps=_KEPT_PERSON,
)
STAFF = _file(
    "staff",
    "id person number username givenname familyname middlename email school role primary",
    FeedSpec("users", _USER, once="coalesce({person}, {id})"),
    FeedSpec(
        "roles",
        {
            "user_sourced_id": "{person}",
            "org_sourced_id": "{school}",
            "role": "{role}",
            "is_primary": "{primary}",
        },
        once="concat_ws('/', coalesce({person}, {id}), {school}, {role})",
    ),
    keeps=_KEPT_PERSON,
)
SECTION_TEACHERS = _file(
    "sectionteachers",
    "id section staff role startdate enddate",
    FeedSpec(
        "enrollments",
        {
            "class_sourced_id": "{section}",
            "user_sourced_id": _person("staff", "staff"),
            "role": "{role}",
            "start_date": "{startdate}",
            "end_date": "{enddate}",
        },
        where=_in_class("staff", "staff"),
    ),
)
ENROLLMENTS = _file(
    "enrollments",
    "id section student startdate enddate",
    FeedSpec(
        "enrollments",
        {
            "class_sourced_id": "{section}",
            "user_sourced_id": _person("student", "students"),
            "role": "'student'",
            "start_date": "{startdate}",
            "end_date": "{enddate}",
        },
        where=_in_class("student", "students"),
    ),
)
CONTACTS = _file(
    "contacts",
    "id student person givenname familyname email phone relation",
    FeedSpec(
        "users",
        {
            "sourced_id": "{person}",
            "username": "{email}",
            "given_name": "{givenname}",
            "family_name": "{familyname}",
            "email": "{email}",
            "phone": "{phone}",
        },
        where=_known("student", "students"),
        once=f"CASE WHEN {_known('student', 'students')} THEN {{person}} END",
    ),
    FeedSpec(
        "relationships",
        {
            "user_sourced_id": _person("student", "students"),
            "relationship_user_sourced_id": "{person}",
            "role": "{relation}",
        },
        where=_known("student", "students"),
        once="{student} || '/' || {person}",
    ),
    required=False,
)

FORMAT = CsvFormat(
    "powerschool",
    (
        SCHOOLS, TERMS, COURSES, SECTIONS, STUDENTS, STAFF, SECTION_TEACHERS, ENROLLMENTS, CONTACTS,
    ),
    (),
    row_a_school=True,
)  # fmt: skip
