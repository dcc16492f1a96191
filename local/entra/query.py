"""Queries on a collection: $select, $filter, $top and paging, as far as the directory serves them.

https://learn.microsoft.com/graph/query-parameters, https://learn.microsoft.com/graph/paging
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local.entra import errors

if TYPE_CHECKING:
    from local.entra.messages import Request
    from local.entra.objects import DirectoryObject
    from local.entra.views import View

DEFAULT_PAGE = 100
LARGEST_PAGE = 999
MOST_CLAUSES = 15

Test = Callable[["DirectoryObject"], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_][\w./]*|\(|\)|,|-?\d+)")


def selected(request: Request, view: View) -> frozenset[str] | None:
    """The selected properties, or None for the default ones."""
    text = request.query.get("$select")
    if not text:
        return None
    names = frozenset(name.strip() for name in text.split(","))
    relations = {"members", "owners"} if view.kind != "user" else set[str]()
    for name in sorted(name for name in names - relations if not view.has(name)):
        raise errors.bad_request(
            f"Could not find a property named '{name}' on type 'microsoft.graph.{view.name}'."
        )
    return names


def page_size(request: Request) -> int:
    """$top, between 1 and 999."""
    text = request.query.get("$top", str(DEFAULT_PAGE))
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise errors.unsupported(f"Invalid page size specified: '{text}'. Must be between 1 and "
                                 f"{LARGEST_PAGE} inclusive.")  # fmt: skip
    return int(text)


def start(request: Request) -> int:
    """The place in the collection at which the page begins; 0 for the first page."""
    text = request.query.get("$skiptoken", "0")
    if not text.isdigit():
        raise errors.bad_request("Badly formed token.", code="BadRequest")
    return int(text)


def filter_test(request: Request, view: View) -> Test | None:
    """What $filter says, as a test of objects; None without a filter."""
    text = request.query.get("$filter")
    return _Parser(text, view).parse() if text else None


def looked_up(request: Request) -> tuple[str, str] | None:
    """The path and value of a filter that is a single `path eq 'value'`: an index answers it."""
    found = re.fullmatch(
        r"\s*([\w/]+)\s+eq\s+'((?:[^']|'')*)'\s*", request.query.get("$filter", "")
    )
    return (found[1], found[2].replace("''", "'")) if found else None


class _Parser:
    """A recursive-descent parser of `or`, `and`, `not`, brackets, eq, ne, in and startsWith."""

    def __init__(self, text: str, view: View) -> None:
        self._view = view
        self._clauses = 0
        self._tokens: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if not found:
                raise errors.unsupported(f"Invalid filter clause at position {place}.")
            self._tokens.append(found[1])
            place = found.end()

    def parse(self) -> Test:
        """The whole filter."""
        test = self._either()
        if self._tokens:
            raise errors.unsupported("Invalid filter clause.")
        if self._clauses > MOST_CLAUSES:
            raise errors.unsupported(
                "Too many child clauses specified in search filter expression containing 'OR' "
                f"operators: {self._clauses}. Max allowed: {MOST_CLAUSES}."
            )
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda one: any(test(one) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._take("and"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda one: all(test(one) for test in tests)

    def _single(self) -> Test:
        if self._take("not"):
            inner = self._single()
            return lambda one: not inner(one)
        if self._take("("):
            grouped = self._either()
            self._expect(")")
            return grouped
        name = self._next()
        if name.lower() == "startswith":
            return self._starts_with()
        self._known(name)
        return self._comparison(name)

    def _comparison(self, name: str) -> Test:
        operator = self._next().lower()
        self._clauses += 1
        if operator == "in":
            values = self._list()
            self._clauses += len(values) - 1
            return lambda one: _folded(one.value(name)) in values
        if operator not in ("eq", "ne"):
            raise errors.unsupported(f"Unsupported operator '{operator}' in a filter clause.")
        value = self._value()
        if operator == "eq":
            return lambda one: _folded(one.value(name)) == value
        return lambda one: _folded(one.value(name)) != value

    def _starts_with(self) -> Test:
        self._expect("(")
        name = self._next()
        self._known(name)
        self._expect(",")
        start = self._value()
        self._expect(")")
        self._clauses += 1
        return lambda one: str(_folded(one.value(name)) or "").startswith(str(start))

    def _list(self) -> list[Any]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> Any:
        token = self._next()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'").lower()
        return {"true": True, "false": False, "null": None}.get(token.lower(), token)

    def _known(self, name: str) -> None:
        if not self._view.has(name.partition("/")[0]):
            raise errors.bad_request(
                f"Could not find a property named '{name}' on type "
                f"'microsoft.graph.{self._view.name}'."
            )

    def _next(self) -> str:
        if not self._tokens:
            raise errors.unsupported("Invalid filter clause: it ends too early.")
        return self._tokens.pop(0)

    def _take(self, word: str) -> bool:
        if self._tokens and self._tokens[0].lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise errors.unsupported(f"Invalid filter clause: '{word}' is missing.")


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
