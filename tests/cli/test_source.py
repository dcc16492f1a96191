"""`rollcall source` and `rollcall pull`, against a real account and an emulated system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import run
from connectors import session
from local.sis.faults import Fault
from sync.accepted import Accepted, write_accepted
from sync.record import list_runs, read_json
from tests.sync.systems import PAGE, SOURCE, System, configure, running

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage


@pytest.fixture
def system(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """A system that is configured beside a folder of files."""
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.001)
    with running() as system:
        configure(storage, system.settings(), {"name": "hr"})
        yield system


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_sources_are_listed_with_their_last_accepted_run(
    storage: Storage, azurite: str, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    write_accepted(storage, Accepted("hr", "r7", ()))
    write_accepted(storage, Accepted("old", "r3", ()))
    code, found = told(capsys, "source", "list", "--account", azurite)
    assert code == 0
    assert found == [
        {"source": "hr", "kind": "csv", "last_run": "r7"},
        {"source": "old", "kind": "not in rollcall.yaml", "last_run": "r3"},
        {"source": "sis", "kind": "oneroster", "last_run": ""},
    ]
    assert run(["source", "list", "--account", azurite]) == 0
    shown = capsys.readouterr().out
    assert "hr (csv): last accepted in run r7" in shown
    assert "sis (oneroster): never read" in shown


def test_without_configured_sources_the_folder_that_was_read_is_listed(
    storage: Storage, azurite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "source", "list", "--account", azurite) == (0, [])
    write_accepted(storage, Accepted("district", "r1", ()))
    _, [found] = told(capsys, "source", "list", "--account", azurite)
    assert found == {"source": "district", "kind": "csv", "last_run": "r1"}


def test_a_system_is_tested_and_no_run_starts(
    storage: Storage, azurite: str, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = told(capsys, "source", "test", SOURCE, "--account", azurite)
    assert (code, found["source"], found["kind"]) == (0, "sis", "oneroster")
    users = next(seen for seen in found["collections"] if seen["collection"] == "users")
    assert (users["rows"], users["problems"]) == (PAGE, [])
    assert list_runs(storage) == []
    assert run(["source", "test", SOURCE, "--account", azurite]) == 0
    shown = capsys.readouterr().out
    assert "Nothing speaks against a first run" in shown
    assert "A first run would pull everything" in shown
    for (name,) in system.records.rows("SELECT DISTINCT family_name FROM users"):
        assert len(name) < 5 or name not in shown


def test_a_system_may_be_tested_with_a_file_before_there_is_an_account(
    system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "rollcall.yaml"
    config.write_text(json.dumps({"sources": [system.settings()]}), encoding="utf-8")
    code, found = told(capsys, "source", "test", SOURCE, "--config", str(config))
    assert (code, found["kind"]) == (0, "oneroster")


def test_what_speaks_against_a_system_is_shown_with_exit_code_1(
    azurite: str, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    system.faults.add(
        Fault("empty", path=f"*/courses?limit={PAGE}*", times=None, body='{"courses": []}')
    )
    code, found = told(capsys, "source", "test", SOURCE, "--account", azurite)
    problems = [problem for seen in found["collections"] for problem in seen["problems"]]
    assert code == 1
    assert problems == ["no rows; nothing is shared with this access, or there are none"]
    assert run(["source", "test", SOURCE, "--account", azurite]) == 1
    assert "courses: no rows; nothing is shared" in capsys.readouterr().out


def test_a_system_that_cannot_be_reached_is_an_error_with_exit_code_3(
    azurite: str, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    system.suffer(Fault("html", times=None))
    code, found = told(capsys, "source", "test", SOURCE, "--account", azurite)
    assert (code, found["error"]["exit_code"]) == (3, 3)
    assert "maintenance" in found["error"]["message"]


@pytest.mark.parametrize("command", [["source", "test"], ["pull"]])
@pytest.mark.parametrize("name", ["hr", "unknown"])
def test_only_sources_with_an_api_are_asked(
    storage: Storage,
    azurite: str,
    system: System,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    name: str,
) -> None:
    code, found = told(capsys, *command, name, "--account", azurite)
    assert code == 2
    assert f"{name} is no source with an API; allowed: sis" in found["error"]["message"]
    assert list_runs(storage) == []


def test_without_any_api_that_is_said(
    storage: Storage, azurite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = told(capsys, "pull", "sis", "--account", azurite)
    assert (code, "none is configured" in found["error"]["message"]) == (2, True)


@pytest.mark.parametrize("full", [True, False])
def test_a_pull_starts_a_run(
    storage: Storage, azurite: str, system: System, capsys: pytest.CaptureFixture[str], full: bool
) -> None:
    more = ["--full"] if full else []
    code, found = told(capsys, "pull", SOURCE, *more, "--account", azurite)
    [started] = list_runs(storage)
    assert (code, found) == (0, {"source": SOURCE, "run": started.run})
    assert (started.trigger, started.source) == ("pull", SOURCE)
    assert read_json(storage, started.run, "pull.json") == {"full": full}
    assert run(["pull", SOURCE, "--account", azurite]) == 0
    [another] = {run.run for run in list_runs(storage)} - {started.run}
    assert f"Run {another} asks sis" in capsys.readouterr().out
