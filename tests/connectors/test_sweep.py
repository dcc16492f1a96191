from __future__ import annotations

from pathlib import Path

import pytest

from connectors.header import LONGEST_LINE, read_header
from connectors.sweep import Swept, sweep
from roster.errors import BadInput


def _sweep(tmp_path: Path, data: bytes) -> Swept:
    path = tmp_path / "users.csv"
    path.write_bytes(data)
    (tmp_path / "scratch").mkdir()
    return sweep(path, read_header("users.csv", path), tmp_path / "scratch")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_plain_file_is_read_as_it_is(tmp_path: Path, line_end: str, last: bool) -> None:
    text = line_end.join(["a,b", "1,2", '"3","4"']) + (line_end if last else "")
    swept = _sweep(tmp_path, text.encode())
    assert swept.path == tmp_path / "users.csv"
    assert (swept.records, swept.skip, swept.line_end) == (2, 1, line_end)
    assert swept.shifts == ((0, 2),)


def test_any_other_file_is_rewritten_with_its_line_numbers(tmp_path: Path) -> None:
    swept = _sweep(tmp_path, b'\na,b\r\n1,2\r\n\r\n"3\n4",5\r6, "7"\n')
    assert swept.path.read_bytes() == b'1,2\n"3 4","5"\n"6","7"\n'
    assert swept.records == 3
    assert swept.shifts == ((0, 3), (1, 5), (2, 7))
    assert swept.notes is not None
    assert swept.notes.read_text().splitlines() == ['5,csv.line_break,0,3 4,"""3 4"",""5"""']


def test_a_stray_mark_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = ["a,b", "1,2", '3,"4', *(f"{n},{n}" for n in range(300)), '5,"6', "7,8", '9,"10"']
    swept = _sweep(tmp_path, "\n".join(lines).encode() + b"\n")
    assert swept.records == 303
    assert swept.shifts == ((0, 2), (1, 4), (301, 305))
    assert swept.notes is not None
    assert [line.split(",")[:3] for line in swept.notes.read_text().splitlines()] == [
        ["3", "csv.quote", "1"],
        ["304", "csv.quote", "1"],
    ]


def test_a_value_may_run_over_lines_that_look_like_records(tmp_path: Path) -> None:
    swept = _sweep(tmp_path, b'a,b\n1,"2\n3,4\n5,6"\n7,8\n')
    assert swept.path.read_bytes() == b'"1","2 3,4 5,6"\n7,8\n'


def test_stray_marks_that_seem_to_pair_up_cost_their_own_lines_only(tmp_path: Path) -> None:
    swept = _sweep(tmp_path, b'a,b\n1,"2\n3,4\n5,"6\n7,8\n')
    assert swept.path.read_bytes() == b"3,4\n7,8\n"
    assert swept.shifts == ((0, 3), (1, 5))


def test_a_value_over_more_than_64_kib_is_a_stray_mark(tmp_path: Path) -> None:
    lines = ["a,b", '1,"2', *("x" * 20_000 + ",y" for _ in range(5)), "3,4"]
    swept = _sweep(tmp_path, "\n".join(lines).encode() + b"\n")
    assert swept.shifts == ((0, 3),)
    assert swept.records == 6


def test_bytes_that_are_no_utf_8_are_windows_1252(tmp_path: Path) -> None:
    swept = _sweep(tmp_path, "a,b\n1,2\nJosé,’n\nJ,é\n".encode("cp1252"))
    assert swept.path.read_text(encoding="utf-8") == "1,2\nJosé,’n\nJ,é\n"
    assert swept.foreign == 3


def test_utf_8_and_windows_1252_in_one_file_are_both_read(tmp_path: Path) -> None:
    data = "a,b\nJosé,2\n".encode() + "Zoë,4\n".encode("cp1252")
    swept = _sweep(tmp_path, data)
    assert swept.path.read_text(encoding="utf-8") == "José,2\nZoë,4\n"
    assert swept.foreign == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b,c\n1,2,3\n4,5", r":3: the file ends in the middle of a record \(2 of 3 values"),
        (b"a,b,c\n\n1,2,3\n4,5", r":4: the file ends in the middle of a record \(2 of 3 values"),
        (b'a,b\n1,2\n3,"4', r":3: a quotation mark opens a value that the file's end cuts off"),
        (b'a,b\n1,2\n3,"4\n5,6\n', r":3: a quotation mark opens a value"),
        (b"a,b\n1,2\n3,Jos\xc3", r":3: the file ends in the middle of a character"),
        (b"a,b\n\n3,\xe2\x82", r":3: the file ends in the middle of a character"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], r": bytes that are neither utf-16 nor Windows-1252"),
        (b"a,b\n1,\x81\n", r": bytes that are neither utf-8 nor Windows-1252"),
        ("a,b\n1,\0\n".encode("utf-16"), r":2: a zero byte"),
        (b"a,b\n1," + b"x" * LONGEST_LINE + b"\n", r":2: the line is longer"),
        ("a,b\n1,".encode("utf-16") + b"xx" * LONGEST_LINE, r":2: the line is longer"),
        (b"a,b\r1," + b"x" * LONGEST_LINE + b"\r", r":2: the line is longer"),
    ],
)
def test_a_truncated_or_damaged_file_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=rf"^users\.csv{said}"):
        _sweep(tmp_path, data)


@pytest.mark.parametrize("data", [b"a,b", b"a,b\n", b"\na,b", b"a,b\n\n \n"])
def test_a_header_alone_is_a_file_without_records(tmp_path: Path, data: bytes) -> None:
    assert _sweep(tmp_path, data).records == 0


def test_a_last_line_without_line_end_may_lack_nothing(tmp_path: Path) -> None:
    assert _sweep(tmp_path, b"a,b,,\n\n1,2").records == 1
