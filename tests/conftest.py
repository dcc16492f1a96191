"""What all tests share: a storage account of their own, one for each test process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import duckdb
import pytest
from azure.storage.blob import BlobLeaseClient

from local.azurite import Azurite
from sync.storage import CONTAINERS, QUEUES, TABLES, Storage

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes give a test no name: a ZIP holds the time at which a worker built it, and the
    workers of one run must find the same tests.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session", autouse=True)
def _thrift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients know one certificate authority, and databases have one thread.

    Each HTTP client reads all authorities that it knows, and tests ask nobody far. Tables are tiny,
    and the test processes share the processors.
    """
    end = "-----END CERTIFICATE-----\n"
    first, _, _ = Path(certifi.where()).read_text(encoding="utf-8").partition(end)
    file = tmp_path_factory.mktemp("authority") / "one.pem"
    file.write_text(first + end, encoding="utf-8")
    connect = duckdb.connect

    def with_one_thread(database: str = ":memory:", **options: Any) -> duckdb.DuckDBPyConnection:
        options["config"] = options.get("config", {}) | {"threads": 1}
        return connect(database, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("certifi.where", lambda: str(file))
        patch.setattr("duckdb.connect", with_one_thread)
        yield


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a storage account that starts empty and ends with the session."""
    with Azurite() as running:
        yield running.connection_string


@pytest.fixture(scope="session")
def account(azurite: str) -> Storage:
    storage = Storage.from_connection_string(azurite)
    storage.create_missing()
    return storage


@pytest.fixture
def storage(account: Storage) -> Storage:
    """The account of this process, emptied for the test."""
    return emptied(account)


def emptied(account: Storage) -> Storage:
    """The account with nothing in it."""
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
