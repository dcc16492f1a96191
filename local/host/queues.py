"""The queue trigger: fetches messages, runs the function, deletes, retries or poisons.

Semantics, as in the real host
(https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger):

- A batch of `batchSize` messages is fetched as soon as no more than `newBatchThreshold` still run.
- A fetched message is invisible for the length of the lease, which is renewed at half time while
  the function runs. A host that dies renews nothing, and the message comes back. In Azure the lease
  is ten minutes long; here it can be shorter, so that a crash can be watched.
- After success the message is deleted. After a failure it is visible again after
  `visibilityTimeout`; at the `maxDequeueCount`th failure it is copied to `<queue>-poison` and
  deleted. A message fetched more often than that (its hosts died) is poisoned without another try.
- A message that is not base64 cannot be given to the function: that counts as a failed try.
- A queue that is itself a poison queue has none: there a failed message just stays invisible for
  the rest of its lease.
- An empty queue is asked less and less often, up to `maxPollingInterval`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.functions.queue import QueueMessage

if TYPE_CHECKING:
    from collections.abc import Generator

    from azure.storage.queue import QueueMessage as StoredMessage
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

    from .functions import Function
    from .settings import QueueSettings
    from .worker import Worker

logger = logging.getLogger(__name__)

POISON = "-poison"
FIRST_POLL_SECONDS = 0.1
TROUBLE_SECONDS = 1.0  # until storage is asked again after an error


class Undecodable(Exception):
    """A message is not in the encoding that host.json names."""


class QueueListener:
    """Feeds one function from one queue. `lease`: seconds that a fetched message stays hidden."""

    def __init__(
        self,
        function: Function,
        queue: str,
        service: QueueServiceClient,
        worker: Worker,
        settings: QueueSettings,
        lease: int,
    ) -> None:
        self._function = function
        self._queue: QueueClient = service.get_queue_client(queue)
        self._poison: QueueClient | None = None
        if not queue.endswith(POISON):
            self._poison = service.get_queue_client(queue + POISON)
        self._worker = worker
        self._settings = settings
        self._lease = lease
        self._running: set[asyncio.Task[None]] = set()

    async def create_queue(self) -> None:
        """Creates the queue if it is missing."""
        with suppress(ResourceExistsError):
            await self._queue.create_queue()

    async def listen(self) -> None:
        """Fetches and runs messages until it is cancelled."""
        longest = self._settings.max_polling_interval.total_seconds()
        pause = FIRST_POLL_SECONDS
        while True:
            while len(self._running) > self._settings.refill_at:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            messages = await self._fetch()
            for message in messages:
                task = asyncio.create_task(self._handle(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                pause = FIRST_POLL_SECONDS
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)

    async def drain(self, seconds: float) -> int:
        """Waits for what runs, no longer than `seconds`; gives up the rest and counts it.

        Messages that were given up are visible again when their lease is over.
        """
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running, timeout=seconds)
        for task in late:
            task.cancel()
        return len(late)

    async def _fetch(self) -> list[StoredMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._settings.batch_size, visibility_timeout=self._lease
        ).by_page()
        try:
            async for page in pages:
                return [message async for message in page]
        except AzureError as error:
            logger.warning("Queue %s: %s", self._queue.queue_name, type(error).__name__)
            await asyncio.sleep(TROUBLE_SECONDS)
        return []

    async def _handle(self, message: StoredMessage) -> None:
        """One message, from fetched to deleted, released or poisoned."""
        try:
            if (message.dequeue_count or 0) > self._settings.max_dequeue_count:
                await self._bury(message)
            elif await self._run(message):
                await self._delete(message)
            elif self._poison:
                await self._after_failure(message)
        except AzureError:
            logger.exception("Queue %s: message %s", self._queue.queue_name, message.id)

    async def _run(self, message: StoredMessage) -> bool:
        """Runs the function on a message, whose lease it keeps; whether that went well."""
        try:
            run = asyncio.ensure_future(self._worker.run(self._function, self._decode(message)))
            while not (await asyncio.wait({run}, timeout=self._lease / 2))[0]:
                await self._renew(message)
            run.result()
        except Exception:
            # Whatever the function raises is the failure of this message alone.
            logger.exception(
                "Function %s failed on message %s, try %s of %s",
                self._function.name,
                message.id,
                message.dequeue_count,
                self._settings.max_dequeue_count,
            )
            return False
        return True

    def _decode(self, message: StoredMessage) -> QueueMessage:
        content: bytes = message.content.encode()
        if self._settings.message_encoding == "base64":
            try:
                content = base64.b64decode(content, validate=True)
            except binascii.Error:
                raise Undecodable(
                    "The message is not base64, which host.json names as its encoding"
                ) from None
        return QueueMessage(
            id=message.id,
            body=content,
            dequeue_count=message.dequeue_count,
            expiration_time=message.expires_on,
            insertion_time=message.inserted_on,
            time_next_visible=message.next_visible_on,
            pop_receipt=message.pop_receipt,
        )

    async def _renew(self, message: StoredMessage) -> None:
        try:
            await self._hide(message, self._lease)
        except AzureError as error:
            logger.warning(
                "Queue %s: the lease of message %s was not renewed (%s); it may run twice",
                self._queue.queue_name,
                message.id,
                type(error).__name__,
            )

    async def _after_failure(self, message: StoredMessage) -> None:
        if (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
            await self._bury(message)
        else:
            seconds = round(self._settings.visibility_timeout.total_seconds())
            with _unless_taken():
                await self._hide(message, seconds)

    async def _bury(self, message: StoredMessage) -> None:
        """Copies a message, as it is, to the poison queue and deletes it."""
        if not self._poison:
            return
        logger.warning(
            "Message %s failed %s times; moving it to the queue %s",
            message.id,
            self._settings.max_dequeue_count,
            self._poison.queue_name,
        )
        try:
            await self._poison.send_message(message.content)
        except HttpResponseError as error:
            if error.status_code != 404:
                raise
            with suppress(ResourceExistsError):
                await self._poison.create_queue()
            await self._poison.send_message(message.content)
        await self._delete(message)

    async def _hide(self, message: StoredMessage, seconds: int) -> None:
        """Makes a message visible in `seconds` from now, and not before."""
        updated: Any = await self._queue.update_message(
            message.id, message.pop_receipt, visibility_timeout=seconds
        )
        message.pop_receipt = updated.pop_receipt

    async def _delete(self, message: StoredMessage) -> None:
        with _unless_taken():
            await self._queue.delete_message(message.id, message.pop_receipt)


@contextmanager
def _unless_taken() -> Generator[None]:
    """Passes over the answers that mean: the lease ran out and the message is someone else's."""
    try:
        yield
    except HttpResponseError as error:
        if error.status_code not in (400, 404):
            raise
