"""`rollcall credentials`: the key, and the sheets of first passwords that it opens.

A sheet goes to a file that only its owner may read, or to the screen after a question. In CSV a
cell that a spreadsheet would take for a formula gets a leading apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection); generated passwords never begin so, and
where one of the file does, the column `note` says that the apostrophe is not part of it.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roster.errors import BadInput

from .account import Account, find_demo, open_storage
from .runs import RunId
from .screen import Json, notes, print_json, results

if TYPE_CHECKING:
    from typing import IO

    from sync.sealing import Sealing
    from sync.sheet import Line
    from sync.storage import Storage

COLUMNS = ("school", "school_name", "grade", "display_name", "username", "password", "external_id",
           "note")  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DOUBT = "the account was there already: the sheet of run {} may hold its password"
_FAILED = "the account was not made"
_APOSTROPHE = "the password begins after the apostrophe"

app = typer.Typer(
    no_args_is_help=True,
    help="First passwords of created accounts: the key, and the sealed sheets that it opens.",
)
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def key() -> None:
    """Prints a new key, and where to put it. Keep it: without it no sheet can be opened."""
    from sync.sealing import SETTING, new_key

    sys.stdout.write(new_key() + "\n")
    notes().print(
        f"Set it as {SETTING} of the function app, best as a Key Vault reference; set the same "
        "where you open sheets. To change it later: new key, comma, old key.",
        markup=False,
    )


@app.command()
def show(
    run: RunId,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write CSV to a new file that only you can read."),
    ] = None,
    school: Annotated[
        str | None, typer.Option(metavar="ID", help="Only the people of this school.")
    ] = None,
    account: Account = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Opens the sheet of a run: who was given which first password, by school and grade.

    Needs the key that the app had during the run, in ROLLCALL_CREDENTIALS_KEY.
    """
    from sync.sheet import Sheet

    storage = open_storage(account)
    lines = Sheet(storage, run, _sealing()).people()
    if not lines:
        raise BadInput(
            f"{run}: there is no sheet: the run made no accounts, its sheet was deleted, or the "
            "app had no key (ROLLCALL_CREDENTIALS_KEY)"
        )
    failed = _failed(storage, run)
    rows = [_row(line, failed) for line in lines if school in (None, line.school)]
    if not rows:
        known = ", ".join(sorted({line.school or "" for line in lines}))
        raise BadInput(f"--school {school}: nobody of this school; schools in the sheet: {known}")
    if out:
        _write(out, rows)
        notes().print(f"{len(rows):,} passwords written to {out}; delete it after use.")
        return
    _ask(f"Show {len(rows):,} passwords on this screen?", yes=yes or not sys.stdout.isatty())
    if as_json:
        print_json(rows)
    else:
        _write_csv(sys.stdout, rows)


@app.command()
def delete(run: RunId, account: Account = None, yes: Yes = False) -> None:
    """Deletes the sheet of a run for good; nobody can tell its passwords any more."""
    from sync.sealing import Sealing
    from sync.sheet import Sheet

    storage = open_storage(account)
    _ask(f"Delete the first passwords of run {run} for good?", yes=yes)
    deleted = Sheet(storage, run, Sealing(None)).delete()
    results().print(f"Deleted the sheet of run {run}." if deleted else "There was no sheet.")


def _sealing() -> Sealing:
    """The key of this process, else that of the running demo."""
    from sync.sealing import SETTING, Sealing

    demo = find_demo()
    fallback = {SETTING: demo.environment.get(SETTING, "")} if demo else {}
    sealing = Sealing.from_environment(fallback | dict(os.environ))
    sealing.needed("Opening a sheet")
    return sealing


def _ask(question: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)


def _failed(storage: Storage, run: str) -> set[str]:
    """The people whose account could not be made."""
    from sync.outcomes import list_outcomes

    return {
        outcome["key"]
        for outcome in list_outcomes(storage, run, 1)
        if outcome["kind"] == "person"
        and outcome["action"] == "create"
        and outcome["status"] == "failed"
    }


def _row(line: Line, failed: set[str]) -> dict[str, Any]:
    note = _FAILED if line.external_id in failed else ""
    if line.doubt:
        note = _DOUBT.format(line.doubt)
    return {name: getattr(line, name) for name in COLUMNS[:-1]} | {"note": note}


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    try:
        descriptor = os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise BadInput(f"{out}: is there already; name a new file") from None
    except OSError as error:
        raise BadInput(f"{out}: cannot be written ({error.strerror})") from error
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
        _write_csv(file, rows)


def _write_csv(file: IO[str], rows: list[dict[str, Any]]) -> None:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows:
        notes_ = [row["note"]] if row["note"] else []
        if row["password"].startswith(_FORMULA):
            notes_.append(_APOSTROPHE)
        cells = [_cell(row[name]) for name in COLUMNS[:-1]]
        writer.writerow([*cells, "; ".join(notes_)])


def _cell(value: str | None) -> str:
    text = value or ""
    return "'" + text if text.startswith(_FORMULA) else text
