"""Queries that write a district as Clever's CSV files.

https://support.clever.com/hc/en-us/articles/203114867-SFTP-Syncs-How-do-I-format-my-CSV-files-

Students stand in the file once for each school and guardian. Who belongs to the district as a whole
stands in staff.csv once for each school, as such exports do. Clever's grades have no word for adult
education; that is `Other`. The terms of a section that has several are one from the first day to
the last.
"""

from __future__ import annotations

_GRADE = """CASE r.grade WHEN 'kg' THEN 'Kindergarten' WHEN 'adultEducation' THEN 'Other'
    ELSE ltrim(r.grade, '0') END"""
_TITLE = """CASE role WHEN 'itAdmin' THEN 'IT Admin'
    ELSE upper(role[1]) || regexp_replace(role[2:], '([A-Z])', ' \\1', 'g') END"""
_TEACHERS = ", ".join(
    f'teachers[{place}] AS "Teacher_{place}_id"' if place > 1 else 'teachers[1] AS "Teacher_id"'
    for place in range(1, 11)
)
_TAUGHT = """(
    SELECT class_id, list(user_id ORDER BY user_id) AS teachers FROM enrollments
    WHERE role <> 'student' GROUP BY class_id)"""
_RACE = """CASE WHEN contains(d.race, ',') THEN 'Two or More Races'
    WHEN d.race = 'asian' THEN 'Asian' WHEN d.race = 'white' THEN 'Caucasian'
    WHEN d.race = 'blackOrAfricanAmerican' THEN 'Black or African American'
    WHEN d.race = 'americanIndianOrAlaskaNative' THEN 'American Indian' END"""
# Only teachers and students have numbers of their own.
_STAFF = "SELECT user_id FROM roles WHERE role NOT IN ('student', 'teacher', 'other')"
_LAST_YEAR = "'C099999'"

_FILES = {
    "schools.csv": """SELECT sourced_id AS "School_id", name AS "School_name",
        sourced_id AS "School_number",
        CASE lowest WHEN 'kg' THEN 'Kindergarten' ELSE ltrim(lowest, '0') END AS "Low_grade",
        ltrim(highest, '0') AS "High_grade" FROM orgs WHERE type = 'school' ORDER BY sourced_id""",
    "students.csv": f"""SELECT r.org AS "School_id", u.sourced_id AS "Student_id",
        CASE WHEN u.sourced_id NOT IN ({_STAFF}) THEN u.number END AS "Student_number",
        u.family_name AS "Last_name",
        u.middle_name AS "Middle_name", u.given_name AS "First_name", {_GRADE} AS "Grade",
        upper(u.sex[1]) AS "Gender", strftime(d.birth_date, '%m/%d/%Y') AS "DOB",
        {_RACE} AS "Race",
        CASE WHEN d.user_id IS NOT NULL THEN CASE WHEN d.ethnicity IS NULL THEN 'N' ELSE 'Y' END
            END AS "Hispanic_Latino",
        u.mail AS "Student_email", upper(k.role[1]) || k.role[2:] AS "Contact_relationship",
        CASE WHEN k.role IS NOT NULL THEN 'Parent/Guardian' END AS "Contact_type",
        trim(c.given_name || ' ' || c.family_name) AS "Contact_name", c.phone AS "Contact_phone",
        CASE WHEN c.phone IS NOT NULL THEN 'Cell' END AS "Contact_phone_type",
        c.mail AS "Contact_email", c.sourced_id AS "Contact_sis_id", u.account AS "Username"
        FROM accounts u JOIN roles r ON r.user_id = u.sourced_id AND r.role = 'student'
        LEFT JOIN demographics d ON d.user_id = u.sourced_id
        LEFT JOIN relationships k ON k.student_id = u.sourced_id
        LEFT JOIN accounts c ON c.sourced_id = k.contact_id
        ORDER BY u.sourced_id, r.org, c.sourced_id""",
    "teachers.csv": """SELECT org AS "School_id", u.sourced_id AS "Teacher_id",
        number AS "Teacher_number", mail AS "Teacher_email", given_name AS "First_name",
        middle_name AS "Middle_name", family_name AS "Last_name", 'Teacher' AS "Title",
        account AS "Username"
        FROM accounts u JOIN roles r ON r.user_id = u.sourced_id AND role = 'teacher'
        ORDER BY u.sourced_id, org""",
    "sections.csv": f"""SELECT c.org AS "School_id", c.sourced_id AS "Section_id", {_TEACHERS},
        c.title AS "Name", c.code AS "Section_number", k.title AS "Course_name",
        k.code AS "Course_number", k.subject AS "Subject", s.title AS "Term_name",
        strftime(s.starts, '%m/%d/%Y') AS "Term_start", strftime(e.ends, '%m/%d/%Y') AS "Term_end"
        FROM classes c JOIN sessions s ON s.sourced_id = c.sessions[1]
        JOIN sessions e ON e.sourced_id = c.sessions[-1]
        LEFT JOIN courses k ON k.sourced_id = c.course
        LEFT JOIN {_TAUGHT} t ON t.class_id = c.sourced_id ORDER BY c.sourced_id""",
    "enrollments.csv": """SELECT c.org AS "School_id", class_id AS "Section_id",
        user_id AS "Student_id" FROM enrollments JOIN classes c ON c.sourced_id = class_id
        WHERE role = 'student' ORDER BY class_id, user_id""",
    "staff.csv": f"""SELECT org AS "School_id", u.sourced_id AS "Staff_id", mail AS "Staff_email",
        given_name AS "First_name", middle_name AS "Middle_name", family_name AS "Last_name",
        NULL AS "Department", {_TITLE} AS "Title", account AS "Username",
        CASE role WHEN 'itAdmin' THEN 'School Tech Lead' END AS "Role"
        FROM accounts u JOIN (
            SELECT user_id, role, unnest(CASE org WHEN 'district' THEN (
                SELECT list(sourced_id) FROM orgs WHERE type = 'school') ELSE [org] END) AS org
            FROM roles WHERE role NOT IN ('student', 'teacher', 'other')) r
        ON r.user_id = u.sourced_id ORDER BY u.sourced_id, org""",
}

_MINIMAL = {
    "schools.csv": """SELECT sourced_id AS "School_id", name AS "School_name" FROM orgs
        WHERE type = 'school' ORDER BY sourced_id""",
    "students.csv": """SELECT r.org AS "School_id", u.sourced_id AS "Student_id",
        family_name AS "Last_name", given_name AS "First_name", account AS "Username"
        FROM accounts u JOIN roles r ON r.user_id = u.sourced_id AND r.role = 'student'
        ORDER BY u.sourced_id, r.org""",
    "teachers.csv": """SELECT DISTINCT CASE org WHEN 'district'
        THEN (SELECT min(sourced_id) FROM orgs) ELSE org END AS "School_id",
        u.sourced_id AS "Teacher_id", given_name AS "First_name", family_name AS "Last_name",
        account AS "Username" FROM accounts u JOIN roles r ON r.user_id = u.sourced_id
        WHERE role NOT IN ('student', 'other') ORDER BY ALL""",
    "sections.csv": f"""SELECT c.org AS "School_id", c.sourced_id AS "Section_id",
        teachers[1] AS "Teacher_id", c.title AS "Name" FROM classes c
        LEFT JOIN {_TAUGHT} t ON t.class_id = c.sourced_id
        WHERE c.sourced_id <> {_LAST_YEAR} ORDER BY c.sourced_id""",
    "enrollments.csv": f"""SELECT c.org AS "School_id", class_id AS "Section_id",
        user_id AS "Student_id" FROM enrollments JOIN classes c ON c.sourced_id = class_id
        WHERE role = 'student' AND class_id <> {_LAST_YEAR} ORDER BY class_id, user_id""",
}


def queries(*, minimal: bool) -> dict[str, str]:
    """File name → query. `minimal`: what is required, and names and usernames; without last year,
    which would look current without its term."""
    return _MINIMAL if minimal else _FILES
