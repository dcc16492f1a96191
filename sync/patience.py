"""Patience: when a message that may work later comes again, and how often.

    waited   the service wanted a pause, another copy is in work, or a container is not made yet:
             no failure, so it may come again for more than a day
    looked   something may have been created and cannot be found: each time it is looked for anew
    absent   something is not in the directory: not yet, as what was just made is seen with a
             delay, or no longer, as somebody deleted it; after some minutes it is the latter
    failed   anything else that may work later

A service that says when it wants to be asked again is obeyed. Every delay gets some chance, so that
what was put off together does not come back together
(https://learn.microsoft.com/azure/architecture/best-practices/transient-faults).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graph.errors import AmbiguousWrite, NotThere, Throttled
from graph.references import ReferencesFailed
from roster.errors import Transient

if TYPE_CHECKING:
    from roster.errors import RollcallError

    from .change import ChangeMessage

WAITED, LOOKED, ABSENT, FAILED = "waited", "looked", "absent", "failed"
LOOKS = 6
SPREAD = 1.25


@dataclass(frozen=True)
class Patience:
    """Seconds until the first further try, doubled up to `longest`; and how many tries."""

    first: float
    longest: float
    tries: int


PATIENCE = {
    WAITED: Patience(2, 120, 2_000),
    LOOKED: Patience(5, 60, 40),
    ABSENT: Patience(2, 120, 10),
    FAILED: Patience(2, 120, 40),
}


class Busy(Transient):
    """Another copy of the message is in work."""


class NotMadeYet(Transient):
    """The container of a message is made by another message."""


class NotFoundYet(AmbiguousWrite):
    """What may have been created was looked for and is not found."""


def next_try(message: ChangeMessage, error: RollcallError) -> tuple[ChangeMessage, float] | None:
    """The message to send again after `error`, and with what delay; None to give up."""
    reason = _reason(error)
    tries = message.tries.get(reason, 0) + 1
    patience = PATIENCE[reason]
    if tries >= patience.tries:
        return None
    counted = {**message.tries, reason: tries}
    if isinstance(error, AmbiguousWrite) and reason != LOOKED:
        counted[LOOKED] = 1
        patience, tries = PATIENCE[LOOKED], 1
    asked = error.retry_after if isinstance(error, Transient) else None
    delay = asked or min(patience.first * 2.0 ** min(tries - 1, 30), patience.longest)
    return message.model_copy(update={"tries": counted}), delay * random.uniform(1, SPREAD)


def _reason(error: RollcallError) -> str:
    if isinstance(error, (Throttled, Busy, NotMadeYet)):
        return WAITED
    if isinstance(error, NotFoundYet):
        return LOOKED
    return ABSENT if isinstance(error, (NotThere, ReferencesFailed)) else FAILED
