"""Names that the directory accepts: templates, mail nicknames, unique names.

A made-up name is a function of the roster's id alone, so that it comes out the same on every run
and every instance. Where an id has to lose characters to become legal, eight hex digits of its
SHA-256 are appended: two ids never end in one name. Class ids are many and often differ only near
their end, so that a `long_key` takes forty digits instead.

Limits: https://learn.microsoft.com/graph/api/resources/group#properties (displayName 256,
mailNickname 64, ASCII without `@ ( ) \\ [ ] " ; : < > , .` and space).
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

_MACROS = r"""
CREATE OR REPLACE MACRO with_digest(text, id, longest) AS
    left(text, longest - 9) || '-' || left(sha256(id), 8);
CREATE OR REPLACE MACRO display(text) AS
    left(trim(regexp_replace(text, '\s+', ' ', 'g')), 256);
CREATE OR REPLACE MACRO ascii_only(text) AS
    regexp_replace(strip_accents(text), '[^A-Za-z0-9_-]+', '_', 'g');
CREATE OR REPLACE MACRO nickname(text, id) AS
    CASE WHEN regexp_full_match(text, '[A-Za-z0-9_-]{1,64}') THEN text
         ELSE with_digest(ascii_only(text), id, 64) END;
CREATE OR REPLACE MACRO name_key(id) AS
    CASE WHEN regexp_full_match(id, '[a-z0-9-]{1,24}') THEN id
         ELSE with_digest(ascii_only(lower(id)), id, 24) END;
CREATE OR REPLACE MACRO long_key(id) AS
    CASE WHEN regexp_full_match(id, '[a-z0-9-]{1,40}') THEN id ELSE left(sha256(id), 40) END;
"""


def define_names(con: DuckDBPyConnection) -> None:
    """Creates the SQL macros `display`, `nickname`, `name_key`, `long_key`, `with_digest`."""
    con.execute(_MACROS)


def quoted(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def template_sql(template: str, columns: Mapping[str, str]) -> str:
    """The SQL expression that fills `template`; `columns` maps its field names to SQL."""
    parts: list[str] = []
    for text, field, _, _ in Formatter().parse(template):
        if text:
            parts.append(quoted(text))
        if field is not None:
            parts.append(f"coalesce({columns[field]}, '')")
    return "(" + " || ".join(parts) + ")"
