"""Clever's users as people of the roster: students, employees, contacts, and their roles.

https://dev.clever.com/docs/users
https://dev.clever.com/docs/multi-role

Design note. Clever never takes a student for an employee. A member of staff who attends a class is
a user twice, and one person here: the number and the username are the same. Employees with one
e-mail address are one user in Clever already, with several roles. A person belongs only to schools
that are shared; who is in no school, to the district.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.clever_keys import KeyedBy, file_of, id_of, kept
from connectors.clever_words import (
    PARTS,
    SUFFIX,
    TITLES,
    ethnicity,
    grade,
    kin,
    known_role,
    races,
)
from connectors.formats import Derived, FileSpec

_IN_EXT = ("active_directory_match_id", "sam_account_name", "employee_id")
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


def _people(table: str, more: Mapping[str, str]) -> Derived:
    """Users of a kept table. `more`: further columns of `users`, by name of the kept column.

    The e-mail address stands for a missing username if one person of the table alone has it.
    """
    mail = "lower(trim(email))"
    shared = f"""SELECT {mail} FROM kept_{table} WHERE email IS NOT NULL
        GROUP BY 1 HAVING count(*) > 1"""
    columns = {**_PERSON, **more}
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
    person = id_of(keyed_by, "{sis_id}", legacy="{legacy_id}")
    columns = f"{_NAMES} number school"
    return file_of(
        "employees", columns, mandatory=True, keeps=f"{person} AS person, {kept(columns)}"
    )


def _employee_schools() -> FileSpec:
    return file_of(
        "employee_schools",
        "id school role words",
        keeps=kept("id school role words"),
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
    person = f"coalesce({same}, {id_of(keyed_by, '{sis_id}', legacy='{legacy_id}')})"
    columns = (
        f"{_NAMES} number school grade gender dob race hispanic_ethnicity"
        " preferred_first preferred_last"
    )
    return file_of(
        "students", columns, mandatory=True, keeps=f"{person} AS person, {kept(columns)}"
    )


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
    return file_of("student_schools", "id school", keeps=kept("id school"))


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


def _contacts(keyed_by: KeyedBy) -> FileSpec:
    # Contacts are numbered apart from students and staff.
    person = id_of(keyed_by, "'contact:' || {sis_id}", legacy="{legacy_id}")
    return file_of(
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
            CASE WHEN first IS NULL THEN coalesce(nullif(concat_ws(' ',
                    nullif(regexp_extract({_BARE}, '{PARTS}', 2, 'i'), ''),
                    CASE WHEN regexp_matches({_BARE}, '{PARTS}', 'i')
                         THEN nullif(regexp_extract({_WHOLE}, '{SUFFIX}', 1, 'i'), '') END), ''),
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
    return file_of(
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


PEOPLE = (
    _people("employees", {}),
    _people(
        "students",
        {"preferred_given_name": "preferred_first", "preferred_family_name": "preferred_last"},
    ),
    _CONTACT_PEOPLE,
    _EMPLOYEE_ROLES,
    _STUDENT_ROLES,
    _DEMOGRAPHICS,
    _KIN,
)


def people_files(keyed_by: KeyedBy) -> tuple[FileSpec, ...]:
    """The tables that users make."""
    return (
        _employees(keyed_by),
        _employee_schools(),
        _students(keyed_by),
        _student_schools(),
        _contacts(keyed_by),
        _relationships(),
    )
