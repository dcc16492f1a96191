"""Rules that say what of the sources is taken, by school, session, course, class, size or role.

Design note, when. Rules about names and ids apply before rows are checked against each other, so
that what is not wanted drops nothing that is. Rules about the size of a class apply after
that, when it is known who is in it. A class of which an enrollment is uncertain is left out all
the same where a rule says so, but is uncertain then: it is not made because of a faulty line, and
nobody is removed from it because of one.

Design note, safety. A rule that would leave nothing of its kind is refused: it is a slip of the
pen, or the system changed its ids, and neither means that everybody has left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import duckdb

from roster.errors import Refused
from roster.ledger import Ledger, number
from roster.left_out import follow, leave_out
from roster.rules import RULES
from roster.schema import TABLES, literal

SETTINGS = "rollcall.yaml"
_STUDENT = "role = 'student'"


@dataclass(frozen=True)
class Choice:
    """What a rule is about: schools, or classes, or roles. All that is named must be true.

    Patterns know * and ?, and no upper and lower case. `schools`: id or name, with all orgs below.
    `sessions`, `courses`, `classes`: of a class, by id, title or code. `students_below`,
    `students_above`, `teacherless`: who is in a class. `roles`: in an org.
    """

    schools: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    courses: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    students_below: int | None = None
    students_above: int | None = None
    teacherless: bool = False
    roles: tuple[str, ...] = ()

    @property
    def sized(self) -> bool:
        """Whether it takes a look into the classes."""
        return bool(self.students_below or self.students_above is not None or self.teacherless)

    @property
    def table(self) -> str:
        """The table that the choice is about."""
        return "orgs" if self.schools else "roles" if self.roles else "classes"


@dataclass(frozen=True)
class SelectRule:
    """A rule: what is chosen is left out, or all else is.

    `sources`, `at_schools`: the rows that the rule looks at (none: all).
    """

    name: str
    effect: Literal["leave_out", "keep_only"]
    choice: Choice
    sources: tuple[str, ...] = ()
    at_schools: tuple[str, ...] = ()


def select_by_name(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, rules: Sequence[SelectRule]
) -> None:
    """Apply the rules that need no look into the classes, one after the other."""
    for rule in rules:
        _Selecting(con, ledger, rule).report_unmatched()
    for rule in rules:
        if not rule.choice.sized:
            _Selecting(con, ledger, rule).apply()


def select_by_size(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, rules: Sequence[SelectRule], today: date
) -> None:
    """Apply the other rules, to rows that have been checked."""
    sized = [rule for rule in rules if rule.choice.sized]
    if not sized:
        return
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE attendance AS
        SELECT class_sourced_id, count(DISTINCT user_sourced_id) FILTER ({_STUDENT}) AS students,
            bool_or(NOT {_STUDENT}) AS taught
        FROM enrollments WHERE active AND coalesce(end_date, $today) >= $today
        GROUP BY class_sourced_id
        """,
        {"today": today},
    )
    for rule in sized:
        _Selecting(con, ledger, rule).apply()
    con.execute("DROP TABLE attendance")
    con.execute(
        """
        INSERT INTO uncertain SELECT 'class', key, NULL FROM left_out WHERE kind = 'class'
            AND key IN (SELECT key FROM uncertain WHERE kind = 'enrollment')
        """
    )


def matching(sql: str, patterns: Sequence[str]) -> str:
    """SQL: whether a text matches any of the patterns, in which * and ? stand for anything."""
    whole = "|".join(f"(?:{_expression(pattern)})" for pattern in patterns)
    return f"coalesce(regexp_full_match({sql}, {literal(f'(?is){whole}')}), false)"


def _expression(pattern: str) -> str:
    signs = {"*": ".*", "?": "."}
    return "".join(signs.get(sign) or re.escape(sign) for sign in pattern)


class _Selecting:
    """One rule at work."""

    def __init__(self, con: duckdb.DuckDBPyConnection, ledger: Ledger, rule: SelectRule) -> None:
        self._con = con
        self._ledger = ledger
        self._rule = rule
        self._keeping = rule.effect == "keep_only"

    def apply(self) -> None:
        """Leave out what the rule says, and what goes with it."""
        table = self._rule.choice.table
        before = self._size(table)
        if self._rule.choice.schools:
            self._by_school()
        else:
            chosen = self._of_role() if self._rule.choice.roles else self._of_class()
            self._leave_out(table, f"NOT ({chosen})" if self._keeping else chosen)
        follow(self._con)
        if before and not self._size(table):
            raise Refused(
                f"select: the rule “{self._rule.name}” leaves out every one of {before} {table};"
                " correct its patterns, or what the sources call things"
            )

    def _size(self, table: str) -> int:
        return number(self._con, f"SELECT count(*) FROM {table}")

    def _leave_out(self, table: str, condition: str) -> None:
        conditions = [f"({condition})"]
        if self._rule.sources:
            names = ", ".join(literal(source) for source in self._rule.sources)
            conditions.append(f"origin_file IN (SELECT id FROM files WHERE source IN ({names}))")
        if self._rule.at_schools:
            conditions.append(f"org_sourced_id IN ({self._orgs(self._rule.at_schools)})")
        leave_out(
            self._con,
            TABLES[table],
            f"SELECT {literal(self._rule.name)} AS rule, origin_file, origin_row FROM {table}"
            f" WHERE {' AND '.join(conditions)}",
        )

    def _by_school(self) -> None:
        """Rows that cite an org which is not there stay: the check of references judges them."""
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE chosen AS {self._orgs(self._rule.choice.schools)}"
        )
        unwanted, spared = "FROM chosen", "false"
        if self._keeping:
            unwanted = "SELECT sourced_id FROM orgs WHERE sourced_id NOT IN (FROM chosen)"
            spared = f"sourced_id IN ({_ABOVE})"
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE unwanted AS {unwanted}")
        for table in ("classes", "roles"):
            self._leave_out(table, "org_sourced_id IN (FROM unwanted)")
        self._leave_out("orgs", f"sourced_id IN (FROM unwanted) AND NOT ({spared})")
        self._con.execute("DROP TABLE chosen")
        self._con.execute("DROP TABLE unwanted")

    def _orgs(self, patterns: Sequence[str]) -> str:
        """SQL: the ids of the orgs that match, and of all below them."""
        found = f"{matching('sourced_id', patterns)} OR {matching('name', patterns)}"
        return f"""
            WITH RECURSIVE below AS (
                SELECT sourced_id FROM orgs WHERE {found}
                UNION
                SELECT o.sourced_id FROM orgs o JOIN below b ON o.parent_sourced_id = b.sourced_id)
            SELECT sourced_id FROM below"""

    def _of_role(self) -> str:
        return f"role IN ({', '.join(literal(role) for role in self._rule.choice.roles)})"

    def _of_class(self) -> str:
        choice = self._rule.choice
        conditions: list[str] = []
        if choice.classes:
            conditions.append(_named(choice.classes))
        if choice.courses:
            found = f"SELECT sourced_id FROM courses WHERE {_named(choice.courses)}"
            conditions.append(f"coalesce(course_sourced_id IN ({found}), false)")
        if choice.sessions:
            conditions.append(self._in_sessions(choice.sessions))
        conditions += self._peopled()
        return " AND ".join(conditions)

    def _in_sessions(self, patterns: Sequence[str]) -> str:
        """A class counts as wanted while any of its sessions is."""
        found = f"SELECT sourced_id FROM academic_sessions WHERE {_session(patterns)}"
        ids = f"(SELECT coalesce(list(sourced_id), []) FROM ({found}))"
        if self._keeping:
            return f"coalesce(list_has_any(session_sourced_ids, {ids}), false)"
        every = f"list_has_all({ids}, session_sourced_ids)"
        return f"coalesce(len(session_sourced_ids) > 0 AND {every}, false)"

    def _peopled(self) -> list[str]:
        choice = self._rule.choice
        conditions: list[str] = []
        if choice.students_below:
            conditions.append(f"NOT ({_attended(f'students >= {choice.students_below}')})")
        if choice.students_above is not None:
            conditions.append(_attended(f"students > {choice.students_above}"))
        if choice.teacherless:
            conditions.append(f"NOT ({_attended('taught')})")
        return conditions

    def report_unmatched(self) -> None:
        """Report the patterns of the rule that match nothing."""
        choice = self._rule.choice
        for patterns, table, columns in (
            (self._rule.at_schools, "orgs", ("sourced_id", "name")),
            (choice.schools, "orgs", ("sourced_id", "name")),
            (choice.sessions, "academic_sessions", ("sourced_id", "title")),
            (choice.courses, "courses", ("sourced_id", "title", "code")),
            (choice.classes, "classes", ("sourced_id", "title", "code")),
        ):
            for pattern in patterns:
                found = " OR ".join(matching(column, [pattern]) for column in columns)
                if not number(self._con, f"SELECT count(*) FROM {table} WHERE {found}"):
                    self._report(pattern)

    def _report(self, pattern: str) -> None:
        settings = _settings_file(self._con)
        self._ledger.report(
            RULES["select.pattern.unmatched"],
            f"SELECT {settings} AS file, {literal(pattern)} AS value,"
            f" {literal(self._rule.name)} AS entity",
        )


_ABOVE = """
    WITH RECURSIVE above AS (
        SELECT parent_sourced_id AS sourced_id FROM orgs WHERE sourced_id IN (FROM chosen)
        UNION
        SELECT o.parent_sourced_id FROM orgs o JOIN above a ON o.sourced_id = a.sourced_id)
    SELECT sourced_id FROM above WHERE sourced_id IS NOT NULL"""


def _attended(condition: str) -> str:
    return f"sourced_id IN (SELECT class_sourced_id FROM attendance WHERE {condition})"


def _named(patterns: Sequence[str]) -> str:
    return " OR ".join(matching(name, patterns) for name in ("sourced_id", "title", "code"))


def _session(patterns: Sequence[str]) -> str:
    return " OR ".join(matching(name, patterns) for name in ("sourced_id", "title"))


def _settings_file(con: duckdb.DuckDBPyConnection) -> int:
    """The number of the settings among the files; they only count as one where they are cited."""
    settings = f"source = '' AND name = {literal(SETTINGS)}"
    con.execute(
        f"INSERT INTO files SELECT max(id) + 1, '', {literal(SETTINGS)}, 0 FROM files"
        f" HAVING NOT bool_or({settings})"
    )
    return number(con, f"SELECT id FROM files WHERE {settings}")
