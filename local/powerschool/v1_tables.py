"""What /ws/v1 tells of each thing, joined once when the tables are made and not for each page."""

from __future__ import annotations

V1_TABLES: tuple[tuple[str, str], ...] = (
    (
        "v1_terms",
        """SELECT s.*, coalesce(h.dcid, 0) AS school_dcid
        FROM ps.terms s LEFT JOIN ps.schools h ON h.school_number = s.schoolid
        ORDER BY s.schoolid, s.portion, s.firstday, s.dcid""",
    ),
    (
        "v1_sections",
        """SELECT s.*, h.dcid AS school_dcid, c.dcid AS course_dcid, w.dcid AS staff_dcid,
            t.dcid AS term_dcid, t.yearid + 1990 AS start_year, t.portion, t.firstday, t.lastday,
            t.abbreviation, t.name AS term_name
        FROM ps.sections s LEFT JOIN ps.schools h ON h.school_number = s.schoolid
        LEFT JOIN ps.courses c ON c.course_number = s.course_number
        LEFT JOIN ps.terms t ON t.id = s.termid AND t.schoolid = s.schoolid
        LEFT JOIN ps.schoolstaff w ON w.id = s.teacher
        ORDER BY s.schoolid, s.dcid""",
    ),
    (
        "v1_section_enrollments",
        """SELECT s.dcid, s.studentid, s.dateenrolled, s.dateleft, s.sectionid < 0 AS dropped,
            k.dcid AS section_dcid, p.dcid AS student_dcid
        FROM ps.cc s JOIN ps.sections k ON k.id = abs(s.sectionid)
        JOIN ps.students p ON p.id = s.studentid
        ORDER BY section_dcid, s.studentid, s.dateenrolled, s.dcid""",
    ),
    (
        "v1_staff",
        """SELECT s.*, u.teachernumber, u.loginid, u.teacherloginid, u.first_name, u.middle_name,
            u.last_name, u.email_addr, u.home_phone, a.affiliations
        FROM ps.schoolstaff s JOIN ps.users u ON u.dcid = s.users_dcid
        JOIN (SELECT f.users_dcid, list({'school': coalesce(h.dcid, 0), 'type': f.staffstatus,
                                         'status': f.status} ORDER BY f.schoolid) AS affiliations
              FROM ps.schoolstaff f LEFT JOIN ps.schools h ON h.school_number = f.schoolid
              GROUP BY f.users_dcid) a ON a.users_dcid = s.users_dcid
        ORDER BY s.schoolid, s.dcid""",
    ),
    (
        "v1_students",
        """SELECT s.*, h.dcid AS school_dcid, e.email, r.races
        FROM ps.students s LEFT JOIN ps.schools h ON h.school_number = s.schoolid
        LEFT JOIN ps.sync_studentmap m ON m.studentsdcid = s.dcid
        LEFT JOIN ps.psm_studentcontact e
            ON e.studentid = m.studentid AND e.studentcontacttypeid = 1
        LEFT JOIN (SELECT studentid, list(racecd ORDER BY id) AS races
                   FROM ps.studentrace GROUP BY studentid) r ON r.studentid = s.id
        ORDER BY s.dcid""",
    ),
)
