"""Values of /ws/schema: everything is text, and an empty column is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .quirks import Quirks

_WHOLE = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER"}
_ORACLE_DATE = "%d-%b-%y"


def kind_of(duckdb_type: str) -> str:
    """What a column can be compared with: number, date or text."""
    if duckdb_type in _WHOLE or duckdb_type.startswith(("DOUBLE", "DECIMAL", "FLOAT")):
        return "number"
    return "date" if duckdb_type.startswith(("DATE", "TIMESTAMP")) else "text"


def json_value(column: str, duckdb_type: str, quirks: Quirks, *, numbers: bool = False) -> str:
    """SQL for a column's JSON, NULL if it is empty. `numbers`: numbers are no text."""
    kind = kind_of(duckdb_type)
    if kind == "number":
        text = f"{column}::VARCHAR" if duckdb_type in _WHOLE else f"oracle_number({column})"
        return text if numbers else f"'\"' || {text} || '\"'"
    if kind == "date":
        whole = duckdb_type == "DATE"
        iso = "%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S"
        form = iso if quirks.dates == "iso" else _ORACLE_DATE
        return f"'\"' || upper(strftime({column}, '{form}')) || '\"'"
    if duckdb_type == "BOOLEAN":
        return f"CASE WHEN {column} THEN '\"1\"' WHEN NOT {column} THEN '\"0\"' END"
    return f"to_json(nullif({column}::VARCHAR, ''))::VARCHAR"
