"""`rollcall doctor`: is everything there that a run needs, and what to do if not."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roster.errors import BadInput

from .account import Account, Against, Directory, named_storage
from .check import ConfigFile
from .deployed import AppName, ResourceGroup, Subscription, named_app
from .screen import FAILED, FINDINGS, Json, notes, print_json, results, working

if TYPE_CHECKING:
    from pathlib import Path

    from sync.doctor.check import Check
    from sync.storage import Storage

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}
CODES = {"ok": 0, "warning": FINDINGS, "problem": FAILED}


def doctor(
    config: ConfigFile = None,
    account: Account = None,
    against: Against = Directory.tenant,
    app: AppName = "",
    group: ResourceGroup = "",
    subscription: Subscription = "",
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Afterwards settle by trial what Microsoft's pages leave open. This writes: it "
            "makes objects of its own, which it lists first and deletes at the end.",
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --probe: do not ask before writing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Checks sign-in, app roles, domains, licences, quotas and storage, and says what to do.

    With `--app` it checks that deployed app: its settings, rights, storage, events, schedule.

    Exit code 0: all fine, 1: warnings, 3: problems. Without `--probe` nothing is written.
    """
    from graph.signin import sign_in
    from sync.doctor.check import worst
    from sync.doctor.examination import examine
    from sync.doctor.rounds import examine_app

    if yes and not probe:
        raise BadInput("--yes belongs to --probe; the doctor writes nothing without it")
    if probe and as_json and not yes:
        raise BadInput("--probe --json cannot ask before writing; add --yes if it may write")
    storage = named_storage(against, account)
    named = named_app(app, group, subscription, against)
    with working("Examining") as say:
        if named is None:
            checks = asyncio.run(examine(config, storage, sign_in, say))
        else:
            checks = asyncio.run(examine_app(named, config, storage, sign_in, say))
    state = worst(checks)
    told: dict[str, Any] = {"state": state, "checks": [check.as_dict() for check in checks]}
    if not as_json:
        _print(checks)
    code = CODES[state]
    if probe:
        probed = _probe(checks, config, storage, ask=not yes)
        told["probe"] = probed
        code = max(code, FAILED if probed.get("failed") or probed.get("left") else 0)
        if not as_json:
            _print_probe(probed)
    if as_json:
        print_json(told)
    if code:
        raise typer.Exit(code)


def _probe(
    checks: list[Check], config: Path | None, storage: Storage | None, *, ask: bool
) -> dict[str, Any]:
    """Probes, unless something is wrong that makes it pointless; what it found, as JSON."""
    from graph.signin import sign_in
    from sync.doctor.examination import experiment, read_configuration
    from sync.doctor.features import features
    from sync.doctor.probe import intentions

    wrong = [c.name for c in checks if c.state == "problem" and c.area != "Storage"]
    if wrong:
        return {"failed": f"not begun: first mend {', '.join(wrong)}", "answers": [], "left": []}
    settings = read_configuration(config, storage)[1]
    notes().print("\nThe probe")
    for line in intentions(features(settings)):
        notes().print(f"  - {line}", markup=False)
    if ask:
        typer.confirm("Shall it write to this tenant?", abort=True, err=True)
    with working("Probing") as say:
        probed = asyncio.run(experiment(settings, sign_in, say))
    found: dict[str, Any] = {"answers": [a.as_dict() for a in probed.answers]}
    found["left"] = list(probed.left)
    return found | ({"failed": probed.failed} if probed.failed else {})


def _print(checks: list[Check]) -> None:
    console = results()
    for area, group in groupby(checks, key=lambda check: check.area):
        console.print(f"\n[bold]{area}[/]")
        console.print(_table(list(group)))
    for command in dict.fromkeys(check.command for check in checks if check.command):
        console.print(f"\n{_heading(command)}")
        console.print(command, soft_wrap=True, markup=False, style="cyan")
    counts = {state: sum(check.state == state for check in checks) for state in MARKS}
    warnings, problems = (_counted(state, counts[state]) for state in ("warning", "problem"))
    console.print(f"\n{counts['ok']} fine, {warnings}, {problems}")


def _heading(command: str) -> str:
    """Who can run a command, and what it does."""
    if command.startswith("az role assignment"):
        return "To give the role, in bash, as Owner of the resource group:"
    return (
        "To grant app roles, in bash (https://shell.azure.com has all it needs), as a Privileged "
        "Role Administrator:"
    )


def _counted(what: str, count: int) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _print_probe(probed: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = results()
    if probed["answers"]:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        for heading in ("question", "answer", "setting"):
            table.add_column(heading, overflow="fold")
        for answer in probed["answers"]:
            cells = (answer["question"], answer["answer"], answer["setting"])
            table.add_row(*(Text(cell) for cell in cells))
        console.print("\n[bold]Probe[/]")
        console.print(table)
    if probed.get("failed"):
        console.print(f"The probe failed: {probed['failed']}", style="red", markup=False)
    if probed["left"]:
        console.print(
            f"Could not be deleted, delete them by hand: {', '.join(probed['left'])}",
            style="red",
            markup=False,
        )


def _table(checks: list[Check]) -> Any:
    """One row a check: mark, name, what was found, and below it what to do."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=None, overflow="fold", max_width=32)
    table.add_column(overflow="fold")
    for check in checks:
        mark, colour = MARKS[check.state]
        told = Text(check.found)
        if check.advice:
            told.append(f"\n→ {check.advice}", style=colour)
        table.add_row(Text(mark, style=colour), check.name, told)
    return table
