"""Quota: how much an app may write to a tenant, and what one operation costs of it.

3,000 writes in 150 seconds for an app in a tenant, each item of a $batch by itself
(https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits). What a
request costs that binds several references is not published: integrations report a third of a
write for each reference, the published table says one. The setting decides how fast such
requests are sent; what is sent stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .exchange import GraphRequest

BindCost = Literal["thirds", "one"]
Priority = Literal["low", "normal", "high"]


@dataclass(frozen=True)
class Quota:
    """`writes` in `seconds`; `priority`: who is refused first when the tenant is at its limit."""

    writes: int = 3_000
    seconds: float = 150.0
    bind_cost: BindCost = "thirds"
    priority: Priority = "low"

    @property
    def rate(self) -> float:
        """Writes a second that can be kept up."""
        return self.writes / self.seconds

    def cost(self, request: GraphRequest) -> int:
        """The writes that an operation counts as; 0 for one that only reads."""
        if not request.is_write:
            return 0
        return max(1, -(-request.references // 3)) if self.bind_cost == "thirds" else 1
