"""The search language of q: `field==value;other=ge=3`, ";" is AND, "*" stands for any text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_CONDITION = re.compile(r"([\w.$]+?)(==|!=|=gt=|=ge=|=lt=|=le=)(.*)", re.DOTALL)
_OPERATORS = {"==": "=", "!=": "<>", "=gt=": ">", "=ge=": ">=", "=lt=": "<", "=le=": "<="}
_NULL = "\0"


class BadFilter(Exception):
    """A q that the server does not take; its text is the message."""


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL for WHERE, with ? for each of `values`."""

    sql: str = "true"
    values: tuple[object, ...] = ()
    fields: frozenset[str] = frozenset()

    def also(self, sql: str, *values: object) -> Condition:
        """This condition and another one."""
        return Condition(f"{self.sql} AND ({sql})", (*self.values, *values), self.fields)


def parse(query: str | None, asks: dict[str, tuple[str, str]]) -> Condition:
    """The condition of a q. `asks`: for each field its SQL and whether it is number, text, date …

    Raises BadFilter for what cannot be asked.
    """
    condition = Condition()
    for part in (query or "").split(";"):
        if not part.strip():
            continue
        found = _CONDITION.fullmatch(part.strip())
        if not found:
            raise BadFilter(f"Invalid query: {part}")
        field, operator, value = found.groups()
        if field.lower() not in asks:
            raise BadFilter(f"Invalid field {field}")
        sql, kind = asks[field.lower()]
        clause, values = _compare(field, sql, kind, operator, _bare(value))
        condition = Condition(
            f"{condition.sql} AND ({clause})",
            (*condition.values, *values),
            condition.fields | {field.lower()},
        )
    return condition


def _bare(value: str) -> str:
    """A value without the parentheses or quotes that some write around it."""
    for left, right in ("()", "''", '""'):
        if len(value) > 1 and value[0] == left and value[-1] == right:
            return value[1:-1]
    return value


def _compare(
    field: str, sql: str, kind: str, operator: str, value: str
) -> tuple[str, tuple[object, ...]]:
    sign = _OPERATORS[operator]
    if value in {_NULL, "\\u0000"}:
        return f"{sql} IS {'NOT ' if operator == '!=' else ''}NULL", ()
    if kind == "number":
        try:
            return f"{sql} {sign} ?", (int(value),)
        except ValueError:
            raise BadFilter(
                f"Invalid number '{value}' passed for comparison to number field {field}"
            ) from None
    if kind == "date":
        try:
            return f"{sql}::DATE {sign} ?", (date.fromisoformat(value[:10]),)
        except ValueError:
            raise BadFilter(f"Invalid date '{value}' passed for {field}") from None
    if kind == "letter":
        return f"{sql} {sign} upper(?)", (value,)
    if "*" in value and operator in {"==", "!="}:
        pattern = "".join("%" if c == "*" else f"\\{c}" if c in "%_\\" else c for c in value)
        return f"{sql}::VARCHAR {'' if operator == '==' else 'NOT '}LIKE ? ESCAPE '\\'", (pattern,)
    return f"{sql}::VARCHAR {sign} ?", (value,)
