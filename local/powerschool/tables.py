"""What makes a table of PowerSchool's: its name, key, change columns and query."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `query` gives its columns and `touched`, when what it comes from last changed.

    `key`: the column that names a row. `stamps`: the change columns it has. `order`: how rows lie.
    `silent`: columns that change without the row counting as changed.
    """

    name: str
    key: str
    query: str
    stamps: tuple[str, ...] = ()
    order: str = ""
    silent: tuple[str, ...] = ()
