"""A PowerQuery with its arguments, as SQL that DuckDB can run, and the JSON of its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import duckdb

from .answers import Refusal, message
from .oracle import translate
from .store import KEYS
from .values import json_value, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .queries import Argument, Column, NamedQuery
    from .quirks import Quirks


class BrokenQuery(Exception):
    """The query cannot run; the server says that there is none. Its text is the reason."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """`sql`: rows with columns c0, c1, … ; `types`: theirs; `values`: of its parameters."""

    query: NamedQuery
    sql: str
    types: tuple[str, ...]
    values: dict[str, object]

    def json(self, quirks: Quirks, shown: list[int]) -> str:
        """SQL for a row's JSON, of the columns in `shown`."""
        core, key = self.query.core_table.upper(), self._core_key()
        cells = {
            i: json_value(f"c{i}", self.types[i], quirks, numbers=quirks.numbers_as_numbers)
            for i in shown
        }
        if self.query.flattened:
            marks = [] if key is None else [f"""'"_name":"{core}","_id":' || c{key}::VARCHAR"""]
            members = [f"""'"{_short(self.query.columns[i])}":' || {c}""" for i, c in cells.items()]
            return f"'{{' || concat_ws(',', {', '.join([*marks, *members])}) || '}}'"
        groups: dict[str, list[str]] = {}
        for i, cell in cells.items():
            table = _group(self.query.columns[i])
            groups.setdefault(table, []).append(
                f"""'"{_short(self.query.columns[i])}":' || {cell}"""
            )
        tables = [
            f"""'"{table}":' || json_block(concat_ws(',', {", ".join(members)}), NULL::VARCHAR)"""
            for table, members in groups.items()
        ]
        row_id = [] if key is None else [f"""'"id":' || c{key}::VARCHAR"""]
        marks = [*row_id, f"""'"name":"{core}"'"""]
        return (
            f"'{{' || concat_ws(',', {', '.join(marks)}) || ',\"tables\":{{' "
            f"|| concat_ws(',', {', '.join(tables)}) || '}}}}'"
        )

    def name(self) -> str | None:
        """What the answer is called: the core table, if it is in it."""
        core = self.query.core_table.lower()
        named = not self.query.flattened or any(c.table == core for c in self.query.columns)
        return core.upper() if core and named else None

    def asks(self) -> dict[str, tuple[str, str]]:
        """What $q can ask: each column by its alias."""
        return {
            column.alias.lower(): (f"c{i}", kind_of(self.types[i]))
            for i, column in enumerate(self.query.columns)
        }

    def changed_since(self, version: int, tables: frozenset[str] | None) -> str:
        """The condition that one of the rows that a row is of has changed since a data version.

        A table counts through its key among the columns; without any key every row counts.
        `tables`: those that are subscribed to.
        """
        if not version or not self._keyed():
            return "true"
        conditions = [
            f"c{i} IN (SELECT {column.field} FROM psdata.{column.table} WHERE version > {version})"
            for i, column in self._keyed()
            if tables is None or column.table in tables
        ]
        return f"({' OR '.join(conditions)})" if conditions else "false"

    def _keyed(self) -> list[tuple[int, Column]]:
        """The columns that name a row of a table, with their places."""
        return [
            (i, column)
            for i, column in enumerate(self.query.columns)
            if column.table in KEYS and column.field in {KEYS[column.table], "id"}
        ]

    def _core_key(self) -> int | None:
        core = self.query.core_table.lower()
        key = KEYS.get(core, "dcid")
        for i, column in enumerate(self.query.columns):
            if (column.table, column.field) == (core, key):
                return i
        return None


def compile_query(
    cursor: duckdb.DuckDBPyConnection,
    query: NamedQuery,
    given: Mapping[str, Any],
    columns: Mapping[str, Mapping[str, str]],
) -> Compiled:
    """A query with arguments. Raises BrokenQuery, and Refusal (400) for faulty arguments."""
    values = _arguments(query, given, columns)
    try:
        translated = translate(query.sql)
    except ValueError as error:
        raise BrokenQuery(str(error)) from None
    if undeclared := sorted(translated.binds - {a.name for a in query.arguments}):
        raise BrokenQuery(f"no <arg> for {', '.join(undeclared)}")
    sql, bound = translated.sql, dict[str, object]()
    for name in translated.binds:
        value = values[name]
        if isinstance(value, list):
            listed = cast("list[object]", value) or [None]
            items = {f"{name}_{i}": item for i, item in enumerate(listed)}
            sql = re.sub(rf"\${name}\b", ", ".join(f"${item}" for item in items), sql)
            bound.update(items)
        else:
            bound[name] = value
    try:
        described = cursor.execute(f"DESCRIBE SELECT * FROM ({sql})", bound).fetchall()
    except duckdb.Error as error:
        raise BrokenQuery(str(error)) from None
    if len(described) != len(query.columns):
        raise BrokenQuery(f"{len(query.columns)} <column>s, but {len(described)} are selected")
    names = ", ".join(f"c{i}" for i in range(len(described)))
    types = tuple(str(row[1]) for row in described)
    return Compiled(query, f"({sql}) q({names})", types, bound)


def problem(
    cursor: duckdb.DuckDBPyConnection,
    query: NamedQuery,
    columns: Mapping[str, Mapping[str, str]],
) -> str:
    """Why a query cannot run; "" if it can."""
    free = tuple(replace(argument, required=False) for argument in query.arguments)
    try:
        compile_query(cursor, replace(query, arguments=free), {}, columns)
    except BrokenQuery as error:
        return str(error)
    return ""


def _group(column: Column) -> str:
    return column.alias.partition(".")[0].lower() if "." in column.alias else column.table


def _short(column: Column) -> str:
    return column.alias.rpartition(".")[2].lower()


def _arguments(
    query: NamedQuery, given: Mapping[str, Any], columns: Mapping[str, Mapping[str, str]]
) -> dict[str, object]:
    declared = {argument.name: argument for argument in query.arguments}
    wrong = [
        {"resource": query.name, "field": name, "code": "UnknownArgument"}
        for name in given
        if name.lower() not in declared
    ]
    values: dict[str, object] = {}
    lowered = {name.lower(): value for name, value in given.items()}
    for name, argument in declared.items():
        value = lowered.get(name, argument.default)
        if value is None and argument.required:
            wrong.append({"resource": query.name, "field": name, "code": "MissingArgument"})
        try:
            values[name] = _typed(value, argument, columns)
        except ValueError:
            wrong.append({"resource": query.name, "field": name, "code": "InvalidArgument"})
    if wrong:
        raise Refusal(message(400, "Validation Failed", wrong))
    return values


def _typed(value: Any, argument: Argument, columns: Mapping[str, Mapping[str, str]]) -> object:
    """A value as its column's type. Raises ValueError if it is none."""
    table, _, field = argument.column.lower().partition(".")
    kind = kind_of(columns.get(table, {}).get(field, "VARCHAR"))
    if argument.array:
        listed = cast("list[object]", value) if isinstance(value, list) else [value]
        items = [] if value is None else listed
        return [_scalar(item, kind) for item in items]
    if isinstance(value, list | dict):
        raise ValueError  # noqa: TRY004  (bad data, as the others)
    return None if value is None else _scalar(value, kind)


def _scalar(value: Any, kind: str) -> object:
    if isinstance(value, list | dict):
        raise ValueError  # noqa: TRY004  (bad data, as the others)
    if kind == "number":
        return int(value)
    if kind == "date":
        text = str(value).strip()
        for form in ("%m/%d/%Y", "%Y-%m-%d"):
            try:
                return datetime.strptime(text, form).date()  # noqa: DTZ007  (a day)
            except ValueError:
                continue
        return datetime.fromisoformat(text).replace(tzinfo=None)
    return str(value)
