"""The timer trigger: six-field NCRONTAB in UTC, and what is known of the last run.

The times of the last and the next run stand in a blob, as the real host keeps them, so that a host
that was down when its time came runs the function once, with `past_due`, when it starts. Whoever
changes that blob first runs the function: hosts that share an account run it once together.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.functions.timer import TimerRequest
from croniter import CroniterError, croniter

from roster.errors import BadInput

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, BlobServiceClient

    from .functions import Function
    from .worker import Worker

logger = logging.getLogger(__name__)

CONTAINER = "azure-webjobs-hosts"
LATE = timedelta(seconds=2)  # later than this is past due
TROUBLE_SECONDS = 1.0  # until storage is asked again after an error
LONGEST_SLEEP_SECONDS = 60.0  # so that a clock that was set, or a laptop that slept, is noticed
_FIELDS_WITHOUT_SECONDS = 5


class Schedule:
    """An NCRONTAB expression; five fields mean second 0. Raises BadInput if it is none."""

    def __init__(self, name: str, expression: str) -> None:
        fields = expression.split()
        if len(fields) == _FIELDS_WITHOUT_SECONDS:
            fields.insert(0, "0")
        self._expression = " ".join(fields)
        try:
            self.following(datetime.now(UTC))
        except CroniterError as error:
            raise BadInput(
                f"Function {name}: the schedule {expression!r} is not of the form "
                f"'second minute hour day month day-of-week' ({error})"
            ) from None

    def following(self, moment: datetime) -> datetime:
        """The first time after `moment`. Day and day of week must both fit."""
        times = croniter(self._expression, moment, second_at_beginning=True, day_or=False)
        return times.get_next(datetime)


class TimerListener:
    """Runs one function by the clock."""

    def __init__(
        self, function: Function, schedule: Schedule, service: BlobServiceClient, worker: Worker
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._worker = worker
        self._status: BlobClient = service.get_blob_client(
            CONTAINER, f"timers/local/Host.Functions.{function.name}/status"
        )

    async def listen(self) -> None:
        """Runs the function at each of its times until it is cancelled."""
        while True:
            try:
                await self._step()
            except AzureError as error:
                logger.warning("Timer %s: %s", self._function.name, type(error).__name__)
                await asyncio.sleep(TROUBLE_SECONDS)

    async def _step(self) -> None:
        """Waits for the next time, or runs the function if it has come."""
        now = datetime.now(UTC)
        try:
            download = await self._status.download_blob()
            status: dict[str, Any] = json.loads(await download.readall())
        except ResourceNotFoundError:
            await self._write(last=None, now=now, overwrite=False)
            return
        due = datetime.fromisoformat(status["Next"])
        if now < due:
            await asyncio.sleep(min((due - now).total_seconds(), LONGEST_SLEEP_SECONDS))
        elif await self._write(last=now, now=now, etag=download.properties.etag):
            await self._run(TimerRequest(past_due=now - due > LATE, schedule_status=status))

    async def _write(
        self,
        *,
        last: datetime | None,
        now: datetime,
        etag: str | None = None,
        overwrite: bool = True,
    ) -> bool:
        """Notes the last and the next run; False if another host was faster."""
        status = {
            "Last": last.isoformat() if last else None,
            "Next": self._schedule.following(now).isoformat(),
            "LastUpdated": now.isoformat(),
        }
        condition: dict[str, Any] = {}
        if etag:
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        try:
            await self._status.upload_blob(json.dumps(status), overwrite=overwrite, **condition)
        except (ResourceModifiedError, ResourceExistsError):
            return False
        return True

    async def _run(self, request: TimerRequest) -> None:
        try:
            await self._worker.run(self._function, request)
        except Exception:
            # Whatever the function raises fails this run alone; the next one comes by the clock.
            logger.exception("Function %s failed", self._function.name)


async def create_container(service: BlobServiceClient) -> None:
    """Creates the container that the timers keep their times in, if it is missing."""
    with suppress(ResourceExistsError):
        await service.create_container(CONTAINER)
