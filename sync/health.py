"""Health: whether the app can do its work right now, for a probe that knows nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .storage import RUNS_QUEUE, RUNS_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .storage import Storage

logger = logging.getLogger(__name__)


def check_health(open_storage: Callable[[], Storage]) -> tuple[int, dict[str, object]]:
    """HTTP status and body: 200 when queue and table answer, else 503. Tells no secrets."""
    parts: dict[str, str] = {}
    for part, look in (("queue", _look_at_queue), ("table", _look_at_table)):
        try:
            look(open_storage())
        except Exception as error:  # whatever it is, the probe must get its answer
            logger.warning("The %s does not answer: %s", part, type(error).__name__)
            parts[part] = "unreachable"
        else:
            parts[part] = "ok"
    healthy = set(parts.values()) == {"ok"}
    return (200 if healthy else 503), {"status": "ok" if healthy else "failing", **parts}


def _look_at_queue(storage: Storage) -> None:
    storage.waiting(RUNS_QUEUE)


def _look_at_table(storage: Storage) -> None:
    rows = storage.table(RUNS_TABLE).query_entities("PartitionKey eq '-'", results_per_page=1)
    next(iter(rows), None)
