"""One request to Graph and its answer, whether it came alone or as an item of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

Json = dict[str, Any]

# Functions and actions may be called with or without their namespace and brackets.
_FUNCTIONS = frozenset({"delta", "getByIds", "restore", "validateProperties"})


@dataclass(frozen=True, slots=True)
class Request:
    """A Graph operation. Header names are in lower case; `base` is the address up to /v1.0.

    `roles` and `app` (its application id) are those of the caller's token; `batch` numbers the
    $batch that the operation is an item of.
    """

    method: str
    target: str
    path: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    base: str
    roles: frozenset[str]
    app: str = ""
    batch: int | None = None

    def advanced(self) -> bool:
        """Whether this is an advanced query: ConsistencyLevel eventual and $count.

        https://learn.microsoft.com/graph/aad-advanced-queries
        """
        return self.eventual() and self.query.get("$count", "").lower() == "true"

    def eventual(self) -> bool:
        """Whether the caller accepts answers from the index (ConsistencyLevel: eventual)."""
        return self.headers.get("consistencylevel", "").lower() == "eventual"

    def prefers(self, wish: str) -> bool:
        """Whether the Prefer header holds this wish."""
        wishes = self.headers.get("prefer", "").lower().split(",")
        return wish in (part.strip() for part in wishes)


@dataclass(frozen=True, slots=True)
class Answer:
    """What Graph answers: a JSON object, plain text, or nothing. `delay`: seconds too late."""

    status: int
    body: Json | str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0


def split_target(target: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Path segments and query of a request target such as `/users('a')/memberOf?$top=5`."""
    path, _, query = target.partition("?")
    segments: list[str] = []
    for raw in path.strip("/").split("/"):
        segments.extend(_segments(unquote(raw)))
    return tuple(segments), dict(parse_qsl(query, keep_blank_values=True))


def _segments(text: str) -> tuple[str, ...]:
    """One written segment as one or two: users('a') is users/a."""
    name = text.removeprefix("microsoft.")
    if name.startswith("graph."):
        bare = name.removeprefix("graph.").removesuffix("()")
        return (bare,) if bare in _FUNCTIONS else (f"graph.{bare}",)
    if not text.endswith(")"):
        return (text,)
    name, _, key = text[:-1].partition("(")
    if not key:
        return (name,)
    alternate, equals, value = key.partition("=")
    if equals and not alternate.startswith("'"):
        return (f"{name}({alternate}=)", _unquoted(value))
    return (name, _unquoted(key))


def _unquoted(literal: str) -> str:
    """The value of an OData string literal, in which a quote is written twice."""
    if len(literal) >= 2 and literal[0] == literal[-1] == "'":
        return literal[1:-1].replace("''", "'")
    return literal
