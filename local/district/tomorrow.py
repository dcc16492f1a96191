"""The next day of a sample district: what changes overnight in a real one, and no more.

Joiners and leavers, pupils who change class or school, people who change their name, a grade put
right, classes that get another teacher, a teacher who leaves and the one who takes over, a class
closed and a class opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .district import TABLES, District, new_schema
from .people import define_choices

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NUMBERS_A_DAY = 10_000_000

_PICK_PUPILS = """
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT r.user_id, r.org, r.grade FROM roles r
WHERE r.role = 'student' AND r.is_primary AND r.user_id NOT IN (SELECT user_id FROM touched)
ORDER BY dice(r.user_id, $salt, 1000000000), r.user_id LIMIT $count
"""

_LEAVE = """
DELETE FROM users WHERE sourced_id IN (SELECT user_id FROM chosen);
DELETE FROM roles WHERE user_id IN (SELECT user_id FROM chosen);
DELETE FROM enrollments WHERE user_id IN (SELECT user_id FROM chosen);
DELETE FROM demographics WHERE user_id IN (SELECT user_id FROM chosen);
DELETE FROM user_flags WHERE user_id IN (SELECT user_id FROM chosen);
DELETE FROM relationships WHERE student_id IN (SELECT user_id FROM chosen);
DELETE FROM users WHERE kind = 'guardian'
    AND sourced_id NOT IN (SELECT contact_id FROM relationships);
DELETE FROM roles WHERE role = 'other' AND user_id NOT IN (SELECT sourced_id FROM users);
"""

# A newcomer joins the classes of a pupil who is there already, whose name nobody inherits.
_JOIN = """
CREATE OR REPLACE TEMP TABLE joiners AS
SELECT user_id AS like_id, org, grade, first_new() + row_number() OVER (ORDER BY user_id) AS number,
       number::VARCHAR AS user_id
FROM chosen;
INSERT INTO users
SELECT 'student', j.user_id, j.number, u.sex,
       ascii_name(given) || '.' || ascii_name(family) || j.number, given, NULL, family, NULL, NULL,
       u.birth_date + dice(j.user_id, 'birthday', 90)::INTEGER
FROM (SELECT j.*, sex, pick_given(j.user_id, sex) AS given, pick_family(j.user_id) AS family
      FROM joiners j JOIN users ON sourced_id = like_id) j JOIN users u ON u.sourced_id = like_id;
INSERT INTO roles SELECT user_id, org, 'student', grade, true FROM joiners;
INSERT INTO enrollments
SELECT e.class_id, j.user_id, 'student' FROM joiners j
JOIN enrollments e ON e.user_id = j.like_id JOIN classes c ON c.sourced_id = e.class_id
WHERE c.course IS NOT NULL;
INSERT INTO demographics SELECT sourced_id, sex, birth_date, NULL, NULL FROM users
WHERE sourced_id IN (SELECT user_id FROM joiners);
"""

_CHANGE_CLASS = """
CREATE OR REPLACE TEMP TABLE moves AS
SELECT x.user_id, e.class_id AS was, o.sourced_id AS now
FROM chosen x JOIN enrollments e ON e.user_id = x.user_id AND e.role = 'student'
JOIN classes c ON c.sourced_id = e.class_id
JOIN classes o ON o.course = c.course AND o.org = c.org AND o.sourced_id <> c.sourced_id
QUALIFY row_number() OVER (PARTITION BY x.user_id ORDER BY e.class_id, o.sourced_id) = 1;
DELETE FROM enrollments USING moves
WHERE enrollments.user_id = moves.user_id AND enrollments.class_id = moves.was;
INSERT INTO enrollments SELECT now, user_id, 'student' FROM moves;
"""

# To another school of the same kind, else to the next one up or down; into a pupil's classes there.
_CHANGE_SCHOOL = """
CREATE OR REPLACE TEMP TABLE moves AS
SELECT x.user_id, o.sourced_id AS org,
       CASE WHEN o.lowest = w.lowest THEN x.grade
            WHEN o.lowest > w.highest THEN o.lowest ELSE o.highest END AS grade
FROM chosen x JOIN orgs w ON w.sourced_id = x.org
JOIN orgs o ON o.type = 'school' AND o.sourced_id <> x.org
QUALIFY row_number() OVER (PARTITION BY x.user_id ORDER BY o.lowest <> w.lowest,
                           o.highest < w.lowest,
                           dice(x.user_id || o.sourced_id, 'school', 1000000), o.sourced_id) = 1;
CREATE OR REPLACE TEMP TABLE guides AS
SELECT m.user_id,
       min_by(r.user_id, (dice(m.user_id || r.user_id, 'guide', 1000000), r.user_id)) AS like_id
FROM moves m JOIN roles r ON r.role = 'student' AND r.org = m.org AND r.grade = m.grade
                         AND r.user_id NOT IN (SELECT user_id FROM chosen)
GROUP BY m.user_id;
DELETE FROM enrollments WHERE user_id IN (SELECT user_id FROM moves);
INSERT INTO enrollments
SELECT e.class_id, g.user_id, 'student' FROM guides g
JOIN enrollments e ON e.user_id = g.like_id JOIN classes c ON c.sourced_id = e.class_id
WHERE c.course IS NOT NULL;
UPDATE roles SET org = moves.org, grade = moves.grade FROM moves
WHERE roles.user_id = moves.user_id AND role = 'student' AND is_primary;
"""

_RENAME = """
UPDATE users SET family_name = pick_family(sourced_id || 'renamed') || '-' || family_name
WHERE sourced_id IN (SELECT user_id FROM chosen);
"""

_FIX_GRADE = """
UPDATE roles SET grade = CASE grade WHEN 'kg' THEN '01' WHEN '12' THEN '11'
                         ELSE lpad((grade::INTEGER + 1)::VARCHAR, 2, '0') END
WHERE user_id IN (SELECT user_id FROM chosen) AND role = 'student' AND is_primary;
"""

_SWAP_TEACHERS = """
CREATE OR REPLACE TEMP TABLE moves AS
SELECT e.class_id, e.user_id AS was, o.user_id AS now
FROM enrollments e JOIN classes c ON c.sourced_id = e.class_id
JOIN roles o ON o.role = 'teacher' AND o.org = c.org
WHERE e.role = 'teacher' AND c.course IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM enrollments t
                  WHERE t.class_id = e.class_id AND t.user_id = o.user_id)
  AND e.class_id IN (SELECT sourced_id FROM classes
                     ORDER BY dice(sourced_id, 'swap', 1000000000), sourced_id LIMIT $count)
QUALIFY row_number() OVER (PARTITION BY e.class_id
                           ORDER BY e.user_id, dice(o.user_id, 'swap', 1000000), o.user_id) = 1
"""

_SUCCEED = """
CREATE OR REPLACE TEMP TABLE succession AS
SELECT user_id AS was, first_new() AS number, 'T' || number AS now
FROM (SELECT user_id FROM roles WHERE role = 'teacher'
      AND user_id NOT IN (SELECT contact_id FROM relationships)
      GROUP BY user_id HAVING count(*) = 1
      ORDER BY dice(user_id, 'leave', 1000000000), user_id LIMIT 1);
INSERT INTO users
SELECT kind, now, s.number, sex, ascii_name(given) || '.' || ascii_name(family) || s.number,
       given, NULL, family, NULL, NULL, NULL
FROM (SELECT s.*, u.kind, u.sex, pick_given(now, u.sex) AS given, pick_family(now) AS family
      FROM succession s JOIN users u ON u.sourced_id = was) s;
UPDATE roles SET user_id = now FROM succession WHERE user_id = was;
UPDATE enrollments SET user_id = now FROM succession WHERE user_id = was;
DELETE FROM users WHERE sourced_id IN (SELECT was FROM succession);
"""

_CLOSE_CLASSES = """
CREATE OR REPLACE TEMP TABLE closing AS
SELECT sourced_id FROM classes WHERE course IS NOT NULL
ORDER BY dice(sourced_id, 'close', 1000000000), sourced_id LIMIT $count
"""

# A new section of a course, taught by someone of that school, with every second pupil of the old.
_OPEN_CLASSES = """
CREATE OR REPLACE TEMP TABLE opening AS
SELECT like_id, 'C' || (first_new() + row_number() OVER (ORDER BY like_id)) AS class_id
FROM (SELECT sourced_id AS like_id FROM classes WHERE course IS NOT NULL
      ORDER BY dice(sourced_id, 'open', 1000000000), sourced_id LIMIT $count)
"""

_FILL_CLASSES = """
INSERT INTO classes
SELECT o.class_id, c.org, c.title || ' (new group)', c.sessions, c.course, c.code || 'N'
FROM opening o JOIN classes c ON c.sourced_id = o.like_id;
CREATE OR REPLACE TEMP TABLE moves AS
SELECT o.like_id AS was, o.class_id AS now, e.user_id
FROM opening o JOIN enrollments e ON e.class_id = o.like_id AND e.role = 'student'
WHERE dice(e.user_id, 'half', 2) = 0;
DELETE FROM enrollments USING moves
WHERE enrollments.class_id = moves.was AND enrollments.user_id = moves.user_id;
INSERT INTO enrollments SELECT now, user_id, 'student' FROM moves;
INSERT INTO enrollments
SELECT o.class_id, min(e.user_id), 'teacher' FROM opening o
JOIN enrollments e ON e.class_id = o.like_id AND e.role = 'teacher' GROUP BY o.class_id;
"""

_CLOSE_EMPTY = """
CREATE OR REPLACE TEMP TABLE closing AS
SELECT sourced_id FROM classes WHERE course IS NOT NULL AND sourced_id NOT IN
    (SELECT class_id FROM enrollments WHERE role = 'student')
"""

_CLOSE = """
DELETE FROM enrollments WHERE class_id IN (SELECT sourced_id FROM closing);
DELETE FROM classes WHERE sourced_id IN (SELECT sourced_id FROM closing)
"""


def next_day(district: District, seed: int, change: float = 0.02) -> District:
    """The day after: about `change` (0 to 1) of the pupils see something change. New tables."""
    con = district.con
    day = district.day + 1
    schema = new_schema(con)
    for table in TABLES:
        con.execute(f"CREATE TABLE {table} AS FROM {district.schema}.{table}")
    define_choices(con, seed * 1_000 + day)
    # Each day has numbers of its own, so that nobody gets the id of someone who left.
    con.execute(f"CREATE OR REPLACE TEMP MACRO first_new() AS {day * NUMBERS_A_DAY}")
    con.execute("CREATE OR REPLACE TEMP TABLE touched (user_id VARCHAR)")
    pupils, classes = _count(con, "roles WHERE role = 'student'"), _count(con, "classes")

    def part(of: int, share: float) -> int:
        return max(1, round(of * change * share))

    for salt, share, statement in (
        ("leave", 0.2, _LEAVE),
        ("join", 0.2, _JOIN),
        ("class", 0.4, _CHANGE_CLASS),
        ("school", 0.1, _CHANGE_SCHOOL),
        ("rename", 0.05, _RENAME),
        ("grade", 0.05, _FIX_GRADE),
    ):
        con.execute(_PICK_PUPILS, {"salt": salt, "count": part(pupils, share)})
        con.execute("INSERT INTO touched SELECT user_id FROM chosen")
        con.execute(statement)
    _change_classes(con, part(classes, 0.2), part(classes, 0.05))
    return District(con, schema, day, district.today, district.domain)


def _change_classes(con: DuckDBPyConnection, swaps: int, sections: int) -> None:
    """Swaps teachers, lets one succeed another, closes and opens `sections` classes.

    A class that nobody takes any more closes too.
    """
    con.execute(_SWAP_TEACHERS, {"count": swaps})
    con.execute(
        """UPDATE enrollments SET user_id = now FROM moves
        WHERE enrollments.class_id = moves.class_id AND enrollments.user_id = moves.was"""
    )
    con.execute(_SUCCEED)
    con.execute(_CLOSE_CLASSES, {"count": sections})
    con.execute(_CLOSE)
    con.execute(_OPEN_CLASSES, {"count": sections})
    con.execute(_FILL_CLASSES)
    con.execute(_CLOSE_EMPTY)
    con.execute(_CLOSE)


def _count(con: DuckDBPyConnection, rows: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(row[0]) if row else 0
