"""Patience: when a message that may work later comes again, and how often.

    waited   the service wanted a pause or works on it, another copy is in work, or a container is
             not made yet: no failure, so it may come again for more than a day
    looked   something may have been created and cannot be found: it is looked for again until it
             would have been found by all means
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

from graph.errors import NotThere, Throttled
from graph.references import ReferencesFailed
from roster.errors import Transient, Unfinished

if TYPE_CHECKING:
    from roster.errors import RollcallError

    from .change import ChangeMessage

WAITED, LOOKED, ABSENT, FAILED = "waited", "looked", "absent", "failed"
SPREAD = 1.25


@dataclass(frozen=True)
class Patience:
    """Seconds until the first further try, doubled up to `longest`; and how many tries."""

    first: float
    longest: float
    tries: int


PATIENCE = {
    WAITED: Patience(2, 120, 2_000),
    LOOKED: Patience(5, 60, 2_000),
    ABSENT: Patience(2, 120, 10),
    FAILED: Patience(2, 120, 40),
}


class Busy(Transient):
    """Another copy of the message is in work."""


class NotMadeYet(Transient):
    """The container of a message is made by another message."""


class NotFoundYet(Transient):
    """What may have been created was looked for and is not found."""


def next_try(message: ChangeMessage, error: RollcallError) -> tuple[ChangeMessage, float] | None:
    """The message to send again after `error`, and with what delay; None to give up."""
    reason = _reason(error)
    tries = message.tries.get(reason, 0) + 1
    patience = PATIENCE[reason]
    if tries >= patience.tries:
        return None
    asked = error.retry_after if isinstance(error, Transient) else None
    delay = asked or min(patience.first * 2.0 ** min(tries - 1, 30), patience.longest)
    counted = {"tries": {**message.tries, reason: tries}}
    return message.model_copy(update=counted), delay * random.uniform(1, SPREAD)


def _reason(error: RollcallError) -> str:
    if isinstance(error, (Throttled, Busy, NotMadeYet, Unfinished)):
        return WAITED
    if isinstance(error, NotFoundYet):
        return LOOKED
    return ABSENT if isinstance(error, (NotThere, ReferencesFailed)) else FAILED
