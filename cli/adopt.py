"""`rollcall adopt`: what School Data Sync made for a roster, and what taking it over writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .account import Against, Directory, running_demo
from .check import ConfigFile, RosterPath
from .screen import FINDINGS, Json, print_json, results, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync.config import Config

SHOWN = 40
Twin = dict[str, str | None]


def adopt(
    path: RosterPath,
    as_json: Json = False,
    config: ConfigFile = None,
    against: Against = Directory.tenant,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the list to a .json, .csv or .parquet file."),
    ] = None,
) -> None:
    """Lists the accounts, class groups and units that School Data Sync made for a roster.

    Writes nothing. A run takes them over when `adopt: {enabled: true}` stands in rollcall.yaml;
    until then it leaves them alone and makes no second one. Exit code 0: nothing is unclear,
    1: some of it is, 2: unusable files.
    """
    from graph.client import connect
    from sync.config import Config, read_config
    from sync.preview import list_twins, preview, write_twins

    settings = read_config(config) if config else Config()
    if against is Directory.demo:
        running_demo().enter()
    with (
        working(f"Reading {path}") as say,
        preview(path, settings, graph=connect, progress=say) as made,
    ):
        if out:
            write_twins(made.con, out)
        found = list_twins(made.con)
    if as_json:
        print_json({"enabled": settings.adopt.enabled, "objects": found})
    else:
        _print(found, settings)
    if any(twin["fault"] for twin in found):
        raise typer.Exit(FINDINGS)


def _print(found: Sequence[Twin], settings: Config) -> None:
    from rich.table import Table
    from rich.text import Text

    console = results()
    if not found:
        console.print("[green]School Data Sync made nothing for this roster that is not ours.[/]")
        return
    table = Table("kind", "roster id", "name", "object", "evidence", "what is written")
    for twin in found[:SHOWN]:
        fault = Text(f"nothing: {twin['fault']}", style="yellow")
        written = fault if twin["fault"] else _plain(twin["writes"])
        cells = (twin[n] for n in ("kind", "external_id", "name", "object_name", "evidence"))
        table.add_row(*(_plain(cell) for cell in cells), written)
    console.print(table)
    if len(found) > SHOWN:
        console.print(f"… and {len(found) - SHOWN:,} more; write them all with --out twins.csv")
    unclear = sum(bool(twin["fault"]) for twin in found)
    console.print(f"{len(found) - unclear:,} can be taken over, {unclear:,} are unclear.")
    if settings.adopt.enabled:
        console.print("adopt.enabled is true: the next run takes them over.")
    else:
        console.print(
            "A run leaves them alone until rollcall.yaml says `adopt: {enabled: true}`; then it "
            "takes them over."
        )


def _plain(text: str | None) -> Any:
    from rich.text import Text

    return Text(text or "")
