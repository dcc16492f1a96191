"""Clever's objects, made by SQL from the staged records; users and the district stand apart.

An object's text is stored in pieces, so that each version and each use has its own without its
being made again:  {"id":…, stamps head seen tail

    stamps   created and last_modified
    seen     what lists of users hold and events do not: a pupil's copy of the e-mail address
    tail     the rest, once as v3.0 has it (tail30) and once as v3.1 has it (tail31)

See https://dev.clever.com/docs/ss-design and https://github.com/Clever/swagger-api. Temporary
tables that say what belongs together, in Clever's ids:

    r_attends (person, role, school, main)      r_section (id, key, school, course, term)
    r_member  (section, role, person, open)     r_kin (student, contact, role, open)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import users
from .wording import PLACE, SUBJECTS, grade, known, listed, members, one_of, raw, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from .quirks import Quirks

_ATTENDS = """
CREATE OR REPLACE TEMP TABLE r_attends AS
SELECT person, role, school,
    main OR NOT bool_or(main) OVER held AND school = min(school) OVER held AS main
FROM (
    SELECT u.id AS person, u.role, s.id AS school, bool_or(h.main) AS main
    FROM user_id u
    JOIN held h ON h.person = u.person
        AND (h.role = u.role OR u.role = 'staff' AND u.sis <> u.person AND h.role = 'teacher')
    JOIN school_id s ON s.key = h.org WHERE u.open AND {shown} GROUP BY u.id, u.role, s.id
)
WINDOW held AS (PARTITION BY person, role)
"""
_SECTION = """
CREATE OR REPLACE TEMP TABLE r_section AS
SELECT i.id, i.born, s.key, h.id AS school, c.id AS course, t.id AS term
FROM section s JOIN open_section USING (key) JOIN {ids} i ON i.kind = 'sections' AND i.key = s.key
JOIN school_id h ON h.key = s.school
LEFT JOIN {ids} c ON c.kind = 'courses' AND c.key = s.course
LEFT JOIN {ids} t ON t.kind = 'terms' AND t.key = s.term
"""
_MEMBER = """
CREATE OR REPLACE TEMP TABLE r_member AS
SELECT DISTINCT s.id AS section, m.role, u.id AS person, u.open
FROM member m JOIN r_section s ON s.key = m.section
JOIN user_id u ON u.role = m.role AND u.sis = m.sis
"""
_KIN = """
CREATE OR REPLACE TEMP TABLE r_kin AS
SELECT s.id AS student, c.id AS contact, k.role, s.open
FROM kin k JOIN user_id s ON s.role = 'student' AND s.sis = k.student
JOIN user_id c ON c.role = 'contact' AND c.sis = k.contact WHERE c.open
"""
_GHOSTS = {"teacher": "feed00000000000000000001", "student": "feed00000000000000000002"}


def make_objects(con: DuckDBPyConnection, ids: str, quirks: Quirks) -> None:
    """(Re)makes the tables above, and `fresh`: an object a row.

    `ids`: see identity.
    """
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE user_id AS
        SELECT p.*, i.id, i.legacy, i.born, o.sis IS NOT NULL AS open
        FROM person p JOIN {ids} i ON i.kind = p.role AND i.key = p.sis
        LEFT JOIN open_person o ON o.role = p.role AND o.sis = p.sis"""
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE school_id AS
        SELECT i.id, i.key, i.born, o.key IS NOT NULL AS open FROM {ids} i
        LEFT JOIN open_school o ON o.key = i.key WHERE i.kind = 'schools' AND i.away IS NULL"""
    )
    con.execute(_ATTENDS.format(shown="true" if quirks.dangling else "s.open"))
    con.execute(_SECTION.format(ids=ids))
    con.execute(_MEMBER)
    con.execute(_KIN)
    queries = [
        _schools(), _terms(ids, quirks), _courses(ids), _sections(quirks),
        users.students(quirks), users.contacts(quirks), users.employees(quirks),
    ]  # fmt: skip
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE fresh AS
        WITH d AS (SELECT min(id) AS id FROM {ids} WHERE kind = 'districts')
        {" UNION ALL BY NAME ".join(f"({query})" for query in queries)}"""
    )


def _plain(kind: str, id_: str, *pairs: str) -> str:
    return f"""'{kind}' AS kind, {id_} AS id, {members(*pairs)} AS head, '' AS seen, '}}' AS tail30,
        '}}' AS tail31, 0 AS roles"""


def _schools() -> str:
    pairs = (
        text("district", "d.id"),
        text("name", "o.name"),
        text("sis_id", "o.sourced_id"),
        text("school_number", "o.sourced_id"),
        text("low_grade", grade("o.lowest")),
        text("high_grade", grade("o.highest")),
        text("phone", "NULL"),
        raw("principal", """coalesce(p.who, '{"name":"","email":""}')"""),
        raw("location", PLACE),
        raw("ext", "'{}'"),
    )
    return f"""SELECT {_plain("schools", "s.id", *pairs)}, s.born, [s.id] AS schools
        FROM d, orgs o JOIN school_id s ON s.key = o.sourced_id AND s.open
        LEFT JOIN (
            SELECT h.org, min(to_json({{name: u.given_name || ' ' || u.family_name,
                                       email: coalesce(p.mail, '')}})::VARCHAR) AS who
            FROM held h JOIN users u ON u.sourced_id = h.person
            JOIN person p ON p.role = 'staff' AND p.sis = h.person
            WHERE h.title = 'principal' GROUP BY h.org) p ON p.org = o.sourced_id"""


def _terms(ids: str, quirks: Quirks) -> str:
    form = "%Y-%m-%dT00:00:00.000Z" if "dates" in quirks.as_specified else "%Y-%m-%d"
    pairs = (
        text("district", "d.id"),
        text("name", "s.term_name"),
        text("start_date", f"strftime(s.starts, '{form}')"),
        text("end_date", f"strftime(s.ends, '{form}')"),
    )
    return f"""SELECT {_plain("terms", "i.id", *pairs)}, NULL AS born, []::VARCHAR[] AS schools
        FROM d, (SELECT DISTINCT term, term_name, starts, ends
                 FROM section JOIN open_section USING (key)) s
        JOIN {ids} i ON i.kind = 'terms' AND i.key = s.term"""


def _courses(ids: str) -> str:
    pairs = (
        text("district", "d.id"), text("name", "s.course_name"), text("number", "s.course_number")
    )  # fmt: skip
    return f"""SELECT {_plain("courses", "i.id", *pairs)}, NULL AS born, []::VARCHAR[] AS schools
        FROM d, (SELECT DISTINCT course, course_name, course_number
                 FROM section JOIN open_section USING (key)) s
        JOIN {ids} i ON i.kind = 'courses' AND i.key = s.course"""


def _sections(quirks: Quirks) -> str:
    pairs = (
        text("district", "d.id"),
        text("school", "r.school"),
        text("name", "s.title"),
        text("sis_id", "s.key"),
        text("section_number", "s.code"),
        known("course", "r.course"),
        known("term_id", "r.term"),
        text("period", "NULL"),
        text("subject", one_of("s.subject", SUBJECTS, "'other'")),
        text("grade", grade("s.grade")),
        known("teacher", "m.teachers[1]"),
        listed("teachers", _with_ghost("teacher", quirks)),
        listed("students", _with_ghost("student", quirks)),
        raw("ext", "'{}'"),
    )
    shown = "true" if quirks.dangling else "open"
    who = f"list(person ORDER BY person) FILTER (role = '%s' AND {shown})"
    return f"""SELECT {_plain("sections", "r.id", *pairs)}, r.born, [r.school] AS schools
        FROM d, r_section r JOIN section s USING (key)
        LEFT JOIN (SELECT section, {who % "teacher"} AS teachers, {who % "student"} AS students
                   FROM r_member GROUP BY section) m ON m.section = r.id"""


def _with_ghost(role: str, quirks: Quirks) -> str:
    own = "m.teachers[2:]" if role == "teacher" and quirks.teacher_apart else f"m.{role}s"
    named = f"coalesce({own}, []::VARCHAR[])"
    if not quirks.ghosts:
        return named
    return f"""(CASE WHEN s.key = (SELECT min(key) FROM section)
        THEN list_append({named}, '{_GHOSTS[role]}') ELSE {named} END)"""
