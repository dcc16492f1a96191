"""The health probe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sync import health
from sync.health import Health, health_of
from sync.record import END, Run, add_run, new_run_id, now
from sync.storage import CONFIG
from tests.sync.entra import entra

if TYPE_CHECKING:
    from sync.storage import Storage

OK = dict.fromkeys(("status", "queue", "table", "blob", "config", "identity"), "ok")


@pytest.fixture
def _tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with entra(monkeypatch):
        yield


@pytest.mark.usefixtures("_tenant")
def test_an_app_that_can_work_is_healthy(storage: Storage) -> None:
    assert Health(lambda: storage).check() == (200, OK | {"last_run": None})


@pytest.mark.usefixtures("_tenant")
def test_the_newest_run_is_told_by_its_age(storage: Storage) -> None:
    for days, status in ((40, "finished"), (2, "failed"), (1, "finished")):
        started = now() - timedelta(days=days)
        add_run(storage, Run(new_run_id(started), "district", status, END, started))
    status, body = Health(lambda: storage).check()
    assert status == 200
    assert body["last_run"] == {"status": "finished", "hours": 24.0}


@pytest.mark.usefixtures("_tenant")
def test_a_run_of_long_ago_is_none(storage: Storage) -> None:
    started = now() - timedelta(days=31)
    add_run(storage, Run(new_run_id(started), "district", "finished", END, started))
    assert Health(lambda: storage).check()[1]["last_run"] is None


@pytest.mark.usefixtures("_tenant")
def test_a_wrong_configuration_is_told_without_its_text(storage: Storage) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"alerts: {webhook: [secret]}")
    assert Health(lambda: storage).check() == (
        503,
        OK | {"status": "failing", "config": "failing", "last_run": None},
    )


def test_an_identity_that_gets_no_token_is_told(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"):
        monkeypatch.delenv(name, raising=False)
    status, body = Health(lambda: storage).check()
    assert status == 503
    assert body == OK | {"status": "failing", "identity": "failing", "last_run": None}


@pytest.mark.usefixtures("_tenant")
def test_a_storage_that_does_not_answer_is_told_without_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def unreachable() -> Storage:
        raise ConnectionError("account key abc")

    status, body = Health(unreachable).check()
    assert status == 503
    assert set(body.values()) == {"failing", None}
    assert "abc" not in str(body) + caplog.text
    assert 'Rollcall part_failing {"part":"queue","error":"ConnectionError"}' in caplog.text


def test_many_who_ask_at_once_cost_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def look(_: object) -> None:
        looks.append("look")

    monkeypatch.setattr(health, "PARTS", {"table": look})
    probe = Health(lambda: None)  # pyright: ignore[reportArgumentType]
    threads = [threading.Thread(target=probe.check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    probe._until = 0.0
    probe.check()
    probe.check()
    assert len(looks) == 3


def test_a_process_has_one_probe_for_an_account() -> None:
    def account() -> Storage:
        raise AssertionError

    assert health_of(account) is health_of(account)
