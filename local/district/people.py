"""Pupils, staff, guardians and what hangs on them, made set by set in SQL.

Every choice is `dice(key, salt, sides)`, a hash of the person's number and the seed: it needs no
order, so any number of threads makes the same district.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .names import FAMILY, GIVEN_FEMALE, GIVEN_MALE, NOT_ASCII, PREFERRED
from .schools import GRADES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .schools import School

# A pupil's household decides the surname and the guardians. Twins share it (and the birthday) with
# the pupil before them, siblings with someone a class or two away.
_PUPILS = """
CREATE TABLE pupils AS
SELECT 1000000 + number AS number, org, school, band, grade, grade_no, place, size,
       1000000 + CASE WHEN place > 0 AND number % 83 = 0 THEN number - 1
                      WHEN number > 80 AND dice(number, 'sibling', 6) = 0
                      THEN number - 40 - dice(number, 'back', 30)
                      ELSE number END AS household,
       place > 0 AND number % 83 = 0 AS twin
FROM (SELECT first + place AS number, * FROM (
    SELECT *, unnest(range(size)) AS place FROM cells))
"""

_STAFF = """
CREATE TABLE staff AS
SELECT 100000 + first + place AS number, org, school, place,
       CASE WHEN place = 0 AND size >= 4 THEN 'principal'
            WHEN place = 1 AND size >= 8 THEN 'officeStaff'
            WHEN place = 2 AND school = 0 AND size >= 8 THEN 'itAdmin'
            ELSE 'teacher' END AS role
FROM (SELECT *, unnest(range(size)) AS place FROM staff_cells)
"""

# A household has no, one or two guardians; the second sometimes bears another name.
_GUARDIANS = """
CREATE TABLE guardians AS
SELECT 2 * household + place AS number, household, place,
       CASE dice(2 * household + place, 'kin', 10) WHEN 0 THEN 'guardian' WHEN 1 THEN 'relative'
            ELSE 'parent' END AS kin
FROM (SELECT household, unnest(range(least(2, dice(household, 'guardians', 4)))) AS place
      FROM (SELECT DISTINCT household FROM pupils))
"""

_USERS = """
CREATE TABLE users AS
WITH bare AS (
    SELECT 'student' AS kind, number::VARCHAR AS sourced_id, number, household AS name_key, twin,
           grade_no
    FROM pupils
    UNION ALL SELECT 'staff', 'T' || number, number, number, false, NULL FROM staff
    UNION ALL
    SELECT 'guardian', 'G' || number, number,
           CASE WHEN place = 1 AND dice(number, 'own name', 3) = 0 THEN number ELSE household END,
           false, NULL
    FROM guardians WHERE $guardians
), named AS (
    SELECT *, CASE WHEN dice(sourced_id, 'sex', 2) = 0 THEN 'female' ELSE 'male' END AS sex,
           pick_family(name_key) AS family_name, pick_given(sourced_id, sex) AS legal_name
    FROM bare
), numbered AS (
    SELECT *, ascii_name(legal_name) || '.' || ascii_name(family_name) AS base,
           row_number() OVER (PARTITION BY base ORDER BY kind DESC, number) AS again
    FROM named
)
SELECT kind, sourced_id, number, sex,
       base || CASE WHEN again > 1 THEN again::VARCHAR ELSE '' END AS username,
       CASE WHEN dice(sourced_id, 'preferred', 2) = 0
            THEN coalesce(getvariable('preferred')[legal_name], legal_name)
            ELSE legal_name END AS given_name,
       CASE WHEN dice(sourced_id, 'middle', 5) = 0
            THEN pick_given(sourced_id || 'm', sex) END AS middle_name,
       family_name,
       CASE kind WHEN 'guardian' THEN username || '@example.net' END AS email,
       CASE kind WHEN 'guardian' THEN '+12025550' || (100 + dice(number, 'phone', 100))
            END AS phone,
       CASE kind WHEN 'student' THEN make_date($year - 5 - grade_no, 9, 1)
            - (1 + dice(CASE WHEN twin THEN number - 1 ELSE number END, 'birthday', 365))::INTEGER
            END AS birth_date
FROM numbered
"""

_ROLES = """
CREATE TABLE roles AS
SELECT number::VARCHAR AS user_id, org, 'student' AS role, grade, true AS is_primary FROM pupils
UNION ALL SELECT 'T' || number, CASE role WHEN 'itAdmin' THEN 'district' ELSE org END, role, NULL,
                 true FROM staff
UNION ALL
SELECT 'G' || g.number, min(p.org), 'other', NULL, true
FROM guardians g JOIN pupils p USING (household) WHERE $guardians GROUP BY g.number
"""

_RELATIONSHIPS = """
CREATE TABLE relationships AS
SELECT p.number::VARCHAR AS student_id, 'G' || g.number AS contact_id, g.kin AS role
FROM pupils p JOIN guardians g USING (household) WHERE $guardians
"""

# A pupil's parent works in the district: one record, both a teacher and a contact.
_TEACHER_PARENTS = """
CREATE TEMP TABLE teacher_parents AS
SELECT t.number AS teacher, 1000000 + dice(t.number, 'child', $pupils) AS child
FROM staff t WHERE t.role = 'teacher' AND $guardians
QUALIFY (row_number() OVER (ORDER BY t.number)) % 40 = 1
"""

_DEMOGRAPHICS = """
CREATE TABLE demographics AS
SELECT sourced_id AS user_id, sex, birth_date,
       CASE WHEN dice(sourced_id, 'ethnicity', 4) = 0 THEN 'hispanicOrLatinoEthnicity'
            END AS ethnicity,
       CASE dice(sourced_id, 'race', 6)
            WHEN 0 THEN 'asian' WHEN 1 THEN 'blackOrAfricanAmerican' WHEN 2 THEN 'white'
            WHEN 3 THEN 'asian,white' WHEN 4 THEN 'americanIndianOrAlaskaNative' END AS race
FROM users WHERE kind = 'student'
"""

_FLAGS = """
CREATE TABLE user_flags AS
SELECT sourced_id AS user_id,
       ['freeLunch', 'IEP', 'ELL', 'giftedOrTalented'][1 + dice(sourced_id, 'flag', 4)] AS flag
FROM users WHERE kind = 'student' AND dice(sourced_id, 'flagged', 12) = 0
"""


def define_choices(con: DuckDBPyConnection, seed: int) -> None:
    """(Re)defines the macros dice, pick_given, pick_family and ascii_name for this seed."""
    con.execute("SET VARIABLE families = ?", [FAMILY])
    con.execute("SET VARIABLE women = ?", [GIVEN_FEMALE])
    con.execute("SET VARIABLE men = ?", [GIVEN_MALE])
    pairs = ", ".join(f"'{long}': '{short}'" for long, short in PREFERRED.items())
    con.execute(f"SET VARIABLE preferred = MAP {{{pairs}}}")
    con.execute(f"""
    CREATE OR REPLACE TEMP MACRO dice(key, salt, sides) AS
        (hash(key::VARCHAR, salt, {seed}) % sides)::BIGINT;
    CREATE OR REPLACE TEMP MACRO pick_family(key) AS getvariable('families')[
        1 + floor({len(FAMILY)} * pow(dice(key, 'family', 1000000) / 1000000.0, 1.8))::BIGINT];
    CREATE OR REPLACE TEMP MACRO pick_given(key, sex) AS CASE sex
        WHEN 'female' THEN getvariable('women')[1 + dice(key, 'given', {len(GIVEN_FEMALE)})]
        ELSE getvariable('men')[1 + dice(key, 'given', {len(GIVEN_MALE)})] END;
    CREATE OR REPLACE TEMP MACRO ascii_name(name) AS regexp_replace(lower(strip_accents(
        translate(name, '{NOT_ASCII[0]}', '{NOT_ASCII[1]}'))), '[^a-z]', '', 'g');
    """)


def make_people(
    con: DuckDBPyConnection, schools: list[School], *, year: int, guardians: bool
) -> None:
    """Makes pupils, staff, guardians (work tables) and users, roles, relationships, … (the roster).

    `year`: the year in which the school year began.
    """
    _make_cells(con, schools)
    for statement in (_PUPILS, _STAFF, _GUARDIANS):
        con.execute(statement)
    con.execute(_USERS, {"year": year, "guardians": guardians})
    con.execute(_ROLES, {"guardians": guardians})
    con.execute(_RELATIONSHIPS, {"guardians": guardians})
    con.execute(
        _TEACHER_PARENTS, {"pupils": sum(sum(s.pupils) for s in schools), "guardians": guardians}
    )
    con.execute(
        """INSERT INTO relationships
        SELECT child::VARCHAR, 'T' || teacher, 'parent' FROM teacher_parents"""
    )
    con.execute(
        """UPDATE users SET email = username || '@example.org'
        WHERE sourced_id IN (SELECT 'T' || teacher FROM teacher_parents)"""
    )
    con.execute("DROP TABLE teacher_parents")
    con.execute(_DEMOGRAPHICS)
    con.execute(_FLAGS)


def _make_cells(con: DuckDBPyConnection, schools: list[School]) -> None:
    """One row for each school × grade with its size, and for each school with its staff."""
    con.execute(
        """CREATE TABLE cells (org VARCHAR, school INTEGER, band VARCHAR, grade VARCHAR,
        grade_no INTEGER, size INTEGER, first INTEGER);
        CREATE TABLE staff_cells (org VARCHAR, school INTEGER, size INTEGER, first INTEGER)"""
    )
    cells: list[tuple[object, ...]] = []
    staff_cells: list[tuple[object, ...]] = []
    pupils = staff = 0
    for school in schools:
        for grade_no, size in enumerate(school.pupils, start=school.band.first):
            band = school.band.name
            cells.append(
                (school.sourced_id, school.number, band, GRADES[grade_no], grade_no, size, pupils)
            )
            pupils += size
        staff_cells.append((school.sourced_id, school.number, school.staff, staff))
        staff += school.staff
    con.executemany("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?)", cells)
    con.executemany("INSERT INTO staff_cells VALUES (?, ?, ?, ?)", staff_cells)
