"""Reading a roster from files with the settings of a run, outside a run."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.source import CsvSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from roster.roster import Roster

    from .config import Config


def read_alone(
    path: Path,
    con: DuckDBPyConnection,
    config: Config,
    *,
    overrides: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Roster:
    """The roster at `path` as a run takes it that has no other source.

    It counts as the first source of the configuration. `overrides`: the file of corrections.
    Raises BadInput or Refused for what a run would not take either.
    """
    from connectors.reading import read_roster, read_staged
    from roster.together import validate_all

    source = config.sources[0] if config.sources else CsvSource(name="local")
    if not config.select and overrides is None:
        return read_roster(
            path, con, source=source.name, mappings=source.mappings, progress=progress
        )
    staged = read_staged(path, con, source=source.name, mappings=source.mappings, progress=progress)
    with tempfile.TemporaryDirectory(prefix="rollcall-") as folder:
        staged.save(Path(folder))
        return validate_all(
            con,
            [Path(folder)],
            config.combining,
            today=datetime.now(config.zone).date(),
            overrides=overrides,
            fresh=[source.name],
        )
