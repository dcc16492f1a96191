"""Pages in blobs: what one instance saved, another one goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.connector import Pull
from connectors.extraction import extract, gathered
from connectors.pages import Head, Request
from connectors.pull import Pulled, make_tables, utc_now
from roster.database import open_database
from sync.pages import BlobPages
from tests.connectors.ledger_source import LedgerSource, user

if TYPE_CHECKING:
    from sync.storage import Storage

PULL = Pull(True, utc_now(), "a test")
NOBODY: Any = None


async def test_another_instance_sees_the_pages_and_fetches_their_rows(
    storage: Storage, tmp_path: Path
) -> None:
    source = LedgerSource([user(f"U{n}") for n in range(5)])
    first = BlobPages(storage, "r1", tmp_path / "first")
    found = await extract(source, NOBODY, PULL, first)
    other = BlobPages(storage, "r1", tmp_path / "other")
    assert gathered(other) == found
    with open_database() as con:
        pulled = Pulled(PULL, found, 0)
        users = make_tables(con, source, pulled, other)["users"]
        names = con.execute(f'SELECT "sourcedId" FROM {users}').fetchall()
    assert names == [(f"U{n}",) for n in range(5)]
    fetched = sorted(path.name for path in (tmp_path / "other").rglob("*.json"))
    assert fetched == ["0-0.json", "0-000.json", "0-002.json", "0-004.json"]


def test_a_page_of_another_run_is_not_seen(storage: Storage, tmp_path: Path) -> None:
    head = Head(Request("users", "0", "users"), 0)
    BlobPages(storage, "r1", tmp_path / "1").save(head, b"[]")
    assert BlobPages(storage, "r1", tmp_path / "2").heads() == [head]
    assert BlobPages(storage, "r2", tmp_path / "3").heads() == []


def test_rows_without_a_head_are_no_page(storage: Storage, tmp_path: Path) -> None:
    pages = BlobPages(storage, "r1", tmp_path / "1")
    storage.write("runs", "r1/pages/users/0-0.json", b"[]")
    assert pages.heads() == []
