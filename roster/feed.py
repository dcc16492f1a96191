"""A feed: how the columns of one raw table fill one roster table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Feed:
    """One raw table into one roster table.

    The raw table is all text, holds no blank records, and its `rowid` is the record's place in
    the file, from 0.

    `columns`: roster column → SQL expression over the raw table's columns; a roster column that
    is not named here gets its default.
    `headers`: roster column → the column's name in the file, for findings.
    `where`: SQL condition on the raw rows that feed this table ("" = all).
    `once`: SQL expression; of raw rows with the same value only the first feeds the table, and
    none where it is NULL ("" = all).
    """

    table: str
    raw: str
    file: int
    columns: Mapping[str, str]
    headers: Mapping[str, str]
    where: str = ""
    once: str = ""

    @property
    def whole(self) -> bool:
        """Whether every record of the file is a row of the table."""
        return not self.where and not self.once

    def rows(self) -> str:
        """The SQL condition that selects the feeding rows."""
        conditions = [f"({self.where})"] if self.where else []
        if self.once:
            first = (
                f"SELECT min(rowid) FROM {self.raw}"
                f" WHERE ({self.once}) IS NOT NULL GROUP BY {self.once}"
            )
            conditions.append(f"rowid IN ({first})")
        return " AND ".join(conditions) or "true"
