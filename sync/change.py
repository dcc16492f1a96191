"""Change: one difference between desired and existing; and the message that asks for it.

A plan lists changes one by one, a membership being a change of its own, so that counts, guards and
reasons are exact. What travels through the queue is one message for each changed entity, holding
all of that entity's changes of a phase.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

ENTITIES = ("school", "person", "class", "group")
MEMBERSHIPS = ("school_membership", "class_membership", "group_membership")
KINDS = (*ENTITIES, *MEMBERSHIPS)
ACTIONS = ("create", "update", "enable", "add", "remove", "disable")
REMOVALS = ("remove", "disable")


@dataclass(frozen=True, order=True)
class Change:
    """One change. `before` and `after` hold only what differs; `source` is file:line.

    Sorted by phase, kind, key: the order in which a plan is shown and applied. `why_held` is empty
    unless a guard holds the change.
    """

    phase: int
    kind: str
    key: str
    action: str
    id: str
    school: str | None
    before: str | None
    after: str | None
    reason: str
    source: str | None
    why_held: str

    def __str__(self) -> str:
        held = f"  [held: {self.why_held}]" if self.why_held else ""
        came_from = f" ({self.source})" if self.source else ""
        detail = f" {self.before or ''} → {self.after or ''}" if self.action == "update" else ""
        return f"{self.action} {self.kind} {self.key}{detail}: {self.reason}{came_from}{held}"

    def as_dict(self) -> dict[str, Any]:
        """The change with `before` and `after` as objects, ready for JSON."""
        values = asdict(self)
        for side in ("before", "after"):
            values[side] = json.loads(values[side]) if values[side] else None
        return values


class ChangeMessage(BaseModel):
    """What a queue message of `changes` says: make this entity so.

    `object_id` is the entity's directory id (None: create it, or find it by its key); `fields` are
    the properties to write; the four lists hold directory ids of people. `count` is the number of
    changes the message stands for. A message that is sent again says only what is left to do, and
    in `tries` how often it came again for which reason. Well under the 48 KiB that a base64
    message may carry
    (https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    id: str
    phase: int
    kind: str
    key: str
    action: str
    object_id: str | None = None
    fields: dict[str, Any] = {}
    add_members: tuple[str, ...] = ()
    add_owners: tuple[str, ...] = ()
    remove_members: tuple[str, ...] = ()
    remove_owners: tuple[str, ...] = ()
    count: int = 1
    tries: dict[str, int] = {}
