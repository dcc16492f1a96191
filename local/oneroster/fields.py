"""Fields of OneRoster objects: how each is kept in a table, said in JSON, and filtered by.

A reference is kept as an id, several as a list of ids, a role as {roleType, role, org}. What is
said depends on the quirks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .quirks import Quirks

Kind = Literal["text", "date", "moment", "flag", "ref", "refs", "texts", "roles", "flags"]
LISTS = ("refs", "texts", "roles", "flags")
SINGULAR = {
    "academicSessions": "academicSession",
    "orgs": "org",
    "courses": "course",
    "classes": "class",
    "users": "user",
    "enrollments": "enrollment",
    "demographics": "demographics",
    "classGroups": "classGroup",
}
_STAMPS = {
    "utc": "strftime({c}, '%Y-%m-%dT%H:%M:%S.%gZ')",
    "offset": "strftime({c} - INTERVAL 7 HOUR, '%Y-%m-%dT%H:%M:%S.%g-7')",
    "blank": "strftime({c}, '%Y-%m-%d %H:%M:%S')",
    "no-zone": "strftime({c}, '%Y-%m-%dT%H:%M:%S.%g')",
    "date": "strftime({c}, '%Y-%m-%d')",
}
_FLAGS = {
    "text": """CASE WHEN {c} THEN '"true"' WHEN NOT {c} THEN '"false"' END""",
    "json": "CASE WHEN {c} THEN 'true' WHEN NOT {c} THEN 'false' END",
    "title": """CASE WHEN {c} THEN '"True"' WHEN NOT {c} THEN '"False"' END""",
    "number": "CASE WHEN {c} THEN '1' WHEN NOT {c} THEN '0' END",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `source`: SQL for its value. `to`: the collection that references lead to."""

    name: str
    kind: Kind
    source: str
    to: str = ""

    @property
    def column(self) -> str:
        """The field's column, quoted for SQL."""
        return f'"{self.name}"'


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def say(field: Field, entity: str, quirks: Quirks, base: str) -> str:
    """SQL for the field's JSON, such as `"name":"Fern Hill"`; NULL if the field is to be left out.

    `base`: the address of the root, without a slash at its end.
    """
    value = _spoken(field, quirks, base)
    nothing = "'[]'" if field.kind in LISTS else """'""'"""
    if f"{entity}.{field.name}" in quirks.blanks:
        value = f"""CASE WHEN hash("sourcedId") % 10 = 0 THEN {nothing} ELSE {value} END"""
    if quirks.absent == "null":
        value = f"coalesce({value}, 'null')"
    elif quirks.absent == "blank":
        value = f"coalesce({value}, {nothing})"
    return f"""'"{field.name}":' || {value}"""


def _spoken(field: Field, quirks: Quirks, base: str) -> str:
    column = field.column
    match field.kind:
        case "text":
            return _text(field, quirks)
        case "date":
            time = "T00:00:00.000Z" if quirks.dates_with_time else ""
            return f"""'"' || {column} || '{time}"'"""
        case "moment":
            return f"""'"' || {_STAMPS[quirks.stamps].format(c=column)} || '"'"""
        case "flag":
            return _FLAGS[quirks.booleans].format(c=column)
        case "ref":
            return _reference(column, field, quirks, base)
        case "refs":
            return _several(column, _reference("x", field, quirks, base), quirks)
        case "texts":
            joined = f"to_json(array_to_string({column}, ','))"
            if field.name == "grades" and quirks.grades_as_text:
                return joined
            return _several(column, "to_json(x)", quirks)
        case "roles":
            org = _reference("x.org", field, quirks, base)
            role = f"""'{{"roleType":"' || x."roleType" || '","role":' || to_json(x.role)
                || ',"org":' || {org} || '}}'"""
            return _several(column, role, quirks)
        case "flags":
            return _metadata(column, quirks)


def _text(field: Field, quirks: Quirks) -> str:
    if field.name == "status" and quirks.status == "missing":
        return "NULL"
    if field.name == "status":
        return (
            f"""CASE {field.column} WHEN 'active' THEN '"active"' """
            f"""ELSE '"{quirks.deleted_status}"' END"""
        )
    if field.name == "username" and quirks.usernames == "bare":
        return f"to_json(split_part({field.column}, '@', 1))"
    if field.name == "password":
        return """to_json('secret-' || "sourcedId")""" if quirks.passwords else "NULL"
    return f"to_json({field.column})"


def _several(column: str, item: str, quirks: Quirks) -> str:
    joined = f"array_to_string(list_transform({column}, lambda x: {item}), ',')"
    several = f"CASE WHEN len({column}) > 0 THEN '[' || {joined} || ']' END"
    if not quirks.bare_single:
        return several
    return f"CASE WHEN len({column}) = 1 THEN {joined} ELSE {several} END"


def _reference(key: str, field: Field, quirks: Quirks, base: str) -> str:
    if quirks.references == "text" or (
        quirks.references == "parent-text" and field.name == "parent"
    ):
        return f"to_json({key})"
    if quirks.references == "ids":
        return f"""'{{"sourcedId":' || to_json({key}) || '}}'"""
    kind = SINGULAR[field.to]
    if quirks.references == "wrong-type" and kind == "org":
        kind = "user"
    href = f'\'{{"href":"\' || {quoted(f"{base}/{field.to}/")} || {key}'
    if quirks.references == "constant":
        href = f'\'{{"href":"\' || {quoted(base)} || substr({key}, 1, 0)'
    return f"""{href} || '","sourcedId":' || to_json({key}) || ',"type":"{kind}"}}'"""


def _metadata(column: str, quirks: Quirks) -> str:
    value = f"to_json(array_to_string({column}, ','))"
    if quirks.user_flags == "list":
        value = f"to_json({column})"
    said = f"""CASE WHEN len({column}) > 0
        THEN '{{"microsoft.userFlags":' || {value} || '}}' END"""
    return f"to_json({said})" if quirks.metadata == "text" else said


def operand(field: Field, rest: str) -> str | None:
    """SQL for what a filter's path means: the field, and `rest` behind its dot. None: nothing.

    Its value is a text, a list of texts (see `is_list`), or a TIMESTAMP for a moment.
    """
    column = field.column
    if field.kind in ("text", "date", "flag"):
        return None if rest else f"{column}::VARCHAR"
    if field.kind == "moment":
        return None if rest else column
    if field.kind == "texts":
        return None if rest else column
    if field.kind == "flags":
        return column if rest == "microsoft.userFlags" else None
    if field.kind == "roles":
        inner = {"role": "x.role", "roleType": 'x."roleType"', "org.sourcedId": "x.org"}.get(rest)
        return inner and f"list_transform({column}, lambda x: {inner})"
    if rest == "sourcedId":
        return column
    if rest == "type":
        kind = quoted(SINGULAR[field.to])
        return f"list_transform({column}, lambda x: {kind})" if field.kind == "refs" else kind
    return None


def is_list(field: Field) -> bool:
    """Whether filters ask a list."""
    return field.kind in LISTS
