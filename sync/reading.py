"""Reading a roster from files with the settings of a run, outside a run."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.source import CsvSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from connectors.delta import Before
    from roster.roster import Roster

    from .config import Config


def read_alone(
    path: Path,
    con: DuckDBPyConnection,
    config: Config,
    *,
    overrides: Path | None = None,
    after: Sequence[Path] = (),
    progress: Callable[[str], None] | None = None,
) -> Roster:
    """The roster at `path` as a run takes it that has no other source.

    It counts as the first source of the configuration. `overrides`: the file of corrections.
    `after`: the OneRoster packages that it follows, from a whole one on, if it holds changes only.
    Raises BadInput or Refused for what a run would not take either.
    """
    from connectors.delta import Alone
    from connectors.reading import read_staged
    from roster.together import validate_all

    source = config.sources[0] if config.sources else CsvSource(name="local")
    with tempfile.TemporaryDirectory(prefix="rollcall-") as name:
        folder = Path(name)
        before = _read_before(after, folder / "packages", progress) if after else None
        staged = read_staged(
            path,
            con,
            source=source.name,
            mappings=source.mappings,
            progress=progress,
            chain=Alone(before, None),
        )
        if not config.select and overrides is None:
            return staged.check()
        staged.save(folder / "staged")
        return validate_all(
            con,
            [folder / "staged"],
            config.combining,
            today=datetime.now(config.zone).date(),
            overrides=overrides,
            fresh=[source.name],
        )


def _read_before(
    packages: Sequence[Path], folder: Path, progress: Callable[[str], None] | None
) -> Before | None:
    """What the last of several packages leaves."""
    from connectors.delta import Alone, Before
    from connectors.oneroster_csv import FORMATS
    from connectors.reading import read_roster
    from roster.database import open_database
    from roster.errors import BadInput

    before = None
    for number, path in enumerate(packages):
        left = folder / str(number)
        with open_database() as con:
            form = read_roster(path, con, chain=Alone(before, left), progress=progress).format
        if form not in [known.name for known in FORMATS]:
            raise BadInput(f"{path}: {form}; changes follow a OneRoster package only")
        before = Before(form, left)
    return before
