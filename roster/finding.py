"""A finding: something wrong in a source's data, with its place and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """One fault of one row. Sorts errors first, then by file and line.

    `line`: physical line in `file`, from 1; None where the whole file is meant.
    `entity`: sourced id of the row's entity. `cause`: the root (such as "classes:C9") that this
    finding follows from; "" when it is its own root.
    """

    severity: Severity
    file: str
    line: int | None
    rule: str
    table: str
    column: str
    value: str
    entity: str
    cause: str
    message: str
    hint: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.column} “{self.value}”: " if self.value else ""
        return f"{place} {self.severity} [{self.rule}] {what}{self.message}; {self.hint}"

    def as_dict(self) -> dict[str, str | int | None]:
        """The fields by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class RuleCount:
    """How often a rule fired. `example`: one of its findings in short."""

    id: str
    severity: Severity
    count: int
    example: str
