from __future__ import annotations

from pathlib import Path

import pytest

from connectors.header import LONGEST_LINE, Header, read_header
from roster.errors import BadInput


def _header(tmp_path: Path, data: bytes) -> Header:
    path = tmp_path / "stored"
    path.write_bytes(data)
    return read_header("users.csv", path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_the_header_has(tmp_path: Path, delimiter: str) -> None:
    header = _header(tmp_path, delimiter.join(["a", '"b,;,"', "c d"]).encode() + b"\n1")
    assert header.delimiter == delimiter
    assert header.names == ("a", "b,;,", "c d")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_line_end_is_the_first_one(tmp_path: Path, line_end: str) -> None:
    header = _header(tmp_path, f"a,b{line_end}1,2\n".encode())
    assert header.line_end == line_end
    assert header.names == ("a", "b")


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_the_encoding_is_seen_with_and_without_byte_order_mark(
    tmp_path: Path, codec: str, encoding: str
) -> None:
    header = _header(tmp_path, "a,b\r\n1,2\r\n".encode(codec))
    assert header.encoding == encoding
    assert header.names == ("a", "b")


def test_blank_lines_before_the_header_are_counted(tmp_path: Path) -> None:
    assert _header(tmp_path, b"\n  \r\na,b\n").line == 3


def test_names_lose_spaces_and_trailing_empty_columns(tmp_path: Path) -> None:
    assert _header(tmp_path, b' a ,,"b ",,\n').names == ("a", "", "b")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"users\.csv:1: the file is empty; expected a line of column names"),
        (b"\n \n", r"users\.csv:1: only blank lines"),
        ("a,b".encode("utf-32"), r"users\.csv:1: the file is UTF-32"),
        (b"PK\x03\x04\x00\x00a,b", r"users\.csv:1: zero bytes, so this is no text file"),
        (b"\n" + b"x" * (LONGEST_LINE + 1), r"users\.csv:2: the line is longer than 1,048,576"),
    ],
)
def test_what_has_no_header_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _header(tmp_path, data)
