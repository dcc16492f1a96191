"""Storage against the emulator: what the SDKs and the account really do."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from roster.errors import BadInput, Refused
from sync.storage import (
    ARCHIVE,
    CHANGES_QUEUE,
    CONTAINERS,
    QUEUES,
    ROSTERS,
    RUNS,
    TABLES,
    Storage,
    StoredFile,
    shared_storage,
)

if TYPE_CHECKING:
    from pathlib import Path


def the_file(storage: Storage, container: str, name: str) -> StoredFile:
    [file] = [f for f in storage.list_files(container) if f.name == name]
    return file


def test_everything_that_rollcall_needs_is_made_and_making_it_again_is_harmless(
    azurite: str,
) -> None:
    storage = Storage.from_environment({"AzureWebJobsStorage": azurite})
    storage.create_missing()
    storage.create_missing()
    assert {c.name for c in storage.blobs.list_containers()} >= set(CONTAINERS)
    assert {q.name for q in storage.queues.list_queues()} >= set(QUEUES)
    assert {t.name for t in storage.tables.list_tables()} >= set(TABLES)


def test_the_process_shares_one_account(azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", azurite)
    shared_storage.cache_clear()
    try:
        assert shared_storage() is shared_storage()
    finally:
        shared_storage.cache_clear()


def test_in_an_account_that_is_opened_with_an_identity_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AzureWebJobsStorage", raising=False)
    for service in ("blob", "queue", "table"):  # nobody answers there
        monkeypatch.setenv(f"AzureWebJobsStorage__{service}ServiceUri", "https://127.0.0.1:9")
    shared_storage.cache_clear()
    try:
        assert shared_storage().blobs.url == "https://127.0.0.1:9/"
    finally:
        shared_storage.cache_clear()


def test_a_name_that_leads_out_of_its_folder_is_refused_and_nothing_is_written(
    storage: Storage, tmp_path: Path
) -> None:
    class Hostile(Storage):
        def list_files(self, container: str, prefix: str = "") -> list[StoredFile]:
            return [StoredFile(f"{prefix}/../evil", "e", 1, datetime.now(UTC))]

    hostile = Hostile(storage.blobs, storage.queues, storage.tables)
    with pytest.raises(Refused, match=r"runs/r1/x/\.\./evil: the name leads out of its folder"):
        hostile.download_folder(RUNS, "r1/x", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_an_account_the_error_names_the_settings() -> None:
    with pytest.raises(BadInput, match="AzureWebJobsStorage__blobServiceUri"):
        Storage.from_environment({"AzureWebJobsStorage__blobServiceUri": "https://a.blob"})


def test_addresses_are_opened_with_an_identity_and_the_sdks_own_version() -> None:
    env = {
        f"AzureWebJobsStorage__{s}ServiceUri": f"https://a.{s}.core.windows.net"
        for s in ("blob", "queue", "table")
    }
    storage = Storage.from_environment(env | {"AzureWebJobsStorage__clientId": "c"})
    assert storage.blobs.url == "https://a.blob.core.windows.net/"
    assert type(storage.blobs.credential).__name__ == "DefaultAzureCredential"
    assert storage.blobs.api_version > "2025-11-05"


def test_a_small_blob_is_written_replaced_and_read(storage: Storage) -> None:
    assert storage.read(RUNS, "r/a.json") is None
    storage.write(RUNS, "r/a.json", b"1")
    storage.write(RUNS, "r/a.json", b"2")
    assert storage.read(RUNS, "r/a.json") == b"2"


def test_a_folder_survives_upload_and_download(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "deep" / "b.txt").write_text("b")
    storage.upload_folder(RUNS, "r1/x", tmp_path / "in")
    storage.write(RUNS, "r1/xy", b"another")
    storage.download_folder(RUNS, "r1/x", tmp_path / "out")
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.txt")}
    assert found == {"a.txt", "deep/b.txt"}
    assert (tmp_path / "out" / "deep" / "b.txt").read_text() == "b"


def test_listing_a_folder_leaves_its_neighbours_out(storage: Storage) -> None:
    for name in ("a/1.csv", "ab/2.csv"):
        storage.write(ROSTERS, name, b"x")
    [file] = storage.list_files(ROSTERS, "a")
    assert (file.name, file.file_name, file.size) == ("a/1.csv", "1.csv", 1)
    assert len(storage.list_files(ROSTERS)) == 2


def test_a_blob_is_copied_only_while_it_is_what_was_listed(storage: Storage) -> None:
    storage.write(ROSTERS, "s/a.csv", b"old")
    file = the_file(storage, ROSTERS, "s/a.csv")
    assert storage.copy(ROSTERS, file, ARCHIVE, "r/a.csv")
    assert storage.read(ARCHIVE, "r/a.csv") == b"old"
    storage.write(ROSTERS, "s/a.csv", b"new")
    assert not storage.copy(ROSTERS, file, ARCHIVE, "r/b.csv")
    assert storage.read(ARCHIVE, "r/b.csv") is None
    assert storage.delete(ROSTERS, the_file(storage, ROSTERS, "s/a.csv"))
    assert not storage.copy(ROSTERS, file, ARCHIVE, "r/b.csv")


def test_a_copy_that_takes_long_is_waited_for(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator copies at once; real accounts may answer `pending`."""
    from azure.storage.blob import BlobClient

    really_copy = BlobClient.start_copy_from_url

    def pending(client: BlobClient, *args: object, **kwargs: object) -> dict[str, object]:
        return really_copy(client, *args, **kwargs) | {"copy_status": "pending"}  # type: ignore[arg-type]

    monkeypatch.setattr(BlobClient, "start_copy_from_url", pending)
    monkeypatch.setattr("sync.storage.COPY_POLL_SECONDS", 0.01)
    storage.write(ROSTERS, "s/a.csv", b"x")
    assert storage.copy(ROSTERS, the_file(storage, ROSTERS, "s/a.csv"), ARCHIVE, "r/a.csv")


def test_a_blob_is_deleted_only_while_it_is_what_was_listed(storage: Storage) -> None:
    storage.write(ROSTERS, "s/a.csv", b"old")
    file = the_file(storage, ROSTERS, "s/a.csv")
    storage.write(ROSTERS, "s/a.csv", b"new")
    assert not storage.delete(ROSTERS, file)
    assert storage.read(ROSTERS, "s/a.csv") == b"new"
    assert storage.delete(ROSTERS, the_file(storage, ROSTERS, "s/a.csv"))
    assert not storage.delete(ROSTERS, file)


def test_a_message_arrives_as_base64_json_which_the_host_expects(storage: Storage) -> None:
    storage.send(CHANGES_QUEUE, {"key": "Zoë"})
    message = storage.queues.get_queue_client(CHANGES_QUEUE).receive_message()
    assert message is not None
    assert json.loads(base64.b64decode(message.content)) == {"key": "Zoë"}


def test_a_delayed_message_is_hidden_and_still_counted(storage: Storage) -> None:
    storage.send(CHANGES_QUEUE, {}, delay=30)
    assert storage.queues.get_queue_client(CHANGES_QUEUE).receive_message() is None
    assert storage.waiting(CHANGES_QUEUE) == 1
