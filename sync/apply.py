"""Applying one change message to the directory: exactly one outcome, however often it arrives.

A message may come twice (queues deliver at least once), late (after its run ended) or after a crash
in the middle. So it is skipped when it has its outcome or its run is not applying; what may work
later is sent again with a delay, a bounded number of times; what cannot work becomes a failed
outcome. Anything unforeseen is raised: the host tries again and finally moves the message to the
poison queue (https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages).
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from roster.errors import Terminal, Transient

from . import outcomes
from .change import ChangeMessage
from .outcomes import Outcome
from .record import find_run
from .storage import CHANGES_QUEUE, shared_storage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .storage import Storage

logger = logging.getLogger(__name__)

LARGEST_TRIES = 40
FIRST_DELAY, LARGEST_DELAY = 2.0, 120.0
# How long it may take until a process notices that a run was stopped.
STATUS_LIFE_SECONDS = 5.0


class Counters(Protocol):
    """What a Graph client has counted since it was made."""

    @property
    def requests(self) -> int: ...
    @property
    def writes(self) -> int: ...


class DirectoryWriter(Protocol):
    """The writes that apply needs; `graph.writers.Writer` has them."""

    async def create_person(self, fields: dict[str, Any], /) -> str: ...
    async def update_person(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def create_school(self, fields: dict[str, Any], /, *, attempted: bool) -> str: ...
    async def update_school(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def create_class(self, fields: dict[str, Any], /, *, attempted: bool) -> str: ...
    async def update_class(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def upsert_group(
        self, unique_name: str, fields: dict[str, Any], members: Sequence[str], /
    ) -> str: ...
    async def update_group(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def add_references(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str], /
    ) -> None: ...
    async def remove_references(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str], /
    ) -> None: ...


@dataclass
class Applier:
    """Applies messages; one for each process and event loop, so that writes share batches."""

    storage: Storage
    writer: DirectoryWriter
    counters: Counters
    _claimed: tuple[int, int] = (0, 0)
    _seen_applying: dict[str, float] = field(default_factory=dict[str, float])
    _in_work: set[str] = field(default_factory=set[str])

    async def apply(self, body: Mapping[str, Any], queue_id: str) -> None:
        """Applies the message `body` that arrived as the queue message `queue_id`."""
        message = ChangeMessage.model_validate(body)
        if not await self._is_applying(message.run):
            logger.warning("Change %s of run %s dropped: not applying", message.id, message.run)
            return
        if message.id in self._in_work:
            await self._send_again(message, _Busy("Another copy is in work", FIRST_DELAY))
            return
        self._in_work.add(message.id)
        try:
            await self._apply(message, queue_id)
        finally:
            self._in_work.discard(message.id)

    async def _apply(self, message: ChangeMessage, queue_id: str) -> None:
        try:
            object_id = await self._write(message, queue_id)
        except _Ended:
            return
        except _Busy as error:
            await self._send_again(message, error)
        except Transient as error:
            await self._release(message)
            await self._send_again(message, error)
        except Terminal as error:
            await self._end(message, "failed", message.object_id, str(error), error.code)
        else:
            await self._end(message, "done", object_id)

    async def _write(self, message: ChangeMessage, queue_id: str) -> str | None:
        """Writes the entity, then its references; the entity's directory id."""
        attempted = await self._may_start(message, queue_id)
        object_id = message.object_id
        if message.action == "create":
            object_id = await self._create(message, attempted=attempted)
        elif message.fields:
            await self._update(message, str(object_id))
        adds, removes = _additions(message), (message.remove_members, message.remove_owners)
        if any(adds) or any(removes):
            container = object_id or await self._made(message)
            if any(adds):
                await self.writer.add_references(message.kind, container, *adds)
            if any(removes):
                await self.writer.remove_references(message.kind, container, *removes)
        return object_id

    async def _may_start(self, message: ChangeMessage, queue_id: str) -> bool:
        """Whether the message was tried before; raises _Ended when it has its outcome."""
        if message.action == "create" and message.kind in outcomes.CLAIMED:
            claim = await asyncio.to_thread(outcomes.claim, self.storage, message, queue_id)
            if claim == "busy":
                raise _Busy("Another copy of this change is in work", FIRST_DELAY)
            if claim == "ended":
                raise _Ended
            return claim == "again"
        if await asyncio.to_thread(outcomes.has_outcome, self.storage, message):
            raise _Ended
        return True

    async def _create(self, message: ChangeMessage, *, attempted: bool) -> str:
        fields = dict(message.fields)
        if message.kind == "person":
            return await self.writer.create_person(fields)
        if message.kind == "school":
            return await self.writer.create_school(fields, attempted=attempted)
        if message.kind == "class":
            return await self.writer.create_class(fields, attempted=attempted)
        return await self.writer.upsert_group(message.key, fields, message.add_members)

    async def _update(self, message: ChangeMessage, object_id: str) -> None:
        fields = dict(message.fields)
        update = {
            "person": self.writer.update_person,
            "school": self.writer.update_school,
            "class": self.writer.update_class,
        }.get(message.kind, self.writer.update_group)
        await update(object_id, fields)

    async def _made(self, message: ChangeMessage) -> str:
        """The id of a container that another message of this phase creates."""
        made = await asyncio.to_thread(outcomes.made_object, self.storage, message)
        if made is None:
            raise Transient(f"{message.kind} {message.key} is not made yet", FIRST_DELAY)
        status, object_id = made
        if status == "failed":
            raise Terminal(f"The {message.kind} could not be made")
        return object_id

    async def _release(self, message: ChangeMessage) -> None:
        """Lets the next copy of the message try at once."""
        if message.action == "create" and message.kind in outcomes.CLAIMED:
            await asyncio.to_thread(outcomes.unclaim, self.storage, message)

    async def _send_again(self, message: ChangeMessage, error: Transient) -> None:
        """Sends the message again with a delay, or gives up."""
        if message.attempt >= LARGEST_TRIES:
            text = f"Given up after {message.attempt} tries: {error}"
            await self._end(message, "failed", message.object_id, text)
            return
        delay = error.retry_after or min(FIRST_DELAY * 2 ** (message.attempt - 1), LARGEST_DELAY)
        again = message.model_copy(update={"attempt": message.attempt + 1})
        await asyncio.to_thread(
            self.storage.send, CHANGES_QUEUE, again.model_dump(mode="json"), delay
        )

    async def _end(
        self,
        message: ChangeMessage,
        status: Any,
        object_id: str | None,
        error: str = "",
        code: str = "",
    ) -> None:
        """Writes the outcome, and on it all that was counted and is on no outcome yet."""
        counted = (self.counters.writes, self.counters.requests)
        writes, requests = (new - old for new, old in zip(counted, self._claimed, strict=True))
        self._claimed = counted
        outcome = Outcome(status, object_id, error, code, writes, requests)
        await asyncio.to_thread(outcomes.write_outcome, self.storage, message, outcome)

    async def _is_applying(self, run: str) -> bool:
        """Whether the run wants its changes; a yes may be some seconds old."""
        if time.monotonic() - self._seen_applying.get(run, -math.inf) < STATUS_LIFE_SECONDS:
            return True
        found = await asyncio.to_thread(find_run, self.storage, run)
        if found is None or found.status != "applying":
            return False
        self._seen_applying = {run: time.monotonic()}
        return True


_appliers: WeakKeyDictionary[asyncio.AbstractEventLoop, Applier] = WeakKeyDictionary()


async def apply_change(body: Mapping[str, Any], queue_id: str) -> None:
    """Applies a message of the queue `changes` with the applier of this event loop."""
    from graph.client import connect
    from graph.writers import Writer

    loop = asyncio.get_running_loop()
    if loop not in _appliers:
        graph = connect()
        _appliers[loop] = Applier(shared_storage(), Writer(graph), graph)
    await _appliers[loop].apply(body, queue_id)


class _Ended(Exception):
    """The message has its outcome already."""


class _Busy(Transient):
    """Another copy of the message is in work."""


def _additions(message: ChangeMessage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Members and owners still to add: a group was made with its members."""
    made_with_members = message.action == "create" and message.kind == "group"
    return () if made_with_members else message.add_members, message.add_owners
