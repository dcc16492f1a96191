"""State: a table that the tenant remembers between runs: a Parquet blob of the container `state`.

Only the run that holds the lock writes it, and in two steps: a plan leaves what it knows in a file
of its own, and the run's end turns that, by what became of the plan, into the blob. Without a blob
the table is empty. A column that an earlier version did not know is NULL in what it left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .storage import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .storage import Storage


@dataclass(frozen=True)
class StateTable:
    """`name`: of the table while a run plans; `columns`: as SQL declares them."""

    name: str
    columns: str

    @property
    def blob(self) -> str:
        """The name of the blob, and of the file that a plan leaves."""
        return f"{self.name}.parquet"

    def start(self, con: DuckDBPyConnection) -> None:
        """Makes the empty table."""
        con.execute(f"CREATE OR REPLACE TABLE {self.name} ({self.columns})")

    def load(self, storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
        """Makes the table as the last run left it."""
        self.start(con)
        if (data := storage.read(STATE, self.blob)) is not None:
            path = folder / self.blob
            path.write_bytes(data)
            self._insert(con, path)

    def _insert(self, con: DuckDBPyConnection, path: Path) -> None:
        """Another version may have known other columns: what both know is taken."""
        saved = f"read_parquet('{path.as_posix()}')"
        there = {name for name, *_ in con.execute(f"DESCRIBE FROM {saved}").fetchall()}
        ours = [name for name, *_ in con.execute(f"DESCRIBE {self.name}").fetchall()]
        columns = ", ".join(name for name in ours if name in there)
        con.execute(f"INSERT INTO {self.name} BY NAME SELECT {columns} FROM {saved}")

    def leave(
        self, con: DuckDBPyConnection, folder: Path, rows: str, values: dict[str, Any] | None = None
    ) -> None:
        """Writes what a plan knows, the SQL query `rows`, beside the plan."""
        _copy(con, rows, folder / self.blob, values)

    def settle(
        self,
        storage: Storage,
        con: DuckDBPyConnection,
        folder: Path,
        rows: str,
        values: dict[str, Any] | None = None,
    ) -> None:
        """Writes the blob: `rows`, an SQL query that finds what the plan left in `planned`."""
        path = (folder / self.blob).as_posix()
        con.execute(f"CREATE OR REPLACE TEMP VIEW planned AS FROM read_parquet('{path}')")
        settled = folder / f"settled-{self.blob}"
        _copy(con, rows, settled, values)
        storage.upload(STATE, self.blob, settled)


def _copy(con: DuckDBPyConnection, rows: str, path: Path, values: dict[str, Any] | None) -> None:
    con.execute(f"COPY ({rows}) TO '{path.as_posix()}' (FORMAT parquet)", values or {})
