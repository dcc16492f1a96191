"""The filter grammar: `path op 'value'`, and two such joined by AND or OR.

path: a field, or fields joined by dots. op: = != > >= < <= ~ (contains). A quote inside of a value
is doubled. Text is compared without case; a list equals a value if all of its items do, and
contains it if one does. https://www.imsglobal.org/oneroster-v11-final-specification
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from .answers import Wrong
from .fields import is_list, operand, quoted

if TYPE_CHECKING:
    from .entities import Entity
    from .quirks import Quirks

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "~"]
_CLAUSE = re.compile(r"([A-Za-z_][\w:.-]*)(!=|>=|<=|=|>|<|~)'((?:[^']|'')*)'")
_GREEDY = re.compile(r"(.*)(=|>|<|~)'((?:[^']|'')*)'")
_JOIN = re.compile(r" (AND|OR) ")


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison."""

    path: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Clauses, and the words between them; AND binds them before OR does."""

    clauses: tuple[Clause, ...]
    joins: tuple[str, ...]


def parse(text: str, quirks: Quirks) -> Filter:
    """The filter that a text says. Raises Wrong (400) for what the grammar does not have."""
    if quirks.naive_and:
        words = _JOIN.split(text)
        clauses, joins = [_clause(word, quirks) for word in words[::2]], words[1::2]
    else:
        clauses, joins = _read(text, quirks)
    if len(clauses) > quirks.max_clauses:
        raise Wrong(400, "invaliddata", f"A filter has at most {quirks.max_clauses} clauses")
    return Filter(tuple(clauses), tuple(joins))


def _read(text: str, quirks: Quirks) -> tuple[list[Clause], list[str]]:
    clauses: list[Clause] = []
    joins: list[str] = []
    place = 0
    while True:
        found = _CLAUSE.match(text, place)
        if found is None:
            raise _bad(text)
        clauses.append(_clause(found[0], quirks))
        place = found.end()
        if place == len(text):
            return clauses, joins
        word = _JOIN.match(text, place)
        if word is None:
            raise _bad(text)
        joins.append(word[1])
        place = word.end()


def _clause(text: str, quirks: Quirks) -> Clause:
    found = (_GREEDY if quirks.greedy_operators else _CLAUSE).fullmatch(text)
    if found is None:
        raise _bad(text)
    return Clause(found[1], found[2], found[3].replace("''", "'"))


def _bad(text: str) -> Wrong:
    return Wrong(400, "invaliddata", f"The filter cannot be read: {text}")


def condition(wanted: Filter, entity: Entity, quirks: Quirks) -> str:
    """The filter as SQL. Raises Wrong (400) for a field that the object does not have."""
    said = [_compare(clause, entity, quirks) for clause in wanted.clauses]
    joined = said[0] + "".join(f" {j} {c}" for j, c in zip(wanted.joins, said[1:], strict=True))
    return f"({joined})"


def _compare(clause: Clause, entity: Entity, quirks: Quirks) -> str:
    name, _, rest = clause.path.partition(".")
    field = entity.field(name)
    value = operand(field, rest) if field else None
    if field is None or value is None or (rest and not quirks.nested_filters):
        if quirks.ignored_filters == "unknown":
            return "true"
        raise Wrong(400, "invalid_filter_field", f"Cannot filter on the field {clause.path}")
    if field.kind == "moment" and clause.operator != "~":
        moment = quoted(_moment(clause).isoformat(" "))
        return f"coalesce({value} {clause.operator} {moment}::TIMESTAMP, false)"
    if is_list(field):
        return _compare_list(value, clause)
    return _compare_text(f"coalesce({value}::VARCHAR, '')", clause)


def _compare_text(value: str, clause: Clause) -> str:
    wanted = quoted(clause.value.lower())
    if clause.operator == "~":
        return f"contains(lower({value}), {wanted})"
    return f"lower({value}) {clause.operator} {wanted}"


def _compare_list(value: str, clause: Clause) -> str:
    if clause.operator == "!=":
        return f"NOT {_compare_list(value, Clause(clause.path, '=', clause.value))}"
    passing = f"len(list_filter({value}, lambda x: {_compare_text('x', clause)}))"
    if clause.operator == "=":
        return f"coalesce({passing} > 0 AND {passing} = len({value}), false)"
    return f"coalesce({passing} > 0, false)"


def _moment(clause: Clause) -> datetime:
    try:
        moment = datetime.fromisoformat(clause.value)
    except ValueError:
        message = f"{clause.path} is compared with a time such as 2026-08-01T00:00:00.000Z"
        raise Wrong(400, "invaliddata", message) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
