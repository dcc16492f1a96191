"""What the command shows: results on stdout; progress, notes and errors on stderr.

With `--json` a result is JSON and nothing else reaches stdout, so that it can be piped.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]

FINE, FINDINGS, USAGE, FAILED = 0, 1, 2, 3
STATUS_COLOUR = {"finished": "green", "held": "yellow", "failed": "red", "cancelled": "magenta"}


def results() -> Console:
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False)


def notes() -> Console:
    """Where everything else goes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """One JSON value on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


@contextmanager
def working(what: str) -> Generator[Callable[[str], None]]:
    """Shows on stderr what is being done; yields the function that says what comes next."""
    console = notes()
    if console.is_terminal:
        with console.status(_plain(what)) as status:
            yield lambda text: status.update(_plain(text))
        return
    console.print(what, markup=False)
    yield lambda text: console.print(text, markup=False)


def show_error(message: str, *, title: str, code: int, as_json: bool) -> None:
    """One panel on stderr; with `as_json` also `{"error": …}` on stdout."""
    from rich.panel import Panel
    from rich.text import Text

    notes().print(Panel(Text(message), title=title, title_align="left", border_style="red"))
    if as_json:
        print_json({"error": {"kind": title, "message": message, "exit_code": code}})


def counts_table(title: str, counts: Mapping[str, Mapping[str, int]]) -> Any:
    """A table of counts by kind (rows) and action (columns)."""
    from rich.table import Table

    actions = list(dict.fromkeys(a for row in counts.values() for a in row))
    table = Table("what", title=title, title_justify="left", title_style="bold")
    for action in actions:
        table.add_column(action, justify="right")
    for kind, row in counts.items():
        table.add_row(kind.replace("_", " "), *(_number(row.get(a, 0)) for a in actions))
    return table


def _number(count: int) -> str:
    return f"{count:,}" if count else "–"


def _plain(text: str) -> Any:
    """Text in which square brackets are square brackets."""
    from rich.text import Text

    return Text(text)
