"""What a team is: its settings, and the background work on it.

https://learn.microsoft.com/graph/api/resources/team,
https://learn.microsoft.com/graph/api/resources/teamsasyncoperation
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from local.entra.messages import Json
    from local.entra.objects import DirectoryObject

CLASS = "educationClass"
TEMPLATES = ("standard", CLASS, "educationStaff", "educationProfessionalLearningCommunity")
SETTINGS: dict[str, Json] = {
    "memberSettings": {
        "allowCreateUpdateChannels": True, "allowCreatePrivateChannels": True,
        "allowDeleteChannels": True, "allowAddRemoveApps": True,
        "allowCreateUpdateRemoveTabs": True, "allowCreateUpdateRemoveConnectors": True,
    },
    "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
    "messagingSettings": {
        "allowUserEditMessages": True, "allowUserDeleteMessages": True,
        "allowOwnerDeleteMessages": True, "allowTeamMentions": True, "allowChannelMentions": True,
    },
    "funSettings": {
        "allowGiphy": True, "giphyContentRating": "moderate", "allowStickersAndMemes": True,
        "allowCustomMemes": True,
    },
}  # fmt: skip


@dataclass(slots=True)
class Operation:
    """Background work on a team. `took` is how many seconds it takes, `ended` how it ended."""

    id: str
    kind: Literal["createTeam", "archiveTeam", "unarchiveTeam"]
    began: datetime
    takes: float
    ended: Literal["", "succeeded", "failed"] = ""
    last: datetime | None = None

    def status(self, now: datetime) -> str:
        """Where the work stands: a third of the time is spent waiting."""
        waiting = (now - self.began).total_seconds() * 3 < self.takes
        return self.ended or ("notStarted" if waiting else "inProgress")


@dataclass(slots=True)
class Team:
    """A team. `ready`: whether it has been made."""

    group: DirectoryObject
    template: str
    created: str
    values: Json
    ready: bool = False
    operations: dict[str, Operation] = field(default_factory=dict[str, Operation])


def settings_of(template: str) -> Json:
    """The settings that a team of this template begins with."""
    found: Json = {name: dict(values) for name, values in SETTINGS.items()}
    return found | {"isMembershipLimitedToOwners": template == CLASS}


def merge(team: Team, values: Json) -> None:
    """Sets settings; of a group of them only those that are named."""
    for name, value in values.items():
        before = team.values.get(name)
        team.values[name] = before | value if isinstance(before, dict) else value
