from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from local.district import generate
from sync.record import END, Run, add_run
from sync.storage import APPROVALS_TABLE, ARRIVALS_QUEUE, ROSTERS, Storage

START = datetime.now(UTC) - timedelta(minutes=5)
HELD = Run(
    run="20261124T134700Z-00aa",
    source="local",
    status="held",
    position=END,
    started=START,
    ended=START + timedelta(minutes=1),
    changes={"person": {"create": 2, "disable": 41}},
    held={"person": {"disable": 41}},
    why_held=("person disable: 41 of 300 existing: more than 20 and more than 10 %",),
    findings={"error": 1, "warning": 2},
    checksum="c" * 64,
)
FINISHED = Run(
    run="20261123T134700Z-00bb",
    source="local",
    status="finished",
    position=END,
    started=START - timedelta(days=1),
    ended=START,
    checksum="f" * 64,
    writes=48,
    expected_writes=50,
)
FAILED = Run(
    run="20261122T134700Z-00cc",
    source="local",
    status="failed",
    position=END,
    started=START - timedelta(days=2),
    ended=START,
    error="users.csv:71: truncated",
)


@pytest.fixture
def account(azurite: str, storage: Storage) -> str:
    """A storage account with a held, a finished and a failed run, and nothing else."""
    for record in (HELD, FINISHED, FAILED):
        add_run(storage, record)
    return azurite


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_runs_lists_the_newest_first(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = command(capsys, "runs", "--account", account, "--limit", "2")
    assert code == 0
    assert [r["run"] for r in told] == [HELD.run, FINISHED.run]
    assert told[0]["held"] == 41


def test_runs_prints_a_status_word_for_each(
    account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "--account", account]) == 0
    shown = capsys.readouterr().out
    for record in (HELD, FINISHED, FAILED):
        assert f"{record.status}  " in shown
        assert record.run in shown


@pytest.mark.parametrize(("record", "code"), [(HELD, 1), (FINISHED, 0), (FAILED, 3)])
def test_show_says_with_its_exit_code_how_the_run_went(
    record: Run, code: int, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", record.run, "--account", account]) == code
    shown = " ".join(capsys.readouterr().out.split())
    assert record.status in shown
    assert ("rollcall approve" in shown) == (record is HELD)
    assert record.error in shown
    assert f"{record.writes} writes ({record.expected_writes} expected)" in shown
    found, told = command(capsys, "show", record.run, "--account", account)
    assert (found, told["status"], told["held_rows"]) == (code, record.status, [])


@pytest.mark.parametrize("name", ["show", "approve", "reject", "stop"])
def test_an_unknown_run_is_bad_usage(
    name: str, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    why = [] if name == "show" else ["--why", "because"]
    code, told = command(capsys, name, "nothing", "--account", account, *why)
    assert code == 2
    assert "nothing" in told["error"]["message"]


@pytest.mark.parametrize(
    ("name", "status", "decision"),
    [("approve", "applying", "approved"), ("reject", "cancelled", "rejected")],
)
def test_a_decision_is_kept_with_who_and_why(
    name: str, status: str, decision: str, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = command(capsys, name, HELD.run, "--why", "They left", "--account", account)
    assert (code, told["status"]) == (0, status)
    table = Storage.from_connection_string(account).table(APPROVALS_TABLE)
    kept = table.get_entity(HELD.run, HELD.checksum)
    assert (kept["decision"], kept["why"]) == (decision, "They left")
    assert "@" in kept["who"]
    code, told = command(capsys, name, HELD.run, "--why", "Again", "--account", account)
    assert (code, told["error"]["kind"]) == (1, "Refused")


def test_a_run_that_is_under_way_is_stopped_and_one_that_ended_is_not(
    account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = Storage.from_connection_string(account)
    applying = replace(HELD, run="20261124T150000Z-0a0a", status="applying", position="wait/1/safe")
    add_run(storage, applying)
    code, told = command(capsys, "stop", applying.run, "--why", "Wrong year", "--account", account)
    assert (code, told["status"]) == (0, "cancelled")
    assert "Wrong year" in told["error"]
    code, told = command(capsys, "stop", FINISHED.run, "--why", "x", "--account", account)
    assert (code, told["error"]["kind"]) == (1, "Refused")


def test_a_decision_needs_a_reason(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = command(capsys, "approve", HELD.run, "--why", " ", "--account", account)
    assert code == 2


def test_a_drop_is_uploaded_and_announced(
    account: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(20, 1, today=START.date()).write(tmp_path)
    code, told = command(capsys, "drop", str(tmp_path), "--account", account)
    assert (code, told["source"]) == (0, "local")
    storage = Storage.from_connection_string(account)
    assert {f.file_name for f in storage.list_files(ROSTERS, "local")} == {
        path.name for path in tmp_path.iterdir()
    }
    assert storage.waiting(ARRIVALS_QUEUE) == 1


@pytest.mark.parametrize("source", ["local", "Not A Source"])
def test_what_the_run_would_refuse_is_not_uploaded(
    source: str, account: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(20, 1, today=START.date()).write(tmp_path)
    if source == "local":
        (tmp_path / "users.csv").write_text("sourcedId,username\n1", encoding="utf-8")
    code, _ = command(capsys, "drop", str(tmp_path), "--source", source, "--account", account)
    assert code in (1, 2)
    storage = Storage.from_connection_string(account)
    assert storage.list_files(ROSTERS) == []
    assert storage.waiting(ARRIVALS_QUEUE) == 0


def test_an_account_that_does_not_answer_is_a_failure_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.core.exceptions import ServiceRequestError

    import sync.record

    def refuse(*arguments: object) -> None:
        raise ServiceRequestError("Connection refused")

    monkeypatch.setattr(sync.record, "list_runs", refuse)
    account = "UseDevelopmentStorage=true"
    code, told = command(capsys, "runs", "--account", account)
    assert code == 3
    assert "Connection refused" in told["error"]["message"]
