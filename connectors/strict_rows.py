"""The rows of a OneRoster file held to the letter, as SQL over the raw table that was read of it.

Design note. Each column is one scan: a bit for each clause that a cell breaks, and only cells with
a bit are looked at again. Files come in an order in which those that are cited are there already;
of these, `strict_<file>` keeps the ids and what further clauses compare. As the standard has it,
references are followed only between whole (bulk) files: what a delta cites may have come earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import duckdb

from connectors.csvfile import BROKEN, RAW, SHIFTS
from connectors.oneroster_binding import SECRETS, BoundColumn, Kind
from roster.ledger import VALUE_LENGTH
from roster.schema import literal, quoted

FOUND = "strict_found"
_COLUMNS = "clause VARCHAR, file VARCHAR, line UBIGINT, col VARCHAR, value VARCHAR"
_STATUS = ("status", "dateLastModified")

# Target file → its columns that clauses of other files compare.
_KEPT: Mapping[str, tuple[str, ...]] = {
    "orgs": ("type",),
    "academicSessions": ("type", "startDate", "endDate"),
    "courses": (),
    "classes": ("termSourcedIds",),
    "users": ("primaryOrgSourcedId",),
    "userProfiles": ("userSourcedId",),
    "resources": (),
}
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True)
class Rows:
    """The raw table of a file. `file`: its name as delivered; `name`: as the standard has it.

    `places`: the columns of the standard that are there. `whole`: bulk. `known`: whole files that
    were read before.
    """

    file: str
    name: str
    places: Mapping[BoundColumn, int]
    whole: bool
    known: frozenset[str]

    def cell(self, name: str) -> str:
        """SQL: the cell of a column; NULL where the file has no such column."""
        at = {column.name: place for column, place in self.places.items()}
        return f"c{at[name]}" if name in at else "NULL::VARCHAR"


def start(con: duckdb.DuckDBPyConnection) -> None:
    """Make the empty table of what is found."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {FOUND} ({_COLUMNS})")


def finish(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the tables of ids."""
    for name in _KEPT:
        con.execute(f"DROP TABLE IF EXISTS strict_{name}")


def check_rows(con: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    """Hold the rows of a file to every clause, and keep what later files may cite."""
    con.execute(
        f"""INSERT INTO {FOUND} SELECT 'oneroster.' || rule, {literal(rows.file)}, line, col, value
        FROM {BROKEN}"""
    )
    for column, place in rows.places.items():
        if column.name not in SECRETS:
            _check_cells(con, rows, column, f"c{place}")
    for check in (_unique, _references, *_BY_FILE.get(rows.name, ())):
        for clause, column, query in check(rows):
            _note(con, rows, clause, column, query)
    if rows.whole and rows.name in _KEPT:
        _keep(con, rows)
    if rows.name == "roles" and rows.whole and "users" in rows.known:
        _check_primary_orgs(con, rows)


def _note(con: duckdb.DuckDBPyConnection, rows: Rows, clause: str, column: str, query: str) -> None:
    """`query`: SQL that answers (row, value)."""
    con.execute(
        f"""
        INSERT INTO {FOUND}
        SELECT {literal(clause)}, {literal(rows.file)}, s.line + (q.row - s.row),
            {literal(column)}, left(value, {VALUE_LENGTH})
        FROM ({query}) q ASOF JOIN {SHIFTS} s ON q.row >= s.row
        """
    )


def _keep(con: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    more = "".join(f", trim({rows.cell(name)}) AS {quoted(name)}" for name in _KEPT[rows.name])
    known = f"trim({rows.cell('sourcedId')}) AS id, {literal(rows.file)} AS file"
    # A line that is no record still has its id, and whoever cites it is not to blame.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE strict_{rows.name} AS
        SELECT {known}, s.line + (r.rowid - s.row) AS line{more}
        FROM {RAW} r ASOF JOIN {SHIFTS} s ON r.rowid >= s.row
        UNION ALL BY NAME
        SELECT {known}, line FROM {BROKEN} WHERE rule <> 'csv.line_break'
        """
    )


# Cells


def _check_cells(
    con: duckdb.DuckDBPyConnection, rows: Rows, column: BoundColumn, cell: str
) -> None:
    clauses = list(_clauses(column, whole=rows.whole))
    bits = " + ".join(
        f"CASE WHEN {broken} THEN {1 << bit} ELSE 0 END" for bit, (_, broken) in enumerate(clauses)
    )
    faults = f"SELECT rowid AS row, {cell} AS v, {bits} AS faults FROM {RAW}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE strict_faults AS FROM ({faults}) WHERE faults <> 0")
    for bit, (clause, _) in enumerate(clauses):
        query = f"SELECT row, coalesce(v, '') AS value FROM strict_faults WHERE faults & {1 << bit}"
        _note(con, rows, clause, column.name, f"{query} <> 0")
    con.execute("DROP TABLE strict_faults")


def _clauses(column: BoundColumn, *, whole: bool) -> Iterator[tuple[str, str]]:
    """(clause, SQL over the cell `v` that is true where it is broken)."""
    if column.name in _STATUS and whole:
        yield "oneroster.bulk.status", "trim(v) <> ''"
    if column.name in _STATUS and not whole:
        yield "oneroster.delta.status", "coalesce(trim(v), '') = ''"
    if column.required:
        yield "oneroster.required", "coalesce(trim(v), '') = ''"
    yield "oneroster.empty", "v <> '' AND trim(v) = ''"
    if column.several:
        empty = _any_item("trim(item) = ''")
        yield "oneroster.list.empty", f"trim(v) <> '' AND {empty}"
        yield "oneroster.list.blanks", _any_item("trim(item) NOT IN (item, '')")
    for clause, broken in _KIND_CLAUSES[column.kind](column):
        one = broken("v")
        yield (
            clause,
            _any_item(f"trim(item) <> '' AND {broken('trim(item)')}")
            if column.several
            else f"trim(v) <> '' AND {one}",
        )


def _any_item(broken: str) -> str:
    return f"len(list_filter(string_split(v, ','), lambda item: {broken})) > 0"


_Broken = Callable[[str], str]
_KindClauses = Callable[[BoundColumn], Iterator[tuple[str, _Broken]]]


def _unlike(clause: str, pattern: str, more: str = "true") -> _KindClauses:
    """One clause: the value has to be of a form, and `more`, SQL over {v}, has to be true."""

    def clauses(_: BoundColumn) -> Iterator[tuple[str, _Broken]]:
        yield (
            clause,
            lambda v: (
                f"NOT (regexp_full_match({v}, {literal(pattern)}) AND {more.replace('{v}', v)})"
            ),
        )

    return clauses


def _of_guid(_: BoundColumn) -> Iterator[tuple[str, _Broken]]:
    yield "oneroster.guid.length", lambda v: f"length({v}) > 255"
    yield "oneroster.guid.characters", lambda v: f"NOT regexp_full_match({v}, '[A-Za-z0-9._/@-]+')"


def _of_word(column: BoundColumn) -> Iterator[tuple[str, _Broken]]:
    words = ", ".join(map(literal, column.words.words))
    lower = ", ".join(literal(word.lower()) for word in column.words.words)
    form = "ext:[A-Za-z0-9._-]+" if column.words.extensible else "[^\\s\\S]"

    def extended(v: str) -> str:
        return f"lower({v}) LIKE 'ext:%'"

    yield (
        "oneroster.ext",
        lambda v: f"({extended(v)} AND NOT regexp_full_match({v}, {literal(form)}))",
    )
    yield (
        "oneroster.vocabulary.case",
        lambda v: f"({v} NOT IN ({words}) AND lower({v}) IN ({lower}))",
    )
    yield (
        "oneroster.vocabulary.unknown",
        lambda v: f"(lower({v}) NOT IN ({lower}) AND NOT {extended(v)})",
    )


def _of_text(_: BoundColumn) -> Iterator[tuple[str, _Broken]]:
    yield from ()


_KIND_CLAUSES: Mapping[Kind, _KindClauses] = {
    Kind.TEXT: _of_text,
    Kind.GUID: _of_guid,
    Kind.WORD: _of_word,
    Kind.DATE: _unlike("oneroster.date.form", _DAY, "try_cast({v} AS DATE) IS NOT NULL"),
    Kind.DATE_TIME: _unlike(
        "oneroster.datetime.form",
        _DAY + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
        "try_cast({v} AS TIMESTAMP) IS NOT NULL",
    ),
    Kind.YEAR: _unlike("oneroster.year.form", "[0-9]{4}"),
    Kind.BOOLEAN: _unlike("oneroster.boolean.form", "true|false"),
    Kind.USER_IDS: _unlike("oneroster.userids.form", r"\{[^{}:]+:[^{}]+\}"),
}

# Rows against each other and against other files. A check answers (clause, column, query).
_Found = Iterator[tuple[str, str, str]]


def _unique(rows: Rows) -> _Found:
    key = rows.cell("sourcedId")
    yield (
        "oneroster.guid.unique",
        "sourcedId",
        f"""SELECT rowid AS row, {key} AS value FROM {RAW}
        WHERE hash({key}) IN (SELECT hash({key}) FROM {RAW} WHERE {key} <> ''
                              GROUP BY 1 HAVING count(*) > 1)
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY rowid) > 1""",
    )


def _cited(rows: Rows, name: str, *, several: bool = False) -> str:
    """SQL: (row, item) for each id in a column."""
    cell = rows.cell(name)
    item = f"unnest(string_split({cell}, ','))" if several else cell
    return f"SELECT rowid AS row, trim({item}) AS item FROM {RAW} WHERE trim({cell}) <> ''"


def _references(rows: Rows) -> _Found:
    for column in rows.places:
        target = f"SELECT id FROM strict_{column.target}"
        if column.target == rows.name:
            target = f"SELECT trim({rows.cell('sourcedId')}) AS id FROM {RAW}"
        elif column.target not in rows.known:
            continue
        if rows.whole:
            yield (
                "oneroster.reference.missing",
                column.name,
                f"""SELECT row, item AS value
                FROM ({_cited(rows, column.name, several=column.several)})
                ANTI JOIN ({target}) ON item = id WHERE item <> ''""",
            )


def _wrong_type(clause: str, column: str, target: str, kind: str) -> Callable[[Rows], _Found]:
    def check(rows: Rows) -> _Found:
        if rows.whole and target in rows.known:
            yield (
                clause,
                column,
                f"""SELECT row, item AS value FROM ({_cited(rows, column)})
                JOIN strict_{target} ON item = id WHERE lower("type") <> {literal(kind)}""",
            )

    return check


def _profiles(rows: Rows) -> _Found:
    if rows.whole and "userProfiles" in rows.known:
        user = rows.cell("userSourcedId")
        yield (
            "oneroster.reference.profile",
            "userProfileSourcedId",
            f"""SELECT row, item AS value FROM ({_cited(rows, "userProfileSourcedId")})
            JOIN strict_userProfiles ON item = id JOIN {RAW} r ON r.rowid = row
            WHERE "userSourcedId" <> trim({user})""",
        )


def _school_years(rows: Rows) -> _Found:
    last_day = f"try_cast({rows.cell('endDate')} AS DATE) - 1"
    year = rows.cell("schoolYear")
    yield (
        "oneroster.year.end",
        "schoolYear",
        f"""SELECT rowid AS row, {year} AS value FROM {RAW}
        WHERE lower({rows.cell("type")}) = 'schoolyear' AND regexp_full_match({year}, '[0-9]{{4}}')
            AND {year} <> year({last_day})::VARCHAR""",
    )


def _subjects(rows: Rows) -> _Found:
    codes, subjects = rows.cell("subjectCodes"), rows.cell("subjects")
    yield (
        "oneroster.subjects.paired",
        "subjectCodes",
        f"""SELECT rowid AS row, {codes} AS value FROM {RAW}
        WHERE trim({codes}) <> '' AND trim({subjects}) <> ''
            AND len(string_split({codes}, ',')) <> len(string_split({subjects}, ','))""",
    )


def _primary_roles(rows: Rows) -> _Found:
    user, org = rows.cell("userSourcedId"), rows.cell("orgSourcedId")
    yield (
        "oneroster.roles.primary_once",
        "roleType",
        f"""SELECT rowid AS row, {rows.cell("roleType")} AS value FROM {RAW}
        WHERE lower({rows.cell("roleType")}) = 'primary'
        QUALIFY row_number() OVER (PARTITION BY {user}, {org} ORDER BY rowid) > 1""",
    )


def _primary_teachers(rows: Rows) -> _Found:
    role, primary = rows.cell("role"), rows.cell("primary")
    yield (
        "oneroster.enrollments.primary_role",
        "primary",
        f"""SELECT rowid AS row, {primary} AS value FROM {RAW}
        WHERE lower({primary}) = 'true' AND lower({role}) <> 'teacher'
            AND lower({role}) NOT LIKE 'ext:%'""",
    )
    first = f"coalesce(try_cast({rows.cell('beginDate')} AS DATE), DATE '0001-01-01')"
    end = f"coalesce(try_cast({rows.cell('endDate')} AS DATE), DATE '9999-12-31')"
    teachers = f"""SELECT rowid AS row, {rows.cell("classSourcedId")} AS class, {first} AS first,
            {end} AS "end", {primary} AS value FROM {RAW}
        WHERE lower({primary}) = 'true' AND lower({role}) = 'teacher'"""
    yield (
        "oneroster.enrollments.primary_once",
        "primary",
        f"""SELECT DISTINCT b.row, b.value FROM ({teachers}) a JOIN ({teachers}) b
        ON a.class = b.class AND a.row < b.row AND a.first < b."end" AND b.first < a."end\"""",
    )


def _enrollment_dates(rows: Rows) -> _Found:
    if not rows.whole or not {"classes", "academicSessions"} <= rows.known:
        return
    held = """SELECT c.id AS class, min(try_cast(s."startDate" AS DATE)) AS first,
            max(try_cast(s."endDate" AS DATE)) AS "end"
        FROM (SELECT id, trim(unnest(string_split("termSourcedIds", ','))) AS session
              FROM strict_classes) c
        JOIN strict_academicSessions s ON s.id = c.session GROUP BY c.id"""
    for column, outside in (("beginDate", "day < h.first"), ("endDate", 'day > h."end"')):
        cell = rows.cell(column)
        yield (
            "oneroster.enrollments.dates",
            column,
            f"""SELECT row, value FROM (
                SELECT rowid AS row, {cell} AS value, try_cast({cell} AS DATE) AS day,
                    trim({rows.cell("classSourcedId")}) AS class
                FROM {RAW} WHERE trim({cell}) <> '')
            JOIN ({held}) h USING (class) WHERE {outside}""",
        )


def _check_primary_orgs(con: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    """A clause of users.csv that only roles.csv can decide."""
    con.execute(
        f"""
        INSERT INTO {FOUND}
        SELECT 'oneroster.users.primary_org', u.file, u.line, 'primaryOrgSourcedId',
            left(u."primaryOrgSourcedId", {VALUE_LENGTH})
        FROM strict_users u
        ANTI JOIN (SELECT trim({rows.cell("userSourcedId")}) AS person,
                          trim({rows.cell("orgSourcedId")}) AS org FROM {RAW}) r
            ON r.person = u.id AND r.org = u."primaryOrgSourcedId"
        WHERE u."primaryOrgSourcedId" <> ''
        """
    )


_BY_FILE: Mapping[str, tuple[Callable[[Rows], _Found], ...]] = {
    "academicSessions": (_school_years,),
    "courses": (
        _subjects,
        _wrong_type(
            "oneroster.reference.school_year", "schoolYearSourcedId", "academicSessions",
            "schoolyear",
        ),
    ),
    "classes": (
        _subjects,
        _wrong_type("oneroster.reference.school", "schoolSourcedId", "orgs", "school"),
    ),
    "roles": (_primary_roles, _profiles),
    "enrollments": (
        _wrong_type("oneroster.reference.school", "schoolSourcedId", "orgs", "school"),
        _primary_teachers,
        _enrollment_dates,
    ),
}  # fmt: skip
