"""A storage account in memory: what applying needs of blobs, queues and tables, in microseconds.

It stands in for the account where a test lives through thousands of runs; everything else runs on
Azurite. The clients have the methods, arguments and errors of the SDK's that Rollcall calls.
Messages are listed by who takes them, in whatever order, and as often, as the test wants.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from itertools import count
from typing import IO, TYPE_CHECKING, Any

from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import UpdateMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CLAUSE = re.compile(r"(\w+) (eq|ne|ge|lt) '((?:[^']|'')*)'")
Row = dict[str, Any]


class Entity(dict[str, Any]):
    """A row of a table, with its ETag beside it."""

    def __init__(self, values: Mapping[str, Any], etag: str) -> None:
        super().__init__(values)
        self.metadata = {"etag": etag}


class MemoryTable:
    """A table: rows by partition and key."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Entity]] = {}
        self._etags = count(1)

    def create_entity(self, entity: Mapping[str, Any]) -> Row:
        partition, key = _key(entity)
        if key in self._rows.get(partition, ()):
            raise ResourceExistsError("The row exists already")
        return self._put(entity)

    def upsert_entity(self, entity: Mapping[str, Any], mode: UpdateMode = UpdateMode.MERGE) -> Row:
        partition, key = _key(entity)
        there = self._rows.get(partition, {}).get(key, Row())
        return self._put({**there, **entity} if mode is UpdateMode.MERGE else entity)

    def update_entity(
        self,
        entity: Mapping[str, Any],
        mode: UpdateMode = UpdateMode.MERGE,
        *,
        etag: str | None = None,
        match_condition: Any = None,  # noqa: ARG002
    ) -> Row:
        there = self.get_entity(*_key(entity))
        if etag is not None and there.metadata["etag"] != etag:
            raise ResourceModifiedError("The row was changed meanwhile")
        return self._put({**there, **entity} if mode is UpdateMode.MERGE else entity)

    def get_entity(self, partition_key: str, row_key: str) -> Entity:
        try:
            return self._rows[partition_key][row_key]
        except KeyError:
            raise ResourceNotFoundError("There is no such row") from None

    def query_entities(self, query_filter: str, **_: Any) -> Iterator[Entity]:
        clauses = [
            (name, how, value.replace("''", "'"))
            for name, how, value in _CLAUSE.findall(query_filter)
        ]
        partition = next(value for name, _, value in clauses if name == "PartitionKey")
        rows = self._rows.get(partition, {})
        for key in sorted(rows):
            row = rows[key]
            if all(_holds(row.get(name), how, value) for name, how, value in clauses):
                yield row

    def _put(self, entity: Mapping[str, Any]) -> Row:
        etag = str(next(self._etags))
        partition, key = _key(entity)
        self._rows.setdefault(partition, {})[key] = Entity(entity, etag)
        return {"etag": etag}


@dataclass
class MemoryQueue:
    """A queue: what was sent and not taken yet, decoded, each with its delay in seconds."""

    waiting: list[tuple[Any, float]] = field(default_factory=list[tuple[Any, float]])

    def send_message(self, content: str, *, visibility_timeout: int | None = None) -> None:
        self.waiting.append((json.loads(base64.b64decode(content)), visibility_timeout or 0))

    def take(self) -> list[tuple[Any, float]]:
        """All messages; they are gone from the queue."""
        taken, self.waiting = self.waiting, []
        return taken


class MemoryBlob:
    """One blob, as the SDK's client of it: it may not exist yet."""

    def __init__(self, blobs: dict[tuple[str, str], bytes], key: tuple[str, str]) -> None:
        self._blobs, self._key = blobs, key

    def upload_blob(self, data: bytes | IO[bytes], *, overwrite: bool = False) -> None:
        if not overwrite and self._key in self._blobs:
            raise ResourceExistsError("The blob exists already")
        self._blobs[self._key] = data if isinstance(data, bytes) else data.read()

    def download_blob(self) -> MemoryBlob:
        if self._key not in self._blobs:
            raise ResourceNotFoundError("There is no such blob")
        return self

    def readall(self) -> bytes:
        return self._blobs[self._key]


class MemoryAccount:
    """The three service clients of an account, in one."""

    def __init__(self) -> None:
        self._tables: dict[str, MemoryTable] = {}
        self._queues: dict[str, MemoryQueue] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}

    def get_table_client(self, name: str) -> MemoryTable:
        return self._tables.setdefault(name, MemoryTable())

    def get_queue_client(self, name: str) -> MemoryQueue:
        return self._queues.setdefault(name, MemoryQueue())

    def get_blob_client(self, container: str, name: str) -> MemoryBlob:
        return MemoryBlob(self._blobs, (container, name))


def _key(entity: Mapping[str, Any]) -> tuple[str, str]:
    return entity["PartitionKey"], entity["RowKey"]


def _holds(value: Any, how: str, wanted: str) -> bool:
    """Whether a clause holds; a row without the value is in no comparison but `ne`."""
    if value is None:
        return how == "ne"
    return {
        "eq": value == wanted, "ne": value != wanted, "ge": value >= wanted, "lt": value < wanted,
    }[how]  # fmt: skip
