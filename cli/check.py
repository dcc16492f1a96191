"""`rollcall check`: reads a roster as a run would, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .findings import group_findings
from .screen import FINDINGS, Json, print_json, results, working

if TYPE_CHECKING:
    from connectors.oneroster_strict import Strictness
    from roster.roster import Roster

RosterPath = Annotated[
    Path, typer.Argument(metavar="PATH", help="A folder with the CSV files, or one zip of them.")
]

AfterPaths = Annotated[
    list[Path] | None,
    typer.Option(
        "--after",
        metavar="PATH",
        help="The OneRoster package that PATH holds the changes (delta) of. Again for each of "
        "several, the oldest first.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings (rollcall.yaml); `rollcall schema` prints what may stand in it.",
    ),
]


def check(
    path: RosterPath,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Also hold a OneRoster CSV package to the letter of the standard."
        ),
    ] = False,
    as_json: Json = False,
    config: ConfigFile = None,
    after: AfterPaths = None,
    overrides: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Corrections by hand (CSV), as `overrides` names them."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write every finding to DIR/findings.csv."),
    ] = None,
) -> None:
    """Reads a roster and says what is wrong with it, file and line. Changes nothing.

    An error drops its row, a warning blanks one value; all other rows are used.
    With settings or corrections it also says what their rules leave out.
    With --strict the findings oneroster.* are added: where the files depart from the standard,
    whether or not a run minds.
    Exit code 0: nothing found, 1: findings, 2: the files cannot be used at all.
    """
    from connectors.oneroster_strict import add_findings, check_strict, findings_alone
    from roster.database import open_database
    from roster.errors import BadInput, Refused
    from sync.config import Config, read_config
    from sync.reading import read_alone

    settings = read_config(config) if config else Config()
    with working(f"Reading {path}") as say, open_database() as con:
        held = check_strict(path, con, progress=say) if strict else None
        try:
            roster = read_alone(
                path, con, settings, overrides=overrides, after=after or (), progress=say
            )
        except (BadInput, Refused):
            if held:
                alone = findings_alone(con)
                _write_report(alone, report)
                if not as_json:
                    _print_findings(alone)
                    results().print(_strict_verdict(held))
            raise
        counts = roster.finding_counts()
        if held:
            add_findings(con)
        _write_report(roster, report)
        if as_json:
            print_json(_as_json(roster, held))
        else:
            _print(roster, counts, held)
    if any(counts.values()) or (held and held.breaches):
        raise typer.Exit(FINDINGS)


def _write_report(roster: Roster, folder: Path | None) -> None:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        roster.write_findings(folder / "findings.csv")


def _as_json(roster: Roster, held: Strictness | None) -> dict[str, object]:
    told: dict[str, object] = {
        "format": roster.format,
        "counts": roster.counts(),
        "dropped": roster.dropped(),
        "findings": {"error": 0, "warning": 0} | roster.finding_counts(),
        "left_out": [
            {"rule": c.rule, "kind": c.kind, "count": c.count, "example": c.example}
            for c in roster.left_out()
        ],
        "rules": [
            {"id": r.id, "severity": r.severity, "count": r.count, "example": r.example}
            for r in roster.rules()
        ],
    }
    if held:
        told["strict"] = {
            "version": held.version, "error": held.errors, "warning": held.warnings,
        }  # fmt: skip
    return told


def _print(roster: Roster, found: dict[str, int], held: Strictness | None) -> None:
    from rich.table import Table

    console = results()
    kept, dropped = roster.counts(), roster.dropped()
    table = Table("table", title=f"Roster ({roster.format})", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("dropped", justify="right")
    for name, count in kept.items():
        lost = dropped.get(name, 0)
        table.add_row(name, f"{count:,}", f"{lost:,}" if lost else "–")
    console.print(table)
    _print_left_out(roster)
    _print_findings(roster)
    console.print(_verdict(found, sum(dropped.values())))
    if held:
        console.print(_strict_verdict(held))


def _print_left_out(roster: Roster) -> None:
    from rich.table import Table

    left_out = roster.left_out()
    if not left_out:
        return
    table = Table("rule", "leaves out", title="Left out on purpose", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("such as")
    for count in left_out:
        table.add_row(count.rule, count.kind, f"{count.count:,}", count.example)
    results().print(table)


def _print_findings(roster: Roster) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console = results()
    groups = group_findings(roster)
    for group in groups:
        colour = "red" if group.severity == "error" else "yellow"
        head = Text.assemble(
            ("✗ " if group.severity == "error" else "! ", colour),
            (group.rule, f"bold {colour}"),
            f"  {group.count:,} × {group.severity}",
        )
        console.print(head)
        console.print(Padding(Text(group.example), (0, 0, 0, 4)))
        console.print(Padding(Text(f"→ {group.hint}", style="dim"), (0, 0, 0, 4)))
        for line in group.follow_ons:
            console.print(Padding(Text(f"↳ {line}", style="dim"), (0, 0, 0, 6)))
    if groups:
        console.print()


def _verdict(found: dict[str, int], dropped: int) -> str:
    errors, warnings = found.get("error", 0), found.get("warning", 0)
    if not errors + warnings:
        return "[green]Nothing wrong was found: a run would take this roster as it is.[/]"
    return (
        f"[bold]{errors:,} errors, {warnings:,} warnings.[/] A run would take this roster without "
        f"{dropped:,} rows, and would remove nobody because of them."
    )


def _strict_verdict(held: Strictness) -> str:
    if not held.breaches:
        return f"[green]The package keeps to the letter of OneRoster {held.version}.[/]"
    return (
        f"[bold]Held to the letter of OneRoster {held.version}: {held.errors:,} errors, "
        f"{held.warnings:,} warnings[/] (oneroster.*). These alone cost a run no row."
    )
