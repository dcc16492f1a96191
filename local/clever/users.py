"""Clever's users as SQL: pupils, contacts, and employees with one or several roles.

Lists: https://dev.clever.com/docs/users, https://dev.clever.com/docs/multi-role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .staging import EMPLOYEES
from .wording import (
    PLACE,
    RACES,
    RELATION_TYPES,
    RELATIONSHIPS,
    SEXES,
    TITLES,
    braced,
    grade,
    known,
    listed,
    members,
    one_of,
    raw,
    stamp,
    text,
)

if TYPE_CHECKING:
    from .quirks import Quirks

ROLE_BITS = {"student": 1, "teacher": 2, "staff": 4, "district_admin": 8, "contact": 16}
_NAME = raw(
    "name",
    braced(
        text("first", "x.given_name"),
        text("middle", "x.middle_name"),
        text("last", "x.family_name"),
    ),
)
_SCHOOLS = """
    SELECT person, role, list(school ORDER BY school) AS schools,
           min(school) FILTER (main) AS school
    FROM r_attends GROUP BY person, role"""


def _head(quirks: Quirks, held: tuple[str, ...], *roles: str) -> str:
    """SQL of a user's text until the roles' closing brace. `held`: those in `roles`."""
    absent = [role for role in ROLE_BITS if role not in held]
    null = "".join(f'"{role}":null,' for role in absent) if quirks.absent_roles == "null" else ""
    start = f"""'"roles":{{{null}'"""
    own = _open(quirks, text("district", "d.id"), known("email", "u.mail"), _NAME)
    return members(*own, start, *roles)


def _open(quirks: Quirks, *pairs: str) -> list[str]:
    """The pairs without those that are hidden from the application."""
    marks = [f"""'"{name}":'""" for name in quirks.hidden]
    return [pair for pair in pairs if not any(mark in pair for mark in marks)]


def _credentials(record: str) -> str:
    return raw("credentials", braced(text("district_username", f"{record}.username")))


def _flag(flag: str) -> str:
    return f"CASE WHEN list_contains(f.flags, '{flag}') THEN 'Y' ELSE 'N' END"


def students(quirks: Quirks) -> str:
    """SQL of the rows of `fresh` for pupils."""
    specified = "student" in quirks.as_specified
    race = f"""CASE WHEN contains(g.race, ',') THEN 'Two or More Races'
        ELSE {one_of("g.race", RACES, "'Unknown'")} END"""
    pairs = [
        text("sis_id", "u.sis"),
        known("school", "s.school"),
        listed("schools", "s.schools"),
        text("student_number", "x.number::VARCHAR"),
        text("grade", grade("h.grade")),
        text("graduation_year", "NULL"),
        text("dob", "strftime(coalesce(g.birth_date, x.birth_date), '%-m/%-d/%Y')"),
        text("gender", one_of("coalesce(g.sex, x.sex)", SEXES)),
        text("race", race),
        text("hispanic_ethnicity", "CASE WHEN g.ethnicity IS NULL THEN 'N' ELSE 'Y' END"),
        text("ell_status", _flag("ELL")),
        raw("location", PLACE),
        _credentials("u"),
        raw("enrollments", "'[]'"),
    ]
    if specified:
        pairs += [
            text("legacy_id", "u.id"),
            text("created", stamp("u.born")),
            text("last_modified", stamp("x.modified")),
        ]
    lunch = """CASE WHEN list_contains(f.flags, 'freeLunch') THEN 'Free'
        WHEN list_contains(f.flags, 'reducedPriceLunch') THEN 'Reduced' END"""
    later = members(
        text("gifted_status", _flag("giftedOrTalented")),
        text("section_504_status", _flag("section504")),
        text("iep_status", _flag("IEP")),
        text("frl_status", lunch),
        text("home_language", "NULL"),
        text("home_language_code", "NULL"),
        raw("disability", "'{}'"),
    )
    pairs = [*_open(quirks, *pairs), raw("ext", "'{}'")]
    head = _head(quirks, ("student",), "'\"student\":{'", *pairs)
    copied = """',"email":' || to_json(u.mail)::VARCHAR"""
    if specified or "email" in quirks.hidden:
        copied = "''"
    return f"""SELECT 'users' AS kind, u.id, {head} AS head,
        CASE WHEN u.mail IS NULL THEN '' ELSE {copied} END AS seen,
        '}}}}}}' AS tail30, ',' || {later} || '}}}}}}' AS tail31,
        {ROLE_BITS["student"]} AS roles, u.born, coalesce(s.schools, []) AS schools
        FROM d, user_id u JOIN users x ON x.sourced_id = u.person
        LEFT JOIN ({_SCHOOLS}) s ON s.person = u.id AND s.role = 'student'
        LEFT JOIN (SELECT person, max_by(grade, main) AS grade FROM held WHERE role = 'student'
                   GROUP BY person) h ON h.person = u.person
        LEFT JOIN demographics g ON g.user_id = u.person AND NOT g.gone
        LEFT JOIN (SELECT user_id, list(flag) AS flags FROM user_flags WHERE NOT gone
                   GROUP BY user_id) f ON f.user_id = u.person
        WHERE u.role = 'student' AND u.open"""


def contacts(quirks: Quirks) -> str:
    """SQL of the rows of `fresh` for contacts."""
    relation = braced(
        text("student", "student"),
        text("relationship", one_of("role", RELATIONSHIPS, "'Other'")),
        text("type", one_of("role", RELATION_TYPES, "'Other'")),
    )
    pairs = (
        text("legacy_id", "u.legacy"),
        text("sis_id", "u.sis"),
        text("phone", "x.phone"),
        text("phone_type", "CASE WHEN x.phone IS NULL THEN '' ELSE 'Cell' END"),
        raw("student_relationships", "'[' || coalesce(k.students, '') || ']'"),
    )
    head = _head(quirks, ("contact",), "'\"contact\":{'", *_open(quirks, *pairs))
    return f"""SELECT 'users' AS kind, u.id, {head} AS head, '' AS seen,
        '}}}}}}' AS tail30, '}}}}}}' AS tail31, {ROLE_BITS["contact"]} AS roles, u.born,
        []::VARCHAR[] AS schools
        FROM d, user_id u JOIN users x ON x.sourced_id = u.person
        LEFT JOIN (SELECT contact, string_agg({relation}, ',' ORDER BY student) AS students
                   FROM r_kin WHERE {"true" if quirks.dangling else "open"} GROUP BY contact) k
            ON k.contact = u.id
        WHERE u.role = 'contact' AND u.open"""


def employees(quirks: Quirks) -> str:
    """SQL of the rows of `fresh` for teachers, staff and district administrators."""
    teacher = _open(
        quirks,
        text("legacy_id", "t.legacy"),
        text("sis_id", "t.sis"),
        known("school", "ts.school"),
        listed("schools", "ts.schools"),
        text("teacher_number", "x.number::VARCHAR"),
        text("title", "NULL"),
        _credentials("t"),
        raw("ext", "'{}'"),
    )
    staff = _open(
        quirks,
        text("legacy_id", "s.legacy"),
        text("staff_id", "s.sis"),
        listed("schools", "ss.schools"),
        text("department", "NULL"),
        text("title", "coalesce(sh.titles[1], 'Office Staff')"),
        listed("roles", "coalesce(sh.titles, ['Office Staff'])"),
        _credentials("s"),
        raw("ext", "'{}'"),
    )
    admin = braced(text("legacy_id", "a.legacy"), text("title", "ah.titles[1]"))
    absent = quirks.absent_roles == "null"

    def role(name: str, table: str, value: str) -> str:
        missing = f"""'"{name}":null,'""" if absent else "''"
        return f"CASE WHEN {table}.id IS NULL THEN {missing} ELSE {raw(name, value)} END"

    head = _head(
        quirks,
        ("district_admin", "staff", "teacher"),
        role("district_admin", "a", admin),
        role("staff", "s", braced(*staff)),
        role("teacher", "t", braced(*teacher)),
    )
    bits = " + ".join(
        f"CASE WHEN {table}.id IS NULL THEN 0 ELSE {ROLE_BITS[name]} END"
        for name, table in (("teacher", "t"), ("staff", "s"), ("district_admin", "a"))
    )
    titles = f"""SELECT person, role,
        list_sort(list(DISTINCT {one_of("title", TITLES, "title")})) AS titles
        FROM held GROUP BY person, role"""
    return f"""(WITH e AS MATERIALIZED (
            SELECT DISTINCT ON (id, role) * FROM user_id WHERE open AND role IN {EMPLOYEES}
            ORDER BY id, role, sis
        ), u AS (SELECT DISTINCT ON (id) *, min(e.born) OVER (PARTITION BY id) AS first FROM e
                 ORDER BY id, role DESC, sis),
        sc AS MATERIALIZED ({_SCHOOLS}), ti AS MATERIALIZED ({titles})
        SELECT 'users' AS kind, u.id, {head} AS head, '' AS seen, '}}}}' AS tail30,
            '}}}}' AS tail31, {bits} AS roles, u.first AS born,
            list_distinct(list_concat(coalesce(ts.schools, []), coalesce(ss.schools, [])))
                AS schools
        FROM d, u JOIN users x ON x.sourced_id = u.person
        LEFT JOIN e t ON t.id = u.id AND t.role = 'teacher'
        LEFT JOIN e s ON s.id = u.id AND s.role = 'staff'
        LEFT JOIN e a ON a.id = u.id AND a.role = 'district_admin'
        LEFT JOIN sc ts ON ts.person = u.id AND ts.role = 'teacher'
        LEFT JOIN sc ss ON ss.person = u.id AND ss.role = 'staff'
        LEFT JOIN ti sh ON sh.person = s.person AND sh.role = 'staff'
        LEFT JOIN ti ah ON ah.person = a.person AND ah.role = 'district_admin')"""
