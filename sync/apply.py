"""Applying one change message to the directory: exactly one outcome, however often it arrives.

A message may come twice (queues deliver at least once), late (after its run ended) or after a crash
in the middle. So it is skipped when it has its outcome or its run is not applying; what may work
later is sent again with a delay, as `patience.py` says; what cannot work becomes a failed
outcome. What is done of a message is not done again: the next copy says only what is left.

Whether something was created is in doubt after a lost answer or a crash, and what was created is
not found at once. So it is looked for again and again, for minutes, before it is created again.

Anything unforeseen is raised: the host tries again and finally moves the message to the
poison queue (https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages).
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol
from weakref import WeakKeyDictionary

from graph.errors import AmbiguousWrite, DirectoryFull, NotThere, Throttled
from graph.references import ReferencesFailed
from roster.errors import Terminal, Transient, Unfinished
from roster.spans import note

from . import metrics, outcomes
from .change import ChangeMessage
from .config import load_for_apply
from .credentials import Credentials
from .events import CHANGE_DROPPED, CHANGE_FAILED, THROTTLED, tell
from .format import FORMAT
from .outcomes import Outcome
from .patience import Busy, NotFoundYet, NotMadeYet, next_try
from .record import find_run
from .sealing import Sealing
from .storage import CHANGES_QUEUE, shared_storage
from .tracing import in_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from graph.passwords import Passwords
    from graph.references import FailedReference

    from .storage import Storage

GONE = (
    ": something that this change needs is not in the directory. Somebody may have deleted it; the "
    "next run sees that"
)
# How long it may take until a process notices that a run was stopped.
STATUS_LIFE_SECONDS = 5.0
# A pause that Graph wants concerns thousands of messages; one line in this time says so.
TELL_THROTTLED_SECONDS = 60.0


class Counters(Protocol):
    """What a Graph client has counted since it was made."""

    @property
    def requests(self) -> int: ...
    @property
    def writes(self) -> int: ...
    @property
    def throttled(self) -> int: ...


class DirectoryWriter(Protocol):
    """The writes that apply needs; `graph.writers.Writer` has them.

    What brings references raises ReferencesFailed when it did everything but some of them.
    """

    async def find(self, kind: str, key: str, /) -> str | None: ...

    async def create_person(self, fields: dict[str, Any], passwords: Passwords, /) -> str: ...
    async def complete(self, kind: str, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def update_person(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def create_school(self, fields: dict[str, Any], /, *, attempted: bool) -> str: ...
    async def update_school(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def create_class(self, fields: dict[str, Any], /, *, attempted: bool) -> str: ...
    async def upsert_class(
        self, fields: dict[str, Any], members: Sequence[str], owners: Sequence[str], /
    ) -> str: ...
    async def update_class(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def upsert_group(
        self, unique_name: str, fields: dict[str, Any], members: Sequence[str], /
    ) -> str: ...
    async def update_group(self, object_id: str, fields: dict[str, Any], /) -> None: ...
    async def upload_people(self, records: Sequence[dict[str, Any]], /) -> None: ...
    async def change_team(self, action: str, group: str, progress: dict[str, Any], /) -> None: ...
    async def add_references(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str], /
    ) -> None: ...
    async def remove_references(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str], /
    ) -> None: ...


@dataclass
class _Work:
    """A message that says what is left of it to do, and the references that failed on the way."""

    message: ChangeMessage
    failed: tuple[FailedReference, ...] = ()

    def left(self, **values: Any) -> None:
        self.message = self.message.model_copy(update=values)

    def note(self, action: Literal["add", "remove"], failed: tuple[FailedReference, ...]) -> None:
        """All references of an action are done but those in `failed`."""
        self.failed += failed
        for relation in ("member", "owner"):
            people = tuple(one.person for one in failed if one.relation == relation)
            self.left(**{f"{action}_{relation}s": people})


@dataclass
class Applier:
    """Applies messages; one for each process and event loop, so that writes share batches."""

    storage: Storage
    writer: DirectoryWriter
    counters: Counters
    _claimed: tuple[int, int, int] = (0, 0, 0)
    _told_throttled: float = -math.inf
    _credentials: Credentials = field(init=False)
    _seen_applying: dict[str, float] = field(default_factory=dict[str, float])
    _in_work: set[str] = field(default_factory=set[str])
    # Why nothing more can be created in a run: each process finds that out once.
    _full: dict[str, DirectoryFull] = field(default_factory=dict[str, DirectoryFull])

    def __post_init__(self) -> None:
        self._credentials = Credentials(self.storage, Sealing.from_environment())

    async def apply(self, body: Mapping[str, Any], queue_id: str) -> None:
        """Applies the message `body` that arrived as the queue message `queue_id`."""
        if body.get("format", FORMAT) != FORMAT:
            # Its run is of another version, too, and begun again by its next step.
            tell(CHANGE_DROPPED, run=str(body.get("run", "")), change=str(body.get("id", "")))
            return
        message = ChangeMessage.model_validate(body)
        if not await self._is_applying(message.run):
            tell(CHANGE_DROPPED, run=message.run, change=message.id)
            return
        work = _Work(message)
        if message.id in self._in_work:
            await self._send_again(work, Busy("Another copy of this change is in work"))
            return
        self._in_work.add(message.id)
        name = f"apply {message.kind}"
        try:
            with in_run(message.run, name, kind=message.kind, action=message.action):
                await self._apply(work, queue_id)
        finally:
            self._in_work.discard(message.id)

    async def _apply(self, work: _Work, queue_id: str) -> None:
        try:
            await self._write(work, queue_id)
        except _Ended:
            return
        except Busy as error:
            await self._send_again(work, error)
        except Transient as error:
            if isinstance(error, Unfinished):
                work.left(progress=error.progress)
            if isinstance(error, Throttled):
                self._tell_throttled(work.message.run, error)
            await self._release(work.message, lost=isinstance(error, AmbiguousWrite))
            await self._send_again(work, error)
        except Terminal as error:
            if isinstance(error, DirectoryFull):
                self._full = {work.message.run: error}
            await self._end(work.message, "failed", str(error), error.code)
        else:
            await self._settle(work)

    async def _write(self, work: _Work, queue_id: str) -> None:
        """Writes the entity, then its references."""
        message = work.message
        claim = await self._may_start(message, queue_id)
        if message.kind == "inbound":
            await self.writer.upload_people(message.fields["records"])
            return
        if message.kind == "team":
            group = str(message.object_id)
            await self.writer.change_team(message.action, group, message.progress)
            return
        adds = (message.add_members, message.add_owners)
        removes = (message.remove_members, message.remove_owners)
        if message.action == "create" and message.object_id is None:
            adds = _additions(message)
            await self._create_with_people(work, claim)
        if message.fields:
            object_id = str(work.message.object_id)
            if message.action == "create":
                await self.writer.complete(message.kind, object_id, dict(message.fields))
            else:
                await self._update(message, object_id)
            work.left(fields={})
        if not (any(adds) or any(removes)):
            return
        container = work.message.object_id or await self._made(message)
        work.left(object_id=container)
        if any(adds):
            call = self.writer.add_references(message.kind, container, *adds)
            work.note("add", await _failures(call))
        if any(removes):
            call = self.writer.remove_references(message.kind, container, *removes)
            work.note("remove", await _failures(call))

    async def _settle(self, work: _Work) -> None:
        """Ends a message that is done, or tries the references again that may heal."""
        if any(reference.heals for reference in work.failed):
            again = next_try(work.message, ReferencesFailed(work.failed))
            if again is not None:
                await self._release(work.message)
                await self._send(*again)
                return
        await self._end(work.message, "done", failed=work.failed)

    async def _may_start(self, message: ChangeMessage, queue_id: str) -> outcomes.Claim:
        """What is known of earlier tries; raises _Ended when the message has its outcome."""
        if message.action == "create" and message.kind in outcomes.CLAIMED:
            claim = await asyncio.to_thread(outcomes.claim, self.storage, message, queue_id)
            if claim == "busy":
                raise Busy("Another copy of this change is in work")
            if claim == "ended":
                raise _Ended
            return claim
        if await asyncio.to_thread(outcomes.has_outcome, self.storage, message):
            raise _Ended
        return "again"

    async def _create_with_people(self, work: _Work, claim: outcomes.Claim) -> None:
        """Creates the entity, with its people where they come with it."""
        message, failed = work.message, ()
        if message.run in self._full:
            raise self._full[message.run]
        object_id = await self._look(message, claim)
        if object_id is None:
            try:
                object_id = await self._create(message, attempted=claim != "new")
            except ReferencesFailed as error:
                object_id, failed = error.object_id, error.failed
        work.left(object_id=object_id)
        if _additions(message) != (message.add_members, message.add_owners):
            work.note("add", failed)

    async def _look(self, message: ChangeMessage, claim: outcomes.Claim) -> str | None:
        """Looks for what may have been created; None if nothing is in doubt."""
        if claim != "left" or _is_plain_class(message):
            return None
        found = await self.writer.find(message.kind, message.key)
        if found is None:
            raise NotFoundYet(f"the {message.kind} may have been made, and is looked for again")
        return found

    async def _create(self, message: ChangeMessage, *, attempted: bool) -> str:
        fields = dict(message.fields)
        if message.kind == "person":
            return await self.writer.create_person(fields, self._credentials.passwords(message))
        if message.kind == "school":
            return await self.writer.create_school(fields, attempted=attempted)
        if _is_plain_class(message):
            return await self.writer.upsert_class(fields, message.add_members, message.add_owners)
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
            raise NotMadeYet(f"the {message.kind} of this change is not made yet")
        status, object_id = made
        if status == "failed":
            raise Terminal(f"The {message.kind} could not be made")
        return object_id

    async def _release(self, message: ChangeMessage, *, lost: bool = False) -> None:
        """Lets the next copy of the message try at once.

        `lost`: so was an answer. A copy that says less than this one does not know either what
        this one has created.
        """
        in_doubt = lost or message.object_id is not None
        if message.action == "create" and message.kind in outcomes.CLAIMED:
            await asyncio.to_thread(outcomes.unclaim, self.storage, message, in_doubt=in_doubt)

    async def _send_again(self, work: _Work, error: Transient) -> None:
        """Sends what is left of the message again with a delay, or gives up."""
        again = next_try(work.message, error)
        if again is not None:
            await self._send(*again)
            return
        gone = GONE if isinstance(error, NotThere) else ""
        await self._end(work.message, "failed", f"Given up after many tries{gone}: {error}")

    async def _send(self, message: ChangeMessage, delay: float) -> None:
        note(outcome="again")
        body = message.model_dump(mode="json")
        await asyncio.to_thread(self.storage.send, CHANGES_QUEUE, body, delay)

    async def _end(
        self,
        message: ChangeMessage,
        status: Literal["done", "failed"],
        error: str = "",
        code: str = "",
        failed: tuple[FailedReference, ...] = (),
    ) -> None:
        """Writes the outcome, and on it all that was counted and is on no outcome yet."""
        writes, requests = self._count()
        note(outcome=status)
        if status == "failed":
            about = {"kind": message.kind, "action": message.action, "code": code}
            tell(CHANGE_FAILED, run=message.run, change=message.id, **about)
        outcome = Outcome(status, message.object_id, error, code, writes, requests, failed)
        await asyncio.to_thread(outcomes.write_outcome, self.storage, message, outcome)

    def _count(self) -> tuple[int, int]:
        """Writes and requests that were counted and are on no outcome yet."""
        counters = self.counters
        counted = (counters.writes, counters.requests, counters.throttled)
        writes, requests, throttled = (
            new - old for new, old in zip(counted, self._claimed, strict=True)
        )
        self._claimed = counted
        metrics.record(metrics.WRITES, writes)
        metrics.record(metrics.REQUESTS, requests)
        metrics.record(metrics.THROTTLED, throttled)
        return writes, requests

    def _tell_throttled(self, run: str, error: Throttled) -> None:
        if time.monotonic() - self._told_throttled >= TELL_THROTTLED_SECONDS:
            self._told_throttled = time.monotonic()
            tell(THROTTLED, run=run, seconds=round(error.retry_after or 0, 3))

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
    loop = asyncio.get_running_loop()
    if loop not in _appliers:
        _appliers[loop] = _connected(shared_storage())
    await _appliers[loop].apply(body, queue_id)


def _connected(storage: Storage) -> Applier:
    """An applier with a connection of its own."""
    from graph.client import connect
    from graph.provisioning import Provisioning
    from graph.writers import Writer

    config = load_for_apply(storage)
    graph = connect(quota=config.graph.quota())
    job = config.inbound and Provisioning(
        graph, config.inbound.service_principal, config.inbound.job
    )
    return Applier(storage, Writer(graph, job), graph)


class _Ended(Exception):
    """The message has its outcome already."""


async def _failures(call: Awaitable[None]) -> tuple[FailedReference, ...]:
    """The references that a call did not do."""
    try:
        await call
    except ReferencesFailed as error:
        return error.failed
    return ()


def _is_plain_class(message: ChangeMessage) -> bool:
    """Whether the message makes a class as a plain group, which has a unique name."""
    return message.kind == "class" and "unique_name" in message.fields


def _additions(message: ChangeMessage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Members and owners still to add: a group is made with its people."""
    if message.action == "create" and (message.kind == "group" or _is_plain_class(message)):
        return (), ()
    return message.add_members, message.add_owners
