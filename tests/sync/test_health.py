"""The health probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.health import check_health

if TYPE_CHECKING:
    from sync.storage import Storage


def test_a_storage_that_answers_is_healthy(storage: Storage) -> None:
    assert check_health(lambda: storage) == (200, {"status": "ok", "queue": "ok", "table": "ok"})


def test_a_storage_that_does_not_answer_is_told_without_details() -> None:
    def unreachable() -> Storage:
        raise ConnectionError("account key abc")

    status, body = check_health(unreachable)
    assert status == 503
    assert body == {"status": "failing", "queue": "unreachable", "table": "unreachable"}
