"""What a tenant has and how slow its background work is, as switches that a test or scenario sets.

Delays are seconds of the tenant's clock; 0 means at once. The real service takes minutes to hours:
https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership,
https://learn.microsoft.com/graph/api/team-post,
https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-concepts
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ON_PREMISES = "on-premises"


@dataclass(frozen=True, slots=True)
class Features:
    """The switches of a tenant; in JSON their names are written as in `ruleDelay`.

    `education`: whether the tenant has the education schema. `on_premises_sync`: what the
    organization says of directory synchronization. `object_quota`: the most objects that the
    directory holds, 0 for no bound. `rule_delay`: until a change reaches dynamic memberships.
    `team_group_age`: how old a group must be before a team can be made of it. `team_delay`: how
    long making, archiving or unarchiving a team takes. `bulk_delay`: until an upload is applied.
    `log_delay`: until the provisioning log tells of it. `sync_delay`: until an account made in the
    on-premises directory arrives. `provisioning_target`: where uploads create accounts.
    `upn_rule`: the user principal name of an uploaded person; {userName}, {externalId} stand for
    values of the upload.
    """

    education: bool = True
    on_premises_sync: bool = False
    object_quota: int = 300_000
    rule_delay: float = 0
    team_group_age: float = 0
    team_delay: float = 0
    bulk_delay: float = 0
    log_delay: float = 0
    sync_delay: float = 0
    provisioning_target: Literal["cloud", "on-premises"] = "cloud"
    upn_rule: str = "{userName}"

    @classmethod
    def from_json(cls, values: Mapping[str, Any], base: Features | None = None) -> Features:
        """Switches as JSON names them, on top of `base`; ValueError names what is wrong."""
        current = base or cls()
        known = {_json_name(field.name): field.name for field in fields(cls)}
        changes: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no such feature: {name}; there are {', '.join(sorted(known))}")
            before = getattr(current, known[name])
            if not _fits(before, value):
                raise ValueError(f"feature {name}: {value!r} is not like {before!r}")
            changes[known[name]] = value
        changed = replace(current, **changes)
        if changed.provisioning_target not in ("cloud", ON_PREMISES):
            raise ValueError(f"feature provisioningTarget: cloud or {ON_PREMISES}")
        return changed

    def to_json(self) -> dict[str, Any]:
        """The switches as JSON names them."""
        return {_json_name(field.name): getattr(self, field.name) for field in fields(self)}


def _json_name(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def _fits(before: Any, value: Any) -> bool:
    """Whether a value is of the kind that the switch has: bool, text, or a number not below 0."""
    if isinstance(before, bool | str):
        return type(value) is type(before)
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
