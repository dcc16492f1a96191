"""The run lock, with the leases of the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sync import lock
from sync.storage import STATE

if TYPE_CHECKING:
    from sync.storage import Storage


def never(_run: str) -> bool:
    return False


def always(_run: str) -> bool:
    return True


def test_one_run_holds_the_lock_and_keeps_it_however_often_it_asks(storage: Storage) -> None:
    assert lock.acquire(storage, "r1", never)
    assert lock.acquire(storage, "r1", never)
    assert not lock.acquire(storage, "r2", never)


def test_a_lock_that_was_given_back_goes_to_the_next_run(storage: Storage) -> None:
    assert lock.acquire(storage, "r1", never)
    lock.release(storage, "r1")
    assert lock.acquire(storage, "r2", never)


def test_giving_back_a_lock_that_another_run_holds_changes_nothing(storage: Storage) -> None:
    lock.release(storage, "r1")
    assert lock.acquire(storage, "r2", never)
    lock.release(storage, "r1")
    assert not lock.acquire(storage, "r3", never)


def test_the_lock_of_a_run_that_ended_is_taken_over(storage: Storage) -> None:
    assert lock.acquire(storage, "r1", never)
    assert lock.acquire(storage, "r2", always)
    assert not lock.acquire(storage, "r3", never)


def test_stale_metadata_does_not_take_the_lock_from_a_run_that_is_alive(storage: Storage) -> None:
    """r2 took the lock and crashed before it could write its name; the blob still says r1."""
    assert lock.acquire(storage, "r1", never)
    lock.release(storage, "r1")
    storage.blob(STATE, lock.LOCK_BLOB).acquire_lease(-1, lease_id=lock.lease_id("r2"))
    assert not lock.acquire(storage, "r3", always)
    assert lock.acquire(storage, "r2", never)


def test_a_lock_without_a_name_is_left_alone(storage: Storage) -> None:
    storage.write(STATE, lock.LOCK_BLOB, b"")
    storage.blob(STATE, lock.LOCK_BLOB).acquire_lease(-1)
    assert not lock.acquire(storage, "r1", always)


def test_two_instances_may_make_the_blob_at_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.make_blob(storage)
    lock.make_blob(storage)
    assert lock.acquire(storage, "r1", never)
    lock.make_blob(storage)


def test_an_account_that_refuses_is_reported(storage: Storage) -> None:
    from azure.core.exceptions import HttpResponseError

    from sync.storage import Storage as Account

    account = "AccountName=devstoreaccount1;AccountKey=d3Jvbmc="
    address = storage.blobs.url.rstrip("/")
    wrong = Account.from_connection_string(
        f"{account};BlobEndpoint={address};QueueEndpoint={address};TableEndpoint={address}"
    )
    with pytest.raises(HttpResponseError):
        lock.release(wrong, "r1")
    with pytest.raises(HttpResponseError):
        lock.make_blob(wrong)
