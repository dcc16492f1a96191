"""What happens by the clock. One timer ticks every hour, in UTC; what is due is decided here.

Time zones of timers are not supported on Flex Consumption
(https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-time-zones),
so the configured zone is applied in code. Each tick

    looks at all source folders, for drops whose event was lost
    asks again for the step of a run whose control message was lost
    begins held runs again that another version of Rollcall planned
    ends held runs that can no longer be approved
    starts the nightly run: sources with an API are asked, last files planned for a new day
    tells, once, that no roster came for too long
    removes what is older than the configured retention from the tables
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.source import ApiSource, CsvSource
from roster.errors import BadInput

from .accepted import Accepted, list_accepted
from .alerts import alert_silence
from .arrivals import sweep
from .config import Config, load_config
from .drop import Drop, start_run
from .ending import cancel_run
from .events import CONFIG_WRONG, tell
from .metrics import record_queues
from .pulls import start_pull
from .record import DROPPED, END, PULLED, list_runs, now
from .retention import prune
from .step import ask_for
from .storage import ARCHIVE, RUNS_QUEUE, STATE, StoredFile
from .upgrading import begin_again, is_foreign

if TYPE_CHECKING:
    from datetime import datetime

    from .storage import Storage

logger = logging.getLogger(__name__)

SILENCE = "silence.txt"


def tick(storage: Storage, at: datetime | None = None) -> None:
    """Does what is due at the time `at` (default: now)."""
    at = at or now()
    record_queues(storage)
    sweep(storage)
    _revive(storage)
    _renew(storage)
    try:
        config = load_config(storage)
    except BadInput as error:
        tell(CONFIG_WRONG, error=type(error).__name__)
        logger.error("%s", error)  # noqa: TRY400 - where and what it is, the trace adds nothing
        return
    _expire(storage, config, at)
    _start_nightly(storage, config, at)
    _watch_silence(storage, config, at)
    prune(storage, config.retention, at)


def _revive(storage: Storage) -> None:
    """A run that is under way has a control message, seen or hidden; with none it would rest."""
    under_way = [run for run in list_runs(storage) if run.position != END]
    if under_way and not storage.waiting(RUNS_QUEUE) + storage.waiting(f"{RUNS_QUEUE}-poison"):
        for run in under_way:
            ask_for(storage, run.run, run.position)


def _renew(storage: Storage) -> None:
    """Those under way are begun again by their next step."""
    for run in list_runs(storage):
        if run.status == "held" and is_foreign(run):
            begin_again(storage, run)


def _expire(storage: Storage, config: Config, at: datetime) -> None:
    days = config.guards.approval_days
    for run in list_runs(storage):
        if run.status == "held" and run.ended and at - run.ended > timedelta(days=days):
            cancel_run(storage, run, f"nobody approved or rejected it within {days} days")


def _start_nightly(storage: Storage, config: Config, at: datetime) -> None:
    """Asks the sources that have an API; where there are none, plans the last files once more."""
    if config.schedule.nightly is None:
        return
    local = at.astimezone(config.zone)
    hour, minute = map(int, config.schedule.nightly.split(":"))
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    night = f"{due:%Y-%m-%d}"
    if local < due:
        return
    asked = [source.name for source in config.sources if isinstance(source, ApiSource)]
    for source in asked:
        if _is_due(storage, source, due):
            start_pull(storage, source, night=night)
    files = [a for a in list_accepted(storage) if isinstance(config.source(a.source), CsvSource)]
    # One is enough: a plan is about all sources, and an API that is asked brings one anyway.
    if files and not asked and _is_due(storage, files[0].source, due):
        drop = Drop(ARCHIVE, tuple(_last_files(storage, files[0])))
        start_run(storage, files[0].source, drop, night=night)


def _last_files(storage: Storage, accepted: Accepted) -> list[StoredFile]:
    """The last accepted files of a source. Where an old copy of the state was put back, a later
    run has filed later ones.
    """
    later = [
        run.run
        for run in list_runs(storage)
        if run.run > accepted.run and (run.source, run.trigger) == (accepted.source, DROPPED)
    ]
    filed = (storage.list_files(ARCHIVE, run) for run in (*later, accepted.run))
    return next((files for files in filed if files), list[StoredFile]())


def _is_due(storage: Storage, source: str, due: datetime) -> bool:
    """Whether a source had no run since `due` and has none under way, and no run is held.

    A held run waits for a person, and a newer plan would take it away from under them.
    """
    runs = list_runs(storage)
    last = next((run for run in runs if run.source == source), None)
    held = any(run.status == "held" for run in runs)
    return not held and (last is None or (last.started < due and last.position == END))


def _watch_silence(storage: Storage, config: Config, at: datetime) -> None:
    hours = config.alerts.silence_hours
    last = next((run for run in list_runs(storage) if run.trigger in (DROPPED, PULLED)), None)
    if last is None or at - last.started < timedelta(hours=hours):
        return
    if storage.read(STATE, SILENCE) != last.run.encode():
        alert_silence(storage, last, hours)
        storage.write(STATE, SILENCE, last.run.encode())
