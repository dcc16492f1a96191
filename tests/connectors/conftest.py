from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from connectors.reading import read_roster
from roster.database import open_database
from roster.roster import Roster
from tests.connectors.samples import write

ReadDrop = Callable[[Mapping[str, str | bytes]], Roster]


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(tmp_path / "database") as connection:
        yield connection


@pytest.fixture
def read_drop(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> ReadDrop:
    """Write the files of a drop and read them."""

    def read(files: Mapping[str, str | bytes]) -> Roster:
        return read_roster(write(tmp_path / "drop", files), con)

    return read
