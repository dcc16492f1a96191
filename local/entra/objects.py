"""The objects of a directory: users, groups and administrative units.

An education class **is** a group and an education user **is** a user, each with the same id and
one set of values seen through two lists of properties. An education school is backed by an
administrative unit that has to be asked for (`/education/schools/{id}/administrativeUnit`); the
documentation nowhere promises that both have the same id, so here they never do.
https://learn.microsoft.com/graph/api/resources/education-overview
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["user", "group", "administrativeUnit"]
Relation = Literal["members", "owners"]


@dataclass(slots=True, eq=False)
class DirectoryObject:
    """One object. `members` and `owners` map an object's id to the serial number of its joining,
    which never falls, so that a page boundary keeps its place while others come and go."""

    id: str
    kind: Kind
    values: dict[str, Any]
    education: bool = False
    school_id: str = ""
    members: dict[str, int] = field(default_factory=dict[str, int])
    owners: dict[str, int] = field(default_factory=dict[str, int])
    containers: dict[tuple[str, Relation], None] = field(
        default_factory=dict[tuple[str, Relation], None]
    )
    deleted_at: datetime | None = None

    def links(self, relation: Relation) -> dict[str, int]:
        """The ids linked by this relation, in the order of their joining."""
        return self.members if relation == "members" else self.owners

    def value(self, path: str) -> Any:
        """A value by name, or by path into a complex value: `student/externalId`."""
        name, slash, rest = path.partition("/")
        if name == "id":
            return self.id
        value = self.values.get(name)
        if not slash:
            return value
        return value.get(rest) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    @property
    def unified(self) -> bool:
        """Whether this is a Microsoft 365 group."""
        return "Unified" in self.values.get("groupTypes", ())

    @property
    def synced(self) -> bool:
        """Whether an on-premises directory masters this object."""
        return self.values.get("onPremisesSyncEnabled") is True
