"""PowerQueries: what a *.named_queries.xml of a plugin says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from roster.errors import BadInput


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a query. `column`: TABLE.FIELD, which gives its type, or ""."""

    name: str
    column: str
    required: bool
    array: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a query's answer: what it is called, and the TABLE.FIELD that must be granted."""

    alias: str
    table: str
    field: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One PowerQuery."""

    name: str
    core_table: str
    flattened: bool
    arguments: tuple[Argument, ...]
    columns: tuple[Column, ...]
    sql: str
    description: str = ""


def read_queries(text: bytes, file: str) -> list[NamedQuery]:
    """The queries of one file. Raises BadInput for a file that a server would not take."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise BadInput(f"{file}: not well-formed XML: {error}") from None
    if root.tag != "queries":
        raise BadInput(f"{file}: the root element is <{root.tag}>, not <queries>.")
    return [_query(element, file) for element in root.findall("query")]


def _query(element: ET.Element, file: str) -> NamedQuery:
    name = element.get("name", "")
    if not name or len(name) > 200 or "." not in name:
        raise BadInput(f"{file}: {name!r} is no name of a query: dotted, at most 200 characters.")
    sql = element.findtext("sql", "").strip()
    columns = tuple(_column(column, name, file) for column in element.iterfind("columns/column"))
    if not sql or not columns:
        raise BadInput(f"{file}: query {name} has no <sql> or no <columns>.")
    aliases = [column.alias.lower() for column in columns]
    if twice := sorted({alias for alias in aliases if aliases.count(alias) > 1}):
        raise BadInput(f"{file}: query {name}: two columns are called {', '.join(twice)}.")
    return NamedQuery(
        name,
        element.get("coreTable", ""),
        element.get("flattened", "false").lower() == "true",
        tuple(
            Argument(
                argument.get("name", "").lower(),
                argument.get("column", ""),
                argument.get("required", "false").lower() == "true",
                argument.get("type", "primitive").lower() == "array",
                argument.get("default"),
            )
            for argument in element.iterfind("args/arg")
        ),
        columns,
        sql,
        element.findtext("description", element.findtext("summary", "")).strip(),
    )


def _column(element: ET.Element, query: str, file: str) -> Column:
    named = element.get("column", "")
    table, _, field = named.partition(".")
    if not field:
        raise BadInput(f"{file}: query {query}: column={named!r} is not of the form TABLE.FIELD.")
    return Column((element.text or "").strip() or named, table.lower(), field.lower())
