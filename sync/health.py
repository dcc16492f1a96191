"""Health: whether the app can do its work right now, for a probe that knows nothing else.

Anybody may ask, so an answer is cheap, is kept for some seconds however many ask, and tells parts
and whether they work, nothing of what they hold. Azure's own health check is not there on Flex
Consumption (https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan): this is for
an availability test, a load balancer or a person.
"""

from __future__ import annotations

import functools
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .config import load_config
from .events import PART_FAILING, tell
from .record import PARTITION, now
from .storage import CONFIG, RUNS_QUEUE, RUNS_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .storage import Storage

KEPT_SECONDS = 10.0
# Runs older than this are as good as none; asking for all of them would not be cheap.
LOOK_BACK = timedelta(days=30)

Answer = tuple[int, dict[str, object]]


class Health:
    """What is known of the app's health. One for each process; threads may share it."""

    def __init__(self, open_storage: Callable[[], Storage]) -> None:
        """`open_storage` is called at each look, and may raise."""
        self._open_storage = open_storage
        self._lock = threading.Lock()
        self._answer: Answer | None = None
        self._until = 0.0

    def check(self) -> Answer:
        """HTTP status and body: 200 when every part works, else 503.

            {"status": "ok", "queue": "ok", "table": "ok", "blob": "ok", "config": "ok",
             "identity": "ok", "last_run": {"status": "finished", "hours": 7.3}}

        A part that does not work is `failing`; what is wrong with it, `rollcall doctor` says.
        `last_run` is null when there was none within 30 days; it does not change the status.
        """
        with self._lock:
            if self._answer is None or time.monotonic() >= self._until:
                self._answer = self._look()
                self._until = time.monotonic() + KEPT_SECONDS
            return self._answer

    def _look(self) -> Answer:
        looks = {part: _look(part, self._open_storage) for part in PARTS}
        parts = {part: state for part, (state, _) in looks.items()}
        healthy = set(parts.values()) == {"ok"}
        body: dict[str, object] = {"status": "ok" if healthy else "failing", **parts}
        return (200 if healthy else 503), body | {"last_run": looks["table"][1]}


@functools.cache
def health_of(open_storage: Callable[[], Storage]) -> Health:
    """The health of the account that `open_storage` opens."""
    return Health(open_storage)


def _look(part: str, open_storage: Callable[[], Storage]) -> tuple[str, object]:
    """The state of a part, and what looking at it told."""
    try:
        return "ok", PARTS[part](open_storage())
    except Exception as error:  # whatever it is, the probe must get its answer
        tell(PART_FAILING, part=part, error=type(error).__name__)
        return "failing", None


def _look_at_queue(storage: Storage) -> None:
    storage.waiting(RUNS_QUEUE)


def _last_run(storage: Storage) -> dict[str, Any] | None:
    """Status of the newest run, and hours since it started."""
    at = now()
    since = f"{at - LOOK_BACK:%Y%m%dT%H%M%SZ}"  # ids of runs begin with their time
    rows = storage.table(RUNS_TABLE).query_entities(
        f"PartitionKey eq '{PARTITION}' and RowKey ge '{since}'",
        select=["RowKey", "status", "started"],
    )
    found: list[dict[str, Any]] = [dict(row) for row in rows]
    if not found:
        return None
    newest = max(found, key=_id_of)
    hours = (at - datetime.fromisoformat(newest["started"])).total_seconds() / 3600
    return {"status": newest["status"], "hours": round(hours, 1)}


def _id_of(row: dict[str, Any]) -> str:
    return row["RowKey"]


def _look_at_blob(storage: Storage) -> None:
    storage.blobs.get_container_client(CONFIG).get_container_properties()


def _look_at_identity(_: Storage) -> None:
    from graph.signin import SCOPE, sign_in

    signed_in = sign_in()
    try:
        signed_in.get_token(SCOPE)
    finally:
        signed_in.close()


PARTS: dict[str, Callable[[Storage], object]] = {
    "queue": _look_at_queue,
    "table": _last_run,
    "blob": _look_at_blob,
    "config": load_config,
    "identity": _look_at_identity,
}
