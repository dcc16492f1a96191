"""A district's rows, sorted into the records that Clever makes objects of. Temporary tables:

    held         (role, person, org, title, grade, main): who has what role in which school
    person       (role, sis, person, mail, username): a record of each person and role
    term_of      (class_id, key, title, starts, ends): a class's one term
    section      (key, school, course, term): classes, with the keys of what they name
    member       (section, role, sis): who is in a section
    kin          (student, contact, role)
    open_school, open_section (key), open_person (role, sis): what is shared

Roles are Clever's: student, teacher, staff (of a school), district_admin (of none), contact. A
person who is a pupil and an employee has a record as each. See
https://dev.clever.com/docs/users and https://dev.clever.com/docs/data-model-quirks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .quirks import Quirks
    from .sharing import Sharing

EMPLOYEES = "('teacher', 'staff', 'district_admin')"

_HELD = """
CREATE OR REPLACE TEMP TABLE held AS
SELECT CASE WHEN r.role IN ('student', 'teacher') THEN r.role
            WHEN o.type = 'school' THEN 'staff' ELSE 'district_admin' END AS role,
       r.user_id AS person, CASE o.type WHEN 'school' THEN r.org END AS org, r.role AS title,
       r.grade, coalesce(r.is_primary, false) AS main
FROM roles r JOIN orgs o ON o.sourced_id = r.org JOIN users u ON u.sourced_id = r.user_id
WHERE NOT r.gone AND NOT o.gone AND NOT u.gone AND u.kind <> 'guardian'
UNION ALL BY NAME
SELECT DISTINCT e.role, e.user_id AS person, c.org, e.role AS title, NULL AS grade, false AS main
FROM enrollments e JOIN classes c ON c.sourced_id = e.class_id
WHERE NOT e.gone AND NOT c.gone AND e.role IN ('student', 'teacher')
  AND NOT EXISTS (SELECT 1 FROM roles r WHERE NOT r.gone AND r.user_id = e.user_id
                  AND r.role = e.role AND r.org = c.org)
"""

# An employee's address is the account's; a contact's is what the family gave.
_PERSON = f"""
CREATE OR REPLACE TEMP TABLE person AS
WITH record AS (
    SELECT DISTINCT role, person AS sis, person FROM held
    UNION SELECT 'staff', 'S-' || min(person), min(person) FROM held
    WHERE $two_roles AND role = 'teacher' HAVING count(*) > 0
    UNION SELECT DISTINCT 'contact', contact_id, contact_id FROM relationships WHERE NOT gone
), placed AS (
    SELECT *, role IN {EMPLOYEES} AS employee,
           dense_rank() OVER (PARTITION BY role IN {EMPLOYEES}, role = 'contact' ORDER BY person)
               AS place
    FROM record
)
SELECT role, p.sis, p.person,
       CASE WHEN role = 'contact' THEN email
            WHEN place <= $no_email THEN NULL
            WHEN role = 'student' AND $same_email AND place = $no_email + 2 THEN
                (SELECT mail FROM users JOIN placed t ON sourced_id = t.person
                 WHERE t.role = 'student' AND t.place = $no_email + 1)
            ELSE mail END AS mail,
       CASE WHEN role = 'student' AND place <= $empty_username THEN '' ELSE account END AS username
FROM placed p JOIN users u ON u.sourced_id = p.person WHERE NOT u.gone
"""

# A section has one term: of several, the session that spans just them, else all of them together.
_TERM_OF = """
CREATE OR REPLACE TEMP TABLE term_of AS
SELECT class_id, concat_ws('/', title, starts, ends) AS key, title, starts, ends
FROM (
    SELECT t.class_id, t.starts, t.ends, coalesce(min(y.title), any_value(t.titles)) AS title
    FROM (SELECT c.sourced_id AS class_id, min(s.starts) AS starts, max(s.ends) AS ends,
                 string_agg(s.title, ' / ' ORDER BY s.starts, s.title) AS titles
          FROM (SELECT sourced_id, unnest(sessions) AS session FROM classes WHERE NOT gone) c
          JOIN sessions s ON s.sourced_id = c.session AND NOT s.gone GROUP BY c.sourced_id) t
    LEFT JOIN sessions y ON y.starts = t.starts AND y.ends = t.ends AND NOT y.gone
    GROUP BY t.class_id, t.starts, t.ends
)
"""

# Courses and terms are made from the sections' texts: another text is another course.
_SECTION = """
CREATE OR REPLACE TEMP TABLE section AS
SELECT c.sourced_id AS key, c.org AS school, c.title, c.code,
       CASE WHEN NOT lacks_course THEN o.code || '/' || o.title END AS course,
       o.code AS course_number, o.title AS course_name, o.subject, o.grade,
       CASE WHEN NOT lacks_term THEN t.key END AS term, t.title AS term_name, t.starts, t.ends
FROM (SELECT *, first AND list_contains($lacking, 'course') AS lacks_course,
             first AND list_contains($lacking, 'term') AS lacks_term
      FROM (SELECT *, sourced_id = min(sourced_id) OVER () AS first FROM classes WHERE NOT gone)) c
LEFT JOIN courses o ON o.sourced_id = c.course AND NOT o.gone
LEFT JOIN term_of t ON t.class_id = c.sourced_id
"""

_MEMBER = """
CREATE OR REPLACE TEMP TABLE member AS
SELECT e.class_id AS section, e.role, e.user_id AS sis
FROM enrollments e JOIN section s ON s.key = e.class_id
JOIN person p ON p.role = e.role AND p.sis = e.user_id
WHERE NOT e.gone AND NOT (e.role = 'teacher' AND list_contains($lacking, 'teacher')
                          AND e.class_id = (SELECT min(key) FROM section))
"""

_KIN = """
CREATE OR REPLACE TEMP TABLE kin AS
SELECT r.student_id AS student, r.contact_id AS contact, r.role FROM relationships r
JOIN person s ON s.role = 'student' AND s.sis = r.student_id
JOIN person c ON c.role = 'contact' AND c.sis = r.contact_id
WHERE NOT r.gone
"""


def stage(con: DuckDBPyConnection, quirks: Quirks) -> None:
    """(Re)makes the records of the district as it is."""
    con.execute(_HELD)
    con.execute(
        _PERSON,
        {
            "two_roles": quirks.two_roles,
            "no_email": quirks.no_email,
            "same_email": quirks.same_email,
            "empty_username": quirks.empty_username,
        },
    )
    con.execute(_TERM_OF)
    con.execute(_SECTION, {"lacking": list(quirks.lacking)})
    con.execute(_MEMBER, {"lacking": list(quirks.lacking)})
    con.execute(_KIN)


def share(con: DuckDBPyConnection, sharing: Sharing, ids: str) -> None:
    """(Re)makes what is shared of them. `ids`: the table of Clever's ids, see identity."""
    values = {
        "everything": sharing.everything,
        "schools": list(sharing.schools or ()),
        "sections": list(sharing.sections or ()),
    }
    known = f"SELECT id FROM {ids} WHERE kind"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE whole_school AS
        SELECT sourced_id AS key FROM orgs o WHERE NOT gone AND type = 'school' AND ($everything
            OR list_contains($schools, sourced_id) OR list_contains($schools,
                ({known} = 'schools' AND key = o.sourced_id)))""",
        {"everything": values["everything"], "schools": values["schools"]},
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE open_section AS
        SELECT key FROM section s WHERE school IN (FROM whole_school)
            OR list_contains($sections, key)
            OR list_contains($sections, ({known} = 'sections' AND key = s.key))""",
        {"sections": values["sections"]},
    )
    con.execute(
        """CREATE OR REPLACE TEMP TABLE open_school AS
        FROM whole_school UNION SELECT school FROM section JOIN open_section USING (key)"""
    )
    con.execute(_OPEN_PERSON, {"roles": list(sharing.roles)})


_OPEN_PERSON = """
CREATE OR REPLACE TEMP TABLE open_person AS
WITH reached AS (
    SELECT role, person FROM held WHERE org IN (FROM whole_school) OR role = 'district_admin'
    UNION SELECT role, sis FROM member JOIN open_section ON key = section
), shared AS (
    SELECT p.role, p.sis FROM person p JOIN reached r ON r.person = p.person AND r.role = p.role
    UNION SELECT p.role, p.sis FROM person p
    JOIN reached r ON r.person = p.person AND r.role = 'teacher'
    WHERE p.role = 'staff' AND p.sis <> p.person
    UNION SELECT 'contact', contact FROM kin
    JOIN reached r ON r.role = 'student' AND r.person = kin.student
)
FROM shared WHERE list_contains($roles, role)
"""
