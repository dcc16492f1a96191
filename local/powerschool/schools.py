"""PowerSchool's tables of what is taught where and when: SCHOOLS, TERMS, COURSES, SECTIONS.

`schoolid` holds SCHOOL_NUMBER, never SCHOOLS.DCID; 0 is the district office, 999999 the graduated
students. TERMS.ID is the year (1990 = 0) times 100 plus a number within the year, and every school
has terms of its own, the district office too. A section is in one term; a class that the district
has in several gets the shortest term that spans them. A class has no name: COURSES.COURSE_NAME and
SECTIONS.SECTION_NUMBER say what it is. A class without a course gets one of its own.
"""

from __future__ import annotations

from .tables import Table

GRADUATED = 999999

# Which school is which: the district's id, SCHOOLS.DCID and SCHOOL_NUMBER.
PLACES = """
SELECT o.sourced_id AS org, o.type, o.name, o.lowest, o.highest, o.gone, o.modified AS touched,
       i.n + 2 AS dcid,
       CASE WHEN o.type = 'school' THEN coalesce(try_cast(o.sourced_id AS BIGINT), 9000 + i.n)
            ELSE 0 END AS number
FROM sis.orgs o JOIN psdata.ids i ON i.kind = 'school' AND i.key = o.sourced_id
"""

SCHOOLS = Table(
    "schools",
    "dcid",
    f"""
    SELECT p.dcid, p.dcid + 10 AS id, p.number AS school_number, left(p.name, 60) AS name,
           upper(left(p.name, 3)) AS abbreviation, grade_level(p.lowest) AS low_grade,
           grade_level(p.highest) AS high_grade, 0 AS alternate_school_number,
           coalesce(d.sourced_id, '0') AS district_number, h.name AS principal,
           h.mail AS principalemail, NULL::VARCHAR AS asstprincipal,
           NULL::VARCHAR AS asstprincipalemail, NULL::VARCHAR AS schooladdress,
           NULL::VARCHAR AS schoolcity, NULL::VARCHAR AS schoolstate, NULL::VARCHAR AS schoolzip,
           NULL::VARCHAR AS schoolphone, NULL::VARCHAR AS schoolfax,
           NULL::VARCHAR AS sch_state_id, 0 AS state_excludefromreporting,
           h.given_name AS principal_first, h.family_name AS principal_last,
           greatest(p.touched, coalesce(h.touched, p.touched)) AS touched
    FROM psdata.places p
    LEFT JOIN (SELECT sourced_id FROM sis.orgs WHERE type = 'district' LIMIT 1) d ON true
    LEFT JOIN (SELECT r.org, u.given_name, u.family_name, u.mail,
                      u.given_name || ' ' || u.family_name AS name,
                      greatest(r.modified, u.modified) AS touched
               FROM sis.roles r JOIN sis.users u ON u.sourced_id = r.user_id
               WHERE r.role = 'principal' AND NOT r.gone AND NOT u.gone
               QUALIFY row_number() OVER (PARTITION BY r.org ORDER BY r.user_id) = 1) h
        ON h.org = p.org
    WHERE p.number > 0 AND NOT p.gone
    UNION ALL BY NAME
    SELECT 2 AS dcid, 12 AS id, {GRADUATED} AS school_number, 'Graduated Students' AS name,
           'GRD' AS abbreviation, 99 AS low_grade, 99 AS high_grade, 0 AS alternate_school_number,
           '0' AS district_number, 1 AS state_excludefromreporting, touched
    FROM psdata.this_year
    """,
)

# The sessions with PowerSchool's numbers, before each school gets them.
CALENDAR = """
SELECT sourced_id AS session, title, starts, ends, modified AS touched,
       school_year::BIGINT - 1 AS first_year, type = 'schoolYear' AS is_year,
       (school_year::BIGINT - 1991) * 100
           + CASE WHEN type = 'schoolYear' THEN 0
                  ELSE row_number() OVER (PARTITION BY school_year, type = 'schoolYear'
                                          ORDER BY starts, ends DESC, sourced_id) END AS id,
       CASE WHEN type = 'schoolYear' THEN 1
            ELSE greatest(2, count(*) OVER (PARTITION BY school_year, type)) END AS portion
FROM sis.sessions WHERE NOT gone
"""

# The school year in which the server's clock stands, else the last one.
THIS_YEAR = """
SELECT first_year, starts, ends, touched FROM psdata.calendar WHERE is_year
ORDER BY $today BETWEEN starts AND ends DESC, starts DESC LIMIT 1
"""

TERMS = Table(
    "terms",
    "dcid",
    """
    SELECT i.n + 400 AS dcid, c.id, p.number AS schoolid, c.first_year - 1990 AS yearid,
           c.title AS name,
           CASE WHEN c.is_year
                THEN right(c.first_year::VARCHAR, 2) || '-' || right((c.first_year + 1)::VARCHAR, 2)
                ELSE CASE c.portion WHEN 2 THEN 'S' WHEN 3 THEN 'T' WHEN 4 THEN 'Q' ELSE 'P' END
                     || (c.id % 100) END AS abbreviation,
           c.starts AS firstday, c.ends AS lastday, c.portion, c.is_year::BIGINT AS isyearrec,
           0 AS noofdays, greatest(c.touched, p.touched) AS touched
    FROM psdata.calendar c CROSS JOIN psdata.places p
    JOIN psdata.ids i ON i.kind = 'term' AND i.key = p.org || '/' || c.session
    WHERE NOT p.gone
    """,
    ("transaction_date",),
)

# A course for each of the district's, and one for each class that has none.
CATALOGUE = """
SELECT i.n, k.*,
       left(CASE WHEN row_number() OVER (PARTITION BY lower(code) ORDER BY i.n) = 1 THEN code
            ELSE left(code, 10 - length(i.n::VARCHAR)) || '-' || i.n END, 11) AS course_number
FROM (
    SELECT sourced_id AS key, code, title, subject, grade, modified AS touched
    FROM sis.courses WHERE NOT gone
    UNION ALL
    SELECT 'class/' || sourced_id, code, title, NULL, NULL, modified
    FROM sis.classes WHERE NOT gone AND course IS NULL
) k JOIN psdata.ids i ON i.kind = 'course' AND i.key = k.key
"""

# Most courses are one school's; the district's own ones, and every third, have SCHOOLID 0.
COURSES = Table(
    "courses",
    "dcid",
    """
    SELECT c.n + 70 AS dcid, c.n + 25 AS id, c.course_number, left(c.title, 40) AS course_name,
           CASE WHEN c.n % 3 = 0 OR w.schools IS DISTINCT FROM 1 THEN 0 ELSE w.number END
               AS schoolid,
           c.subject AS credittype, 1.0::DOUBLE AS credit_hours, 1 AS status,
           NULL::VARCHAR AS sched_department, NULL::VARCHAR AS sched_coursesubjectareacode,
           NULL::VARCHAR AS alt_course_number, 25 AS maxclasssize, c.touched
    FROM psdata.catalogue c
    LEFT JOIN (SELECT coalesce(k.course, 'class/' || k.sourced_id) AS key,
                      count(DISTINCT p.number) AS schools, min(p.number) AS number
               FROM sis.classes k JOIN psdata.places p ON p.org = k.org
               WHERE NOT k.gone GROUP BY 1) w ON w.key = c.key
    """,
)

# The one term of each class: the shortest that spans all its sessions.
CLASS_TERMS = """
SELECT w.class_id, t.session, t.id, t.starts, t.ends, t.first_year
FROM (SELECT k.class_id, min(c.starts) AS starts, max(c.ends) AS ends, min(c.session) AS session
      FROM (SELECT sourced_id AS class_id, unnest(sessions) AS session
            FROM sis.classes WHERE NOT gone) k
      JOIN psdata.calendar c USING (session) GROUP BY k.class_id) w
JOIN psdata.calendar t ON t.starts <= w.starts AND t.ends >= w.ends
QUALIFY row_number() OVER (PARTITION BY w.class_id
                           ORDER BY t.ends - t.starts, t.session <> w.session, t.session) = 1
"""

SECTIONS = Table(
    "sections",
    "dcid",
    """
    SELECT i.n + 1500 AS dcid, i.n + 1200 AS id, p.number AS schoolid, c.course_number,
           CASE WHEN starts_with(k.code, c.code || '-') THEN substr(k.code, length(c.code) + 2)
                ELSE '1' END AS section_number,
           t.id AS termid, l.staff_id AS teacher, (1 + i.n % 8) || '(A)' AS expression,
           (1 + i.n % 8) || '(M-F)' AS external_expression, (100 + i.n % 60)::VARCHAR AS room,
           grade_level(c.grade) AS grade_level, coalesce(s.students, 0) AS no_of_students,
           25 AS maxenrollment, 'PTP' AS gradebooktype, NULL::VARCHAR AS section_type,
           NULL::VARCHAR AS instruction_lang, NULL::VARCHAR AS house, NULL::VARCHAR AS team,
           NULL::VARCHAR AS att_mode_code,
           NULL::VARCHAR AS gradeprofile, NULL::VARCHAR AS fastperlist,
           NULL::VARCHAR AS sections_guid, NULL::VARCHAR AS dependent_secs,
           NULL::BIGINT AS buildid, 0 AS exclude_ada,
           greatest(k.modified, c.touched, coalesce(l.touched, k.modified)) AS touched
    FROM sis.classes k
    JOIN psdata.ids i ON i.kind = 'section' AND i.key = k.sourced_id
    JOIN psdata.places p ON p.org = k.org
    JOIN psdata.catalogue c ON c.key = coalesce(k.course, 'class/' || k.sourced_id)
    JOIN psdata.class_terms t ON t.class_id = k.sourced_id
    LEFT JOIN psdata.leads l ON l.class_id = k.sourced_id
    LEFT JOIN (SELECT class_id, count(*) AS students FROM sis.enrollments
               WHERE role = 'student' AND NOT gone GROUP BY class_id) s
        ON s.class_id = k.sourced_id
    WHERE NOT k.gone
    """,
    ("transaction_date",),
    silent=("no_of_students",),
)
