"""The first steps of a run: copy the drop, read the roster, plan.

Each step takes its input from blobs and leaves its result there, so that the next one may run on
another instance, and so that it can be repeated. Artefacts of a run, in the container `runs`:

    <run>/drop.json          where the files came from
    <run>/source/            the files, as they were dropped (until they are in the archive)
    <run>/roster/            the roster tables, Parquet
    <run>/plan/              plan.json, changes.parquet, leavers.parquet
    <run>/findings.parquet   everything wrong in the data, and findings.csv for people
"""

from __future__ import annotations

import asyncio

from . import accepted, lock
from .accepted import check_source
from .config import load_config
from .drop import read_drop
from .ending import cancel_held
from .plan import Plan, make_plan
from .record import END, artefact, find_run, list_runs, now, write_json
from .report import TABLES_BLOB, write_findings
from .step import Again, Next, Step, Stop, Work
from .storage import RUNS
from .tenant import load_mirror
from .workspace import workspace

LOCKED_SECONDS = 5.0
MOST_REASONS = 20


def extract(work: Work) -> Next | Stop:
    """Copies the dropped files into the run, exactly as they were when the run began."""
    storage, run = work.storage, work.run.run
    check_source(load_config(storage), accepted.read_accepted(storage), work.run.source)
    drop = read_drop(storage, run)
    copied = {file.name for file in storage.list_files(RUNS, artefact(run, "source"))}
    for file in drop.files:
        name = artefact(run, f"source/{file.file_name}")
        if name not in copied and not storage.copy(drop.container, file, RUNS, name):
            return Stop("the files changed while the run began; the new ones get their own run")
    return Next(Step("normalise"))


def normalise(work: Work) -> Next:
    """Reads the roster from the files; refuses what is incomplete."""
    from connectors import read_roster

    storage, run = work.storage, work.run
    settings = check_source(load_config(storage), accepted.read_accepted(storage), run.source)
    needed = accepted.needed_tables(storage, settings)
    with workspace() as (con, folder):
        storage.download_folder(RUNS, artefact(run.run, "source"), folder / "source")
        roster = read_roster(
            folder / "source",
            con,
            source=run.source,
            last_files=needed,
            mappings=settings.mappings,
        )
        roster.save(folder / "roster")
        storage.upload_folder(RUNS, artefact(run.run, "roster"), folder / "roster")
        write_json(storage, run.run, TABLES_BLOB, [t for t, n in roster.counts().items() if n])
        return Next(Step("plan"), {"findings": roster.finding_counts()})


def plan(work: Work) -> Next | Again | Stop:
    """Compares the roster with the directory; the run holds the lock from here on."""
    from roster.roster import Roster

    storage, run = work.storage, work.run
    if waiting := take_lock(work):
        return waiting
    config = load_config(storage)
    with workspace() as (con, folder):
        storage.download_folder(RUNS, artefact(run.run, "roster"), folder / "roster")
        roster = Roster.load(con, folder / "roster")
        reading = load_mirror(storage, con, run.run, folder / "mirror", config.graph.quota())
        directory = asyncio.run(reading)
        accepted.load_leavers(storage, con, folder)
        today = now().astimezone(config.zone).date()
        made = make_plan(con, config, run=run.run, today=today, domains=directory.domains)
        made.save(con, folder / "plan")
        accepted.save_leavers(con, folder / "plan")
        write_findings(con, folder)
        storage.upload_folder(RUNS, artefact(run.run, "plan"), folder / "plan")
        for name in ("findings.parquet", "findings.csv"):
            storage.upload(RUNS, artefact(run.run, name), folder / name)
        found = roster.finding_counts()
    cancel_held(storage, run)
    return _planned(made, found, directory.requests)


def take_lock(work: Work) -> Again | Stop | None:
    """Takes the run lock; what to do instead if it cannot be had, or came too late."""
    storage, run = work.storage, work.run

    def has_ended(holder: str) -> bool:
        found = find_run(storage, holder)
        return found is None or found.position == END

    if not lock.acquire(storage, run.run, has_ended):
        return Again(LOCKED_SECONDS)
    for newer in list_runs(storage):
        if newer.run > run.run and newer.source == run.source and newer.checksum:
            return Stop(f"superseded by run {newer.run}")
    return None


def _planned(made: Plan, found: dict[str, int], requests: int) -> Next:
    return Next(
        Step("send", 1) if made.size else Step("finish"),
        {
            "changes": made.counts,
            "held": made.held,
            "why_held": made.why_held[:MOST_REASONS],
            "checksum": made.checksum,
            "findings": {
                name: found.get(name, 0) + made.findings.get(name, 0)
                for name in ("error", "warning")
            },
            "requests": requests,
            "read_requests": requests,
        },
    )
