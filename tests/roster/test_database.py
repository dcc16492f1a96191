from __future__ import annotations

import gc
from pathlib import Path

from roster.database import open_database


def test_files_are_gone_when_the_database_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with open_database(folder) as con:
        con.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(100000)")
        assert list(folder.iterdir())
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    del con
    gc.collect()
    assert list(folder.iterdir()) == []


def test_more_than_the_memory_is_spilled(tmp_path: Path) -> None:
    with open_database(tmp_path, memory="80MB", threads=1) as con:
        con.execute("CREATE TEMP TABLE much AS SELECT range AS n, md5(range::VARCHAR) AS t"
                    " FROM range(4000000)")  # fmt: skip
        assert con.execute("SELECT count(DISTINCT n) FROM much").fetchall() == [(4000000,)]


def test_the_limits_and_the_order_are_as_asked() -> None:
    with open_database(memory="100MB", threads=1) as con:
        names = "memory_limit", "threads", "preserve_insertion_order"
        found = [
            value
            for (value,) in con.execute(
                f"SELECT value FROM duckdb_settings() WHERE name IN {names} ORDER BY name"
            ).fetchall()
        ]
    assert found == ["95.3 MiB", "true", "1"]
