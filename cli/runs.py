"""`rollcall runs`, `show`, `approve`, `reject`, `stop`: what happened, and what is to happen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from .account import Account, open_storage
from .screen import FAILED, FINDINGS, STATUS_COLOUR, Json, counts_table, print_json, results

if TYPE_CHECKING:
    from sync.record import Run

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, as `rollcall runs` shows.")]
Why = Annotated[str, typer.Option(help="Your reason, kept with the decision.", prompt=True)]
HELD_SHOWN = 50


def runs(
    account: Account = None,
    limit: Annotated[int, typer.Option(help="How many to list.", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Lists the last runs, newest first."""
    from sync.record import list_runs

    found = list_runs(open_storage(account), limit)
    if as_json:
        print_json([run.as_dict() for run in found])
        return
    if not found:
        results().print("No runs yet. `rollcall drop PATH` starts one.")
        return
    _print_runs(found)


def show(run: RunId, account: Account = None, as_json: Json = False) -> None:
    """Shows one run: counts by kind and action, what is held and why, how to go on.

    Exit code 1 while changes are held or after some failed, 3 if the run failed.
    """
    from sync.reader import held_rows
    from sync.record import get_run

    storage = open_storage(account)
    record = get_run(storage, run)
    held = held_rows(storage, run, HELD_SHOWN) if record.status == "held" else []
    if as_json:
        print_json(record.as_dict() | {"held_rows": [change.as_dict() for change in held]})
    else:
        print_run(record)
        for change in held:
            results().print(f"  {replace(change, why_held='')}", markup=False)
    if code := exit_code(record):
        raise typer.Exit(code)


def approve(run: RunId, why: Why, account: Account = None, as_json: Json = False) -> None:
    """Approves the held changes of a run: exactly those that `show` lists, and no others."""
    from sync.approval import approve as decide

    _decided(decide(open_storage(account), run, who=who(), why=why), as_json=as_json)


def reject(run: RunId, why: Why, account: Account = None, as_json: Json = False) -> None:
    """Rejects the held changes of a run; they are not made. Mend the source and drop again."""
    from sync.approval import reject as decide

    _decided(decide(open_storage(account), run, who=who(), why=why), as_json=as_json)


def stop(run: RunId, why: Why, account: Account = None, as_json: Json = False) -> None:
    """Stops a run that is under way. What it wrote stays; the next run does what is left."""
    from sync.approval import stop as decide

    _decided(decide(open_storage(account), run, who=who(), why=why), as_json=as_json)


def who() -> str:
    """The person at this machine, as approvals name them."""
    import getpass
    import socket

    return f"{getpass.getuser()}@{socket.gethostname()}"


def exit_code(run: Run) -> int:
    """0 for a run that did all it had to, 1 for held or partly failed, 3 for failed."""
    if run.status == "failed":
        return FAILED
    return FINDINGS if run.status in ("held", "cancelled") or run.failed else 0


def _decided(run: Run, *, as_json: bool) -> None:
    if as_json:
        print_json(run.as_dict())
    else:
        results().print(f"Run {run.run} is {run.status}.")


def _print_runs(found: list[Run]) -> None:
    """One line a run that fits a narrow terminal; a run's id says when it began (UTC)."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("status", no_wrap=True)
    table.add_column("run", no_wrap=True)
    table.add_column("source")
    for heading in ("changes", "held", "failed", "findings"):
        table.add_column(heading, justify="right")
    for run in found:
        colour = STATUS_COLOUR.get(run.status, "cyan")
        changes = sum(n for actions in run.changes.values() for n in actions.values())
        numbers = (changes, run.held_count, run.failed, sum(run.findings.values()))
        table.add_row(
            f"[{colour}]{run.status}[/]", run.run, run.source, *(f"{n:,}" for n in numbers)
        )
    results().print(table)


def print_run(run: Run) -> None:
    """Prints one run for people."""
    console = results()
    colour = STATUS_COLOUR.get(run.status, "cyan")
    console.print(f"[bold]Run {run.run}[/] of source {run.source}: [{colour}]{run.status}[/]")
    console.print(
        f"started {run.started:%Y-%m-%d %H:%M:%S} UTC, {run.seconds:,.1f} s, {run.writes:,} writes "
        f"({run.expected_writes:,} expected) in {run.requests:,} requests, {run.failed:,} failed"
    )
    if run.pulled:
        console.print(f"asked for {run.pulled}", markup=False)
    if run.error:
        console.print(run.error, style="red", markup=False)
    if run.changes:
        console.print(counts_table("Changes", run.changes))
    held = "held" if run.status == "held" else "was held"
    for why in run.why_held:
        console.print(f"{held}  {why}", style="yellow", markup=False)
    if run.status == "held":
        console.print(f'Right? rollcall approve {run.run} --why "…"', markup=False)
        console.print(f'Wrong? rollcall reject {run.run} --why "…"', markup=False)
