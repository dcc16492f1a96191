"""The first steps of a run: copy the drop, read the roster, plan.

Each step takes its input from blobs and leaves its result there, so that the next one may run on
another instance, and so that it can be repeated. Artefacts of a run, in the container `runs`:

    <run>/drop.json          where the files came from
    <run>/source/            the files, as they were dropped (until they are in the archive)
    <run>/pull.json, pages/  of an API: what was asked, and its answers (pulls.py)
    <run>/staged/            of several sources: the reading of this one (readings.py)
    <run>/roster/            the roster tables, Parquet
    <run>/passwords.sealed   first passwords of the files, where policy takes them (credentials.py)
    <run>/plan/              plan.json, changes, first_passwords, what is remembered (memory.py)
    <run>/findings.parquet   everything wrong in the data, and findings.csv for people
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connectors.drop import MOST_BYTES
from connectors.source import ApiSource, CsvSource
from roster.errors import BadInput, Refused

from . import lock
from .accepted import check_source, list_accepted, needed_tables
from .config import load_config
from .credentials import open_file_passwords, seal_file_passwords
from .deltas import Packages, mark_unread, settle
from .drop import read_drop
from .ending import cancel_held
from .memory import find_doubt, load_memory, save_memory
from .metrics import FINDINGS, record
from .plan import Plan, make_plan
from .pulls import pull_pages, read_pull
from .readings import combine, has_reading, missing_sources, save_reading
from .record import END, PULLED, artefact, find_run, list_runs, now, write_json
from .report import TABLES_BLOB, count_findings, write_findings
from .sealing import Sealing
from .step import Again, Next, Step, Stop, Work
from .storage import RUNS
from .tenant import load_mirror
from .workspace import workspace

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from connectors.source import SourceSettings
    from roster.roster import Roster
    from roster.staging import Staged

    from .config import Config
    from .storage import Storage

LOCKED_SECONDS = 5.0
MOST_REASONS = 20


def extract(work: Work) -> Next | Again | Stop:
    """Copies the dropped files into the run, exactly as they were when it began, or asks an API."""
    storage = work.storage
    if work.run.trigger != PULLED:
        mark_unread(storage, work.run)
        if not _copy_drop(storage, work.run.run):
            return Stop("the files changed while the run began; the new ones get their own run")
    source = _settings(work, load_config(storage))
    if isinstance(source, ApiSource):
        return pull_pages(work, source)
    return Next(Step("normalise"))


def _copy_drop(storage: Storage, run: str) -> bool:
    """Copies the files of a drop into the run; False if they changed meanwhile."""
    drop = read_drop(storage, run)
    size = sum(file.size for file in drop.files)
    if size > MOST_BYTES:
        raise BadInput(
            f"{len(drop.files)} files of {size:,} bytes together; allowed: {MOST_BYTES:,}. Is "
            "anything in the folder that does not belong there?"
        )
    copied = {file.name for file in storage.list_files(RUNS, artefact(run, "source"))}
    for file in drop.files:
        name = artefact(run, f"source/{file.file_name}")
        if name not in copied and not storage.copy(drop.container, file, RUNS, name):
            return False
    return True


def normalise(work: Work) -> Next:
    """Reads the roster from the files or pages; refuses what is incomplete."""
    storage, run = work.storage, work.run
    config, sealing = load_config(storage), Sealing.from_environment()
    settings = _settings(work, config)
    needed = needed_tables(storage, settings)
    from_file = config.people.takes_file_passwords and isinstance(settings, CsvSource)
    if from_file:
        sealing.needed("`file` in people.passwords")
    with workspace() as (con, folder):
        if isinstance(settings, ApiSource):
            staged = read_pull(work, con, folder, settings, needed)
        else:
            staged = _read_files(work, con, folder, settings, needed, passwords=from_file)
        if from_file:
            seal_file_passwords(storage, con, run.run, sealing, folder)
        counts = staged.describe().counts
        write_json(storage, run.run, TABLES_BLOB, [table for table, n in counts.items() if n])
        if config.combines:
            save_reading(storage, run.run, staged, folder / "staged")
            return Next(Step("plan"))
        roster = staged.check()
        roster.save(folder / "roster")
        storage.upload_folder(RUNS, artefact(run.run, "roster"), folder / "roster")
        settle(storage, run)
        return Next(Step("plan"), {"findings": roster.finding_counts()})


def _settings(work: Work, config: Config) -> SourceSettings:
    """The settings of the run's source; Refused if they are not of the kind that the run is of."""
    source = work.run.source
    settings = check_source(config, list_accepted(work.storage), source)
    asked = work.run.trigger == PULLED
    if isinstance(settings, ApiSource) and not asked:
        raise Refused(
            f"rosters/{source}: {source} is asked over its API and takes no files; "
            f"`rollcall pull {source}` asks it, files need a source of their own under `sources`"
        )
    if asked and not isinstance(settings, ApiSource):
        raise Refused(
            f"source {source} is a folder of files in rollcall.yaml, and was asked over an API "
            f"when the run began; drop its files into rosters/{source}"
        )
    return settings


def _read_files(
    work: Work,
    con: DuckDBPyConnection,
    folder: Path,
    source: SourceSettings,
    needed: frozenset[str] | None,
    *,
    passwords: bool,
) -> Staged:
    from connectors.reading import read_staged

    drop = folder / "source"
    work.storage.download_folder(RUNS, artefact(work.run.run, "source"), drop)
    chain = Packages(work.storage, source.name, drop, folder / "packages", work.run)
    staged = read_staged(
        drop,
        con,
        source=source.name,
        last_files=needed,
        mappings=source.mappings,
        passwords=passwords,
        chain=chain,
    )
    chain.leave(staged.format)
    return staged


def plan(work: Work) -> Next | Again | Stop:
    """Compares the roster with the directory; the run holds the lock from here on."""
    storage, run = work.storage, work.run
    if waiting := take_lock(work):
        return waiting
    config, sealing = load_config(storage), Sealing.from_environment()
    with workspace() as (con, folder):
        today = now().astimezone(config.zone).date()
        roster = _whole_roster(work, con, config, today, folder)
        load_memory(storage, con, folder)
        directory = asyncio.run(load_mirror(storage, con, run.run, folder / "mirror", config))
        open_file_passwords(storage, con, run, sealing, folder)
        made = make_plan(
            con,
            config,
            run=run.run,
            today=today,
            domains=directory.domains,
            sealing=sealing,
            doubt=find_doubt(storage, con, missing_sources(storage, run, config)),
        )
        made.save(con, folder / "plan")
        save_memory(storage, con, folder / "plan", today)
        write_findings(con, folder)
        storage.upload_folder(RUNS, artefact(run.run, "plan"), folder / "plan")
        for name in ("findings.parquet", "findings.csv"):
            storage.upload(RUNS, artefact(run.run, name), folder / name)
        found = roster.finding_counts()
        for rule, severity, count in count_findings(con):
            record(FINDINGS, count, rule=rule, severity=severity)
    cancel_held(storage, run)
    return _planned(made, found, directory.requests)


def _whole_roster(
    work: Work, con: DuckDBPyConnection, config: Config, today: date, folder: Path
) -> Roster:
    """The roster of the tenant: this run's own, or all sources together."""
    from roster.roster import Roster

    storage, run = work.storage, work.run
    if has_reading(storage, run.run):
        roster = combine(storage, con, run, config, today, folder)
        settle(storage, run)
        return roster
    storage.download_folder(RUNS, artefact(run.run, "roster"), folder / "roster")
    return Roster.load(con, folder / "roster")


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
            "expected_writes": made.cost.writes + made.cost.teams,
            "findings": {
                name: found.get(name, 0) + made.findings.get(name, 0)
                for name in ("error", "warning")
            },
            "requests": requests,
            "read_requests": requests,
        },
    )
