"""A check: one thing that the doctor looked at, what it found, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """`advice`: what to do, in words; `command`: a line to copy, if one does it."""

    area: str
    name: str
    state: State
    found: str
    advice: str = ""
    command: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}


def worst(checks: Iterable[Check]) -> State:
    """The state of all together; fine if there are none."""
    states = {check.state for check in checks}
    return "problem" if "problem" in states else "warning" if "warning" in states else "ok"
