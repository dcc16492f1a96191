"""Storage: the blobs, queues and tables of one storage account, under the names that Rollcall uses.

Where the account is found is what the Functions host itself goes by: the setting
`AzureWebJobsStorage` (a connection string) or `AzureWebJobsStorage__blobServiceUri` and its
siblings with a managed identity
(https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity).

The SDK packages are imported when an account is opened, not before: cold starts are short.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roster.errors import BadInput, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from azure.data.tables import TableClient, TableServiceClient
    from azure.storage.blob import BlobClient, BlobServiceClient
    from azure.storage.queue import QueueServiceClient

ROSTERS, ARCHIVE, RUNS, STATE, CONFIG = "rosters", "archive", "runs", "state", "config"
CREDENTIALS = "credentials"
CONTAINERS = (ROSTERS, ARCHIVE, RUNS, STATE, CONFIG, CREDENTIALS)
ARRIVALS_QUEUE, RUNS_QUEUE, CHANGES_QUEUE = "arrivals", "runs", "changes"
QUEUES = tuple(
    name + suffix
    for name in (ARRIVALS_QUEUE, RUNS_QUEUE, CHANGES_QUEUE)
    for suffix in ("", "-poison")
)
RUNS_TABLE, OUTCOMES_TABLE, APPROVALS_TABLE = "runs", "outcomes", "approvals"
TABLES = (RUNS_TABLE, OUTCOMES_TABLE, APPROVALS_TABLE)

CONNECTION = "AzureWebJobsStorage"
# The newest version that the storage emulator speaks; real accounts get what the SDK sends.
EMULATOR_API_VERSION = "2025-11-05"
COPY_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class StoredFile:
    """One blob: `name` within its container, `size` in bytes, `modified` in UTC."""

    name: str
    etag: str
    size: int
    modified: datetime

    @property
    def file_name(self) -> str:
        """The last part of the name."""
        return self.name.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Storage:
    """One storage account. Safe to share between threads, as the SDK clients are."""

    blobs: BlobServiceClient
    queues: QueueServiceClient
    tables: TableServiceClient

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Storage:
        """Opens the account that the settings in `env` name; raises BadInput without one."""
        if connection := env.get(CONNECTION):
            return cls.from_connection_string(connection)
        services = ("blob", "queue", "table")
        uris = [env.get(f"{CONNECTION}__{service}ServiceUri", "") for service in services]
        if not all(uris):
            raise BadInput(
                f"No storage account is set: set {CONNECTION} to a connection string, or "
                f"{CONNECTION}__blobServiceUri, __queueServiceUri and __tableServiceUri to the "
                "account's addresses"
            )
        client_id = env.get(f"{CONNECTION}__clientId") or env.get("AZURE_CLIENT_ID")
        return cls.from_addresses(*uris, client_id=client_id)

    @classmethod
    def from_connection_string(cls, connection: str) -> Storage:
        """Opens an account by key; `UseDevelopmentStorage=true` is the emulator's default."""
        from azure.data.tables import TableServiceClient
        from azure.storage.blob import BlobServiceClient
        from azure.storage.queue import QueueServiceClient

        tables = TableServiceClient.from_connection_string(connection)
        version = _api_version(tables.url)
        return cls(
            BlobServiceClient.from_connection_string(connection, **version),
            QueueServiceClient.from_connection_string(connection, **version),
            tables,
        )

    @classmethod
    def from_addresses(
        cls, blob: str, queue: str, table: str, *, client_id: str | None = None
    ) -> Storage:
        """Opens an account with the identity of this machine, or of who is signed in."""
        from azure.data.tables import TableServiceClient
        from azure.identity import DefaultAzureCredential
        from azure.storage.blob import BlobServiceClient
        from azure.storage.queue import QueueServiceClient

        credential = DefaultAzureCredential(managed_identity_client_id=client_id)
        return cls(
            BlobServiceClient(blob, credential=credential, **_api_version(blob)),
            QueueServiceClient(queue, credential=credential, **_api_version(queue)),
            TableServiceClient(table, credential=credential),
        )

    def create_missing(self) -> None:
        """Makes the containers, queues and tables that are not there yet."""
        from azure.core.exceptions import ResourceExistsError

        for name in CONTAINERS:
            with suppress(ResourceExistsError):
                self.blobs.create_container(name)
        for name in QUEUES:
            with suppress(ResourceExistsError):
                self.queues.create_queue(name)
        for name in TABLES:
            self.tables.create_table_if_not_exists(name)

    # Blobs ------------------------------------------------------------------------------------

    def blob(self, container: str, name: str) -> BlobClient:
        """The SDK's client of one blob, for what is not offered here (leases)."""
        return self.blobs.get_blob_client(container, name)

    def read(self, container: str, name: str) -> bytes | None:
        """The content of a small blob, or None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self.blob(container, name).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def write(self, container: str, name: str, data: bytes) -> None:
        """Writes a small blob, replacing what was there."""
        self.blob(container, name).upload_blob(data, overwrite=True)

    def upload(self, container: str, name: str, path: Path) -> None:
        """Uploads a file, in blocks."""
        with path.open("rb") as stream:
            self.blob(container, name).upload_blob(stream, overwrite=True)

    def download(self, container: str, name: str, path: Path) -> None:
        """Downloads a blob into a file, in blocks; makes the folders it needs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            self.blob(container, name).download_blob().readinto(stream)

    def upload_folder(self, container: str, prefix: str, folder: Path) -> None:
        """Uploads every file under `folder` as `prefix/relative name`."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.upload(container, f"{prefix}/{path.relative_to(folder).as_posix()}", path)

    def download_folder(self, container: str, prefix: str, folder: Path) -> None:
        """Downloads every blob under `prefix/` into `folder`, which exists afterwards.

        A name that would lead out of the folder is refused: only a hostile writer makes one.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.list_files(container, prefix):
            path = folder / file.name.removeprefix(f"{prefix}/")
            if not path.resolve().is_relative_to(folder.resolve()):
                raise Refused(f"{container}/{file.name}: the name leads out of its folder; refused")
            self.download(container, file.name, path)

    def list_files(self, container: str, prefix: str = "") -> list[StoredFile]:
        """The blobs under `prefix/` (all of the container without one), by name."""
        start = f"{prefix}/" if prefix else None
        return [
            StoredFile(blob.name, blob.etag, blob.size, blob.last_modified)
            for blob in self.blobs.get_container_client(container).list_blobs(start)
        ]

    def copy(self, container: str, file: StoredFile, to_container: str, to_name: str) -> bool:
        """Copies a blob within the account, unless it changed since it was listed (False)."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        target = self.blob(to_container, to_name)
        try:
            answer = target.start_copy_from_url(
                self.blob(container, file.name).url,
                source_etag=file.etag,
                source_match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        while answer["copy_status"] == "pending":
            time.sleep(COPY_POLL_SECONDS)
            answer = {"copy_status": target.get_blob_properties().copy.status}
        return answer["copy_status"] == "success"

    def delete(self, container: str, file: StoredFile) -> bool:
        """Deletes a blob, unless it changed since it was listed or is gone (False)."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        try:
            self.blob(container, file.name).delete_blob(
                etag=file.etag, match_condition=MatchConditions.IfNotModified
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    # Queues -----------------------------------------------------------------------------------

    def send(self, queue: str, body: Mapping[str, Any], delay: float = 0) -> None:
        """Sends JSON in the encoding that the host expects; `delay` in seconds, rounded up."""
        text = base64.b64encode(json.dumps(body, separators=(",", ":")).encode()).decode()
        self.queues.get_queue_client(queue).send_message(
            text, visibility_timeout=math.ceil(delay) or None
        )

    def waiting(self, queue: str) -> int:
        """Messages in a queue, hidden ones too: never fewer than there are, perhaps more."""
        properties = self.queues.get_queue_client(queue).get_queue_properties()
        return properties.approximate_message_count or 0

    def oldest(self, queue: str) -> float:
        """Seconds since the first message that is not hidden was sent; 0 if there is none.

        A message that is sent again begins anew, so this is how long work waits, not how long it
        takes (https://learn.microsoft.com/rest/api/storageservices/peek-messages).
        """
        first = self.queues.get_queue_client(queue).peek_messages(1)
        sent = first[0].inserted_on if first else None
        return max(0.0, (datetime.now(UTC) - sent).total_seconds()) if sent else 0.0

    # Tables -----------------------------------------------------------------------------------

    def table(self, name: str) -> TableClient:
        """The SDK's client of one table."""
        return self.tables.get_table_client(name)


@functools.cache
def shared_storage() -> Storage:
    """The account of this process.

    One that is opened with a key, such as the emulator's, gets what it lacks. One that is opened
    with an identity was made whole by its deployment, and the identity may make no tables.
    """
    storage = Storage.from_environment()
    if os.environ.get(CONNECTION):
        storage.create_missing()
    return storage


def _api_version(address: str) -> dict[str, Any]:
    loopback = urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
    return {"api_version": EMULATOR_API_VERSION} if loopback else {}
