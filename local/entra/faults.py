"""Faults that a test asks for: answers that fail before or after the deed, or never come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from local.entra.messages import Request

LOST = 0


@dataclass
class Fault:
    """A fault. `path`: a regular expression on the path; `status` 0 loses the answer."""

    method: str
    path: str
    status: int
    when: Literal["before", "after"] = "before"
    times: int = 1
    retry_after: int | None = None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fault:
        """A fault as it is asked for over HTTP."""
        known = {"retryAfter": "retry_after"}
        return cls(**{known.get(name, name): value for name, value in values.items()})

    def hits(self, request: Request) -> bool:
        """Whether this operation is hit."""
        path = "/" + "/".join(request.path)
        return self.times > 0 and self.method == request.method and bool(re.search(self.path, path))


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self.coming: list[Fault] = []

    def next(self, request: Request) -> Fault | None:
        """The fault that hits this operation, if any; it is used up."""
        for fault in self.coming:
            if fault.hits(request):
                fault.times -= 1
                return fault
        return None
