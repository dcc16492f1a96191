"""What a district shares with the application (https://dev.clever.com/docs/data-model-quirks).

A district may share all of itself, or some schools, or single sections, or both. Whoever is in a
shared section is shared with it. What is not shared is not there for the application.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = ("student", "teacher", "staff", "district_admin", "contact")


@dataclass(frozen=True)
class Sharing:
    """`schools`, `sections`: SIS ids or Clever ids of what is shared; both None: everything.

    `roles`: the kinds of people that the application's data access allows; others are hidden.
    """

    schools: tuple[str, ...] | None = None
    sections: tuple[str, ...] | None = None
    roles: tuple[str, ...] = ROLES

    @property
    def everything(self) -> bool:
        """Whether no school and no section is kept back."""
        return self.schools is None and self.sections is None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sharing:
        """What `POST /_emulator/sharing` takes; {} shares everything. Raises BadInput."""
        for name, value in values.items():
            if name not in ("schools", "sections", "roles"):
                raise BadInput(f"Sharing has schools, sections and roles, but no {name!r}.")
            if value is not None and not isinstance(value, list):
                raise BadInput(f"Sharing: {name} is a list of texts, or null.")
        roles = values.get("roles")
        if roles is not None and not {*roles} <= {*ROLES}:
            raise BadInput(f"Sharing: roles are among {', '.join(ROLES)}.")
        return cls(
            _texts(values.get("schools")),
            _texts(values.get("sections")),
            ROLES if roles is None else tuple(roles),
        )

    def to_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self)


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
