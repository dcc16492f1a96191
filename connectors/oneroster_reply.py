"""What a OneRoster provider's answer says: rows, or why there are none.

https://www.imsglobal.org/oneroster-v11-final-specification
https://purl.imsglobal.org/spec/or/v1p2/schema/openapi/onerosterv1p2rostersservice_openapi3_v1p0.json

Design note. Providers differ most in what they wrap rows in and how they say that something is
wrong: 1.1 has a list `statusInfoSet`, 1.2 one object, others texts of their own, and some of these
come with status 200. An answer counts as rows only if there is a list where rows belong, and
nothing in it says that it failed; anything else is an error, never an empty collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    from connectors.session import Answer

# Statuses that mean something here, beside those that every source has.
ALLOWED = (301, 307, 308, 400, 403, 404, 422)
LONGEST_TEXT = 200
_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r"""rel\s*=\s*"?[^";,]*\bnext\b""", re.IGNORECASE)

Kind = Literal["rows", "missing", "forbidden", "refused", "moved"]
_BY_STATUS: Mapping[int, Kind] = {
    301: "moved", 307: "moved", 308: "moved", 400: "refused", 403: "forbidden", 404: "missing",
    422: "refused",
}  # fmt: skip
_BY_CODE: Mapping[str, Kind] = {
    "unknownobject": "missing",
    "forbidden": "forbidden",
    "invaliddata": "refused",
    "invalidfilterfield": "refused",
    "invalidselectionfield": "refused",
    "invalidblankselectionfield": "refused",
    "invalidsortfield": "refused",
}
_SIGNED_OUT = {"unauthorized", "unauthorised", "unauthorisedrequest", "unauthorizedrequest"}


@dataclass(frozen=True)
class Reply:
    """`rows`: objects, unwrapped. `missing`: 404, which some providers say of an empty page too.

    `total`: what the provider says the collection has. `next`: where its link to the next page
    leads, "" without one; for `moved`, where the path is. `codes`: warnings and errors, folded.
    `text`: what the provider says about itself, in words.
    """

    kind: Kind
    rows: Sequence[Any] = ()
    total: int | None = None
    next: str = ""
    codes: frozenset[str] = frozenset()
    text: str = ""


def read(answer: Answer, words: Sequence[str]) -> Reply:
    """Understands an answer. `words`: what its rows may be wrapped in.

    Raises Transient for an answer that is neither rows nor a known refusal, and Terminal for
    refused credentials.
    """
    told = _told(answer.body)
    if answer.status >= 300:
        kind = _BY_STATUS[answer.status]
        return Reply(kind, next=answer.headers.get("location", ""), **_words(told))
    if told and told.failed:
        return _failed(answer, told)
    rows = _rows(answer.body, words)
    if rows is None or any(not isinstance(row, dict) for row in rows):
        raise Transient(f"{answer.path}: answered without a list of {words[0]}{_why(told)}")
    return Reply("rows", rows, _total(answer), _next(answer), **_words(told))


@dataclass(frozen=True)
class _Told:
    """What a body says about itself: `codes` folded to letters, whether it is a failure."""

    failed: bool
    codes: frozenset[str]
    text: str


def _failed(answer: Answer, told: _Told) -> Reply:
    """A failure that came with status 200."""
    if told.codes & _SIGNED_OUT:
        raise Terminal(f"{answer.path}: the credentials were refused{_why(told)}", "401")
    kinds: set[Kind] = {kind for code, kind in _BY_CODE.items() if code in told.codes}
    if not kinds:
        raise Transient(f"{answer.path}: answered with an error{_why(told)}")
    return Reply(kinds.pop(), codes=told.codes, text=told.text)


def _told(body: Any) -> _Told | None:
    """What a body says about itself, in any of the shapes that are known; None if nothing."""
    if isinstance(body, list):
        texts = [item for item in cast("list[Any]", body) if isinstance(item, str)]
        return _Told(True, frozenset(), _short("; ".join(texts))) if texts else None
    if not isinstance(body, dict):
        return None
    values = cast("dict[str, Any]", body)
    items = _several(values.get("statusInfoSet")) or _several(values.get("imsx_StatusInfo"))
    if not items and _of(values, "codeMajor"):
        items = [values]
    if items:
        majors = {_folded(_of(item, "codeMajor")) for item in items}
        codes = frozenset(_folded(code) for item in items for code in _minors(item))
        texts = [text for item in items if isinstance(text := _of(item, "description"), str)]
        return _Told("failure" in majors, codes, _short("; ".join(texts)))
    for name in ("error", "errors", "detail", "message"):
        said = values.get(name)
        if said and not any(
            isinstance(value, list) for key, value in values.items() if key != name
        ):
            texts = [text for text in _flat(said) if isinstance(text, str)]
            folded = frozenset(_folded(text) for text in texts)
            return _Told(True, folded | _guessed(folded), _short("; ".join(texts)))
    return None


def _guessed(codes: frozenset[str]) -> frozenset[str]:
    return frozenset({"unknownobject"}) if "notfound" in codes else frozenset()


def _of(values: Mapping[str, Any], name: str) -> Any:
    """A field under its name of the standard, or as 1.0 had it."""
    return values.get(f"imsx_{name}", values.get(name[0].upper() + name[1:]))


def _minors(item: Mapping[str, Any]) -> list[str]:
    minor = item.get("imsx_CodeMinor", _of(item, "codeMinor"))
    if isinstance(minor, dict):
        fields = _several(cast("dict[str, Any]", minor).get("imsx_codeMinorField"))
        return [str(field.get("imsx_codeMinorFieldValue")) for field in fields]
    return [minor] if isinstance(minor, str) else []


def _several(value: Any) -> list[dict[str, Any]]:
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*cast("dict[str, Any]", value).values()]
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _folded(word: Any) -> str:
    return re.sub(r"[^a-z]", "", str(word).lower())


def _short(text: str) -> str:
    return text[:LONGEST_TEXT]


def _words(told: _Told | None) -> dict[str, Any]:
    return {"codes": told.codes, "text": told.text} if told else {}


def _why(told: _Told | None) -> str:
    return f": {told.text}" if told and told.text else ""


def _rows(body: Any, words: Sequence[str]) -> list[Any] | None:
    """The rows in a body: under one of the words, as `data`, or in the first list that there is."""
    if isinstance(body, list):
        return cast("list[Any]", body)
    if not isinstance(body, dict):
        return None
    values = cast("dict[str, Any]", body)
    for word in (*words, "data"):
        if word in values:
            found = values[word]
            if found is None:
                return []
            return cast("list[Any]", found) if isinstance(found, list) else [found]
    lists = (
        cast("list[Any]", value)
        for name, value in values.items()
        if isinstance(value, list) and name != "statusInfoSet"
    )
    return next(lists, None)


def _total(answer: Answer) -> int | None:
    """How many rows the collection has: the header's number, or what stands beside the rows."""
    body: Any = answer.body
    values = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    for said in (
        answer.headers.get("x-total-count"), values.get("totalCount"), values.get("total"),
    ):  # fmt: skip
        if said is not None and str(said).strip().isdigit():
            return int(said)
    return None


def _next(answer: Answer) -> str:
    """Where the header Link leads as `next` (RFC 8288)."""
    header = answer.headers.get("link", "")
    return next((to for to, what in _LINK.findall(header) if _NEXT.search(what)), "")
