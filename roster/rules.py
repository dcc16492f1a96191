"""The rules as a table. A rule's id is `table.column.what`; `csv.what` for what reading found.

An error drops the row; a warning blanks the value, or only says so where nothing is to be blanked.
This is School Data Sync's own scheme, see
https://learn.microsoft.com/en-us/schooldatasync/data-health-and-monitoring

Most rules follow from the schema. The predicate of a row rule is SQL over one row, where
`text_x` is the cleaned text that was given for column x and `x` is the value that it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from roster.finding import Severity
from roster.normalise import pieces
from roster.schema import TABLES, TELLING, Column, Table, Type


class Effect(Enum):
    """What a rule does to the row that breaks it."""

    DROP = auto()
    BLANK = auto()
    KEEP = auto()


@dataclass(frozen=True)
class Rule:
    """One rule. `predicate`: SQL over a row, for rules that one row decides; else ""."""

    id: str
    table: str
    column: str
    effect: Effect
    message: str
    hint: str
    predicate: str = ""

    @property
    def severity(self) -> Severity:
        """Only what costs a row is an error."""
        return "error" if self.effect is Effect.DROP else "warning"


_FORMS = {
    Type.EMAIL: "an e-mail address such as name@contoso.edu",
    Type.PHONE: "digits, with a leading + where international, such as +14255550100",
    Type.YEAR: "the four digits of the year in which it ends, such as 2026",
    Type.DATE: "YYYY-MM-DD, YYYYMMDD or M/D/YYYY",
}
_ORDER = "end_date < start_date"


def _understood(table: Table, column: Column) -> Iterator[Rule]:
    """The value was given, and must be one that the column's type knows."""
    effect = Effect.DROP if column.required else Effect.BLANK
    name, text = column.name, f"text_{column.name}"
    if column.values is not None:
        hint = (
            f"allowed: {', '.join(column.values.values)};"
            f" or say under mappings.{column.values.name} what your value means"
        )
        predicate = f"{text} IS NOT NULL AND {name} IS NULL"
        if column.type is Type.ENUM_LIST:
            predicate = f"len({pieces(text)}) > len({name})"
        yield Rule(
            f"{table.name}.{name}.enum", table.name, name, effect,
            "the value is not one of the list", hint, predicate,
        )  # fmt: skip
    elif column.type in _FORMS:
        yield Rule(
            f"{table.name}.{name}.format", table.name, name, effect,
            "the value cannot be read", f"expected: {_FORMS[column.type]}",
            f"{text} IS NOT NULL AND {name} IS NULL",
        )  # fmt: skip


def _references(table: Table, column: Column) -> Iterator[Rule]:
    effect = Effect.DROP if column.required else Effect.BLANK
    yield Rule(
        f"{table.name}.{column.name}.missing", table.name, column.name, effect,
        f"no such id in {column.references}",
        f"add it to {column.references}, or correct the id here (ids are case-sensitive)",
    )  # fmt: skip
    yield Rule(
        f"{table.name}.{column.name}.dropped", table.name, column.name, effect,
        f"the row of {column.references} with this id was dropped",
        "mend that row first; this finding then goes away by itself",
    )  # fmt: skip


def _of_column(table: Table, column: Column) -> Iterator[Rule]:
    name = column.name
    if column.required:
        yield Rule(
            f"{table.name}.{name}.required", table.name, name, Effect.DROP,
            "a required value is missing", "fill it in",
            f"text_{name} IS NULL",
        )  # fmt: skip
    yield from _understood(table, column)
    if name == "sourced_id":
        yield Rule(
            f"{table.name}.{name}.whitespace", table.name, name, Effect.KEEP,
            "the id contains white space",
            "use ids without white space: other systems refuse or change such ids",
            rf"regexp_matches({name}, '[\s\x{{a0}}]')",
        )  # fmt: skip
    if name == "end_date":
        required = column.required
        yield Rule(
            f"{table.name}.{name}.order", table.name, name,
            Effect.DROP if required else Effect.BLANK,
            "it ends before it starts", "correct one of the two dates", _ORDER,
        )  # fmt: skip
    if column.references:
        yield from _references(table, column)


def _unique(table: Table) -> Iterator[Rule]:
    if not table.unique:
        yield Rule(
            f"{table.name}.row.duplicate", table.name, "", Effect.KEEP,
            "the same row stands here twice; one is kept", "remove the second",
        )  # fmt: skip
        return
    (column,) = table.unique
    yield Rule(
        f"{table.name}.{column}.duplicate", table.name, column, Effect.KEEP,
        "the same row stands here twice; one is kept", "remove the second",
    )  # fmt: skip
    yield Rule(
        f"{table.name}.{column}.conflict", table.name, column, Effect.DROP,
        "another row has this id and other values; the first row is kept",
        "an id names one thing: correct the id, or remove the wrong row",
    )  # fmt: skip


_BY_HAND = (
    Rule(
        "users.sourced_id.differs", "users", "sourced_id", Effect.KEEP,
        "this person's rows for several schools differ; the first row's values are used",
        "write the same name and details on each of the person's rows",
    ),
    Rule(
        "users.sourced_id.ambiguous", "users", "sourced_id", Effect.DROP,
        "a student and a teacher with different usernames have this id",
        "give the two people different ids, or one person the same username in both files",
    ),
    Rule(
        "users.username.none", "users", "username", Effect.KEEP,
        "the person has no username: no account is found by it, and none is made unless "
        "people.usernames has a template",
        "fill it in, or set a template",
        "text_username IS NULL",
    ),
    Rule(
        "users.username.shared", "users", "username", Effect.DROP,
        "several people have this username, so none of them can be matched safely",
        "give each person a username of their own",
    ),
    Rule(
        "users.role.none", "users", "sourced_id", Effect.KEEP,
        "the person has no role in any org", "add the person to the roles, or remove the person",
    ),
    Rule(
        "users.contact.incomplete", "users", "sourced_id", Effect.KEEP,
        "a contact needs given name, family name and e-mail address",
        "fill in what is missing, or remove the relationship",
    ),
    Rule(
        "classes.teachers.none", "classes", "sourced_id", Effect.KEEP,
        "the class has no teacher", "enroll a teacher, or remove the class",
    ),
    Rule(
        "classes.students.none", "classes", "sourced_id", Effect.KEEP,
        "the class has no student", "enroll students, or remove the class",
    ),
    Rule(
        "enrollments.role.student_teaching", "enrollments", "role", Effect.KEEP,
        "the person is only a student, but is enrolled in a staff role",
        "correct the role here, or give the person a staff role in the org",
    ),
    Rule(
        "enrollments.role.staff_studying", "enrollments", "role", Effect.KEEP,
        "the person is only staff, but is enrolled as a student",
        "correct the role here, or give the person the role student in the org",
    ),
    Rule(
        "enrollments.role.contact", "enrollments", "role", Effect.KEEP,
        "a guardian, parent or relative is enrolled; the person is not put into the class",
        "leave the row out: contacts belong to the student, not to the class; or enroll the person "
        "in the role of a student or of staff",
    ),
    Rule(
        "csv.fields", "", "", Effect.DROP,
        "the line has more or fewer values than the header has columns",
        "quote values that contain the delimiter, and write every column",
    ),
    Rule(
        "csv.quote", "", "", Effect.DROP,
        "the line has a stray quotation mark",
        'write a quotation mark inside a value twice, and quote the whole value: "5"" pipe"',
    ),
    Rule(
        "csv.line_break", "", "", Effect.KEEP,
        "a value contains a line break, which was read as a space", "remove the line break",
    ),
    Rule(
        "csv.encoding", "", "", Effect.KEEP,
        "the file is not UTF-8; it was read as Windows-1252", "save the file as UTF-8",
    ),
    Rule(
        "csv.columns", "", "", Effect.KEEP,
        "columns that this format does not know were not read",
        "remove them, or correct their names",
    ),
    Rule(
        "csv.unused", "", "", Effect.KEEP,
        "the file holds nothing that a roster takes; it was not read",
        "nothing needs to be done; leave it out to be rid of this notice",
    ),
    Rule(
        "csv.unannounced", "", "", Effect.KEEP,
        "the manifest says that this file is absent; it is there, and was read",
        "write bulk for it in manifest.csv, or leave the file out",
    ),
    Rule(
        "csv.version", "", "", Effect.KEEP,
        "the manifest names another version of OneRoster than the files and columns are of; these "
        "were followed",
        "write under oneroster.version what the files are: 1.1 has role and orgSourcedIds in "
        "users.csv, 1.2 has roles.csv",
    ),
)  # fmt: skip


_TOGETHER = (
    Rule(
        "users.sourced_id.two_people", "users", "sourced_id", Effect.DROP,
        "two sources give this id to people with different names who have nothing else in common",
        "name the source whose ids are its own under merge.own_ids, or correct one of the ids",
    ),
    Rule(
        "users.sourced_id.unlinked", "users", "sourced_id", Effect.KEEP,
        "by merge.same_people this person is one with several people of one source, so that nobody "
        "was taken for one",
        "give every person of a source a value of their own, or take the column out of same_people",
    ),
    Rule(
        "select.pattern.unmatched", "", "", Effect.KEEP,
        "nothing in the roster matches this pattern of a rule under select",
        "correct it, or take it out; * stands for any letters, ? for one",
    ),
    Rule(
        "overrides.table.enum", "overrides", "table", Effect.DROP,
        "no such table", f"allowed: {', '.join(TABLES)}",
    ),
    Rule(
        "overrides.key.missing", "overrides", "key", Effect.DROP,
        "no such row in the roster, so nothing was changed",
        "ids are case-sensitive; an enrollment is class/user, a role user/org, a relationship "
        "student/contact; a row that was dropped for a fault cannot be corrected here",
    ),
    Rule(
        "overrides.row.twice", "overrides", "key", Effect.DROP,
        "an earlier line already changes this column of this row; the first line is used",
        "keep one of the two lines",
    ),
    Rule(
        "overrides.row.needless", "overrides", "key", Effect.KEEP,
        "the sources say the same by themselves", "remove the line",
    ),
    Rule(
        "overrides.expires.format", "overrides", "expires", Effect.DROP,
        "the date cannot be read, so the line was not used", f"expected: {_FORMS[Type.DATE]}",
    ),
    Rule(
        "overrides.expires.past", "overrides", "expires", Effect.KEEP,
        "the line has expired and is not used", "remove it, or write a later day",
    ),
)  # fmt: skip


def changeable(table: Table) -> tuple[str, ...]:
    """What an override may name as the column of a table."""
    columns = [c.name for c in table.columns if c.name not in table.key]
    return (*columns, "drop", *(["add"] if table.name == "enrollments" else []))


def _of_many_sources() -> Iterator[Rule]:
    for column in TELLING:
        yield Rule(
            f"users.{column}.sources", "users", column, Effect.KEEP,
            "a person of another source has this value, and another id",
            f"if the two are one person, add {column} to merge.same_people, or give both the same "
            "id in both systems; if they are not, correct the value",
        )  # fmt: skip
    for table in TABLES.values():
        yield Rule(
            f"overrides.column.{table.name}", "overrides", "column", Effect.DROP,
            f"{table.name} has no such column that can be changed",
            f"allowed: {', '.join(changeable(table))}",
        )  # fmt: skip


def _all() -> Iterator[Rule]:
    for table in TABLES.values():
        for column in table.columns:
            yield from _of_column(table, column)
        yield from _unique(table)
    yield from _BY_HAND
    yield from _TOGETHER
    yield from _of_many_sources()


RULES: MappingProxyType[str, Rule] = MappingProxyType({rule.id: rule for rule in _all()})


def row_rules(table: str) -> tuple[Rule, ...]:
    """The rules that one row of a table decides, in a fixed order: a rule's place is its bit."""
    return tuple(rule for rule in RULES.values() if rule.table == table and rule.predicate)
