"""Line numbers and kept records, against an independent reading of the same bytes."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.csvfile import BROKEN, RAW, SHIFTS, Wanted, drop_scratch, load
from connectors.header import Header, read_header
from connectors.sweep import sweep
from roster.errors import BadInput

WANTED = Wanted([0, 1, 2], 1, frozenset())


@dataclass(frozen=True)
class Piece:
    """A stretch of a file: its text, and what an honest reader makes of it."""

    text: str
    kind: str  # record, blank, fields, quote
    values: tuple[str | None, ...] = ()


def _record(values: tuple[str, str, str]) -> Piece:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    # An empty value and one of line breaks alone say the same: nothing.
    read = tuple(" ".join(value.split("\n")) or None for value in values)
    return Piece(out.getvalue(), "record" if any(read) else "blank", read)


KEYS = st.text("abcdefgh", min_size=1, max_size=3)
VALUES = st.text(st.sampled_from('xyz ,"é\n'), max_size=6)
PIECES = st.one_of(
    st.tuples(KEYS, VALUES, VALUES).map(_record),
    st.sampled_from(["", "  ", ",,"]).map(lambda text: Piece(text, "blank")),
    KEYS.map(lambda key: Piece(f"{key},only", "fields", (key,))),
    KEYS.map(lambda key: Piece(f"{key},a,b,c,d", "fields", (key,))),
    KEYS.map(lambda key: Piece(f'{key},"a"b,c', "quote", (key,))),
    KEYS.map(lambda key: Piece(f'"{key}","a" b,c', "quote", (key,))),
)


def _load(con: duckdb.DuckDBPyConnection, folder: Path, data: bytes) -> Header:
    path = folder / "users.csv"
    path.write_bytes(data)
    header = read_header("users.csv", path)
    load(con, sweep(path, header, folder), header, WANTED)
    return header


def _expected(pieces: list[Piece], first: int) -> tuple[list[object], list[object]]:
    records: list[object] = []
    broken: list[object] = []
    line = first
    for piece in pieces:
        if piece.kind == "record":
            records.append((line, *piece.values))
        elif piece.kind != "blank":
            broken.append((line, f"csv.{piece.kind}", *piece.values))
        line += piece.text.count("\n") + 1
    return records, broken


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    pieces=st.lists(PIECES, max_size=25),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    before=st.sampled_from(["", "\n", " \n\n"]),
)
def test_every_record_and_every_broken_line_has_its_physical_line(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, pieces: list[Piece], line_end: str, before: str
) -> None:
    text = before + "a,b,c\n" + "".join(piece.text + "\n" for piece in pieces)
    _load(con, tmp_path, text.replace("\n", line_end).encode())
    records, broken = _expected(pieces, before.count("\n") + 2)
    found = con.execute(
        f"SELECT s.line + (r.record - s.row), c0, c1, c2"
        f" FROM (SELECT rowid AS record, * FROM {RAW}) r"
        f" ASOF JOIN {SHIFTS} s ON r.record >= s.row ORDER BY r.record"
    ).fetchall()
    assert found == records
    query = f"SELECT line, rule, c0 FROM {BROKEN} WHERE rule <> 'csv.line_break' ORDER BY line"
    assert con.execute(query).fetchall() == broken


@pytest.mark.parametrize(("line", "column"), [("k,only", "c"), ("k", "b"), ("k,1,2,3", "")])
def test_a_broken_line_names_the_column_that_is_missing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, line: str, column: str
) -> None:
    _load(con, tmp_path, f"a,b,c\n{line}\n".encode())
    assert con.execute(f"SELECT line, rule, col, value, c0, c1 FROM {BROKEN}").fetchall() == [
        (2, "csv.fields", column, line, "k", None)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_key_of_a_broken_line_is_read_with_and_without_quotes(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, delimiter: str
) -> None:
    lines = ("a,b,c", 'k1,"x"', '"k,2","x"', '"k3"', ',"x"')
    _load(con, tmp_path, "\n".join(lines).replace(",", delimiter).encode() + b"\n")
    found = con.execute(f"SELECT c0 FROM {BROKEN} ORDER BY line").fetchall()
    assert found == [("k1",), (f"k{delimiter}2",), ("k3",), (None,)]


def test_no_value_but_the_key_is_shown_of_a_broken_line_with_a_password(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(b'a,b,c\nk1,hunter2\nk2,"hun\nter2",x\nk3,hunter2,"x\ny"\nk4,"hunter2"x,y\n')
    header = read_header("users.csv", path)
    wanted = Wanted([0, 2], 1, frozenset({1}))
    load(con, sweep(path, header, tmp_path), header, wanted)
    found = con.execute(f"SELECT line, rule, col, value FROM {BROKEN} ORDER BY line").fetchall()
    assert found == [
        (2, "csv.fields", "c", "k1"),
        (3, "csv.line_break", "b", None),
        (5, "csv.line_break", "c", "x y"),
        (7, "csv.quote", "b", "k4"),
    ]
    columns = con.execute(f"DESCRIBE {RAW}").fetchall()
    assert [column[0] for column in columns] == ["c0", "c2"]


def test_many_broken_lines_in_a_file_of_several_buffers_keep_their_numbers(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    total, every = 400_000, 9_973
    wide = "x" * 120
    lines = ["k,short" if n % every == 0 else f"k{n},{wide},{n}" for n in range(total)]
    _load(con, tmp_path, ("a,b,c\r\n" + "\r\n".join(lines) + "\r\n").encode())
    broken = con.execute(f"SELECT line FROM {BROKEN} ORDER BY line").fetchall()
    assert broken == [(n + 2,) for n in range(0, total, every)]
    wrong = con.execute(
        f"SELECT count(*) FROM (SELECT rowid AS record, * FROM {RAW}) r"
        f" ASOF JOIN {SHIFTS} s ON r.record >= s.row"
        " WHERE s.line + (r.record - s.row) <> c2::BIGINT + 2"
    ).fetchall()
    assert wrong == [(0,)]


def test_a_file_whose_records_cannot_be_told_apart_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(b"a,b,c\n1,2,3\n")
    header = read_header("users.csv", path)
    swept = sweep(path, header, tmp_path)
    path.write_bytes(b'a,b,c\n1,"2\n3",4\n1,2,3\n')
    with pytest.raises(BadInput, match=r"users\.csv: 1 lines, but 2 records could be told apart"):
        load(con, swept, header, WANTED)


def test_scratch_tables_can_be_removed_twice(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    _load(con, tmp_path, b"a,b,c\n1,2,3\n")
    drop_scratch(con)
    drop_scratch(con)
    assert con.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
