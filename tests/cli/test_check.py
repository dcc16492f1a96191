from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from local.district import District, generate, next_day
from local.district.writing import Format
from tests.sync.packages import bulk, delta, user
from tests.sync.rosters import write

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def district() -> District:
    return generate(300, 1, today=TODAY)


@pytest.fixture
def folder(district: District, tmp_path: Path) -> Path:
    district.write(tmp_path / "day1")
    return tmp_path / "day1"


def check(capsys: pytest.CaptureFixture[str], path: Path, *more: str) -> tuple[int, dict[str, Any]]:
    code = run(["check", str(path), "--json", *more])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    return code, json.loads(lines[0])


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("format_", "people", "as_zip"),
    [
        ("sds-v2.1", 20, True),
        ("sds-v2.1", 1500, False),
        ("sds-v1", 20, False),
        ("sds-v1", 1500, True),
        ("sds-v1-uk", 120, False),
        ("oneroster-1.2", 20, True),
        ("oneroster-1.2", 120, False),
        ("clever", 20, True),
        ("clever", 1500, False),
    ],
)
def test_sample_districts_have_no_findings_on_any_day(
    format_: Format,
    people: int,
    as_zip: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = generate(people, 5, today=TODAY)
    for day in range(2):
        target = tmp_path / str(day)
        made.write(target, format_, as_zip=as_zip)
        code, told = check(capsys, target)
        assert (code, told["rules"], told["format"]) == (0, [], format_)
        made = next_day(made, 5)


def test_the_result_counts_every_table(
    district: District, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = check(capsys, folder)
    made = district.counts()
    made["academic_sessions"] = made.pop("sessions")
    assert code == 0
    assert list(told) == ["format", "counts", "dropped", "findings", "left_out", "rules"]
    assert told["counts"] == made
    assert told["dropped"] == dict.fromkeys(made, 0)
    assert told["findings"] == {"error": 0, "warning": 0}


def test_findings_make_exit_code_1_and_are_counted_by_rule(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder / "classes.csv", "C100001,0001,", "C100001,9999,")
    code, told = check(capsys, folder)
    assert code == 1
    assert told["dropped"]["classes"] == 1
    assert told["findings"]["error"] == sum(rule["count"] for rule in told["rules"])
    assert {"id", "severity", "count", "example"} == set(told["rules"][0])
    examples = " ".join(rule["example"] for rule in told["rules"])
    assert "classes.csv:4" in examples


def test_the_report_holds_every_finding(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder / "classes.csv", "C100001,0001,", "C100001,9999,")
    _, told = check(capsys, folder, "--report", str(tmp_path / "report"))
    with (tmp_path / "report" / "findings.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == sum(told["findings"].values())


def test_people_read_the_root_cause_with_its_follow_ons_and_a_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder / "classes.csv", "C100001,0001,", "C100001,9999,")
    assert run(["check", str(folder)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "classes.org_sourced_id.missing 1 × error" in shown
    assert "because of orgs:9999" in shown
    assert "would remove nobody because of them" in shown


def test_a_good_roster_gets_a_good_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(folder)]) == 0
    assert "Nothing wrong was found" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["nothing", "empty", "cut", "no csv"])
def test_what_cannot_be_read_is_exit_code_2(
    what: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / what
    if what == "empty":
        path.mkdir()
    elif what == "cut":
        path = folder
        data = (folder / "users.csv").read_bytes()
        (folder / "users.csv").write_bytes(data[: len(data) // 2])
    elif what == "no csv":
        path.write_text("hello")
    code, told = check(capsys, path)
    assert code == 2
    assert told["error"]["exit_code"] == 2


def test_settings_and_corrections_apply_and_what_they_leave_out_is_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, overrides = tmp_path / "rollcall.yaml", tmp_path / "overrides.csv"
    with (folder / "classes.csv").open(encoding="utf-8-sig", newline="") as stream:
        first, second = [row["sourcedId"] for row in csv.DictReader(stream)][:2]
    config.write_text(f"select: [{{name: one class, leave_out: {{classes: ['{first}']}}}}]\n")
    overrides.write_text(f"table,key,column,value\nclasses,{second},drop,\n")
    all_classes = check(capsys, folder)[1]["counts"]["classes"]
    more = ("--config", str(config), "--overrides", str(overrides))
    code, shown = check(capsys, folder, *more)
    assert code == 0
    assert shown["counts"]["classes"] == all_classes - 2
    assert shown["left_out"] == [
        {"rule": "one class", "kind": "class", "count": 1, "example": first},
        {"rule": "overrides.csv:2", "kind": "class", "count": 1, "example": second},
    ]
    assert run(["check", str(folder), *more]) == 0
    printed = capsys.readouterr().out
    assert "Left out on purpose" in printed
    assert "overrides.csv:2" in printed


def test_a_plan_takes_the_rules_of_the_settings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "rollcall.yaml"
    config.write_text(
        "people: {mode: create}\nselect: [{name: a, keep_only: {roles: [student]}}]\n"
    )
    assert run(["plan", str(folder), "--json", "--config", str(config)]) in (0, 1)
    few = json.loads(capsys.readouterr().out)["changes"]
    assert run(["plan", str(folder), "--json"]) in (0, 1)
    many = json.loads(capsys.readouterr().out)["changes"]
    assert 0 < few["person"]["create"] < many["person"]["create"]


@pytest.mark.parametrize(
    ("format_", "version"), [("oneroster-1.1", "1.1"), ("oneroster-1.2", "1.2")]
)
def test_the_sample_keeps_to_the_letter(
    format_: Format,
    version: str,
    district: District,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for day, made in enumerate((district, next_day(generate(300, 5, today=TODAY), 5))):
        made.write(tmp_path / str(day), format_, as_zip=day == 1)
        _, told = check(capsys, tmp_path / str(day), "--strict")
        assert told["strict"] == {"version": version, "error": 0, "warning": 0}
        assert not [rule for rule in told["rules"] if rule["id"].startswith("oneroster.")]
    run(["check", str(tmp_path / "0"), "--strict"])
    assert f"keeps to the letter of OneRoster {version}" in capsys.readouterr().out


def test_strict_tells_what_a_run_forgives(
    district: District, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    district.write(tmp_path / "day1", "oneroster-1.2")
    spoil(tmp_path / "day1" / "orgs.csv", "sourcedId", "SourcedId")
    assert check(capsys, tmp_path / "day1")[0] == 0
    code, told = check(capsys, tmp_path / "day1", "--strict", "--report", str(tmp_path / "report"))
    assert code == 1
    assert [rule["id"] for rule in told["rules"]] == ["oneroster.header.case"]
    assert told["strict"] == {"version": "1.2", "error": 1, "warning": 0}
    assert "oneroster.header.case" in (tmp_path / "report" / "findings.csv").read_text()
    assert run(["check", str(tmp_path / "day1"), "--strict"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "orgs.csv:1 sourcedId “SourcedId”" in shown
    assert "a run would take this roster as it is" in shown
    assert "Held to the letter of OneRoster 1.2: 1 errors, 0 warnings" in shown


def test_strict_tells_also_of_files_that_a_run_refuses(
    district: District, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    district.write(tmp_path / "day1", "oneroster-1.1")
    spoil(tmp_path / "day1" / "manifest.csv", "file.orgs,bulk", "file.orgs,some")
    report = tmp_path / "report"
    assert run(["check", str(tmp_path / "day1"), "--strict", "--report", str(report)]) == 2
    assert "oneroster.manifest.state" in capsys.readouterr().out
    assert "oneroster.manifest.state" in (report / "findings.csv").read_text()
    code, told = check(capsys, tmp_path / "day1", "--strict")
    assert (code, told["error"]["exit_code"]) == (2, 2)


def test_strict_is_for_oneroster(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = check(capsys, folder, "--strict")
    assert code == 2
    assert "only OneRoster CSV can be held to the letter" in told["error"]["message"]


def test_changes_are_read_after_the_packages_that_they_follow(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole = write(tmp_path / "bulk", bulk("U1"))
    first = write(tmp_path / "first", delta(user("U2")))
    second = write(tmp_path / "second", delta(user("U3")))
    _, told = check(capsys, second, "--after", str(whole), "--after", str(first))
    assert told["counts"]["users"] == 4
    run(["plan", str(second), "--json", "--after", str(whole)])
    assert json.loads(capsys.readouterr().out)["changes"]["person"] == {"create": 3}
    assert run(["check", str(second)]) == 2
    assert "rollcall check PATH --after BEFORE" in capsys.readouterr().err
    other = write(tmp_path / "other")
    assert run(["check", str(second), "--after", str(other)]) == 2
    assert "follow a OneRoster package only" in capsys.readouterr().err
