from __future__ import annotations

from dataclasses import replace

from roster.finding import Finding

FOUND = Finding(
    severity="warning",
    file="users.csv",
    line=7,
    rule="users.phone.format",
    table="users",
    column="phone",
    value="x",
    entity="U1",
    cause="",
    message="the value cannot be read",
    hint="expected: digits",
)


def test_a_finding_reads_as_one_line() -> None:
    assert str(FOUND) == (
        "users.csv:7 warning [users.phone.format] phone “x”: the value cannot be read;"
        " expected: digits"
    )


def test_a_finding_on_a_whole_file_names_no_line_and_no_value() -> None:
    whole = replace(FOUND, line=None, value="")
    assert str(whole).startswith("users.csv warning [users.phone.format] the value")


def test_findings_sort_errors_first_then_by_place() -> None:
    error = replace(FOUND, severity="error", file="zzz.csv")
    later = replace(FOUND, line=20)
    assert sorted([later, FOUND, error]) == [error, FOUND, later]


def test_a_finding_becomes_json() -> None:
    assert FOUND.as_dict()["line"] == 7
    assert list(FOUND.as_dict())[:3] == ["severity", "file", "line"]
