"""Alerts that cannot be sent harm nothing. What is sent when: test_run.py, test_schedule.py."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sync.alerts import alert_run, alert_silence
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
    assert 'Rollcall alert_not_sent {"alert":"run_failed","run":"r1","error":' in caplog.text


def test_a_webhook_that_refuses_is_logged(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(storage, answer=500):
        alert_run(storage, FAILED)
    assert '"error":"HTTPStatusError"' in caplog.text


def test_without_a_webhook_nobody_is_told(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        alert_run(storage, FAILED)
    assert "alert" not in caplog.text


def test_silence_stands_in_the_log_with_or_without_a_webhook(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), webhook(storage) as told:
        alert_silence(storage, FAILED, 26)
    assert 'Rollcall no_run {"run":"r1","source":"district","hours":26}' in caplog.text
    assert 'Rollcall alert_sent {"alert":"no_run","run":"r1"}' in caplog.text
    assert len(told) == 1
