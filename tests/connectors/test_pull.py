"""A pull from its beginning to a roster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.connector import Mark, Pull
from connectors.pages import FolderPages
from connectors.projection import keep
from connectors.pull import Pulled, make_tables, next_mark, run_pull, utc_now, wants_full
from connectors.pulled import read_pulled
from roster.database import open_database
from roster.errors import Refused
from tests.connectors.ledger_source import LedgerSource, user

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def mark(days: float = 1, **more: str) -> Mark:
    at = (NOW - timedelta(days=days)).isoformat()
    return Mark(**({"at": at, "full_at": at, "position": "p0", "settings": "ledger"} | more))


async def pulled(source: LedgerSource, folder: Path, **more: Any) -> Pulled:
    begun: list[Pull] = []
    found = await run_pull(source, FolderPages(folder), lambda: None, begun.append, **more)
    assert begun == [found.pull]
    return found


@pytest.mark.parametrize(
    ("last", "full"),
    [
        (None, True),
        (mark(), False),
        (mark(7), True),
        (mark(6.9), False),
        (mark(settings="other"), True),
        (mark(position=""), True),
    ],
)
def test_everything_is_pulled_first_with_other_settings_and_every_some_days(
    last: Mark | None, full: bool
) -> None:
    assert wants_full(last, "ledger", 7, NOW) is full


def test_a_mark_remembers_the_last_full_pull() -> None:
    source, last = LedgerSource([]), mark(3)
    began = utc_now()
    changes = next_mark(source, Pull(False, began, "", position="p5"), last)
    assert changes == Mark(began, last.full_at, "p5", "ledger")
    assert next_mark(source, Pull(True, began, "", position="p5"), last).full_at == began
    assert next_mark(source, Pull(False, began, "", position="p5"), None).full_at == began


async def test_changes_over_the_last_tables_make_the_roster(tmp_path: Path) -> None:
    source = LedgerSource([user("U1"), user("U2", "teacher")])
    first = await pulled(source, tmp_path / "1")
    with open_database() as con:
        tables = make_tables(con, source, first, FolderPages(tmp_path / "1"))
        assert read_pulled(con, source.form, tables).counts()["users"] == 2
        keep(con, tables, tmp_path / "kept")
    source.changed = [user("U2", deleted=True), user("U3"), user("U4")]
    second = await pulled(source, tmp_path / "2", last=mark(), full=False)
    assert second.pull.since == "p0"
    with open_database() as con:
        pages = FolderPages(tmp_path / "2")
        tables = make_tables(con, source, second, pages, tmp_path / "kept")
        roster = read_pulled(con, source.form, tables, progress=lambda _: None)
        people = con.execute("SELECT sourced_id FROM users ORDER BY 1").fetchall()
        assert people == [("U1",), ("U3",), ("U4",)]
        assert roster.counts()["roles"] == 3


async def test_a_pull_that_began_goes_on(tmp_path: Path) -> None:
    earlier = Pull(True, utc_now(), "before the crash")

    def never(_: Pull) -> None:
        raise AssertionError

    found = await run_pull(
        LedgerSource([user("U1")]), FolderPages(tmp_path), lambda: earlier, never
    )
    assert found.pull is earlier


async def test_an_empty_answer_never_means_that_everyone_left(tmp_path: Path) -> None:
    source = LedgerSource([])
    found = await pulled(source, tmp_path)
    with open_database() as con:
        tables = make_tables(con, source, found, FolderPages(tmp_path))
        with pytest.raises(Refused, match="/users has no records"):
            read_pulled(con, source.form, tables)


async def test_a_table_that_was_there_before_must_be_there(tmp_path: Path) -> None:
    source = LedgerSource([user("U1")])
    found = await pulled(source, tmp_path)
    with open_database() as con:
        tables = make_tables(con, source, found, FolderPages(tmp_path))
        with pytest.raises(Refused, match="had classes, this one has not"):
            read_pulled(con, source.form, tables, last_files=frozenset({"users", "classes"}))


async def test_a_finding_names_the_table_and_the_place_of_the_row(tmp_path: Path) -> None:
    source = LedgerSource([user("U1"), user("U2", "wizard")])
    found = await pulled(source, tmp_path)
    with open_database() as con:
        tables = make_tables(con, source, found, FolderPages(tmp_path))
        roster = read_pulled(con, source.form, tables)
        [finding] = [f for f in roster.findings() if f.rule == "roles.role.enum"]
        assert (finding.file, finding.line, finding.column) == ("/roles", 2, "role")
        assert finding.entity == "U2"
