"""Oracle's `a || b` takes NULL for an empty text; DuckDB's gives NULL. So each part is wrapped.

A part is what binds tighter than any operator: a name, value or bind, a call, something in
brackets, or CASE … END.
"""

from __future__ import annotations

JOIN = "||"
# Words before a bracket that do not call anything.
_NO_CALLS = frozenset(
    {
        "all", "and", "any", "as", "between", "by", "case", "distinct", "else", "exists", "from",
        "having", "in", "is", "like", "not", "on", "or", "select", "some", "then", "union", "when",
        "where", "with",
    }
)  # fmt: skip


def wrap_joined(tokens: list[str]) -> None:
    """Wraps, in place, what stands left and right of each `||`."""
    parts: set[tuple[int, int]] = set()
    for place, token in enumerate(tokens):
        if token == JOIN:
            parts |= {
                _leftwards(tokens, _before(tokens, place)),
                _rightwards(tokens, _after(tokens, place)),
            }
    for start, end in parts:
        tokens[start] = f"coalesce(oracle_text({tokens[start]}"
        tokens[end] += "), '')"


def _leftwards(tokens: list[str], end: int) -> tuple[int, int]:
    """The part that ends at a token: its first and last place."""
    start = end
    if tokens[end] == ")":
        start = _match(tokens, end, -1, ")", "(")
        name = _before(tokens, start)
        if name >= 0 and _is_name(tokens[name]):
            start = name
    elif tokens[end].lower() == "end":
        return _match(tokens, end, -1, "end", "case"), end
    while start >= 2 and tokens[start - 1] == ".":
        start -= 2
    return start, end


def _rightwards(tokens: list[str], start: int) -> tuple[int, int]:
    """The part that begins at a token."""
    if tokens[start].lower() == "case":
        return start, _match(tokens, start, 1, "case", "end")
    end = start
    while end + 2 < len(tokens) and tokens[end + 1] == ".":
        end += 2
    bracket = end if tokens[end] == "(" else _after(tokens, end)
    called = tokens[end] == "(" or _is_name(tokens[end])
    if called and bracket < len(tokens) and tokens[bracket] == "(":
        end = _match(tokens, bracket, 1, "(", ")")
    return start, end


def _is_name(token: str) -> bool:
    return (token[0].isalpha() or token[0] == "_") and token.lower() not in _NO_CALLS


def _match(tokens: list[str], place: int, step: int, same: str, other: str) -> int:
    """The place of the counterpart of a bracket, or of CASE and END."""
    open_ones = 0
    at = place
    while 0 <= at < len(tokens):
        word = tokens[at].lower()
        open_ones += (word == same) - (word == other)
        if not open_ones:
            return at
        at += step
    return place


def _before(tokens: list[str], place: int) -> int:
    place -= 1
    while place >= 0 and tokens[place].isspace():
        place -= 1
    return place


def _after(tokens: list[str], place: int) -> int:
    place += 1
    while place < len(tokens) and tokens[place].isspace():
        place += 1
    return place
