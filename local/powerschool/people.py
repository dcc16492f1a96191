"""PowerSchool's tables of people: USERS and SCHOOLSTAFF, STUDENTS, and who belongs to whom.

USERS has a row per member of staff, SCHOOLSTAFF one per person and school; STATUS 1 is active, 2 is
not. Students who left stay with ENROLL_STATUS 2 and an EXITDATE, which is the first day that they
are not there any more. A member of staff who takes a class has no row in STUDENTS: PowerSchool has
no person who is both.
"""

from __future__ import annotations

from .tables import Table

# Who works where: by their roles, and by what they teach. `place` is PowerSchool's school number.
WORKPLACES = """
SELECT user_id, org, min(staff_status) AS staff_status, bool_or(here) AS here,
       bool_or(is_primary) AS is_home, any_value(role) AS role, max(touched) AS touched
FROM (
    SELECT r.user_id, r.org, r.role, r.is_primary, NOT r.gone AND NOT u.gone AS here,
           CASE r.role WHEN 'teacher' THEN 1 ELSE 2 END AS staff_status,
           greatest(r.modified, u.modified) AS touched
    FROM sis.roles r JOIN sis.users u ON u.sourced_id = r.user_id
    WHERE u.kind = 'staff' AND r.role <> 'student'
    UNION ALL
    SELECT e.user_id, c.org, 'teacher', false, NOT e.gone AND NOT u.gone, 1,
           greatest(e.modified, u.modified)
    FROM sis.enrollments e JOIN sis.classes c ON c.sourced_id = e.class_id
    JOIN sis.users u ON u.sourced_id = e.user_id
    WHERE u.kind = 'staff' AND e.role = 'teacher'
) GROUP BY user_id, org
"""

USERS = Table(
    "users",
    "dcid",
    """
    SELECT i.n + 60 AS dcid, u.sourced_id AS teachernumber, u.given_name AS first_name,
           u.middle_name, u.family_name AS last_name,
           u.family_name || ', ' || u.given_name AS lastfirst,
           u.mail AS email_addr, coalesce(h.number, 0) AS homeschoolid,
           CASE WHEN w.staff_status <> 1 THEN u.account END AS loginid,
           CASE WHEN w.staff_status = 1 THEN u.account END AS teacherloginid,
           CASE w.role WHEN 'teacher' THEN 'Teacher' WHEN 'principal' THEN 'Principal'
                WHEN 'officeStaff' THEN 'Office Staff' WHEN 'itAdmin' THEN 'IT Administrator'
                ELSE w.role END AS title,
           CASE WHEN w.staff_status = 1 THEN 1 ELSE 0 END AS ptaccess,
           CASE WHEN w.staff_status <> 1 THEN 1 ELSE 0 END AS psaccess,
           CASE u.sex WHEN 'female' THEN 'F' WHEN 'male' THEN 'M' END AS gender,
           NULL::VARCHAR AS preferredname, NULL::VARCHAR AS homeroom, u.phone AS home_phone,
           NULL::VARCHAR AS school_phone, NULL::VARCHAR AS street, NULL::VARCHAR AS city,
           NULL::VARCHAR AS state, NULL::VARCHAR AS zip, NULL::VARCHAR AS ssn,
           greatest(u.modified, coalesce(w.touched, u.modified)) AS touched
    FROM sis.users u JOIN psdata.ids i ON i.kind = 'user' AND i.key = u.sourced_id
    LEFT JOIN (SELECT * FROM psdata.workplaces
               QUALIFY row_number() OVER (PARTITION BY user_id
                                          ORDER BY here DESC, is_home DESC, org) = 1) w
        ON w.user_id = u.sourced_id
    LEFT JOIN psdata.places h ON h.org = w.org
    WHERE u.kind = 'staff'
    """,
    ("transaction_date",),
)

SCHOOLSTAFF = Table(
    "schoolstaff",
    "dcid",
    """
    SELECT i.n + 80 AS dcid, i.n + 45 AS id, u.n + 60 AS users_dcid, p.number AS schoolid,
           CASE WHEN w.here THEN 1 ELSE 2 END AS status, w.staff_status AS staffstatus,
           NULL::VARCHAR AS notes, NULL::VARCHAR AS sched_homeroom, w.touched
    FROM psdata.workplaces w
    JOIN psdata.ids i ON i.kind = 'schoolstaff' AND i.key = w.user_id || '/' || w.org
    JOIN psdata.ids u ON u.kind = 'user' AND u.key = w.user_id
    JOIN psdata.places p ON p.org = w.org
    """,
    ("transaction_date",),
)

# People whom the district does not know: what every server has gathered over the years.
FORMER = """
SELECT * FROM (VALUES
    ('former/1', 900001, 'Alma', 'Quist', 'F', 3, 99, true), ('former/2', 900002, 'Bo', 'Rudd', 'M', 3, 99, true),
    ('former/3', 900003, 'Cleo', 'Stone', 'F', 2, 4, false), ('former/4', 900004, 'Dag', 'Thorn', 'M', 1, 3, false),
    ('former/5', 900005, 'Esme', 'Unwin', 'F', -1, 0, false)
) f(key, number, first_name, last_name, gender, status, grade_level, graduated)
"""  # noqa: E501

_COLUMNS = """
    NULL::VARCHAR AS home_room, NULL::VARCHAR AS house, NULL::VARCHAR AS team,
    NULL::VARCHAR AS track, NULL::VARCHAR AS entrycode, NULL::VARCHAR AS ssn,
    NULL::VARCHAR AS home_phone, NULL::VARCHAR AS street, NULL::VARCHAR AS city,
    NULL::VARCHAR AS state, NULL::VARCHAR AS zip, NULL::VARCHAR AS mailing_street,
    NULL::VARCHAR AS mailing_city, NULL::VARCHAR AS mailing_state, NULL::VARCHAR AS mailing_zip,
    NULL::VARCHAR AS mother, NULL::VARCHAR AS father, NULL::VARCHAR AS guardianemail,
    NULL::VARCHAR AS doctor_name, NULL::VARCHAR AS emerg_contact_1, NULL::VARCHAR AS emerg_phone_1,
    NULL::VARCHAR AS alert_other, NULL::VARCHAR AS family_ident, NULL::VARCHAR AS web_id,
    NULL::BIGINT AS next_school, NULL::BIGINT AS campusid, 901 AS fteid,
    NULL::VARCHAR AS districtofresidence, NULL::BIGINT AS sched_nextyeargrade,
    1 AS student_allowwebaccess, 0 AS state_excludefromreporting
"""

STUDENTS = Table(
    "students",
    "dcid",
    f"""
    SELECT i.n + 560 AS dcid, i.n + 300 AS id, u.number AS student_number,
           lpad(u.number::VARCHAR, 10, '0') AS state_studentnumber, u.account AS student_web_id,
           u.given_name AS first_name, u.middle_name, u.family_name AS last_name,
           u.family_name || ', ' || u.given_name AS lastfirst,
           CASE u.sex WHEN 'female' THEN 'F' WHEN 'male' THEN 'M' END AS gender,
           u.birth_date AS dob, coalesce(grade_level(r.grade), 0) AS grade_level,
           CASE WHEN u.gone THEN 2 ELSE 0 END AS enroll_status,
           p.number AS schoolid, p.number AS enrollment_schoolid,
           CASE WHEN r.joined IS NULL THEN y.starts ELSE greatest(y.starts, r.joined) END
               AS entrydate,
           CASE WHEN u.gone THEN greatest(entrydate, u.modified::DATE)
                ELSE y.ends + 1 END AS exitdate,
           CASE WHEN u.gone THEN 'T' END AS exitcode, y.starts AS districtentrydate,
           y.first_year + 13 - coalesce(grade_level(r.grade), 0) AS sched_yearofgraduation,
           0 AS graduated_schoolid, m.n + 3000 AS person_id,
           CASE split_part(d.race, ',', 1) WHEN 'asian' THEN 'A'
                WHEN 'blackOrAfricanAmerican' THEN 'B' WHEN 'white' THEN 'W'
                WHEN 'americanIndianOrAlaskaNative' THEN 'I' END AS ethnicity,
           CASE WHEN d.user_id IS NULL THEN -1 WHEN d.ethnicity IS NULL THEN 0 ELSE 1 END
               AS fedethnicity,
           CASE WHEN f.flag IS NOT NULL THEN 'F' ELSE 'P' END AS lunchstatus, {_COLUMNS},
           greatest(u.modified, r.modified) AS touched
    FROM sis.users u
    JOIN psdata.ids i ON i.kind = 'student' AND i.key = u.sourced_id
    JOIN psdata.ids m ON m.kind = 'person' AND m.key = 'student/' || u.sourced_id
    JOIN psdata.attended r ON r.user_id = u.sourced_id
    JOIN psdata.places p ON p.org = r.org
    CROSS JOIN psdata.this_year y
    LEFT JOIN (SELECT * FROM sis.demographics WHERE NOT gone) d ON d.user_id = u.sourced_id
    LEFT JOIN (SELECT * FROM sis.user_flags WHERE NOT gone AND flag = 'freeLunch') f
        ON f.user_id = u.sourced_id
    WHERE u.kind = 'student'
    UNION ALL BY NAME
    SELECT i.n + 560 AS dcid, i.n + 300 AS id, f.number AS student_number,
           f.number::VARCHAR AS state_studentnumber, f.first_name, f.last_name,
           f.last_name || ', ' || f.first_name AS lastfirst, f.gender,
           make_date(y.first_year - 5 - least(f.grade_level, 14), 3, 4) AS dob, f.grade_level,
           f.status AS enroll_status, CASE WHEN f.graduated THEN 999999 ELSE p.number END
               AS schoolid, p.number AS enrollment_schoolid,
           y.starts + CASE f.status WHEN -1 THEN 365 ELSE -365 END AS entrydate,
           y.starts + CASE f.status WHEN -1 THEN 700 ELSE -60 END AS exitdate,
           CASE WHEN f.status > 0 THEN 'W' END AS exitcode,
           CASE WHEN f.graduated THEN p.number ELSE 0 END AS graduated_schoolid,
           m.n + 3000 AS person_id, -1 AS fedethnicity, 'P' AS lunchstatus, {_COLUMNS},
           y.touched
    FROM ({FORMER}) f JOIN psdata.ids i ON i.kind = 'student' AND i.key = f.key
    JOIN psdata.ids m ON m.kind = 'person' AND m.key = 'student/' || f.key
    CROSS JOIN (SELECT min(number) AS number FROM psdata.places WHERE number > 0) p
    CROSS JOIN psdata.this_year y
    WHERE $history
    """,
    ("transaction_date",),
)

# A table that this district added itself, as many do: an extension of STUDENTS.
U_STUDENTS_EXTENSION = Table(
    "u_students_extension",
    "studentsdcid",
    """
    SELECT i.n + 560 AS studentsdcid, u.mail AS school_email, u.modified AS touched
    FROM sis.users u JOIN psdata.ids i ON i.kind = 'student' AND i.key = u.sourced_id
    WHERE u.kind = 'student' AND u.mail IS NOT NULL
    """,
    ("whenmodified",),
)

STUDENTRACE = Table(
    "studentrace",
    "dcid",
    """
    SELECT i.n + 150 AS dcid, i.n + 120 AS id, s.id AS studentid, r.code AS racecd, r.touched
    FROM psdata.races r
    JOIN psdata.ids i ON i.kind = 'race' AND i.key = r.user_id || '/' || r.code
    JOIN psdata.ids n ON n.kind = 'student' AND n.key = r.user_id
    JOIN psdata.students s ON s.dcid = n.n + 560
    """,
    ("transaction_date",),
)

RACES = """
SELECT user_id, modified AS touched,
       CASE race WHEN 'asian' THEN 'A' WHEN 'blackOrAfricanAmerican' THEN 'B' WHEN 'white' THEN 'W'
            WHEN 'americanIndianOrAlaskaNative' THEN 'I'
            WHEN 'nativeHawaiianOrOtherPacificIslander' THEN 'P' ELSE left(race, 10) END AS code
FROM (SELECT user_id, modified, unnest(string_split(race, ',')) AS race
      FROM sis.demographics WHERE NOT gone AND race IS NOT NULL)
"""

# The school and grade of a student; the last ones known of who left. `joined`: not at first.
ATTENDED = """
SELECT r.user_id, r.org, r.grade, r.modified, c.stamp::DATE AS joined
FROM sis.roles r
LEFT JOIN (SELECT key, max(stamp) AS stamp FROM sis.changes
           WHERE tbl = 'roles' AND action = 'created' GROUP BY key) c
    ON c.key = r.user_id || '/' || r.org || '/' || r.role
WHERE r.role = 'student'
QUALIFY row_number() OVER (PARTITION BY r.user_id
                           ORDER BY r.gone, r.is_primary DESC, r.revision DESC) = 1
"""

FORMER_KEYS = f"SELECT key FROM ({FORMER})"
