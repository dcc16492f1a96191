"""Dropping files as a SIS does, and following the run that they start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from roster.errors import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sync.record import Run
    from sync.storage import Storage

LOOK_SECONDS = 0.3
LONGEST_LOOK = 5.0
BEGIN_SECONDS = 120.0
# Counting reads every outcome, so it may take no more than this part of the time.
COUNTING_SHARE = 0.1


def upload(storage: Storage, path: Path, source: str) -> frozenset[str]:
    """Puts the files into the source's folder, unchecked; returns the runs that were before."""
    from sync.record import list_runs
    from sync.storage import ARRIVALS_QUEUE, ROSTERS

    known = frozenset(run.run for run in list_runs(storage))
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    for left in storage.list_files(ROSTERS, source):  # of a drop that was refused
        storage.delete(ROSTERS, left)
    for file in files:
        storage.upload(ROSTERS, f"{source}/{file.name}", file)
    storage.send(ARRIVALS_QUEUE, {"source": source, "complete": True})
    return known


def wait_for_run(
    storage: Storage, source: str, known: frozenset[str], say: Callable[[str], None]
) -> Run:
    """The run that is not among `known`, once it ended or is held."""
    from sync.record import get_run

    run = _begin(storage, source, known)
    said, pause, count_after = "", LOOK_SECONDS, 0.0
    while not (run.has_ended or run.status == "held"):
        began = time.monotonic()
        if began >= count_after:
            text = _progress(storage, run)
            count_after = time.monotonic() + (time.monotonic() - began) / COUNTING_SHARE
            if text != said:
                say(text)
            said = text
        time.sleep(pause)
        pause = min(pause * 1.1, LONGEST_LOOK)
        run = get_run(storage, run.run)
    return run


def ended_runs(storage: Storage) -> dict[tuple[str, str], Run]:
    """The last runs that ended or are held, oldest first, by id and status."""
    from sync.record import list_runs

    runs = reversed(list_runs(storage, 20))
    return {(r.run, r.status): r for r in runs if r.has_ended or r.status == "held"}


def _begin(storage: Storage, source: str, known: frozenset[str]) -> Run:
    from sync.record import list_runs

    stop = time.monotonic() + BEGIN_SECONDS
    while time.monotonic() < stop:
        for run in list_runs(storage):
            if run.run not in known and run.source == source:
                return run
        time.sleep(LOOK_SECONDS)
    raise Terminal(
        f"No run began within {BEGIN_SECONDS:.0f} seconds; run it again with --debug to see the "
        "Functions host's log"
    )


def _progress(storage: Storage, run: Run) -> str:
    """What a run is doing, with counts while it applies its plan."""
    from sync.outcomes import count_outcomes

    name, _, rest = run.position.partition("/")
    if name != "wait":
        return f"Run {run.run}: {run.status}"
    phase = int(rest[0])
    done = count_outcomes(storage, run.run, phase)
    return f"Run {run.run}: applying, phase {phase} of 3, {done:,} of {run.expected:,} messages"
