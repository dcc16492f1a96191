"""The roster's tables and columns as data: types, required columns, value lists, references.

Everything else reads this: normalising, the rules, the staging tables, the Parquet files.
Shapes follow OneRoster 1.2 (https://www.imsglobal.org/spec/oneroster/v1p2), required columns
follow School Data Sync v2.1
(https://learn.microsoft.com/en-us/schooldatasync/sds-v2.1-csv-file-format).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from roster import values
from roster.values import ValueList


class Type(Enum):
    """How a column's text is read; the value is the DuckDB type that it is kept as."""

    ID = ("id", "VARCHAR")
    TEXT = ("text", "VARCHAR")
    ENUM = ("enum", "VARCHAR")
    EMAIL = ("email", "VARCHAR")
    PHONE = ("phone", "VARCHAR")
    YEAR = ("year", "VARCHAR")
    DATE = ("date", "DATE")
    FLAG = ("flag", "BOOLEAN")
    ID_LIST = ("id list", "VARCHAR[]")
    TEXT_LIST = ("text list", "VARCHAR[]")
    ENUM_LIST = ("enum list", "VARCHAR[]")

    @property
    def sql(self) -> str:
        """The DuckDB type."""
        return self.value[1]


@dataclass(frozen=True)
class Column:
    """A column. `references`: the table whose `sourced_id` its values must be.

    `identifies`: a blanked value makes the row's entity uncertain, because matching or
    membership hangs on it. `default`: the SQL literal that stands where no value was given.
    """

    name: str
    type: Type = Type.TEXT
    required: bool = False
    values: ValueList | None = None
    references: str | None = None
    identifies: bool = False
    default: str = "NULL"


@dataclass(frozen=True)
class Table:
    """A table. `key`: the columns that name a row's entity, in findings and in `uncertain`.

    `unique`: the columns that no two rows share; () = whole rows are compared.
    `kind`: what a dropped row makes uncertain ('' = nothing hangs on such a row alone).
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: tuple[str, ...] = ()
    kind: str = ""

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _id(references: str | None = None, name: str = "", *, required: bool = False) -> Column:
    return Column(name, Type.ID, required, references=references)


_SOURCED_ID = Column("sourced_id", Type.ID, required=True)
_ACTIVE = Column("active", Type.FLAG, values=values.STATUS, default="true")
_DATES = (Column("start_date", Type.DATE), Column("end_date", Type.DATE))

# Order matters: a table stands after the tables that it references.
_ALL = (
    Table(
        "orgs",
        (
            _SOURCED_ID,
            Column("name", required=True),
            Column("type", Type.ENUM, required=True, values=values.ORG_TYPE),
            _id("orgs", "parent_sourced_id"),
            Column("identifier"),
            _ACTIVE,
        ),
        key=("sourced_id",),
        unique=("sourced_id",),
        kind="org",
    ),
    Table(
        "academic_sessions",
        (
            _SOURCED_ID,
            Column("title", required=True),
            Column("type", Type.ENUM, required=True, values=values.SESSION_TYPE),
            Column("school_year", Type.YEAR, required=True),
            Column("start_date", Type.DATE, required=True),
            Column("end_date", Type.DATE, required=True),
        ),
        key=("sourced_id",),
        unique=("sourced_id",),
    ),
    Table(
        "courses",
        (
            _SOURCED_ID,
            _id("orgs", "org_sourced_id", required=True),
            Column("title", required=True),
            Column("code"),
            _id("academic_sessions", "school_year_sourced_id"),
            Column("subjects", Type.TEXT_LIST),
            Column("grades", Type.ENUM_LIST, values=values.GRADE),
        ),
        key=("sourced_id",),
        unique=("sourced_id",),
    ),
    Table(
        "classes",
        (
            _SOURCED_ID,
            _id("orgs", "org_sourced_id", required=True),
            Column("title", required=True),
            Column("code"),
            _id("courses", "course_sourced_id"),
            Column(
                "session_sourced_ids",
                Type.ID_LIST,
                references="academic_sessions",
                identifies=True,
            ),
            _ACTIVE,
        ),
        key=("sourced_id",),
        unique=("sourced_id",),
        kind="class",
    ),
    Table(
        "users",
        (
            _SOURCED_ID,
            Column("username"),
            Column("given_name"),
            Column("family_name"),
            Column("middle_name"),
            Column("email", Type.EMAIL, identifies=True),
            Column("phone", Type.PHONE),
            Column("sms", Type.PHONE),
            Column("active_directory_match_id"),
            Column("identifier"),
            Column("master_identifier"),
            Column("sam_account_name"),
            Column("employee_id"),
            Column("preferred_given_name"),
            Column("preferred_family_name"),
            _ACTIVE,
        ),
        key=("sourced_id",),
        unique=("sourced_id",),
        kind="user",
    ),
    Table(
        "roles",
        (
            _id("users", "user_sourced_id", required=True),
            _id("orgs", "org_sourced_id", required=True),
            Column("role", Type.ENUM, required=True, values=values.ORG_ROLE),
            Column("grade", Type.ENUM, values=values.GRADE, identifies=True),
            _id("academic_sessions", "session_sourced_id"),
            Column("is_primary", Type.FLAG, values=values.BOOLEAN),
            *_DATES,
            _ACTIVE,
        ),
        key=("user_sourced_id",),
        kind="role",
    ),
    Table(
        "enrollments",
        (
            _id("classes", "class_sourced_id", required=True),
            _id("users", "user_sourced_id", required=True),
            Column("role", Type.ENUM, required=True, values=values.SECTION_ROLE),
            *_DATES,
            _ACTIVE,
        ),
        key=("class_sourced_id", "user_sourced_id"),
        kind="enrollment",
    ),
    Table(
        "relationships",
        (
            _id("users", "user_sourced_id", required=True),
            _id("users", "relationship_user_sourced_id", required=True),
            Column("role", Type.ENUM, required=True, values=values.RELATIONSHIP_ROLE),
        ),
        key=("user_sourced_id", "relationship_user_sourced_id"),
        kind="relationship",
    ),
    Table(
        "demographics",
        (
            _id("users", "user_sourced_id", required=True),
            Column("sex", Type.ENUM, values=values.SEX),
            Column("birth_date", Type.DATE),
            Column("birth_city"),
            Column("birth_state"),
            Column("birth_country"),
            Column("ethnicity_codes", Type.ENUM_LIST, values=values.ETHNICITY),
            Column("race_codes", Type.ENUM_LIST, values=values.RACE),
        ),
        key=("user_sourced_id",),
        unique=("user_sourced_id",),
    ),
    Table(
        "user_flags",
        (
            _id("users", "user_sourced_id", required=True),
            Column("flag", Type.ENUM, required=True, values=values.FLAG),
        ),
        key=("user_sourced_id",),
    ),
)

TABLES: MappingProxyType[str, Table] = MappingProxyType({table.name: table for table in _ALL})
# What may tell that people of two sources are one person. Names never do.
TELLING: tuple[str, ...] = (
    "username", "email", "active_directory_match_id", "identifier", "master_identifier",
    "sam_account_name", "employee_id",
)  # fmt: skip
# The columns that name a row, in `left_out` and in overrides; the first of them may be enough.
ROW_NAMES: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {name: table.key for name, table in TABLES.items()}
    | {
        "roles": ("user_sourced_id", "org_sourced_id", "role"),
        "enrollments": ("class_sourced_id", "user_sourced_id", "role"),
        "relationships": ("user_sourced_id", "relationship_user_sourced_id", "role"),
        "user_flags": ("user_sourced_id", "flag"),
    }
)
ORIGIN: tuple[tuple[str, str], ...] = (("origin_file", "UTINYINT"), ("origin_row", "UINTEGER"))

SIDE_TABLES: MappingProxyType[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "files": (
            ("id", "UTINYINT"),
            ("source", "VARCHAR"),
            ("name", "VARCHAR"),
            ("records", "UBIGINT"),
        ),
        "line_shifts": (("file", "UTINYINT"), ("row", "UINTEGER"), ("line", "UBIGINT")),
        "findings": (
            ("rule", "VARCHAR"),
            ("severity", "VARCHAR"),
            ("tbl", "VARCHAR"),
            ("file", "VARCHAR"),
            ("line", "UBIGINT"),
            ("col", "VARCHAR"),
            ("value", "VARCHAR"),
            ("entity", "VARCHAR"),
            ("cause", "VARCHAR"),
            ("message", "VARCHAR"),
            ("hint", "VARCHAR"),
        ),
        "uncertain": (("kind", "VARCHAR"), ("key", "VARCHAR"), ("key2", "VARCHAR")),
        "unreadable": (("tbl", "VARCHAR"), ("lines", "UBIGINT")),
        "left_out": (("rule", "VARCHAR"), ("kind", "VARCHAR"), ("key", "VARCHAR")),
        "renamed": (("source", "VARCHAR"), ("given", "VARCHAR"), ("sourced_id", "VARCHAR")),
    }
)


def columns_of(name: str) -> tuple[tuple[str, str], ...]:
    """(column, DuckDB type) of a roster table or side table, in their fixed order."""
    if name in SIDE_TABLES:
        return SIDE_TABLES[name]
    return (*((column.name, column.type.sql) for column in TABLES[name].columns), *ORIGIN)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
