"""`rollcall drop`: uploads a roster into a source's folder, which starts a run."""

from __future__ import annotations

from typing import Annotated

import typer

from .account import Account, open_storage
from .check import RosterPath
from .screen import Json, print_json, results, working

Source = Annotated[
    str, typer.Option(metavar="NAME", help="The source: a folder of the container `rosters`.")
]


def drop(
    path: RosterPath, source: Source = "local", account: Account = None, as_json: Json = False
) -> None:
    """Uploads a roster, which starts a run.

    It is read first, as the run will read it: what the run would refuse is refused here, with the
    reason, and nothing is uploaded.
    """
    from sync.accepted import check_source, list_accepted
    from sync.config import load_config
    from sync.drop import drop as upload

    storage = open_storage(account)
    with working(f"Reading {path}") as say:
        check_source(load_config(storage), list_accepted(storage), source)
        upload(storage, path, source, say)
    if as_json:
        print_json({"source": source, "path": str(path), "dropped": True})
    else:
        results().print(f"Dropped into rosters/{source}. `rollcall runs` shows what becomes of it.")
