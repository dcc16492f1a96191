"""Clever's CSV files, as districts upload them to Clever by SFTP: five, and staff.csv if they like.

https://support.clever.com/hc/en-us/articles/203114867-SFTP-Syncs-How-do-I-format-my-CSV-files-
https://dev.clever.com/docs/users

Design note. People have no role column: a role is the file that a person stands in, one row a
school; students also stand there once for each contact (see connectors.clever_contacts). Courses
and terms are columns of the sections; a course is its number together with its name, as schools use
one number for different courses. Up to ten teachers stand in a section's row.

Username is optional here, and many districts upload the e-mail address alone. The address then
stands for it, unless another person of the file has the same one: a mailbox that a family or an
office shares says nothing about accounts.

Teachers and other staff are numbered apart in some systems. Clever takes a teacher and a member of
staff with one e-mail address for one person, and so does this: the person keeps the teacher's id.
Staff have a title in their school's own words and a role that is a permission inside Clever (School
Tech Lead); one that is the name of a role here is that role, any other makes them `staff`.
"""

from __future__ import annotations

from connectors import clever_contacts
from connectors.clever_words import ethnicity, grade, joined, known_role, races
from connectors.formats import CsvColumn, CsvFormat, Derived, FeedSpec, FileSpec, header_key
from connectors.terms import Term

# `ext__` is how databases that allow no dot in a name export such columns.
EXTENSION = ("ext.", "ext__")
TEACHERS = 10


def _columns(names: str, *, needed: bool) -> list[CsvColumn]:
    """Columns in words; other spellings follow after `|`."""
    columns: list[CsvColumn] = []
    for word in names.split():
        spellings = tuple(word.split("|"))
        key = header_key(spellings[0])
        columns.append(
            CsvColumn(key, spellings, needed, key == "password", spellings[0].endswith("_id"))
        )
    return columns


def _file(
    name: str,
    required: str,
    optional: str,
    *feeds: FeedSpec,
    mandatory: bool = False,
    keeps: str = "",
) -> FileSpec:
    columns = (*_columns(required, needed=True), *_columns(optional, needed=False))
    return FileSpec(name, columns, feeds, mandatory, EXTENSION, keeps)


def _mail(key: str) -> str:
    return f"lower(trim({{{key}}}))"


def _login(person: str, mail: str) -> str:
    """The username, or else the e-mail address that one person of the file alone has."""
    same = f"OVER (PARTITION BY {_mail(mail)})"
    return (
        f"coalesce(nullif(trim({{username}}), ''), CASE WHEN {{{mail}}} LIKE '%_@_%'"
        f" AND min(trim({{{person}}})) {same} = max(trim({{{person}}})) {same}"
        f" THEN trim({{{mail}}}) END)"
    )


def _person(kind: str, number: str = "") -> dict[str, str]:
    """Columns of `users`. `kind`: student, teacher or staff. `number`: the key of their number."""
    columns = {
        "sourced_id": f"{{{kind}id}}",
        "username": _login(f"{kind}id", f"{kind}email"),
        "given_name": "{firstname}",
        "family_name": "{lastname}",
        "middle_name": "{middlename}",
        "email": f"{{{kind}email}}",
    }
    return columns | ({"identifier": f"{{{number}}}"} if number else {})


def _role(person: str, role: str) -> FeedSpec:
    columns = {"user_sourced_id": person, "org_sourced_id": "{schoolid}", "role": role}
    return FeedSpec("roles", columns)


_NAME = "lower(concat_ws(' ', trim({firstname}), trim({lastname})))"
_PERSON_COLUMNS = "First_name Middle_name Last_name Username Password"

_SCHOOLS = _file(
    "schools",
    "School_id School_name",
    "School_number State_id Low_grade High_grade Principal Principal_email School_address"
    " School_city School_state School_zip School_phone",
    FeedSpec(
        "orgs",
        {
            "sourced_id": "{schoolid}",
            "name": "{schoolname}",
            "type": "'school'",
            "identifier": "{schoolnumber}",
        },
    ),
    mandatory=True,
)

_TEACHER = _person("teacher", "teachernumber")
_TEACHERS = _file(
    "teachers",
    "School_id Teacher_id",
    f"Teacher_number State_teacher_id Teacher_email Title {_PERSON_COLUMNS}",
    FeedSpec("users", _TEACHER),
    _role("{teacherid}", "'teacher'"),
    mandatory=True,
    keeps=f"trim({{teacherid}}) AS person, {_mail('teacheremail')} AS mail, {_NAME} AS name, "
    + ", ".join(f"{template} AS {column}" for column, template in _TEACHER.items()),
)

_SAME_MAIL = f"t.mail = {_mail('staffemail')}"
_SAME_NAME = f"t.name = {_NAME}"
_SAME_ID = "t.person = trim({staffid})"


def _of_teacher(column: str, *where: str) -> str:
    """A value of the one teacher for whom all of `where` holds, or NULL."""
    return (
        f"(SELECT CASE WHEN count(DISTINCT t.person) = 1 THEN min(t.{column}) END"
        f" FROM kept_teachers t WHERE {' AND '.join(where)})"
    )


def _of_staff(column: str, own: str) -> str:
    """What teachers.csv says of a member of staff who is a teacher too, or else the own value.

    Another name stays, so that a finding tells of it: the address may be that of an office.
    """
    by_mail = (_SAME_MAIL, _SAME_NAME) if column in _NAMES else (_SAME_MAIL,)
    teacher = (_of_teacher(column, *by_mail), _of_teacher(column, _SAME_ID, _SAME_NAME))
    return f"coalesce({', '.join(teacher)}, {own})"


_NAMES = ("given_name", "family_name")
_STAFF_MEMBER = {
    column: _of_staff(column, own)
    for column, own in {**_person("staff"), "identifier": "NULL"}.items()
}

_STAFF = _file(
    "staff",
    "School_id Staff_id",
    f"Staff_email Department Title Role {_PERSON_COLUMNS}",
    FeedSpec("users", _STAFF_MEMBER),
    _role(
        _STAFF_MEMBER["sourced_id"],
        # The last part cites a column that every file has, so that there is a role in any case.
        f"coalesce({known_role('{title}')}, {known_role('{role}')},"
        " CASE WHEN {staffid} IS NOT NULL THEN 'staff' END)",
    ),
)

_STUDENTS = _file(
    "students",
    "School_id Student_id",
    "Student_number State_id Grade Gender DOB|Birthdate Race Hispanic_Latino|Hispanic_ethnicity"
    f" Student_email {_PERSON_COLUMNS} {clever_contacts.COLUMNS}"
    " Graduation_year Home_language Home_language_code Ell_status Frl_status IEP_status"
    " Section_504_status|504_status Gifted_status Disability_status Disability_type"
    " Disability_code Student_street Student_city Student_state Student_zip Unweighted_gpa"
    " Weighted_gpa Preferred_first_name Preferred_middle_name Preferred_last_name",
    FeedSpec("users", _person("student", "studentnumber")),
    FeedSpec(
        "demographics",
        {
            "user_sourced_id": "{studentid}",
            "sex": "{gender}",
            "birth_date": "{dob}",
            "ethnicity_codes": ethnicity("{hispaniclatino}"),
            "race_codes": races("{race}"),
        },
        needs=("dob",),
        where="coalesce({gender}, {dob}, {race}, {hispaniclatino}) IS NOT NULL",
        once="{studentid}",
    ),
    mandatory=True,
    keeps=f"trim({{studentid}}) AS person, trim({{schoolid}}) AS school,"
    f" {grade('{grade}')} AS grade, {clever_contacts.KEPT}",
)

# One a school, however many contacts the student has.
_STUDENT_ROLES = Derived(
    "roles",
    "students",
    """SELECT min(record) AS record, person, school, arg_min(grade, record) AS grade
    FROM kept_students GROUP BY person, school ORDER BY record""",
    {
        "user_sourced_id": "person",
        "org_sourced_id": "school",
        "role": "'student'",
        "grade": "grade",
    },
    {"user_sourced_id": "Student_id", "org_sourced_id": "School_id", "grade": "Grade"},
    needs="studentid",
    lost={"user_sourced_id": "{studentid}"},
)

_TERM = Term(
    id=joined("coalesce({termname}, 'term')"),
    title="coalesce({termname}, 'Term')",
    start="termstart",
    end="termend",
    needs=("termstart", "termend"),
)
_COURSE = joined("trim({coursenumber})", "trim({coursename})")
_TEACHER_COLUMNS = ("Teacher_id", *(f"Teacher_{place}_id" for place in range(2, TEACHERS + 1)))
_TAUGHT_BY = ", ".join(f"trim({{{header_key(column)}}})" for column in _TEACHER_COLUMNS)
# Clever names a section that has no name by its course, teacher and period.
_TITLE = (
    "coalesce(nullif(trim({name}), ''), nullif(concat_ws(' - ',"
    " coalesce(trim({coursename}), trim({coursenumber})),"
    f" {_of_teacher('family_name', 't.person = trim({teacherid})')}, trim({{period}})), ''),"
    " {sectionnumber}, {sectionid})"
)

_SECTIONS = _file(
    "sections",
    "School_id Section_id",
    f"{' '.join(_TEACHER_COLUMNS)} Name Section_number Grade Course_name Course_number"
    " Course_description Period Subject Term_name Term_start Term_end",
    FeedSpec(
        "classes",
        {
            "sourced_id": "{sectionid}",
            "org_sourced_id": "{schoolid}",
            "title": _TITLE,
            "code": "{sectionnumber}",
            "course_sourced_id": f"nullif({_COURSE}, '')",
            "session_sourced_ids": _TERM.of_class(),
        },
    ),
    _TERM.feed(),
    FeedSpec(
        "courses",
        {
            "sourced_id": f"nullif({_COURSE}, '')",
            "org_sourced_id": "{schoolid}",
            "title": "coalesce({coursename}, {coursenumber})",
            "code": "{coursenumber}",
            "subjects": "replace({subject}, ',', ';')",
        },
        needs=("coursename",),
        where="coalesce({coursename}, {coursenumber}) IS NOT NULL",
        once=_COURSE,
    ),
    keeps=f"trim({{sectionid}}) AS section, list_filter([{_TAUGHT_BY}],"
    " lambda teacher: teacher <> '') AS teachers",
)

# Where a section's line is no record, the class is uncertain, and with it all who are in it.
_TEACHING = Derived(
    "enrollments",
    "sections",
    """SELECT min(record) AS record, section, teacher FROM (
        SELECT record, section, unnest(teachers) AS teacher FROM kept_sections)
    GROUP BY section, teacher ORDER BY record, teacher""",
    {"class_sourced_id": "section", "user_sourced_id": "teacher", "role": "'teacher'"},
    {"class_sourced_id": "Section_id", "user_sourced_id": "Teacher_id"},
    needs="sectionid",
    lost=None,
)

_ENROLLMENTS = _file(
    "enrollments",
    "Section_id Student_id",
    "School_id",
    FeedSpec(
        "enrollments",
        {
            "class_sourced_id": "{sectionid}",
            "user_sourced_id": "{studentid}",
            "role": "'student'",
        },
    ),
)

FORMAT = CsvFormat(
    "clever",
    (_SCHOOLS, _TEACHERS, _STAFF, _STUDENTS, _SECTIONS, _ENROLLMENTS),
    (frozenset({"schools", "students", "teachers", "sections", "enrollments"}),),
    row_a_school=True,
    derived=(
        _STUDENT_ROLES, clever_contacts.PEOPLE, clever_contacts.RELATIONSHIPS, _TEACHING,
    ),
)  # fmt: skip
