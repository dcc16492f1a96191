"""`rollcall source` and `rollcall pull`: the systems that rosters come from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roster.errors import BadInput

from .account import Account, open_storage
from .check import ConfigFile
from .screen import FINDINGS, Json, print_json, results, working

if TYPE_CHECKING:
    from connectors.examination import Examination
    from connectors.source import ApiSource
    from sync.config import Config

Name = Annotated[str, typer.Argument(metavar="NAME", help="A source, as rollcall.yaml names it.")]

app = typer.Typer(
    no_args_is_help=True, help="The systems that rosters come from: what is set, and a test of it."
)


@app.command("list")
def list_sources(account: Account = None, config: ConfigFile = None, as_json: Json = False) -> None:
    """Lists the configured sources and when each was last accepted."""
    from sync.accepted import list_accepted

    storage = open_storage(account)
    accepted = {a.source: a.run for a in list_accepted(storage)}
    kinds = {s.name: s.kind_name for s in _config(account, config).sources}
    # Without any configured, whichever folder is filled is taken.
    other = "not in rollcall.yaml" if kinds else "csv"
    found = [
        {"source": name, "kind": kinds.get(name, other), "last_run": accepted.get(name, "")}
        for name in sorted(kinds.keys() | accepted.keys())
    ]
    if as_json:
        print_json(found)
    for row in [] if as_json else found:
        last = f"last accepted in run {row['last_run']}" if row["last_run"] else "never read"
        results().print(f"{row['source']} ({row['kind']}): {last}", markup=False)


@app.command("test")
def examine_source(
    name: Name, account: Account = None, config: ConfigFile = None, as_json: Json = False
) -> None:
    """Asks a system for a few pages, changes nothing, and says what it makes of the answers.

    The report names fields and counts, no person: it can be sent to the system's vendor. Exit code
    1 if there is something to ask them about, 3 if the system cannot be reached.
    """
    from connectors.examination import examine
    from sync.vault import with_secrets

    source = _api_source(_config(account, config), name)
    with working(f"Testing {name}") as say:
        found = asyncio.run(examine(with_secrets(source).connector(), say))
    if as_json:
        print_json(_as_json(name, source.kind_name, found))
    else:
        _print(name, source.kind_name, found)
    if found.has_problems:
        raise typer.Exit(FINDINGS)


@app.command()
def plugin(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Where to write it: a folder, or a ZIP.")
    ] = Path(),
) -> None:
    """Writes the plugin that an administrator installs in PowerSchool, ready to be uploaded there.

    It lets Rollcall read what a roster needs and change nothing; PowerSchool then shows the client
    id and secret that go into rollcall.yaml.
    """
    from connectors.powerschool_plugin import build_plugin

    written = build_plugin(path)
    results().print(f"Wrote {written}: install it under Plugin Management in PowerSchool.")


def pull(
    name: Name,
    full: Annotated[
        bool, typer.Option("--full", help="Ask for everything, even if changes would do.")
    ] = False,
    account: Account = None,
    as_json: Json = False,
) -> None:
    """Asks a system with an API for its roster, as every night; this starts a run."""
    from sync.pulls import start_pull

    _api_source(_config(account, None), name)
    run = start_pull(open_storage(account), name, full=full)
    if as_json:
        print_json({"source": name, "run": run})
    else:
        results().print(f"Run {run} asks {name}. `rollcall show {run}` shows what becomes of it.")


def _config(account: str | None, file: Any) -> Config:
    from sync.config import load_config, read_config

    return read_config(file) if file else load_config(open_storage(account))


def _api_source(config: Config, name: str) -> ApiSource:
    from connectors.source import ApiSource

    source = config.source(name)
    if isinstance(source, ApiSource):
        return source
    asked = [s.name for s in config.sources if isinstance(s, ApiSource)]
    raise BadInput(
        f"{name} is no source with an API; allowed: {', '.join(asked) or 'none is configured'}. "
        "Sources stand under `sources` in rollcall.yaml; CSV files are tested by `rollcall check`"
    )


def _as_json(name: str, kind: str, found: Examination) -> dict[str, Any]:
    return {
        "source": name,
        "kind": kind,
        "would": found.would_pull,
        "requests": found.requests,
        "collections": [observation.as_dict() for observation in found.observations],
    }


def _print(name: str, kind: str, found: Examination) -> None:
    from rich import box
    from rich.table import Table

    console = results()
    console.print(f"Source {name} ({kind}): signed in, {found.requests} requests.", markup=False)
    console.print(f"A first run would pull {found.would_pull}.", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("collection")
    for heading in ("on a page", "in all", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("without value")
    for seen in found.observations:
        total = "not said" if seen.total is None else f"{seen.total:,}"
        empty = ", ".join(field for field, share in seen.filled.items() if share == 0)
        table.add_row(seen.collection, f"{seen.rows:,}", total, f"{seen.seconds:.2f}", empty)
    console.print(table)
    for seen in found.observations:
        for problem in seen.problems():
            console.print(f"{seen.collection}: {problem}", style="yellow", markup=False)
    if not found.has_problems:
        console.print("Nothing speaks against a first run: `rollcall pull`.", markup=False)
