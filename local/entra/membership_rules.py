"""Rules of dynamic membership: from text to a test of users.

The grammar is a part of the documented one: -eq, -ne, -in, -notIn, -startsWith, -notStartsWith,
-contains, -notContains, -match, -notMatch, -any and -all over lists, -not, -and, -or, brackets;
texts, true, false, null. Operators go with or without their hyphen, and neither they nor texts nor
names mind case. https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership

Besides its test, a rule tells tokens: one of them holds for whoever passes the test. They let many
rules be tried on many users without trying each on each. A rule whose tokens are unknown has None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, cast

from local.entra import errors
from local.entra.extensions import NAME as EXTENSION

if TYPE_CHECKING:
    from local.entra.extensions import Extensions
    from local.entra.objects import DirectoryObject

LONGEST = 3_072

Test = Callable[["DirectoryObject"], bool]
_Compare = Callable[[Any], bool]


class Token(NamedTuple):
    """What a value has to be, begin with, or contain; the literal is in lower case."""

    kind: Literal["eq", "starts", "contains"]
    path: str
    literal: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be tried on users."""

    test: Test
    tokens: frozenset[Token] | None


_TEXTS = {
    "city": "city", "country": "country", "companyname": "companyName",
    "department": "department", "displayname": "displayName", "employeeid": "employeeId",
    "facsimiletelephonenumber": "faxNumber", "givenname": "givenName", "jobtitle": "jobTitle",
    "mail": "mail", "mailnickname": "mailNickname", "mobile": "mobilePhone", "objectid": "id",
    "onpremisesdistinguishedname": "onPremisesDistinguishedName",
    "onpremisessecurityidentifier": "onPremisesSecurityIdentifier",
    "passwordpolicies": "passwordPolicies", "physicaldeliveryofficename": "officeLocation",
    "postalcode": "postalCode", "preferredlanguage": "preferredLanguage", "state": "state",
    "streetaddress": "streetAddress", "surname": "surname", "usagelocation": "usageLocation",
    "userprincipalname": "userPrincipalName", "usertype": "userType",
} | {
    f"extensionattribute{number}": f"onPremisesExtensionAttributes/extensionAttribute{number}"
    for number in range(1, 16)
}  # fmt: skip
_BOOLEANS = {"accountenabled": "accountEnabled", "dirsyncenabled": "onPremisesSyncEnabled"}
_LISTS = {"othermails": "otherMails", "proxyaddresses": "proxyAddresses"}
_NEGATIONS = {"ne": "eq", "notin": "in", "notstartswith": "startswith",
              "notcontains": "contains", "notmatch": "match"}  # fmt: skip
_OPERATORS = {"eq", "in", "startswith", "contains", "match"}
_TOKEN = re.compile(
    r"""\s*(?:"(?P<double>(?:`.|[^"`])*)"|'(?P<single>(?:`.|[^'`])*)'|"""
    r"""(?P<mark>[()\[\],])|(?P<word>-?[A-Za-z_][\w.]*))"""
)


def compile_rule(text: str, extensions: Extensions) -> Rule:
    """The rule that a text says; 400 where it says none."""
    if len(text) > LONGEST:
        _refuse(f"The rule has {len(text)} characters; {LONGEST} are the most.")
    return _Parser(text, extensions).parse()


def _refuse(message: str, code: str = "InvalidRuleException") -> NoReturn:
    raise errors.bad_request(f"Dynamic membership rule validation error: {message}", code=code)


class _Word(NamedTuple):
    """A token of the text: a quoted text, a mark, or a word in lower case."""

    kind: Literal["text", "mark", "word", "end"]
    value: str

    @property
    def operator(self) -> str:
        """The word as an operator, without its hyphen."""
        return self.value.removeprefix("-") if self.kind == "word" else ""


class _Parser:
    def __init__(self, text: str, extensions: Extensions) -> None:
        self._extensions = extensions
        self._words: list[_Word] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                _refuse(f"Invalid characters found in the rule: {text[place : place + 20]}")
            self._words.append(_word(found))
            place = found.end()
        self._words.append(_Word("end", ""))
        self._place = 0

    def parse(self) -> Rule:
        rule = self._either()
        if self._next.kind != "end":
            _refuse(f"Invalid operator found: {self._next.value}")
        return rule

    def _either(self) -> Rule:
        rules = [self._both()]
        while self._took("or"):
            rules.append(self._both())
        return _any_of(rules)

    def _both(self) -> Rule:
        rules = [self._single()]
        while self._took("and"):
            rules.append(self._single())
        return _all_of(rules)

    def _single(self) -> Rule:
        if self._took("not"):
            inner = self._single().test
            return Rule(lambda one: not inner(one), None)
        if self._next == ("mark", "("):
            self._place += 1
            rule = self._either()
            self._expect(")")
            return rule
        return self._comparison()

    def _comparison(self) -> Rule:
        name = self._take("word")
        path, kind = self._property(name)
        if kind == "list":
            return self._over_list(path)
        operator, negated = self._operator()
        compare, literals = self._operand(operator, kind)
        if negated:
            return Rule(lambda one: not compare(one.value(path)), None)
        tokens = _tokens(operator, path, literals)
        return Rule(lambda one: compare(one.value(path)), tokens)

    def _over_list(self, path: str) -> Rule:
        """`user.proxyAddresses -any (_ -startsWith "smtp:")`."""
        every = self._took("all")
        if not every and not self._took("any"):
            _refuse("Invalid operands found for operator -any.", "InvalidOperandsException")
        self._expect("(")
        if self._take("word") != "_":
            _refuse("Invalid operands found for operator -any.", "InvalidOperandsException")
        operator, negated = self._operator()
        compare, _ = self._operand(operator, "text")
        self._expect(")")
        over = all if every else any

        def test(one: DirectoryObject) -> bool:
            values = cast("list[Any]", one.value(path) or [])
            return over(compare(value) != negated for value in values)

        return Rule(test, None)

    def _property(self, name: str) -> tuple[str, Literal["text", "boolean", "list"]]:
        if not name.startswith("user."):
            _refuse("No object type", "InvalidObjectTypeException")
        bare = name.removeprefix("user.")
        if bare in _TEXTS:
            return _TEXTS[bare], "text"
        if bare in _BOOLEANS:
            return _BOOLEANS[bare], "boolean"
        if bare in _LISTS:
            return _LISTS[bare], "list"
        path = self._extensions.spelt(bare) if EXTENSION.fullmatch(bare) else None
        if path is None:
            _refuse(
                f"Wrong property applied. Property '{bare}' cannot be applied to object 'User'.",
                "WrongPropertyException",
            )
        return path, "text"

    def _operator(self) -> tuple[str, bool]:
        word = self._words[self._place]
        self._place += word.kind != "end"
        operator = _NEGATIONS.get(word.operator, word.operator)
        if operator not in _OPERATORS:
            _refuse(f"Invalid operator found: {word.value or 'the rule ends too early'}")
        return operator, word.operator in _NEGATIONS

    def _operand(self, operator: str, kind: str) -> tuple[_Compare, list[str]]:
        if operator == "in":
            literals = self._list()
            wanted = frozenset(literals)
            return lambda value: _folded(value) in wanted, literals
        literal = self._literal()
        if operator == "eq" and (literal is None or (kind == "boolean") == isinstance(
            literal, bool)):  # fmt: skip
            return lambda value: _folded(value) == literal, (
                [literal] if isinstance(literal, str) else []
            )
        if not isinstance(literal, str) or kind == "boolean":
            _refuse(f"Invalid operands found for operator -{operator}.", "InvalidOperandsException")
        return _text_compare(operator, literal), [literal]

    def _list(self) -> list[str]:
        self._expect("[")
        literals = [self._take("text").lower()]
        while self._next == ("mark", ","):
            self._place += 1
            literals.append(self._take("text").lower())
        self._expect("]")
        return literals

    def _literal(self) -> Any:
        """A text in lower case, a boolean, or None for null."""
        word = self._next
        self._place += word.kind != "end"
        if word.kind == "text":
            return word.value.lower()
        if word.value in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word.value]
        _refuse(f"Invalid value: {word.value or 'the rule ends too early'}")

    @property
    def _next(self) -> _Word:
        return self._words[self._place]

    def _take(self, kind: str) -> str:
        word = self._next
        if word.kind != kind:
            _refuse(f"Unexpected '{word.value}' in the rule.")
        self._place += 1
        return word.value

    def _took(self, operator: str) -> bool:
        took = self._next.operator == operator
        self._place += took
        return took

    def _expect(self, mark: str) -> None:
        if self._next != ("mark", mark):
            _refuse(f"'{mark}' is missing in the rule.")
        self._place += 1


def _word(found: re.Match[str]) -> _Word:
    for group in ("double", "single"):
        if found[group] is not None:
            return _Word("text", re.sub("`(.)", r"\1", found[group]))
    if found["mark"]:
        return _Word("mark", found["mark"])
    return _Word("word", found["word"].lower())


def _any_of(rules: list[Rule]) -> Rule:
    if len(rules) == 1:
        return rules[0]
    tests = [rule.test for rule in rules]
    known = [rule.tokens for rule in rules if rule.tokens is not None]
    tokens = frozenset[Token]().union(*known) if len(known) == len(rules) else None
    return Rule(lambda one: any(test(one) for test in tests), tokens)


def _all_of(rules: list[Rule]) -> Rule:
    if len(rules) == 1:
        return rules[0]
    tests = [rule.test for rule in rules]
    known = [rule.tokens for rule in rules if rule.tokens is not None]
    tokens = min(known, key=len) if known else None
    return Rule(lambda one: all(test(one) for test in tests), tokens)


def _tokens(operator: str, path: str, literals: list[str]) -> frozenset[Token] | None:
    if operator == "match" or not literals or "" in literals:
        return None
    kind = {"eq": "eq", "in": "eq", "startswith": "starts", "contains": "contains"}[operator]
    return frozenset(
        Token(cast("Literal['eq', 'starts', 'contains']", kind), path, literal)
        for literal in literals
    )


def _text_compare(operator: str, literal: str) -> _Compare:
    if operator == "eq":
        _refuse("Invalid operands found for operator -eq.", "InvalidOperandsException")
    if operator == "startswith":
        return lambda value: isinstance(value, str) and value.lower().startswith(literal)
    if operator == "contains":
        return lambda value: isinstance(value, str) and literal in value.lower()
    try:
        pattern = re.compile(literal, re.IGNORECASE)
    except re.error:
        _refuse("Invalid operands found for operator -match.", "InvalidOperandsException")
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
