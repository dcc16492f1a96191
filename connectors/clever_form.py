"""How the tables of Clever's API fill the roster, and which id stands for whom.

https://dev.clever.com/docs/data-model-quirks
https://dev.clever.com/docs/api-v3-faqs

Design note, ids. Clever's ids are one for each person and never taken by another, so they are what
people, schools and classes are keyed by, unless the directory knows them by other ids:

    clever_id   Clever's ids
    sis_id      those of the student information system, as in Clever's CSV files and most other
                sources: whoever changes from files to the API, or merges both, keeps all accounts
                and classes. A pupil and a teacher with one number and two usernames are told apart
                by nothing; both are dropped, and a finding says so.
    legacy_id   as Clever's API was until v2.1: employees and contacts then had other ids, which
                Clever still names. It says for whom the directory was filled with these. Employees
                with several are known by the teacher's, then the staff's.

Who has none of the kind is known by Clever's id. Terms and courses are made by Clever of words in
the sections, and made anew when a word changes; they are known by the words, as in the CSV files.

Clever never takes a student for an employee. A member of staff who attends a class is a user twice,
and one person here: the number and the username are the same.

A person belongs only to schools that are shared. A class, in contrast, may name people who are not
shared: that is a finding, and the membership stays in doubt, so that nobody loses it for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from connectors.clever_words import (
    PARTS,
    SUFFIX,
    TITLES,
    ethnicity,
    grade,
    joined,
    kin,
    known_role,
    races,
)
from connectors.formats import CsvColumn, CsvFormat, Derived, FeedSpec, FileSpec
from connectors.terms import Term

KeyedBy = Literal["clever_id", "sis_id", "legacy_id"]
FORMAT_NAME = "clever-api"

_IN_EXT = ("active_directory_match_id", "sam_account_name", "employee_id")
_TERM = Term(
    id=joined("coalesce({name}, 'term')"),
    title="coalesce({name}, 'Term')",
    start="start",
    end="end",
    needs=("start", "end"),
)


def _file(
    name: str, columns: str, *feeds: FeedSpec, mandatory: bool = False, keeps: str = ""
) -> FileSpec:
    known = tuple(CsvColumn(word, (word,)) for word in columns.split())
    return FileSpec(name, known, feeds, mandatory, keeps=keeps)


def _id(keyed_by: KeyedBy, sis: str, *, legacy: str = "NULL") -> str:
    own = {"clever_id": "NULL", "sis_id": sis, "legacy_id": legacy}[keyed_by]
    return f"coalesce({own}, {{id}})"


def _districts() -> FileSpec:
    org = {"sourced_id": "{id}", "name": "{name}", "type": "'district'"}
    return _file("districts", "id name", FeedSpec("orgs", org), keeps="{id} AS id")


def _schools(keyed_by: KeyedBy) -> FileSpec:
    school = _id(keyed_by, "{sis_id}")
    return _file(
        "schools",
        "id district name sis_id school_number",
        FeedSpec(
            "orgs",
            {
                "sourced_id": school,
                "name": "{name}",
                "type": "'school'",
                "parent_sourced_id": "{district}",
                "identifier": "{school_number}",
            },
        ),
        mandatory=True,
        keeps=f"{{id}} AS id, {school} AS school",
    )


def _terms() -> FileSpec:
    return _file(
        "terms",
        "id name start end",
        _TERM.feed(),
        keeps=f"{{id}} AS id, {_TERM.of_class()} AS term",
    )


def _courses() -> FileSpec:
    return _file(
        "courses",
        "id district name number",
        keeps=f"{{id}} AS id, {{district}} AS district,"
        f" nullif({joined('trim({number})', 'trim({name})')}, '') AS course,"
        " coalesce({name}, {number}) AS title, {number} AS code",
    )


# A course belongs to the school that teaches it, or to the district if several do.
_TAUGHT_COURSES = Derived(
    "courses",
    "courses",
    """
    SELECT min(c.record) AS record, c.course, min(c.title) AS title, min(c.code) AS code,
        CASE WHEN count(DISTINCT h.school) = 1 THEN min(h.school) ELSE min(c.district) END AS org,
        string_agg(DISTINCT replace(s.subject, ',', ';'), ',' ORDER BY replace(s.subject, ',', ';'))
            AS subjects
    FROM kept_courses c
    LEFT JOIN kept_sections s ON s.course = c.id LEFT JOIN kept_schools h ON h.id = s.school
    WHERE c.course IS NOT NULL GROUP BY c.course ORDER BY record""",
    {
        "sourced_id": "course",
        "org_sourced_id": "org",
        "title": "title",
        "code": "code",
        "subjects": "subjects",
    },
    {"sourced_id": "id", "org_sourced_id": "district", "title": "name", "code": "number"},
    needs="id",
    lost=None,
)


_NAMES = f"id email first middle last sis_id legacy_id username {' '.join(_IN_EXT)}"
_PERSON = {
    "sourced_id": "person",
    "username": "login",
    "given_name": "first",
    "family_name": "last",
    "middle_name": "middle",
    "email": "email",
    "identifier": "number",
    **{column: column for column in _IN_EXT},
}


def _kept(columns: str) -> str:
    return ", ".join(f"{{{column}}} AS {column}" for column in columns.split())


def _people(table: str, more: Mapping[str, str]) -> Derived:
    """Users of a kept table. `more`: further columns of `users`, by name of the kept column.

    The e-mail address stands for a missing username if one person of the table alone has it.
    """
    mail = "lower(trim(email))"
    shared = f"""SELECT {mail} FROM kept_{table} WHERE email IS NOT NULL
        GROUP BY 1 HAVING count(*) > 1"""
    columns = _PERSON | more
    return Derived(
        "users",
        table,
        f"""
        SELECT *, coalesce(username, CASE WHEN email LIKE '%_@_%' AND {mail} NOT IN ({shared})
            THEN trim(email) END) AS login
        FROM kept_{table} ORDER BY record""",
        columns,
        columns | {"sourced_id": "id", "username": "username"},
        needs="id",
        lost=None,
    )


def _employees(keyed_by: KeyedBy) -> FileSpec:
    person = _id(keyed_by, "{sis_id}", legacy="{legacy_id}")
    columns = f"{_NAMES} number school"
    return _file(
        "employees", columns, mandatory=True, keeps=f"{person} AS person, {_kept(columns)}"
    )


def _employee_schools() -> FileSpec:
    return _file(
        "employee_schools",
        "id school role words",
        keeps=_kept("id school role words"),
    )


_NAMED = f"""list_filter(list_transform(string_split(words, '|'),
    lambda word: {known_role("word")}), lambda role: role IS NOT NULL)[1]"""
_EMPLOYEE_ROLES = Derived(
    "roles",
    "employee_schools",
    f"""
    SELECT r.record, e.person, coalesce(s.school, d.id) AS school,
        CASE WHEN role = 'teacher' AND r.school = e.school THEN 'true' END AS main,
        CASE role WHEN 'teacher' THEN 'teacher' WHEN 'staff' THEN coalesce({_NAMED}, 'staff')
            ELSE coalesce({_NAMED}, 'administrator') END AS role
    FROM kept_employee_schools r JOIN kept_employees e ON e.id = r.id
    LEFT JOIN kept_schools s ON s.id = r.school LEFT JOIN kept_districts d ON d.id = r.school
    WHERE coalesce(s.id, d.id) IS NOT NULL ORDER BY r.record""",
    {
        "user_sourced_id": "person",
        "org_sourced_id": "school",
        "role": "role",
        "is_primary": "main",
    },
    {"user_sourced_id": "id", "org_sourced_id": "school", "role": "role", "is_primary": "school"},
    needs="id",
    lost=None,
)


def _students(keyed_by: KeyedBy) -> FileSpec:
    # The same number and the same username: the one person, see the design note.
    same = (
        "(SELECT CASE WHEN count(DISTINCT e.person) = 1 THEN min(e.person) END"
        " FROM kept_employees e"
        " WHERE e.sis_id = {sis_id} AND lower(e.username) = lower({username}))"
    )
    person = f"coalesce({same}, {_id(keyed_by, '{sis_id}', legacy='{legacy_id}')})"
    columns = f"{_NAMES} number school grade gender dob race hispanic_ethnicity preferred_first preferred_last"
    return _file("students", columns, mandatory=True, keeps=f"{person} AS person, {_kept(columns)}")


_DEMOGRAPHICS = Derived(
    "demographics",
    "students",
    f"""
    SELECT min(record) AS record, person, arg_min(dob, record) AS dob,
        arg_min(CASE WHEN upper(gender) = 'X' THEN 'notSelected' ELSE gender END, record) AS gender,
        arg_min({races("race")}, record) AS race,
        arg_min({ethnicity("hispanic_ethnicity")}, record) AS ethnicity
    FROM kept_students WHERE coalesce(gender, dob, race, hispanic_ethnicity) IS NOT NULL
    GROUP BY person ORDER BY record""",
    {
        "user_sourced_id": "person",
        "sex": "gender",
        "birth_date": "dob",
        "ethnicity_codes": "ethnicity",
        "race_codes": "race",
    },
    {
        "user_sourced_id": "id",
        "sex": "gender",
        "birth_date": "dob",
        "ethnicity_codes": "hispanic_ethnicity",
        "race_codes": "race",
    },
    needs="id",
    lost=None,
)


def _student_schools() -> FileSpec:
    return _file("student_schools", "id school", keeps=_kept("id school"))


# Each role has a main school of its own; of a person who is employed, that role's counts.
_STUDENT_ROLES = Derived(
    "roles",
    "student_schools",
    f"""
    SELECT r.record, p.person, s.school, 'student' AS role, {grade("p.grade")} AS grade,
        CASE WHEN r.school = p.school AND p.person NOT IN (SELECT person FROM kept_employees)
            THEN 'true' END AS main
    FROM kept_student_schools r JOIN kept_students p ON p.id = r.id
    JOIN kept_schools s ON s.id = r.school ORDER BY r.record""",
    {
        "user_sourced_id": "person",
        "org_sourced_id": "school",
        "role": "role",
        "grade": "grade",
        "is_primary": "main",
    },
    {"user_sourced_id": "id", "org_sourced_id": "school", "grade": "grade", "is_primary": "school"},
    needs="id",
    lost=None,
)


def _sections(keyed_by: KeyedBy) -> FileSpec:
    columns = "id school name sis_id number course term period subject teacher"
    section = _id(keyed_by, "{sis_id}")
    return _file(
        "sections", columns, mandatory=True, keeps=f"{section} AS section, {_kept(columns)}"
    )


# Clever names a section that has no name by its course, teacher and period. A term without dates
# says nothing; one that is not there is a finding.
_CLASSES = Derived(
    "classes",
    "sections",
    """
    SELECT s.record, s.section, coalesce(h.school, s.school) AS school, c.course, s.number,
        coalesce(s.name, nullif(concat_ws(' - ', c.title, e.last, s.period), ''), s.number,
            s.sis_id, s.id) AS title,
        CASE WHEN t.id IS NULL THEN s.term ELSE t.term END AS session
    FROM kept_sections s
    LEFT JOIN kept_schools h ON h.id = s.school LEFT JOIN kept_courses c ON c.id = s.course
    LEFT JOIN kept_terms t ON t.id = s.term LEFT JOIN kept_employees e ON e.id = s.teacher
    ORDER BY s.record""",
    {
        "sourced_id": "section",
        "org_sourced_id": "school",
        "title": "title",
        "code": "number",
        "course_sourced_id": "course",
        "session_sourced_ids": "session",
    },
    {
        "sourced_id": "id",
        "org_sourced_id": "school",
        "title": "name",
        "code": "number",
        "course_sourced_id": "course",
        "session_sourced_ids": "term",
    },
    needs="id",
    lost=None,
)


def _members(keyed_by: KeyedBy) -> FileSpec:
    section = "coalesce({section_sis_id}, {section})" if keyed_by == "sis_id" else "{section}"
    return _file(
        "members",
        "section section_sis_id person role",
        mandatory=True,
        keeps=f"{section} AS section, {{person}} AS person, {{role}} AS role",
    )


_ENROLLMENTS = Derived(
    "enrollments",
    "members",
    """
    SELECT m.record, m.section, m.role, coalesce(s.person, e.person, m.person) AS person
    FROM kept_members m
    LEFT JOIN kept_students s ON s.id = m.person AND m.role = 'student'
    LEFT JOIN kept_employees e ON e.id = m.person AND m.role = 'teacher'
    ORDER BY m.record""",
    {"class_sourced_id": "section", "user_sourced_id": "person", "role": "role"},
    {"class_sourced_id": "section", "user_sourced_id": "person", "role": "role"},
    needs="section",
    lost=None,
)


def _contacts(keyed_by: KeyedBy) -> FileSpec:
    # Contacts are numbered apart from students and staff.
    person = _id(keyed_by, "'contact:' || {sis_id}", legacy="{legacy_id}")
    return _file(
        "contacts",
        "id email first middle last legacy_id sis_id phone phone_type",
        keeps=f"{{id}} AS id, {person} AS contact, {{first}} AS first, {{middle}} AS middle,"
        " {last} AS last, {email} AS mail, {phone} AS phone, lower({phone_type}) AS phone_type",
    )


# A contact's whole name may stand in `last`.
_WHOLE = f"""regexp_replace(trim(regexp_replace(last, '\\s+', ' ', 'g')),
    '{TITLES}', '\\1', 'i')"""
_BARE = f"regexp_replace({_WHOLE}, '{SUFFIX}', '', 'i')"
_CONTACT_PEOPLE = Derived(
    "users",
    "contacts",
    f"""
    SELECT min(record) AS record, contact, min(given) AS given, min(middle) AS middle,
        min(family) AS family, min(mail) AS mail, min(phone) AS phone,
        min(phone) FILTER (phone_type = 'cell') AS sms
    FROM (SELECT *,
            coalesce(first, nullif(regexp_extract({_BARE}, '{PARTS}', 1, 'i'), '')) AS given,
            CASE WHEN first IS NULL THEN coalesce(concat_ws(' ',
                    nullif(regexp_extract({_BARE}, '{PARTS}', 2, 'i'), ''),
                    CASE WHEN regexp_matches({_BARE}, '{PARTS}', 'i')
                         THEN nullif(regexp_extract({_WHOLE}, '{SUFFIX}', 1, 'i'), '') END),
                    last)
                ELSE last END AS family
        FROM kept_contacts WHERE id IN (
            SELECT r.contact FROM kept_relationships r JOIN kept_students s ON s.id = r.student
            WHERE coalesce(lower(r.relationship), '') <> 'self'))
    GROUP BY contact ORDER BY record""",
    {
        "sourced_id": "contact",
        "given_name": "given",
        "family_name": "family",
        "middle_name": "middle",
        "email": "mail",
        "phone": "phone",
        "sms": "sms",
    },
    {
        "sourced_id": "id",
        "given_name": "first",
        "family_name": "last",
        "middle_name": "middle",
        "email": "email",
        "phone": "phone",
        "sms": "phone",
    },
    needs="id",
    lost=None,
)


def _relationships() -> FileSpec:
    return _file(
        "relationships",
        "contact student relationship type",
        keeps="{contact} AS contact, {student} AS student, {relationship} AS relationship,"
        " {type} AS type",
    )


# A contact who is the student (`Self`) is no contact, nor is one of students who are not shared.
_KIN = Derived(
    "relationships",
    "relationships",
    f"""
    SELECT min(r.record) AS record, s.person, c.contact,
        arg_min({kin("relationship", "type")}, r.record) AS kin
    FROM kept_relationships r
    JOIN kept_students s ON s.id = r.student JOIN kept_contacts c ON c.id = r.contact
    WHERE coalesce(lower(relationship), '') <> 'self'
    GROUP BY s.person, c.contact ORDER BY record""",
    {"user_sourced_id": "person", "relationship_user_sourced_id": "contact", "role": "kin"},
    {
        "user_sourced_id": "student",
        "relationship_user_sourced_id": "contact",
        "role": "relationship",
    },
    needs="contact",
    lost=None,
)


def make_form(keyed_by: KeyedBy) -> CsvFormat:
    """The format whose files are the tables of connectors.clever_rows."""
    return CsvFormat(
        FORMAT_NAME,
        (
            _districts(),
            _schools(keyed_by),
            _terms(),
            _courses(),
            _employees(keyed_by),
            _employee_schools(),
            _students(keyed_by),
            _student_schools(),
            _sections(keyed_by),
            _members(keyed_by),
            _contacts(keyed_by),
            _relationships(),
        ),
        (),
        row_a_school=True,
        derived=(
            _TAUGHT_COURSES,
            _people("employees", {}),
            _people(
                "students",
                {
                    "preferred_given_name": "preferred_first",
                    "preferred_family_name": "preferred_last",
                },
            ),
            _CONTACT_PEOPLE,
            _EMPLOYEE_ROLES,
            _STUDENT_ROLES,
            _DEMOGRAPHICS,
            _CLASSES,
            _ENROLLMENTS,
            _KIN,
        ),
    )
