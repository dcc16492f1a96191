"""PowerSchool's tables of who is in which section: CC for students, SECTIONTEACHER for teachers.

A dropped enrollment stays in CC with TERMID and SECTIONID below zero; DATELEFT is the first day
that the student is not in the section. Who comes back gets another row. When a section is deleted,
its rows in CC and SECTIONTEACHER go with it, and nothing tells of that. SECTIONS.TEACHER is the
lead teacher; SECTIONTEACHER has all of them, with a role that ROLEDEF names, and keeps who taught
before.
"""

from __future__ import annotations

from .tables import Table

# Each stay of a person in a class: the one that is going on, and those that ended. `number` tells
# the stays of one person in one class apart.
STAYS = """
WITH events AS (
    SELECT key, action, stamp,
           count(*) FILTER (action = 'deleted') OVER (PARTITION BY key ORDER BY revision ROWS
               BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS number
    FROM sis.changes WHERE tbl = 'enrollments' AND action <> 'updated'
), ends AS (SELECT key, coalesce(number, 0) AS number, stamp FROM events WHERE action = 'deleted'),
beginnings AS (
    SELECT key, coalesce(number, 0) AS number, stamp FROM events WHERE action = 'created'
), counted AS (SELECT key, count(*) AS stays FROM ends GROUP BY key)
SELECT e.class_id, e.user_id, e.role, s.number, b.stamp AS began, s.ended,
       coalesce(s.ended, e.modified) AS touched, e.revision
FROM (SELECT *, class_id || '/' || user_id || '/' || role AS key FROM sis.enrollments) e
JOIN (SELECT key, number, stamp AS ended FROM ends
      UNION ALL
      SELECT k.key, coalesce(c.stays, 0), NULL
      FROM (SELECT class_id || '/' || user_id || '/' || role AS key
            FROM sis.enrollments WHERE NOT gone) k LEFT JOIN counted c USING (key)) s
    ON s.key = e.key
LEFT JOIN beginnings b ON b.key = s.key AND b.number = s.number
"""

# The lead teacher of each class: who has taught it longest.
LEADS = """
SELECT s.class_id, s.user_id, i.n + 45 AS staff_id, s.touched
FROM psdata.stays s JOIN sis.classes c ON c.sourced_id = s.class_id
JOIN psdata.ids i ON i.kind = 'schoolstaff' AND i.key = s.user_id || '/' || c.org
WHERE s.role = 'teacher' AND s.ended IS NULL
QUALIFY row_number() OVER (PARTITION BY s.class_id ORDER BY s.revision) = 1
"""

# One enrollment in fifty was entered, dropped after ten days, and entered again.
CC = Table(
    "cc",
    "dcid",
    """
    SELECT i.n + 9000 AS dcid, i.n + 8700 AS id, p.id AS studentid,
           CASE WHEN dropped THEN -k.id ELSE k.id END AS sectionid,
           CASE WHEN dropped THEN -k.termid ELSE k.termid END AS termid,
           k.schoolid, k.course_number, k.section_number, s.entered AS dateenrolled,
           greatest(s.entered, s.left_on) AS dateleft, k.teacher AS teacherid, k.expression,
           0 AS origsectionid, (p.id::VARCHAR || (k.termid // 100)::VARCHAR)::BIGINT AS studyear,
           NULL::VARCHAR AS studentsectenrl_guid, NULL::DATE AS lastgradeupdate,
           NULL::VARCHAR AS ab_course_cmp_fun_flg, NULL::VARCHAR AS att_mode_code,
           0 AS currentabsences, 0 AS currenttardies, s.touched
    FROM psdata.attendances s
    JOIN psdata.ids i ON i.kind = 'cc' AND i.key = s.key
    JOIN psdata.ids c ON c.kind = 'section' AND c.key = s.class_id
    JOIN psdata.sections k ON k.dcid = c.n + 1500
    JOIN psdata.ids m ON m.kind = 'student' AND m.key = s.user_id
    JOIN psdata.students p ON p.dcid = m.n + 560
    """,
    ("transaction_date",),
    "abs(sectionid), studentid, dateenrolled, dcid",
)

ATTENDANCES = """
SELECT s.class_id, s.user_id, s.class_id || '/' || s.user_id || '/' || s.number AS key,
       CASE WHEN s.began IS NOT NULL THEN greatest(t.starts, s.began::DATE)
            WHEN $history AND s.again THEN t.starts + 20 ELSE t.starts END AS entered,
       coalesce(s.ended::DATE, t.ends + 1) AS left_on, s.ended IS NOT NULL AS dropped, s.touched
FROM (SELECT *, number = 0 AND hash(class_id || user_id) % 50 = 0 AS again
      FROM psdata.stays WHERE role = 'student') s
JOIN psdata.class_terms t USING (class_id)
UNION ALL
SELECT s.class_id, s.user_id, s.class_id || '/' || s.user_id || '/before', t.starts,
       t.starts + 10, true, y.touched
FROM psdata.stays s JOIN psdata.class_terms t USING (class_id) CROSS JOIN psdata.this_year y
WHERE $history AND s.role = 'student' AND s.number = 0 AND s.began IS NULL
  AND hash(s.class_id || s.user_id) % 50 = 0
"""

ROLEDEF = Table(
    "roledef",
    "id",
    """
    SELECT r.*, y.touched FROM psdata.this_year y, (VALUES
        (41, 'Lead Teacher', 1), (42, 'Co-teacher', 2), (43, 'Teacher''s Aide', 3)
    ) r(id, name, sortorder)
    """,
)

SECTIONTEACHER = Table(
    "sectionteacher",
    "id",
    """
    SELECT i.n + 2000 AS id, k.id AS sectionid, w.n + 45 AS teacherid,
           CASE WHEN l.user_id IS NOT DISTINCT FROM s.user_id OR
                     (s.ended IS NOT NULL AND s.number = 0 AND s.began IS NULL AND s.earliest)
                THEN 41 ELSE 42 END AS roleid,
           CASE WHEN s.began IS NULL THEN t.starts ELSE greatest(t.starts, s.began::DATE) END
               AS start_date,
           least(t.ends, coalesce(s.ended::DATE - 1, t.ends)) AS end_date,
           row_number() OVER (PARTITION BY s.class_id ORDER BY s.ended IS NOT NULL,
                              l.user_id IS DISTINCT FROM s.user_id, i.n) AS priorityorder,
           100 AS allocation, NULL::VARCHAR AS sectionnickname, s.touched
    FROM (SELECT *, row_number() OVER (PARTITION BY class_id
                                       ORDER BY began NULLS FIRST, user_id) = 1 AS earliest
          FROM psdata.stays WHERE role = 'teacher') s
    JOIN sis.classes c ON c.sourced_id = s.class_id
    JOIN psdata.ids i ON i.kind = 'sectionteacher'
        AND i.key = s.class_id || '/' || s.user_id || '/' || s.number
    JOIN psdata.ids w ON w.kind = 'schoolstaff' AND w.key = s.user_id || '/' || c.org
    JOIN psdata.ids n ON n.kind = 'section' AND n.key = s.class_id
    JOIN psdata.sections k ON k.dcid = n.n + 1500
    JOIN psdata.class_terms t ON t.class_id = s.class_id
    LEFT JOIN psdata.leads l ON l.class_id = s.class_id AND s.ended IS NULL
    """,
    ("transaction_date", "whenmodified"),
)
