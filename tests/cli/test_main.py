from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from cli import check
from cli.main import run
from roster.errors import BadInput, Refused, Terminal, Transient


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("users.csv:3: unreadable"), 2),
        (Refused("users.csv is missing"), 1),
        (Transient("later"), 3),
        (Terminal("never"), 3),
        (RuntimeError("a bug"), 3),
    ],
)
def test_the_consequence_of_an_error_decides_the_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(what: str) -> None:
        raise error

    monkeypatch.setattr(check, "working", fail)
    assert run(["check", "x", "--json"]) == code
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert str(error) in shown.err
    told = json.loads(shown.out)["error"]
    assert told["exit_code"] == code
    assert str(error) in told["message"]


def test_an_error_without_json_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "x", "--today", "soon"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("place", [0, 3])
def test_debug_shows_the_traceback_wherever_it_stands(
    place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sample", "x", "--today=soon"]
    arguments.insert(place, "--debug")
    assert run(arguments) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["chek", "x"], ["check"], ["check", "x", "--colour"], ["plan", "--against", "x"]]
)
def test_bad_usage_is_exit_code_2_with_a_hint(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert "Try 'rollcall" in shown.err
    assert shown.out == ""


def test_bad_usage_with_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "usage"


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    shown = capsys.readouterr()
    assert "rollcall demo" in shown.out + shown.err


COMMANDS = (
    "check", "plan", "drop", "runs", "show", "approve", "reject", "demo", "sample", "schema",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage: rollcall" in capsys.readouterr().out


def test_help_comes_at_once_because_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; from cli.main import run; run(['--help']); "
        "print(sorted({'duckdb', 'azure', 'pydantic', 'httpx', 'msgraph', 'jinja2'} "
        "& set(sys.modules)), file=sys.stderr)"
    )
    best = 9.0
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        best = min(best, time.perf_counter() - began)
        assert done.stderr.strip() == "[]"
    assert best < 1.5


def test_ctrl_c_is_no_failure_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(what: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "working", interrupt)
    assert run(["check", "x"]) == 130
