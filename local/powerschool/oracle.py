"""Oracle's SQL on DuckDB: macros for its functions, and a translation of what no macro can be.

What is the same in both stays as it is. Not there: outer joins written (+), ROWNUM and CONNECT BY;
a query that needs them fails as a faulty one does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .joined_text import JOIN, wrap_joined

_DECODE_PAIRS = 8


def _decode() -> str:
    """DECODE(x, a, 1, b, 2, …, default) for as many pairs as people write."""
    variants: list[str] = []
    for pairs in range(1, _DECODE_PAIRS + 1):
        names = [f"k{i}, v{i}" for i in range(pairs)]
        cases = " ".join(f"WHEN x IS NOT DISTINCT FROM k{i} THEN v{i}" for i in range(pairs))
        variants.append(f"(x, {', '.join(names)}) AS CASE {cases} END")
        variants.append(f"(x, {', '.join(names)}, other) AS CASE {cases} ELSE other END")
    return "CREATE MACRO oracle_decode" + ", ".join(variants)


MACROS = (
    """CREATE MACRO grade_level(code) AS CASE lower(code)
        WHEN 'it' THEN -3 WHEN 'pr' THEN -2 WHEN 'pk' THEN -1 WHEN 'tk' THEN -1 WHEN 'kg' THEN 0
        WHEN 'ps' THEN 13 ELSE try_cast(code AS BIGINT) END""",
    "CREATE MACRO nvl(a, b) AS coalesce(a, b)",
    "CREATE MACRO nvl2(a, b, c) AS CASE WHEN a IS NOT NULL THEN b ELSE c END",
    "CREATE MACRO bitand(a, b) AS a::BIGINT & b::BIGINT",
    "CREATE MACRO oracle_now() AS getvariable('oracle_now')::TIMESTAMP",
    "CREATE MACRO oracle_number(x) AS regexp_replace(x::DOUBLE::VARCHAR, '\\.0$', '')",
    """CREATE MACRO oracle_trunc(x DATE) AS x, (x TIMESTAMP) AS x::DATE,
        (x BIGINT) AS x, (x DOUBLE) AS system.main.trunc(x)::BIGINT""",
    """CREATE MACRO oracle_text(x DATE) AS upper(strftime(x, '%d-%b-%y')),
        (x TIMESTAMP) AS upper(strftime(x, '%d-%b-%y')), (x BIGINT) AS x::VARCHAR,
        (x DOUBLE) AS oracle_number(x), (x VARCHAR) AS x""",
    "CREATE MACRO oracle_digits(x, width) AS lpad(x::BIGINT::VARCHAR, width, '0')",
    "CREATE MACRO oracle_date(x, form) AS strptime(x::VARCHAR, form)",
    "CREATE MACRO to_number(x) AS x::VARCHAR::DOUBLE",
    "CREATE MACRO regexp_like(x, pattern) AS regexp_matches(x, pattern)",
    """CREATE MACRO oracle_substr
        (x, start) AS substr(x, CASE start WHEN 0 THEN 1 ELSE start END),
        (x, start, size) AS substr(x, CASE start WHEN 0 THEN 1 ELSE start END, size)""",
    "CREATE MACRO add_months(x, months) AS x + to_months(months::INTEGER)",
    _decode(),
)

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*') | (?P<gone>--[^\n]*|/\*.*?\*/) | (?P<quoted>"[^"]*")
      | (?P<cast>::) | :(?P<bind>[A-Za-z_]\w*) | (?P<word>[A-Za-z_][\w$#]*)
      | (?P<number>\d+(?:\.\d+)?) | (?P<space>\s+) | (?P<join>\|\|) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_FUNCTIONS = {
    "trunc": "oracle_trunc",
    "decode": "oracle_decode",
    "substr": "oracle_substr",
    "listagg": "string_agg",
    "to_date": "oracle_date",
    "to_timestamp": "oracle_date",
    "to_char": "strftime",
}
_WORDS = {
    "sysdate": "oracle_now()",
    "systimestamp": "oracle_now()",
    "current_date": "oracle_now()",
    "current_timestamp": "oracle_now()",
    "minus": "EXCEPT",
    "varchar2": "VARCHAR",
    "nvarchar2": "VARCHAR",
}
_DATE_PARTS = {
    "yyyy": "%Y", "rrrr": "%Y", "yy": "%y", "rr": "%y", "month": "%B", "mon": "%b", "mm": "%m",
    "ddd": "%j", "dd": "%d", "day": "%A", "dy": "%a", "hh24": "%H", "hh12": "%I", "hh": "%I",
    "mi": "%M", "ss": "%S", "ff3": "%g", "ff": "%f", "am": "%p", "pm": "%p", "fm": "",
}  # fmt: skip
_DATE_PART = re.compile(
    f'(?P<part>{"|".join(_DATE_PARTS)})|(?P<mark>[-/.,:; ]+)|"(?P<text>[^"]*)"', re.IGNORECASE
)
_NUMBER_FORM = re.compile(r"(fm)?[09]+", re.IGNORECASE)
_ARITHMETIC = re.compile(r"oracle_now\(\)\s*([-+])\s*(\d+(?:\.\d+)?|\$\w+)")


@dataclass(frozen=True, slots=True)
class Translated:
    """A query in DuckDB's dialect; `binds`: the names after ":", in lower case."""

    sql: str
    binds: frozenset[str]


def translate(sql: str) -> Translated:
    """A query of Oracle's dialect in DuckDB's."""
    out: list[str] = []
    binds: set[str] = set()
    calls: list[tuple[str, int]] = []  # the calls that are open: function, its place in `out`
    tokens = [m for m in _TOKEN.finditer(sql.strip().rstrip(";")) if m.lastgroup != "gone"]
    skip = 0
    for place, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        kind, text = token.lastgroup, token.group()
        if kind == "bind":
            name = token["bind"].lower()
            binds.add(name)
            out.append(f"${name}")
        elif kind == "word":
            out.append(_word(text, out, calls))
        elif text == "(":
            calls.append((_called(out), len(out)))
            out.append(text)
        elif text == ")":
            name, opened = calls.pop() if calls else ("", 0)
            skip = _within_group(tokens, place) if name == "string_agg" else 0
            out.append(" " if skip else text)
            if skip:
                calls.append(("", opened))
            _format(name, opened, out)
        else:
            out.append(text)
    if out and out[0] != JOIN != out[-1]:
        wrap_joined(out)
    text = _ARITHMETIC.sub(r"(oracle_now() \1 to_seconds(86400.0 * \2))", "".join(out))
    return Translated(text, frozenset(binds))


def _word(text: str, out: list[str], calls: list[tuple[str, int]]) -> str:
    """A word in DuckDB's dialect. The names of functions change at their bracket."""
    known = text.lower()
    if out and out[-1] == ".":
        return text
    if known == "number" and any(name == "cast" for name, _ in calls[-1:]):
        return "DOUBLE"
    return _WORDS.get(known, text)


def _called(out: list[str]) -> str:
    """The function whose bracket opens here, renamed where DuckDB has another."""
    place = len(out) - 1
    while place >= 0 and out[place].isspace():
        place -= 1
    if place < 0:
        return ""
    name = out[place].lower()
    if name in _FUNCTIONS:
        out[place] = name = _FUNCTIONS[name]
    return name


def _within_group(tokens: list[re.Match[str]], place: int) -> int:
    """How many tokens ` WITHIN GROUP (` takes up after a bracket closed; 0 without it."""
    seen = ""
    for taken, token in enumerate(tokens[place + 1 :], start=1):
        seen += "" if token.group().isspace() else token.group().lower()
        if seen == "withingroup(":
            return taken
        if not "withingroup(".startswith(seen):
            return 0
    return 0


def _format(name: str, opened: int, out: list[str]) -> None:
    """Puts the format of a TO_CHAR or TO_DATE that closes here into DuckDB's letters."""
    if name not in {"strftime", "oracle_date"}:
        return
    place = opened
    function = next(i for i in range(opened - 1, -1, -1) if not out[i].isspace())
    last = len(out) - 2
    while last > place and out[last].isspace():
        last -= 1
    form = out[last]
    if not form.startswith("'") or not "".join(out[opened:last]).rstrip().endswith(","):
        if name == "strftime":
            out[function] = "oracle_text"
        return
    if name == "strftime" and _NUMBER_FORM.fullmatch(form[1:-1]):
        out[function], out[last] = "oracle_digits", str(len(form.lower().replace("fm", "")) - 2)
        return
    out[last] = "'" + _date_format(form[1:-1]) + "'"


def _date_format(form: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(form):
        found = _DATE_PART.match(form, at)
        if not found:
            raise ValueError(f"date format {form!r}")
        part = found["part"]
        parts.append(_DATE_PARTS[part.lower()] if part else found["mark"] or found["text"] or "")
        at = found.end()
    return "".join(parts)
