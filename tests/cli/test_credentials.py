"""`rollcall credentials`: keys, and sheets that only their owner reads."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from cli.account import Demo
from cli.main import run
from sync.change import ChangeMessage
from sync.outcomes import Outcome, write_outcome
from sync.sealing import SETTING, Sealing, new_key
from sync.sheet import Line, Sheet
from sync.storage import CREDENTIALS, Storage

if TYPE_CHECKING:
    from pathlib import Path

RUN = "20261124T134700Z-3f2a"
COLUMNS = ["school", "school_name", "grade", "display_name", "username", "password", "external_id",
           "note"]  # fmt: skip


def line(key: str, **values: Any) -> Line:
    usual = {
        "external_id": key, "username": f"{key}@contoso.edu", "display_name": f"Name {key}",
        "school": "S1", "school_name": "Lincoln", "grade": "03", "password": f"pw-{key}",
        "number": 0,
    }  # fmt: skip
    return Line(**usual | values)


@pytest.fixture
def account(azurite: str, storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An account with a sheet of four people; the key is in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AzureWebJobsStorage", azurite)
    monkeypatch.setenv(SETTING, new_key())
    sheet = Sheet(storage, RUN, Sealing.from_environment())
    for one in (
        line("U1"),
        line("U2", password="=cmd()", display_name="@SUM(A1)"),
        line("U3", school="S2", grade=None, doubt="r0"),
        line("U4", school="S2"),
    ):
        sheet.append(one)
    message = ChangeMessage(run=RUN, id="m", phase=1, kind="person", key="U4", action="create")
    write_outcome(storage, message, Outcome("failed"))
    return azurite


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Both streams, each on one line whatever the width of the terminal."""
    out, err = capsys.readouterr()
    return out, " ".join(re.sub("[│╭╮╰╯─]", " ", err).split())


def test_a_new_key_is_printed_alone_and_where_to_put_it_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["credentials", "key"]) == 0
    out, err = said(capsys)
    Fernet(out.strip())
    assert SETTING in err


def test_a_sheet_goes_to_a_file_that_only_its_owner_reads(
    account: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.csv"
    assert run(["credentials", "show", RUN, "--out", str(out)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    printed, err = said(capsys)
    assert printed == ""
    assert "4 passwords written" in err
    assert "pw-U1" not in err
    with out.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS
    assert rows == [
        ["S1", "Lincoln", "03", "'@SUM(A1)", "U2@contoso.edu", "'=cmd()", "U2",
         "the password begins after the apostrophe"],
        ["S1", "Lincoln", "03", "Name U1", "U1@contoso.edu", "pw-U1", "U1", ""],
        ["S2", "Lincoln", "", "Name U3", "U3@contoso.edu", "pw-U3", "U3",
         "the account was there already: the sheet of run r0 may hold its password"],
        ["S2", "Lincoln", "03", "Name U4", "U4@contoso.edu", "pw-U4", "U4",
         "the account was not made"],
    ]  # fmt: skip


def test_a_file_that_is_there_is_never_overwritten(
    account: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.csv"
    out.write_text("mine")
    assert run(["credentials", "show", RUN, "--out", str(out)]) == 2
    assert out.read_text() == "mine"
    assert run(["credentials", "show", RUN, "--out", str(tmp_path / "no" / "x.csv")]) == 2
    assert "cannot be written" in said(capsys)[1]


def test_json_gives_passwords_as_they_are_and_one_school_if_asked(
    account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["credentials", "show", RUN, "--school", "S1", "--json"]) == 0
    rows = json.loads(said(capsys)[0])
    assert [(row["external_id"], row["password"]) for row in rows] == [
        ("U2", "=cmd()"),
        ("U1", "pw-U1"),
    ]
    assert run(["credentials", "show", RUN, "--school", "S9"]) == 2
    assert "schools in the sheet: S1, S2" in said(capsys)[1]


def test_a_terminal_is_asked_before_it_shows_passwords(
    account: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def confirm(question: str, **_: Any) -> None:
        asked.append(question)
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.confirm", confirm)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["credentials", "show", RUN]) == 130
    assert asked == ["Show 4 passwords on this screen?"]
    assert "pw-U1" not in said(capsys)[0]
    assert run(["credentials", "show", RUN, "--yes"]) == 0
    assert "pw-U1" in said(capsys)[0]


def test_without_the_right_key_nothing_is_shown(
    account: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, new_key())
    assert run(["credentials", "show", RUN]) == 2
    assert "not the one that sealed this" in said(capsys)[1]
    monkeypatch.delenv(SETTING)
    assert run(["credentials", "show", RUN]) == 2
    assert f"{SETTING} is not set" in said(capsys)[1]


def test_a_run_without_a_sheet_says_why_there_may_be_none(
    account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["credentials", "show", "20260101T000000Z-0000"]) == 2
    assert "there is no sheet" in said(capsys)[1]


def test_a_deleted_sheet_is_gone(
    account: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["credentials", "delete", RUN, "--yes"]) == 0
    assert "Deleted the sheet" in said(capsys)[0]
    assert storage.list_files(CREDENTIALS) == []
    assert run(["credentials", "delete", RUN, "--yes"]) == 0
    assert "There was no sheet" in said(capsys)[0]


def test_the_running_demos_sheets_are_opened_with_its_own_key(
    account: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = os.environ[SETTING]
    monkeypatch.delenv(SETTING)
    demo = Demo(os.getpid(), "http://127.0.0.1:4/portal/", account, {SETTING: key})
    demo.announce()
    assert run(["credentials", "show", RUN, "--json"]) == 0
    assert "pw-U1" in said(capsys)[0]
