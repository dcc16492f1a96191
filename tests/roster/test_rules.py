"""Every rule of the table is triggered here, and its effect is looked at in the roster."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest

from roster.rules import RULES, Effect
from roster.schema import TABLES, Type
from tests.roster.rosters import SOUND, Row, plus, read, rows

# A further sound row of each table, to be made faulty.
_FURTHER: dict[str, Row] = {
    "orgs": {**SOUND["orgs"][1], "sourced_id": "S9"},
    "academic_sessions": {**SOUND["academic_sessions"][0], "sourced_id": "Y9"},
    "courses": {**SOUND["courses"][0], "sourced_id": "K9"},
    "classes": {**SOUND["classes"][0], "sourced_id": "C9"},
    "users": {**SOUND["users"][0], "sourced_id": "U9", "username": "nina"},
    "roles": {**SOUND["roles"][1], "role": "administrator"},
    "enrollments": {**SOUND["enrollments"][0], "user_sourced_id": "U2"},
    "relationships": {**SOUND["relationships"][0], "role": "guardian"},
    "demographics": {**SOUND["demographics"][0], "user_sourced_id": "U2"},
    "user_flags": {**SOUND["user_flags"][0], "flag": "ELL"},
}
# Rows that are dropped, to be referenced.
_DROPPED: dict[str, Row] = {
    "orgs": {**_FURTHER["orgs"], "sourced_id": "SX", "name": None},
    "academic_sessions": {**_FURTHER["academic_sessions"], "sourced_id": "YX", "title": None},
    "courses": {**_FURTHER["courses"], "sourced_id": "KX", "title": None},
    "classes": {**_FURTHER["classes"], "sourced_id": "CX", "title": None},
    "users": {**_FURTHER["users"], "sourced_id": "UX", "username": "twin"},
}
_WRONG = {"enum": "nonsense", "format": "nonsense", "required": None, "missing": "nowhere"}
_WRONG_DROPPED = {table: row["sourced_id"] for table, row in _DROPPED.items()}


def _row_examples() -> dict[str, tuple[str, list[Row]]]:
    """For each rule on one column: the further row of its table with one wrong value."""
    examples: dict[str, tuple[str, list[Row]]] = {}
    for rule in RULES.values():
        what = rule.id.rpartition(".")[2]
        if rule.table not in TABLES or rule.id.count(".") != 2 or not rule.column:
            continue
        further = _FURTHER[rule.table]
        if what in _WRONG:
            examples[rule.id] = (rule.table, [{**further, rule.column: _WRONG[what]}])
        elif what == "dropped":
            target = TABLES[rule.table][rule.column].references or ""
            examples[rule.id] = (rule.table, [{**further, rule.column: _WRONG_DROPPED[target]}])
        elif what == "order":
            examples[rule.id] = (rule.table, [{**further, "end_date": "2020-01-01"}])
        elif what == "whitespace":
            examples[rule.id] = (rule.table, [{**further, rule.column: "an id"}])
    return examples


def _duplicates() -> dict[str, tuple[str, list[Row]]]:
    examples: dict[str, tuple[str, list[Row]]] = {}
    for table in TABLES.values():
        further = _FURTHER[table.name]
        if table.unique:
            (column,) = table.unique
            examples[f"{table.name}.{column}.duplicate"] = (table.name, [further, further])
        else:
            examples[f"{table.name}.row.duplicate"] = (table.name, [further, further])
    return examples


EXAMPLES: dict[str, tuple[str, list[Row]]] = {
    **_row_examples(),
    **_duplicates(),
    "orgs.sourced_id.conflict": (
        "orgs", [_FURTHER["orgs"], {**_FURTHER["orgs"], "name": "Another"}]),
    "academic_sessions.sourced_id.conflict": (
        "academic_sessions",
        [_FURTHER["academic_sessions"], {**_FURTHER["academic_sessions"], "title": "Another"}]),
    "courses.sourced_id.conflict": (
        "courses", [_FURTHER["courses"], {**_FURTHER["courses"], "title": "Another"}]),
    "classes.sourced_id.conflict": (
        "classes", [_FURTHER["classes"], {**_FURTHER["classes"], "title": "Another"}]),
    "users.sourced_id.conflict": (
        "users", [_FURTHER["users"], {**_FURTHER["users"], "given_name": "Another"}]),
    "demographics.user_sourced_id.conflict": (
        "demographics",
        [_FURTHER["demographics"], {**_FURTHER["demographics"], "sex": "male"}]),
    "users.role.none": ("users", [_FURTHER["users"]]),
    "users.contact.incomplete": (
        "relationships",
        [{"user_sourced_id": "U1", "relationship_user_sourced_id": "U2", "role": "other"}]),
    "users.username.none": ("users", [{**_FURTHER["users"], "username": None}]),
    "users.username.shared": ("users", [{**_FURTHER["users"], "username": "ADA"}]),
    "classes.teachers.none": ("classes", [_FURTHER["classes"]]),
    "classes.students.none": ("classes", [_FURTHER["classes"]]),
    "enrollments.role.student_teaching": (
        "enrollments", [{**_FURTHER["enrollments"], "role": "teacher"}]),
    "enrollments.role.contact": ("enrollments", [{**_FURTHER["enrollments"], "role": "Parent"}]),
    "enrollments.role.staff_studying": (
        "enrollments", [{**_FURTHER["enrollments"], "user_sourced_id": "T1"}]),
}  # fmt: skip
# Rules that other tests of this file trigger, or that belong to reading files.
_ELSEWHERE = {"users.sourced_id.differs", "users.sourced_id.ambiguous"} | {
    rule for rule in RULES if rule.startswith("csv.")
}
# Rules about several sources, overrides and selections; see the tests of these.
_ELSEWHERE |= {"users.sourced_id.two_people", "users.sourced_id.unlinked"} | {
    rule
    for rule in RULES
    if rule.startswith(("overrides.", "select.")) or rule.endswith(".sources")
}


def _tables(rule: str, table: str, added: list[Row]) -> dict[str, list[Row]]:
    tables = plus(SOUND, **{table: added})
    if rule.endswith(".dropped"):
        dropped = {name: [row] for name, row in _DROPPED.items()}
        dropped["users"].append({**_DROPPED["users"], "sourced_id": "UY"})
        student = SOUND["roles"][0]
        dropped["roles"] = [{**student, "user_sourced_id": key} for key in ("UX", "UY")]
        tables = plus(plus(SOUND, **dropped), **{table: added})
    if rule == "users.username.shared":
        tables = plus(tables, roles=[{**SOUND["roles"][0], "user_sourced_id": "U9"}])
    if rule == "users.contact.incomplete":
        tables["users"] = [{**row, "email": None} for row in tables["users"]]
    return tables


def test_every_rule_has_an_example() -> None:
    assert set(EXAMPLES) | _ELSEWHERE == set(RULES)


def test_sound_tables_break_no_rule(con: duckdb.DuckDBPyConnection) -> None:
    roster = read(con, SOUND)
    assert list(roster.findings()) == []
    assert roster.counts() == {name: len(rows) for name, rows in SOUND.items()}
    assert not any(roster.dropped().values())


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_a_rule_fires_and_has_its_effect(con: duckdb.DuckDBPyConnection, rule_id: str) -> None:
    rule = RULES[rule_id]
    table, added = EXAMPLES[rule_id]
    roster = read(con, _tables(rule_id, table, added))
    found = [finding for finding in roster.findings() if finding.rule == rule_id]
    assert found
    assert {finding.severity for finding in found} == {rule.severity}
    assert all(finding.message and finding.hint and finding.line for finding in found)
    kept = _kept(con, table, found[-1].line)
    if rule.effect is Effect.DROP:
        assert kept == []
        assert roster.dropped()[table] >= 1
        _check_doubt(con, table, added[-1])
    elif rule_id.endswith("duplicate"):
        assert kept == []
        assert roster.dropped()[table] == 1
    elif rule.effect is Effect.BLANK:
        place = [column.name for column in TABLES[table].columns].index(rule.column)
        column = TABLES[table][rule.column]
        blank = None if column.default == "NULL" else True
        assert kept[0][place] == ([] if column.type in (Type.ID_LIST, Type.ENUM_LIST) else blank)
    elif rule.table == table:
        assert len(kept) == 1


def _kept(
    con: duckdb.DuckDBPyConnection, table: str, line: int | None
) -> Sequence[tuple[object, ...]]:
    assert line is not None
    return rows(con, f"SELECT * FROM {table} WHERE origin_row = {line - 2}")


def _check_doubt(con: duckdb.DuckDBPyConnection, table: str, dropped: Row) -> None:
    """The key of a dropped row is uncertain, or counted as unreadable."""
    shape = TABLES[table]
    key = [dropped.get(column) for column in shape.key]
    if not shape.kind:
        assert rows(con, f"SELECT * FROM unreadable WHERE tbl = '{table}'") == []
    elif None in key:
        assert rows(con, f"SELECT lines FROM unreadable WHERE tbl = '{table}'") == [(1,)]
    else:
        found = rows(con, f"SELECT key, key2 FROM uncertain WHERE kind = '{shape.kind}'")
        assert tuple([*key, None][:2]) in found


@pytest.mark.parametrize(
    ("rule_id", "kind"), [("roles.grade.enum", "role"), ("users.email.format", "user")]
)
def test_a_blanked_value_that_groups_or_matching_hang_on_is_uncertain(
    con: duckdb.DuckDBPyConnection, rule_id: str, kind: str
) -> None:
    table, added = EXAMPLES[rule_id]
    read(con, _tables(rule_id, table, added))
    key = added[-1][TABLES[table].key[0]]
    assert (kind, key, None) in rows(con, "FROM uncertain")


def test_a_blanked_value_that_nothing_hangs_on_leaves_all_certain(
    con: duckdb.DuckDBPyConnection,
) -> None:
    table, added = EXAMPLES["users.phone.format"]
    read(con, _tables("users.phone.format", table, added))
    assert rows(con, "FROM uncertain") == []
