from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from roster.database import open_database


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(tmp_path / "database") as connection:
        yield connection
