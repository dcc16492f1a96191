"""The `rollcall` command: its command groups, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.exceptions import Abort, TyperException

from roster.errors import BadInput, Refused, RollcallError

from . import (
    adopt,
    check,
    credentials,
    demo,
    doctor,
    drop,
    explain,
    grant,
    package,
    plan,
    portal,
    runs,
    sample,
    source,
)
from .screen import FAILED, FINDINGS, FINE, USAGE, show_error

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130  # what shells report after Ctrl-C

app = typer.Typer(
    name="rollcall",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 findings or held changes, 2 bad usage or unreadable input, "
    "3 failed, 130 interrupted.",
)


@app.callback()
def rollcall(
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show logs and, after an error, where in the code it arose."),
    ] = False,
) -> None:
    """Keeps a Microsoft Entra ID tenant true to a school's student information system.

    Start with `rollcall sample district`, then `rollcall check district/day1`,
    `rollcall plan district/day1`, and `rollcall demo` to see it all run on this machine.
    """
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )


_FILES, _RUNS, _LOCAL = "A roster on this machine", "Runs of a storage account", "Local stack"
_TENANT = "The tenant"
app.command(rich_help_panel=_FILES)(check.check)
app.command(rich_help_panel=_FILES)(plan.plan)
app.command(rich_help_panel=_FILES)(adopt.adopt)
app.command(rich_help_panel=_RUNS)(drop.drop)
app.command(rich_help_panel=_RUNS)(source.pull)
app.command(rich_help_panel=_RUNS)(runs.runs)
app.command(rich_help_panel=_RUNS)(runs.show)
app.command(rich_help_panel=_RUNS)(runs.approve)
app.command(rich_help_panel=_RUNS)(runs.reject)
app.command(rich_help_panel=_RUNS)(runs.stop)
app.add_typer(credentials.app, name="credentials", rich_help_panel=_RUNS)
app.add_typer(source.app, name="source", rich_help_panel=_TENANT)
app.command(rich_help_panel=_TENANT)(doctor.doctor)
app.command(rich_help_panel=_TENANT)(grant.grant)
app.add_typer(portal.app, name="portal", rich_help_panel=_TENANT)
app.command(rich_help_panel=_TENANT)(package.package)
app.command(rich_help_panel=_LOCAL)(demo.demo)
app.command(rich_help_panel=_LOCAL)(sample.sample)
app.command(rich_help_panel=_FILES)(sample.schema)
app.command(rich_help_panel=_FILES)(explain.explain)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; returns its exit code. `--debug` counts wherever it stands."""
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(
            args=["--debug", *rest] if debug else rest,
            prog_name="rollcall",
            standalone_mode=False,
        )
    except TyperException as error:
        return _usage(error, as_json="--json" in arguments)
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _failed(error, as_json="--json" in arguments)
    return code or FINE


def _usage(error: TyperException, *, as_json: bool) -> int:
    from typer.rich_utils import rich_format_error

    rich_format_error(cast("Any", error))
    if as_json:
        from .screen import print_json

        print_json(
            {"error": {"kind": "usage", "message": error.format_message(), "exit_code": USAGE}}
        )
    return USAGE


def _failed(error: Exception, *, as_json: bool) -> int:
    """Shows the error; its consequence decides the exit code."""
    kinds = {BadInput: ("Bad input", USAGE), Refused: ("Refused", FINDINGS)}
    title, code = next(
        (known for kind, known in kinds.items() if isinstance(error, kind)), ("Failed", FAILED)
    )
    message = str(error)
    if not isinstance(error, RollcallError):
        message = f"{type(error).__name__}: {message}\n\nRun it again with --debug for details."
    show_error(message, title=title, code=code, as_json=as_json)
    return code


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
