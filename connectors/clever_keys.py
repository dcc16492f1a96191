"""What the tables of Clever's API are made of: files that are kept, and the ids that they go by."""

from __future__ import annotations

from typing import Literal

from connectors.formats import CsvColumn, FeedSpec, FileSpec

KeyedBy = Literal["clever_id", "sis_id", "legacy_id"]


def file_of(
    name: str, columns: str, *feeds: FeedSpec, mandatory: bool = False, keeps: str = ""
) -> FileSpec:
    """A table with these columns, blanks between."""
    known = tuple(CsvColumn(word, (word,)) for word in columns.split())
    return FileSpec(name, known, feeds, mandatory, keeps=keeps)


def kept(columns: str) -> str:
    """The template that keeps columns as they are."""
    return ", ".join(f"{{{column}}} AS {column}" for column in columns.split())


def id_of(keyed_by: KeyedBy, sis: str, *, legacy: str = "NULL") -> str:
    """The template of an id: the one that is wanted, or else Clever's."""
    own = {"clever_id": "NULL", "sis_id": sis, "legacy_id": legacy}[keyed_by]
    return f"coalesce({own}, {{id}})"
