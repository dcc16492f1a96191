"""Where a step works: a database and an empty folder of its own, both gone afterwards."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from duckdb import DuckDBPyConnection


@contextmanager
def workspace() -> Generator[tuple[DuckDBPyConnection, Path]]:
    """A database that spills to disk, and the folder that it lies in."""
    from roster.database import open_database

    with tempfile.TemporaryDirectory(prefix="rollcall-") as name:
        folder = Path(name)
        with open_database(folder) as con:
            yield con, folder
