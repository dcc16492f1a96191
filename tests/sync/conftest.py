"""A storage account for each test: the emulator of the session, emptied."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.storage.blob import BlobLeaseClient

from sync.storage import CONTAINERS, QUEUES, TABLES, Storage

if TYPE_CHECKING:
    from collections.abc import Callable

Taken = list[dict[str, Any]]


@pytest.fixture(scope="session")
def account(azurite: str) -> Storage:
    storage = Storage.from_connection_string(azurite)
    storage.create_missing()
    return storage


@pytest.fixture
def storage(account: Storage) -> Storage:
    for container in CONTAINERS:
        client = account.blobs.get_container_client(container)
        for blob in client.list_blobs():
            if blob.lease.state == "leased":
                BlobLeaseClient(account.blob(container, blob.name)).break_lease(0)
            client.delete_blob(blob.name)
    for queue in QUEUES:
        account.queues.get_queue_client(queue).clear_messages()
    for name in TABLES:
        table = account.table(name)
        for row in table.list_entities(select=["PartitionKey", "RowKey"]):
            table.delete_entity(row["PartitionKey"], row["RowKey"])
    return account


@pytest.fixture
def take(storage: Storage) -> Callable[[str], Taken]:
    """Takes all visible messages off a queue, decoded as the host does it."""

    def take(queue: str) -> Taken:
        client = storage.queues.get_queue_client(queue)
        taken: Taken = []
        for message in client.receive_messages(messages_per_page=32):
            taken.append(json.loads(base64.b64decode(message.content)))
            client.delete_message(message)
        return taken

    return take
