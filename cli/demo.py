"""`rollcall demo`: all of Rollcall on this machine, over an emulated tenant that starts empty."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from roster.errors import BadInput

from .account import Demo
from .demo_source import DemoSource
from .screen import FAILED, FINDINGS, FINE, Json, print_json, results, working

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.stack import Stack
    from sync.record import Run
    from sync.storage import Storage

    from .demo_source import Occasion

SOURCE = "local"
DEFAULT_DOMAIN = "contoso.edu"
WATCH_SECONDS = 1.0


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Drop each roster in turn, print the runs, and end.")
    ] = False,
    roster: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="A roster to drop; may be given again. Default: a sample district."
        ),
    ] = None,
    source: Annotated[
        DemoSource, typer.Option(help="The system that rosters come from, emulated but for csv.")
    ] = DemoSource.csv,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help=f"A verified domain of the tenant. Default: {DEFAULT_DOMAIN}."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings (rollcall.yaml) on top of the demo's own."),
    ] = None,
    as_json: Json = False,
    dump: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="At the end, write the directory's state as JSON."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every Graph exchange as JSON lines."),
    ] = None,
) -> None:
    """Runs storage, Functions host, Entra emulator and portal on this machine.

    People are created in the emulated tenant. Without `--once` it drops the sample district, or
    asks the emulated system for it, shows what becomes of it, and stays until Ctrl-C, so that you
    can drop, look and approve yourself.
    """
    from .demo_source import demo_system, pulls
    from .demo_tenant import demo_settings, write_dump

    demo_settings(config, SOURCE)  # wrong settings are told before anything starts
    for path in roster or ():
        if not path.exists():
            raise BadInput(f"--roster {path}: there is no such file or folder")
    if roster and source is not DemoSource.csv:
        raise BadInput(f"--roster and --source {source}: a system has its own roster; give one")
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as ending:
        domains = domain or [DEFAULT_DOMAIN]
        stack = _start(ending, domains, record)
        folder = Path(ending.enter_context(_folder()))
        if source is DemoSource.csv:
            occasions, following = _files(roster, folder)
            settings = demo_settings(config, SOURCE)
        else:
            with working(f"Starting an emulated {source}"):
                system = demo_system(source, domains[0], folder)
                address = stack.start_system(system.module, *system.arguments)
            occasions = pulls(source, address, SOURCE)
            following = f"rollcall pull {SOURCE}"
            settings = demo_settings(config, SOURCE, system.settings(address))
        storage = _prepare(stack, settings)
        now = occasions if once or roster else occasions[:1]
        codes = [_watch(storage, occasion, as_json=as_json, once=once) for occasion in now]
        if not once:
            _stay(ending, stack, storage, following, as_json=as_json)
        if dump:
            write_dump(stack.graph_url, dump)
    if once and max(codes):
        raise typer.Exit(max(codes))


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rollcall-demo-")


def _files(roster: list[Path] | None, folder: Path) -> tuple[list[Occasion], str]:
    """The drops of the demo, and the command of the next one."""
    from .demo_source import drops, sample_rosters

    if roster:
        return drops(roster, SOURCE), "rollcall drop PATH"
    day1, day2 = sample_rosters(folder)
    return drops([day1, day1, day2], SOURCE), f"rollcall drop {day2}"


def _start(ending: ExitStack, domains: Sequence[str], record: Path | None) -> Stack:
    from local.stack import Stack

    with working("Starting storage, Functions host and Entra emulator"):
        return ending.enter_context(Stack(domains=domains, record=record))


def _prepare(stack: Stack, settings: str) -> Storage:
    from sync.config import FILE_NAME
    from sync.storage import CONFIG, Storage

    storage = Storage.from_connection_string(stack.connection_string)
    storage.create_missing()
    storage.write(CONFIG, FILE_NAME, settings.encode())
    return storage


def _watch(storage: Storage, occasion: Occasion, *, as_json: bool, once: bool) -> int:
    """Lets a run start, waits for it, and shows it."""
    from .watching import wait_for_run

    with working(occasion.what) as say:
        known = occasion.act(storage)
        run = wait_for_run(storage, SOURCE, known, say)
    _show(run, as_json=as_json, once=once)
    return _exit_code(run)


def _show(run: Run, *, as_json: bool, once: bool) -> None:
    """One JSON object for a demo that only runs rosters; tables for one that people watch."""
    import json

    from .runs import print_run

    if as_json:
        print_json(run_result(run))
    elif once:
        results().print(json.dumps(run_result(run), indent=2), markup=False)
    else:
        print_run(run)


def run_result(run: Run) -> dict[str, Any]:
    """What `--once` tells of a run."""
    result: dict[str, Any] = {
        "run": run.run,
        "status": run.status,
        "changes": run.changes,
        "writes": run.writes,
        "requests": run.requests,
        "findings": {"error": 0, "warning": 0} | dict(run.findings),
        "held": run.held_count,
        "seconds": run.seconds,
    }
    return result | ({"error": run.error} if run.error else {})


def _exit_code(run: Run) -> int:
    if run.status in ("failed", "cancelled") or run.failed:
        return FAILED
    return FINDINGS if run.held_count or any(run.findings.values()) else FINE


def _stay(
    ending: ExitStack,
    stack: Stack,
    storage: Storage,
    following: str,
    *,
    as_json: bool,
) -> None:
    """Shows runs as they end, until Ctrl-C."""
    from .watching import ended_runs

    running = Demo(
        os.getpid(), f"{stack.http_url}/portal/", stack.connection_string, dict(stack.environment)
    )
    running.announce()
    ending.callback(running.withdraw)
    known = ended_runs(storage)
    if not as_json:
        _explain(running.portal_url, following)
    try:
        while True:
            time.sleep(WATCH_SECONDS)
            ended = ended_runs(storage)
            for key in ended.keys() - known.keys():
                _show(ended[key], as_json=as_json, once=False)
            known |= ended
    except KeyboardInterrupt:
        return


def _explain(portal: str, following: str) -> None:
    say: Callable[[str], None] = lambda line: results().print(line, soft_wrap=True)  # noqa: E731
    say(f"\nPortal: {portal}")
    say("In another terminal:")
    say(f"  {following}     the next day; only the difference is written")
    say("  rollcall runs            what happened")
    say("  rollcall show RUN        one run: changes, what is held and why")
    say("Ctrl-C ends everything; nothing is kept.\n")


def _interrupt(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    """Ends on SIGTERM as on Ctrl-C, so that no process is left behind."""
    sys.stderr.write("Ending\n")
    raise KeyboardInterrupt
