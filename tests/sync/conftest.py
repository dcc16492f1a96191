"""What the tests of a run share."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.storage import Storage

Taken = list[dict[str, Any]]


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
