"""Sessions, courses, classes and who is in them, made set by set in SQL."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from .subjects import PUPILS_PER_CLASS, SUBJECTS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COURSES = """
CREATE TABLE courses AS
SELECT band || '-' || code || '-' || grade AS sourced_id,
       title || CASE grade WHEN 'kg' THEN ', Kindergarten' ELSE ', Grade ' || ltrim(grade, '0') END
           AS title,
       code || '-' || grade AS code, grade, area AS subject
FROM subjects JOIN (SELECT DISTINCT band, grade FROM cells WHERE size > 0) USING (band)
"""

# As many sections as the pupils of the grade need; only every second pupil takes an optional one.
_SECTIONS = """
CREATE TABLE sections AS
SELECT row_number() OVER (ORDER BY school, ordinal, grade_no, section) AS number,
       row_number() OVER (PARTITION BY school ORDER BY ordinal, grade_no, section) - 1 AS in_school,
       *
FROM (SELECT org, school, grade, grade_no, s.*,
             greatest(1, ceil(size / CASE WHEN optional THEN 2 ELSE 1 END / $full))::BIGINT AS of,
             unnest(range(of)) AS section
      FROM cells JOIN subjects s USING (band) WHERE size > 0)
"""

# Neighbours in the register are mixed differently in every subject.
_TAKES = """
CREATE TABLE enrollments AS
SELECT 'C' || (100000 + s.number) AS class_id, p.number::VARCHAR AS user_id, 'student' AS role
FROM pupils p JOIN sections s
  ON s.school = p.school AND s.grade_no = p.grade_no
 AND s.section = (p.place // (1 + s.ordinal % 3) + s.ordinal) % s.of
WHERE NOT s.optional OR dice(p.number, s.code, 2) = 0
"""

_CLASSES = """
CREATE TABLE classes AS
SELECT class_id AS sourced_id, s.org,
       c.title || CASE WHEN s.of > 1 THEN ', Section ' || (s.section + 1) ELSE '' END AS title,
       CASE s.term WHEN 'year' THEN [$year] WHEN 'now' THEN [$semester] ELSE $both END AS sessions,
       c.sourced_id AS course, c.code || '-' || (s.section + 1) AS code
FROM (SELECT DISTINCT class_id FROM enrollments)
JOIN (SELECT 'C' || (100000 + number) AS class_id, * FROM sections) s USING (class_id)
JOIN courses c ON c.sourced_id = s.band || '-' || s.code || '-' || s.grade
"""

_TEACHES = """
INSERT INTO enrollments
WITH faculty AS (
    SELECT 'T' || number AS teacher, school, count(*) OVER (PARTITION BY school) AS of,
           row_number() OVER (PARTITION BY school ORDER BY number) - 1 AS place
    FROM staff WHERE role = 'teacher'
), taught AS (
    SELECT 'C' || (100000 + number) AS class_id, * FROM sections
    WHERE 'C' || (100000 + number) IN (SELECT sourced_id FROM classes)
)
SELECT class_id, teacher, 'teacher' FROM taught t
JOIN faculty f ON f.school = t.school AND f.place = t.in_school % f.of
UNION ALL  -- now and then two teach together
SELECT class_id, teacher, 'teacher' FROM taught t
JOIN faculty f ON f.school = t.school AND f.of > 1 AND f.place = (t.in_school + 1) % f.of
WHERE dice(class_id, 'together', 25) = 0
"""

# The last teacher of every second school also teaches at the next one.
_VISITORS = """
CREATE TEMP TABLE visitors AS
SELECT 'T' || max(s.number) AS teacher, n.org, min('C' || (100000 + c.number)) AS class_id
FROM staff s
JOIN (SELECT DISTINCT school, org FROM cells) n ON n.school = s.school + 1
JOIN sections c ON c.school = n.school AND c.in_school = 0
WHERE s.role = 'teacher' AND s.school % 2 = 0 GROUP BY n.org
"""


def school_year(today: date) -> int:
    """The year in which the school year of `today` began; it runs from 1 August to 31 July."""
    return today.year if today.month >= 8 else today.year - 1


def make_sessions(con: DuckDBPyConnection, today: date) -> None:
    """Makes `sessions`: this school year, last year, and the two semesters of each."""
    con.execute(
        """CREATE TABLE sessions (sourced_id VARCHAR, title VARCHAR, type VARCHAR,
        school_year VARCHAR, starts DATE, ends DATE)"""
    )
    for year in (school_year(today) - 1, school_year(today)):
        span, ending = f"{year}-{year + 1}", str(year + 1)
        middle = date(year + 1, 1, 31), date(year + 1, 2, 1)
        first, last = date(year, 8, 1), date(year + 1, 7, 31)
        con.executemany(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
            [
                (f"SY{year}", f"School year {span}", "schoolYear", ending, first, last),
                (f"SY{year}-1", f"First semester {span}", "semester", ending, first, middle[0]),
                (f"SY{year}-2", f"Second semester {span}", "semester", ending, middle[1], last),
            ],
        )


def make_classes(con: DuckDBPyConnection, today: date) -> None:
    """Makes `courses`, `classes`, `enrollments` for the pupils and staff that are there."""
    year = school_year(today)
    semester = f"SY{year}-{1 if today < date(year + 1, 2, 1) else 2}"
    _make_subjects(con)
    con.execute(_COURSES)
    con.execute(_SECTIONS, {"full": PUPILS_PER_CLASS})
    con.execute(_TAKES)
    con.execute(
        _CLASSES,
        {"year": f"SY{year}", "semester": semester, "both": [f"SY{year}-1", f"SY{year}-2"]},
    )
    con.execute(_TEACHES)
    _add_visitors(con)
    _add_evening_class(con, f"SY{year}")
    _add_old_class(con, f"SY{year - 1}-2")


def _make_subjects(con: DuckDBPyConnection) -> None:
    con.execute(
        """CREATE TABLE subjects (ordinal INTEGER, band VARCHAR, code VARCHAR, title VARCHAR,
        area VARCHAR, term VARCHAR, optional BOOLEAN)"""
    )
    con.executemany(
        "INSERT INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (ordinal, s.band, s.code, s.title, s.area, s.term, s.optional)
            for ordinal, s in enumerate(SUBJECTS)
        ],
    )


def _add_visitors(con: DuckDBPyConnection) -> None:
    con.execute(_VISITORS)
    con.execute("INSERT INTO roles SELECT teacher, org, 'teacher', NULL, false FROM visitors")
    con.execute(
        """INSERT INTO enrollments SELECT class_id, teacher, 'teacher' FROM visitors
        WHERE class_id IN (SELECT sourced_id FROM classes)"""
    )
    con.execute("DROP TABLE visitors")


def _add_evening_class(con: DuckDBPyConnection, session: str) -> None:
    """A class in the last school that a member of staff of the first one attends as a student."""
    con.execute(
        """INSERT INTO classes
        SELECT 'C100000', max(org), 'Evening class: "Bookkeeping, Part 1" & more', [$session],
               NULL, 'EVE-1' FROM staff WHERE school = (SELECT max(school) FROM staff)""",
        {"session": session},
    )
    con.execute(
        """INSERT INTO enrollments
        SELECT 'C100000', 'T' || max(number), 'teacher' FROM staff
        WHERE role = 'teacher' AND school = (SELECT max(school) FROM staff)"""
    )
    con.execute(
        """INSERT INTO enrollments SELECT 'C100000', 'T' || min(number), 'student' FROM staff;
        INSERT INTO roles SELECT 'T' || min(number), max_by(org, school), 'student',
               'adultEducation', false FROM staff"""
    )


def _add_old_class(con: DuckDBPyConnection, session: str) -> None:
    """A class of last year, still in the export: only its session says that it is over."""
    con.execute(
        """INSERT INTO classes SELECT 'C099999', org, 'Spring Project (last year)', [$session],
        NULL, 'OLD-1' FROM staff ORDER BY number LIMIT 1""",
        {"session": session},
    )
    con.execute(
        """INSERT INTO enrollments
        (SELECT 'C099999', 'T' || number, 'teacher' FROM staff WHERE role = 'teacher'
         ORDER BY number LIMIT 1)
        UNION ALL
        (SELECT 'C099999', number::VARCHAR, 'student' FROM pupils ORDER BY number LIMIT 8)"""
    )
