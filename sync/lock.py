"""The run lock: one run at a time for a tenant, whichever instance works on it.

The lock is an infinite lease on the blob `state/run.lock`. The lease id is derived from the run id,
so every instance that works for the run holds the lock, and acquiring it again succeeds
(https://learn.microsoft.com/rest/api/storageservices/lease-blob). The blob's metadata name the run
that holds it; a lock is taken away only from a run whose record says that it ended, and only with
that run's own lease id: should the metadata be stale, nothing happens.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .storage import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .storage import Storage

LOCK_BLOB = "run.lock"
_NAMESPACE = uuid.UUID("a9ad1bd6-41c6-4f4b-9a0b-5c6f0e8f7d2a")


def acquire(storage: Storage, run: str, has_ended: Callable[[str], bool]) -> bool:
    """Takes the lock for `run`, or keeps it. False: another run that has not ended holds it."""
    if _lease(storage, run):
        return True
    holder = _holder(storage)
    if holder and holder != run and has_ended(holder):
        release(storage, holder)
        return _lease(storage, run)
    return False


def release(storage: Storage, run: str) -> None:
    """Gives the lock back; nothing happens when `run` does not hold it."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobLeaseClient

    blob = storage.blob(STATE, LOCK_BLOB)
    try:
        BlobLeaseClient(blob, lease_id=lease_id(run)).release()
    except HttpResponseError as error:
        # 409: another holds the lease, or nobody; 404: there never was a lock.
        if error.status_code not in (404, 409):
            raise


def _lease(storage: Storage, run: str) -> bool:
    from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

    blob = storage.blob(STATE, LOCK_BLOB)
    try:
        blob.acquire_lease(-1, lease_id=lease_id(run))
    except ResourceExistsError:
        return False
    except ResourceNotFoundError:
        make_blob(storage)
        return _lease(storage, run)
    blob.set_blob_metadata({"run": run}, lease=lease_id(run))
    return True


def make_blob(storage: Storage) -> None:
    """Makes the blob that is leased, if it is not there."""
    from azure.core.exceptions import HttpResponseError

    try:
        storage.blob(STATE, LOCK_BLOB).upload_blob(b"", overwrite=False)
    except HttpResponseError as error:
        # Another instance made it meanwhile, and may hold it already.
        if error.status_code not in (409, 412):
            raise


def _holder(storage: Storage) -> str:
    metadata = storage.blob(STATE, LOCK_BLOB).get_blob_properties().metadata or {}
    return metadata.get("run", "")


def lease_id(run: str) -> str:
    """The lease id of a run."""
    return str(uuid.uuid5(_NAMESPACE, run))
