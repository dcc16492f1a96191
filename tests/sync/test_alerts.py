"""Alerts that cannot be sent harm nothing. What is sent when: test_run.py, test_schedule.py."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sync.alerts import alert_run
from sync.record import END, Run
from sync.storage import CONFIG
from tests.sync.webhook import webhook

if TYPE_CHECKING:
    from sync.storage import Storage

FAILED = Run("r1", "district", "failed", END, datetime(2026, 11, 24, tzinfo=UTC), error="no")


@pytest.mark.parametrize(
    "config",
    [b"people: 3", b"alerts: {webhook: 'http://127.0.0.1:1/'}", b"alerts: {webhook: 'http://['}"],
)
def test_an_alert_that_cannot_be_sent_is_logged(
    storage: Storage, caplog: pytest.LogCaptureFixture, config: bytes
) -> None:
    storage.write(CONFIG, "rollcall.yaml", config)
    alert_run(storage, FAILED)
    assert "could not be sent" in caplog.text


def test_a_webhook_that_refuses_is_logged(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(storage, answer=500):
        alert_run(storage, FAILED)
    assert "could not be sent: HTTPStatusError" in caplog.text


def test_without_a_webhook_the_alert_stands_in_the_log(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        alert_run(storage, FAILED)
    assert "Alert run_failed for run r1" in caplog.text
    assert "could not be sent" not in caplog.text
