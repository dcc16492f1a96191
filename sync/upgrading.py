"""Runs that another version of Rollcall began: they are begun again, and nothing of them is read.

What a run has left stands in the format of its version, so a step of this version could take it for
something else. But where a run came from is always there: the dropped files, their copies in the
archive, or the system that was asked. What was applied of it is in the directory, where the new run
finds it. So a new run does the work, and the old one ends as cancelled.

A held run is begun again too, by the hourly tick or when somebody decides: an approval is about the
plan that was looked at, and of that one this version knows nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .accepted import read_accepted
from .beginning import begin_run, begun_run
from .drop import DROP_BLOB, Drop, dropped_files, to_json
from .ending import cancel_run
from .format import FORMAT
from .pulls import PULL_BLOB
from .record import DROPPED, NIGHTLY, PULLED
from .storage import ARCHIVE, ROSTERS

if TYPE_CHECKING:
    from .record import Run
    from .storage import Storage

logger = logging.getLogger(__name__)

# Instances of the other version notice within seconds that the run was cancelled, and what they
# wrote last has to be seen by the new plan.
AGAIN_SECONDS = 60.0


def is_foreign(run: Run) -> bool:
    """Whether another version of Rollcall began the run, so that none of it can be read."""
    return run.format != FORMAT


def begin_again(storage: Storage, run: Run) -> Run:
    """Cancels a run of another version, after one that does its work was begun; its record."""
    new = _successor(storage, run)
    does = f"run {new} does it again" if new else "its files are gone; drop them again"
    logger.warning("Run %s was begun by another version: %s", run.run, does)
    return cancel_run(storage, run, f"begun by another version of Rollcall; {does}")


def _successor(storage: Storage, run: Run) -> str | None:
    occasion = f"again {run.run}"
    if run.trigger == PULLED:
        inputs, trigger = (PULL_BLOB, {"full": True}), PULLED
    else:
        drop = _files(storage, run)
        if drop is None:
            return None
        inputs = (DROP_BLOB, to_json(drop))
        trigger = DROPPED if drop.container == ROSTERS else NIGHTLY
    new = begin_run(storage, run.source, occasion, trigger, inputs, delay=AGAIN_SECONDS)
    return new or begun_run(storage, occasion)


def _files(storage: Storage, run: Run) -> Drop | None:
    """The files of a run: where they were dropped, else in the archive."""
    places = [Drop(ARCHIVE, tuple(storage.list_files(ARCHIVE, run.run)))]
    if run.trigger == DROPPED:
        left = Drop(ROSTERS, tuple(dropped_files(storage, run.source)))
        places.insert(1 if run.status == "held" else 0, left)
    elif accepted := read_accepted(storage, run.source):
        places.append(Drop(ARCHIVE, tuple(storage.list_files(ARCHIVE, accepted.run))))
    return next((place for place in places if place.files), None)
