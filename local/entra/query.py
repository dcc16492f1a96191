"""Queries on a collection: $select, $filter, $search, $orderby, $expand, $top and paging, as far as
the directory serves them.

Some operators make an advanced query, which needs the header ConsistencyLevel: eventual and
$count=true: ne, not, endsWith, $search, and $orderby beside $filter.
https://learn.microsoft.com/graph/query-parameters, https://learn.microsoft.com/graph/paging,
https://learn.microsoft.com/graph/aad-advanced-queries
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from local.entra import errors
from local.entra.errors import GraphError

if TYPE_CHECKING:
    from local.entra.messages import Request
    from local.entra.objects import DirectoryObject, Relation
    from local.entra.views import View

DEFAULT_PAGE = 100
LARGEST_PAGE = 999
MOST_CLAUSES = 15
HIGHEST = 3
MOST_EXPANDED = 20
LONGEST_ADDRESS = 2_048

Test = Callable[["DirectoryObject"], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_][\w./]*|\(|\)|,|:|-?\d+)")
_MARK = b"place"
_PLAIN = "$(),':/@"
_SORTED = frozenset({"displayName", "userPrincipalName"})  # what plain queries can be sorted by


def selected(request: Request, view: View) -> frozenset[str] | None:
    """The selected properties, or None for the default ones."""
    text = request.query.get("$select")
    if not text:
        return None
    names = frozenset(name.strip() for name in text.split(","))
    relations = {"members", "owners"} if view.kind != "user" else set[str]()
    for name in sorted(name for name in names - relations if not view.has(name)):
        raise _no_property(name, view)
    return names


def any_selected(request: Request) -> frozenset[str] | None:
    """The selected properties in a list of several types; a type without one leaves it out."""
    text = request.query.get("$select", "")
    return frozenset(name.strip() for name in text.split(",")) if text else None


def page_size(request: Request) -> int:
    """$top, between 1 and 999."""
    text = request.query.get("$top", str(DEFAULT_PAGE))
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise errors.unsupported(f"Invalid page size specified: '{text}'. Must be between 1 and "
                                 f"{LARGEST_PAGE} inclusive.")  # fmt: skip
    return int(text)


def start(request: Request) -> int:
    """The place in the collection at which the page begins; 0 for the first page."""
    text = request.query.get("$skiptoken")
    if text is None:
        return 0
    try:
        mark, _, place = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).partition(b":")
        if mark == _MARK:
            return int(place)
    except ValueError:
        pass
    raise errors.bad_request("Badly formed token.", code="BadRequest")


def next_link(request: Request, place: int) -> str:
    """The address of the page that begins at a place."""
    token = base64.urlsafe_b64encode(b"%s:%d" % (_MARK, place)).decode().rstrip("=")
    options = {name: value for name, value in request.query.items() if name != "$skiptoken"}
    asked = "&".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in options.items())
    path = request.target.partition("?")[0]
    return f"{request.base}{path}?{asked}{'&' if asked else ''}$skiptoken={token}"


def counted(request: Request) -> bool:
    """Whether the answer tells @odata.count; without ConsistencyLevel, $count is passed over."""
    return request.advanced()


def test_of(request: Request, view: View) -> Test | None:
    """What $filter and $search say, as a test of objects; None without them."""
    tests: list[Test] = []
    text = request.query.get("$filter")
    if text:
        tests.append(_filter(request, view, text))
    words = request.query.get("$search")
    if words:
        if not request.eventual():
            raise errors.unsupported(
                "Request with $search query parameter only works through MSGraph with a special "
                "request header: 'ConsistencyLevel: eventual'"
            )
        tests.append(_search(words, view))
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda one: all(test(one) for test in tests)


def order(request: Request, view: View) -> Callable[[DirectoryObject], str] | None:
    """The key of $orderby, or None; `descending` says in which direction it goes."""
    text = request.query.get("$orderby")
    if not text:
        return None
    name = text.split()[0]
    filtered = "$filter" in request.query or "$search" in request.query
    if not view.has(name):
        raise _no_property(name, view)
    if not request.advanced() and (filtered or name not in _SORTED):
        raise errors.unsupported("Sorting not supported for current query.")
    return lambda one: str(one.value(name) or "").lower()


def descending(request: Request) -> bool:
    """Whether $orderby asks for the last first."""
    return request.query.get("$orderby", "").lower().endswith(" desc")


def expanded(request: Request, view: View) -> tuple[Relation, frozenset[str] | None] | None:
    """The relation that $expand asks for, and the properties selected in it."""
    text = request.query.get("$expand")
    if not text:
        return None
    found = re.fullmatch(r"(\w+)(?:\(\$select=([\w,]+)\))?", text)
    known: dict[str, Relation] = {"members": "members"}
    if view.kind == "group":
        known["owners"] = "owners"
    if found is None or found[1] not in known or view.kind == "user":
        raise errors.bad_request(f"Parsing OData Select and Expand failed: '{text}'.")
    select = frozenset(found[2].split(",")) if found[2] else None
    return known[found[1]], select


def _filter(request: Request, view: View, text: str) -> Test:
    parser = _Parser(text, view)
    test = parser.parse()
    if request.advanced():
        # Inside a batch no address is too long.
        if request.batch is None and len(request.base) + len(request.target) > LONGEST_ADDRESS:
            raise GraphError(414, "UriTooLong", "The request URI is too long.")
        return test
    if parser.advanced:
        raise errors.unsupported(
            f"Operator '{parser.advanced}' is not supported because the required parameters might "
            "be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual "
            "header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
        )
    if parser.clauses > MOST_CLAUSES:
        raise errors.unsupported(
            "Too many child clauses specified in search filter expression containing 'OR' "
            f"operators: {parser.clauses}. Max allowed: {MOST_CLAUSES}."
        )
    return test


def _search(text: str, view: View) -> Test:
    """ "displayName:ann" AND "mail:ann@": words that begin so, in each of the properties."""
    wanted: list[tuple[str, str]] = []
    for clause in re.split(r"\s+AND\s+", text.strip()):
        found = re.fullmatch(r'"(\w+):(.*)"', clause)
        if found is None or not view.has(found[1]):
            raise errors.bad_request(f"Syntax error: {text} is not a search for property:value.")
        wanted.append((found[1], found[2].lower()))

    def test(one: DirectoryObject) -> bool:
        return all(
            any(word.startswith(start) for word in _words(one.value(name)))
            or str(one.value(name) or "").lower().startswith(start)
            for name, start in wanted
        )

    return test


def _words(value: Any) -> list[str]:
    return re.findall(r"\w+", str(value or "").lower())


def looked_up(request: Request) -> tuple[str, str] | None:
    """The path and value of a filter that is a single `path eq 'value'`: an index answers it."""
    found = re.fullmatch(
        r"\s*([\w/]+)\s+eq\s+'((?:[^']|'')*)'\s*", request.query.get("$filter", "")
    )
    return (found[1], found[2].replace("''", "'")) if found else None


class _Clause(NamedTuple):
    """A part of a filter, and how many operators stand above each other in it."""

    test: Test
    height: int


class _Parser:
    """A recursive-descent parser of `or`, `and`, `not`, brackets, eq, ne, in, startsWith, endsWith
    and `any`. `advanced`: the operator, if any, that only an advanced query may have."""

    def __init__(self, text: str, view: View) -> None:
        self._view = view
        self.clauses = 0
        self.advanced = ""
        self._tokens: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if not found:
                raise errors.unsupported(f"Invalid filter clause at position {place}.")
            self._tokens.append(found[1])
            place = found.end()
        self._tokens.reverse()

    def parse(self) -> Test:
        """The whole filter."""
        clause = self._either()
        if self._tokens:
            raise errors.unsupported("Invalid filter clause.")
        if clause.height > HIGHEST:
            raise errors.unsupported(
                f"Search filter expression has excessive height: {clause.height}. "
                f"Max allowed: {HIGHEST}."
            )
        return clause.test

    def _either(self) -> _Clause:
        clauses = [self._both()]
        while self._take("or"):
            clauses.append(self._both())
        if len(clauses) == 1:
            return clauses[0]
        either: Test = lambda one: any(clause.test(one) for clause in clauses)  # noqa: E731
        return _Clause(either, _above(clauses))

    def _both(self) -> _Clause:
        clauses = [self._single()]
        while self._take("and"):
            clauses.append(self._single())
        if len(clauses) == 1:
            return clauses[0]
        both: Test = lambda one: all(clause.test(one) for clause in clauses)  # noqa: E731
        return _Clause(both, _above(clauses))

    def _single(self) -> _Clause:
        if self._take("not"):
            self.advanced = "not"
            inner = self._single()
            negated: Test = lambda one: not inner.test(one)  # noqa: E731
            return _Clause(negated, inner.height + 1)
        if self._take("("):
            grouped = self._either()
            self._expect(")")
            return grouped
        name = self._next()
        self.clauses += 1
        if name.lower() in ("startswith", "endswith"):
            return _Clause(self._affix(name), 1)
        if name.endswith("/any"):
            return _Clause(self._any(name.removesuffix("/any")), 1)
        self._known(name)
        return _Clause(self._comparison(name), 1)

    def _comparison(self, name: str) -> Test:
        operator = self._next().lower()
        if operator == "in":
            values = self._list()
            self.clauses += len(values) - 1
            return lambda one: _folded(one.value(name)) in values
        if operator not in ("eq", "ne"):
            raise errors.unsupported(f"Unsupported operator '{operator}' in a filter clause.")
        value = self._value()
        if operator == "eq":
            return lambda one: _folded(one.value(name)) == value
        self.advanced = "ne"
        return lambda one: _folded(one.value(name)) != value

    def _affix(self, operator: str) -> Test:
        """startsWith or endsWith, after its name."""
        self._expect("(")
        name = self._next()
        self._known(name)
        self._expect(",")
        affix = str(self._value())
        self._expect(")")
        if operator.lower() == "endswith":
            self.advanced = "endsWith"
            return lambda one: str(_folded(one.value(name)) or "").endswith(affix)
        return lambda one: str(_folded(one.value(name)) or "").startswith(affix)

    def _any(self, name: str) -> Test:
        """any(x:x eq 'value') or any(x:startsWith(x,'value')) on a collection, after its name."""
        self._known(name)
        self._expect("(")
        variable = self._next()
        self._expect(":")
        starts = self._take("startswith")
        if starts:
            self._expect("(")
        if self._next() != variable:
            raise errors.unsupported("Invalid filter clause: any() tests its own variable.")
        self._expect("," if starts else "eq")
        value = self._value()
        for _ in range(2 if starts else 1):
            self._expect(")")

        def test(one: DirectoryObject) -> bool:
            found = [_folded(held) for held in one.value(name) or ()]
            if starts:
                return any(str(held).startswith(str(value)) for held in found)
            return value in found

        return test

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
            raise _no_property(name, self._view)

    def _next(self) -> str:
        if not self._tokens:
            raise errors.unsupported("Invalid filter clause: it ends too early.")
        return self._tokens.pop()

    def _take(self, word: str) -> bool:
        if self._tokens and self._tokens[-1].lower() == word:
            self._tokens.pop()
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise errors.unsupported(f"Invalid filter clause: '{word}' is missing.")


def _above(clauses: list[_Clause]) -> int:
    return max(clause.height for clause in clauses) + 1


def _no_property(name: str, view: View) -> GraphError:
    return errors.bad_request(
        f"Could not find a property named '{name}' on type 'microsoft.graph.{view.name}'."
    )


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
