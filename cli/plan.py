"""`rollcall plan`: what a run would change in the directory, without writing anything."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .account import running_demo
from .check import AfterPaths, ConfigFile, RosterPath
from .screen import FINDINGS, Json, counts_table, print_json, results, working

if TYPE_CHECKING:
    from collections.abc import Callable

    from graph.client import Graph
    from sync.config import Config
    from sync.preview import Preview

SHOWN_CHANGES = 20


class Against(StrEnum):
    """The directory that a plan is made against."""

    empty = "empty"
    demo = "demo"
    tenant = "tenant"


def plan(
    path: RosterPath,
    as_json: Json = False,
    config: ConfigFile = None,
    after: AfterPaths = None,
    against: Annotated[
        Against,
        typer.Option(
            help="**empty**: a tenant without people. **demo**: the running demo. **tenant**: "
            "yours, which is only read, signed in as `az login` or environment variables say."
        ),
    ] = Against.empty,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all changes to a .json, .csv or .parquet file."),
    ] = None,
) -> None:
    """Shows every change that a run would make, and what a guard would hold. Writes nothing.

    Exit code 0: all would flow, 1: findings or held changes, 2: unusable files.
    """
    from sync.preview import preview, write_changes

    settings = _settings(config, empty=against is not Against.tenant)
    with (
        working(f"Reading {path}") as say,
        preview(path, settings, graph=_directory(against), after=after or (), progress=say) as made,
    ):
        if out:
            write_changes(made.con, out)
        found = _findings(made)
        if as_json:
            print_json({**made.plan.as_dict(), "findings": found, "held": made.plan.held_size})
        else:
            _print(made, found)
        uneasy = made.plan.held_size or any(found.values())
    if uneasy:
        raise typer.Exit(FINDINGS)


def _settings(config: Path | None, *, empty: bool) -> Config:
    from sync.config import Config, read_config

    if config:
        return read_config(config)
    # A tenant without people matches nobody: there the question is what would be created.
    return Config.model_validate({"people": {"mode": "create"}} if empty else {})


def _directory(against: Against) -> Callable[[], Graph] | None:
    if against is Against.empty:
        return None
    from graph.client import connect

    if against is Against.demo:
        running_demo().enter()
    return connect


def _findings(made: Preview) -> dict[str, int]:
    """Findings of the roster and of the directory together."""
    roster, directory = made.roster.finding_counts(), made.plan.findings
    return {s: roster.get(s, 0) + directory.get(s, 0) for s in ("error", "warning")}


def _print(made: Preview, found: dict[str, int]) -> None:
    from rich.text import Text

    from sync.plan import list_changes

    console = results()
    if not made.plan.size:
        console.print("[green]Nothing to do: the directory holds what the roster says.[/]")
    else:
        console.print(counts_table(f"Plan {made.plan.checksum[:12]}", made.plan.counts))
        for change in list_changes(made.con, limit=SHOWN_CHANGES):
            console.print(Text(f"  {change}"))
        if made.plan.size > SHOWN_CHANGES:
            rest = made.plan.size - SHOWN_CHANGES
            console.print(f"  … and {rest:,} more; write them all with --out plan.csv")
        console.print(str(made.plan.cost))
        if made.plan.held_size:
            console.print(f"on approval: {made.plan.held_cost}")
    for kind, number in made.plan.by_rule.items():
        console.print(f"{number:,} {kind.replace('_', ' ')}s are decided by rule")
    for why in made.plan.why_held:
        console.print(Text(f"held  {why}", style="yellow"))
    if any(found.values()):
        console.print(
            f"{found['error']:,} errors, {found['warning']:,} warnings in the data; "
            "`rollcall check` lists them."
        )
