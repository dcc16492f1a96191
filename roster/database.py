"""The DuckDB database of one run: on disk, so that a large roster spills instead of failing.

Findings name lines, and lines follow the order in which a file was read, so insertion order is
kept. https://duckdb.org/docs/stable/configuration/overview

Nothing of it outlives the process, so nothing of it is forced to the disk either: each statement
that changes a table would wait for the disk. The database file loses its name as soon as it is
open, so the disk space is free again at `close()`, even after a crash; the empty folder goes when
the connection object does. (Windows refuses the first; there all goes with the connection object.)
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from pathlib import Path

import duckdb


def open_database(
    folder: Path | None = None, memory: str = "1GB", threads: int = 2
) -> duckdb.DuckDBPyConnection:
    """A new, empty, temporary database; use it in a `with` block, or close it.

    `folder`: where its files go (default: the system's temporary folder), made if absent.
    `memory`: what DuckDB may hold before it spills beside the database, such as "1GB".
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="rollcall-", dir=folder))
    database = home / "roster.duckdb"
    con = duckdb.connect(
        str(database),
        config={
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": str(home / "spill"),
            "preserve_insertion_order": True,
            "fsync_mode": "NONE",
        },
    )
    weakref.finalize(con, shutil.rmtree, home, ignore_errors=True)
    with contextlib.suppress(PermissionError):
        database.unlink()
    return con
