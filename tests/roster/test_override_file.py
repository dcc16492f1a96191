"""The overrides as people write them, in whatever a spreadsheet makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from roster.errors import BadInput
from roster.override_file import MOST_LINES, OverrideLine, read_override_file

HEADER = "table,key,column,value,expires,reason\n"


def write(folder: Path, data: str | bytes) -> Path:
    path = folder / "overrides.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_lines_are_read_with_the_line_that_they_begin_in(tmp_path: Path) -> None:
    text = f'{HEADER}\n Users , U1 ,Email,"a\nb",2027-01-01,"x, y"\n,,,,,\nroles,U2,drop,\n'
    assert read_override_file(write(tmp_path, text)) == [
        OverrideLine(3, "users", "U1", "email", "a\nb", "2027-01-01", fits=True),
        OverrideLine(6, "roles", "U2", "drop", "", "", fits=True),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "\ufefftable;key;column;value\nusers;U1;given_name;Zoë\n".encode(),
        "table\tkey\tcolumn\tvalue\r\nusers\tU1\tgiven_name\tZoë\r\n".encode("utf-16"),
        "VALUE,Column,key,table\nZoë,given_name,U1,users\n".encode("cp1252"),
    ],
)
def test_encodings_separators_and_the_order_of_columns_do_not_matter(
    tmp_path: Path, data: bytes
) -> None:
    assert read_override_file(write(tmp_path, data)) == [
        OverrideLine(2, "users", "U1", "given_name", "Zoë", "", fits=True)
    ]


@pytest.mark.parametrize("line", ["users,U1,drop", "users,U1,drop,,,a,b"])
def test_a_line_with_too_few_or_too_many_values_does_not_fit(tmp_path: Path, line: str) -> None:
    (read,) = read_override_file(write(tmp_path, HEADER + line))
    assert (read.key, read.fits) == ("U1", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "overrides.csv:1: the header has no table, key, column, value; write table"),
        ("table,key,wert\nusers,U1,x\n", "overrides.csv:1: the header has no column, value; write"),
        (
            "table,key,column,value,until\n",
            "overrides.csv:1: the header has 'until', which is not known; allowed: table, key",
        ),
        (HEADER + "users,U1,phone,{},,".format("x" * 200_000), "overrides.csv:2: not CSV: field"),
        (HEADER + "users,U1,drop,,,\n" * MOST_LINES, f"overrides.csv: more than {MOST_LINES} line"),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read_override_file(write(tmp_path, text))
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"overrides.csv: there is no such file .* upload it, or"):
        read_override_file(tmp_path / "overrides.csv")
