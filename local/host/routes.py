"""Routes of HTTP functions: which address and method belong to which function.

Templates are those of ASP.NET routing as functions use it: literal parts in any case, `{name}` for
one part, `{name?}` for a last part that may be missing, `{*name}` for all the rest. Constraints
such as `{id:int}` are refused.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#customize-the-http-endpoint
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from roster.errors import BadInput

from .functions import HttpTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .functions import Function

_PARAMETER = re.compile(r"\{(\*?)([A-Za-z_]\w*)(\??)\}$")
_LITERAL, _ONE_PART, _THE_REST = range(3)


class Match(NamedTuple):
    """The function that an address belongs to, and the values of its route parameters."""

    function: Function
    trigger: HttpTrigger
    parameters: dict[str, str]


class _Route(NamedTuple):
    rank: tuple[int, ...]  # literal before parameter before catch-all, part by part
    pattern: re.Pattern[str]
    names: list[str]
    function: Function
    trigger: HttpTrigger


class Routes:
    """The routes of all HTTP functions. Raises BadInput if a template cannot be served."""

    def __init__(self, functions: Iterable[Function], prefix: str) -> None:
        routes = [
            _compile(function, function.trigger, prefix)
            for function in functions
            if isinstance(function.trigger, HttpTrigger)
        ]
        self._routes = sorted(routes, key=lambda route: route.rank)

    def find(self, method: str, path: str) -> Match | None:
        """The function for a request; None if there is none. Empty parameters are left out."""
        for route in self._routes:
            if route.trigger.methods and method not in route.trigger.methods:
                continue
            if found := route.pattern.fullmatch(path):
                values = zip(route.names, found.groups(), strict=True)
                parameters = {name: value for name, value in values if value}
                return Match(route.function, route.trigger, parameters)
        return None


def _compile(function: Function, trigger: HttpTrigger, prefix: str) -> _Route:
    parts = [part for part in f"{prefix}/{trigger.route}".split("/") if part]
    pattern, names, rank = "", list[str](), list[int]()
    for position, part in enumerate(parts):
        found = _PARAMETER.match(part)
        if not found:
            if "{" in part:
                raise _unservable(function, part)
            pattern += "/" + re.escape(part)
            rank.append(_LITERAL)
            continue
        star, name, optional = found.groups()
        if (star or optional) and position < len(parts) - 1:
            raise _unservable(function, part)
        value = "(.*)" if star else "([^/]+)"
        pattern += f"(?:/{value})?" if star or optional else f"/{value}"
        rank.append(_THE_REST if star else _ONE_PART)
        names.append(name)
    return _Route(tuple(rank), re.compile(pattern + "/?", re.IGNORECASE), names, function, trigger)


def _unservable(function: Function, part: str) -> BadInput:
    return BadInput(
        f"Function {function.name}: this host cannot serve {part!r} in its route; it knows "
        "{name}, and {name?} or {*name} at the end"
    )
