"""JSON as /ws/v1 writes it, made by SQL: expressions that give text, NULL for what is missing.

That JSON is XML in another dress: a list of one is no list, an empty element is "", and whatever
looks like a number is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .quirks import Quirks

MACROS = (
    """CREATE MACRO json_block(body, empty) AS
        CASE WHEN body = '' THEN empty ELSE '{' || body || '}' END""",
    """CREATE MACRO json_some(items, collapse, nothing) AS
        CASE WHEN coalesce(len(items), 0) = 0 THEN nothing
             WHEN len(items) = 1 AND collapse THEN items[1]
             ELSE '[' || array_to_string(items, ',') || ']' END""",
    """CREATE MACRO json_guess(value) AS
        CASE WHEN regexp_full_match(value, '-?[0-9]{1,18}')
             THEN try_cast(value AS BIGINT)::VARCHAR ELSE to_json(value)::VARCHAR END""",
)


class Shape:
    """Writes the SQL for one set of switches."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks

    def member(self, name: str, value: str) -> str:
        """`"name":value`, or NULL without a value."""
        if not self._quirks.scalars_absent:
            value = f"coalesce({value}, 'null')"
        return f"""'"{name}":' || {value}"""

    def text(self, name: str, column: str) -> str:
        """A field of text."""
        guess = self._quirks.digits_as_numbers
        return self.member(
            name, f"json_guess({column}::VARCHAR)" if guess else f"to_json({column}::VARCHAR)"
        )

    def number(self, name: str, column: str) -> str:
        """A field that is a number."""
        return self.member(name, f"({column})::VARCHAR")

    def date(self, name: str, column: str) -> str:
        """A field that is a day."""
        return self.member(name, f"to_json(({column})::DATE::VARCHAR)")

    def boolean(self, name: str, condition: str) -> str:
        """A field that is true or false."""
        return self.member(name, f"CASE WHEN {condition} THEN 'true' ELSE 'false' END")

    def block(self, name: str, *members: str) -> str:
        """A field that holds fields; what an empty one is, is a switch."""
        empty = {"text": "'\"\"'", "object": "'{}'", "absent": "NULL::VARCHAR"}
        return (
            f"""'"{name}":' || json_block(concat_ws(',', {", ".join(members)}), """
            f"{empty[self._quirks.empty_block]})"
        )

    def some(self, name: str, items: str) -> str:
        """A field that holds a list (`items`: a list of JSON texts)."""
        nothing = "'[]'" if self._quirks.empty_list == "array" else "NULL::VARCHAR"
        return f"""'"{name}":' || json_some({items}, {self._quirks.collapse_single}, {nothing})"""

    def listed(self, name: str, items: list[str]) -> str:
        """What `some` is, for a whole answer: the text of the member, "" without one."""
        if not items:
            return f'"{name}":[]' if self._quirks.empty_list == "array" else ""
        if len(items) == 1 and self._quirks.collapse_single:
            return f'"{name}":{items[0]}'
        return f'"{name}":[{",".join(items)}]'


def record(*members: str) -> str:
    """An object of the members that have a value."""
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"
