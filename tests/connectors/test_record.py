from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.record import Flaw, Record, read_record, write_record

VALUES = st.lists(st.text(st.sampled_from('ab ,;"é'), max_size=6), min_size=2, max_size=5)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"a,b", (b"a", b"b")),
        (b"a,", (b"a", b"")),
        (b",", (b"", b"")),
        (b'"a,b",c', (b"a,b", b"c")),
        (b'"a ""b""",c', (b'a "b"', b"c")),
        (b' "a" , b', (b"a", b" b")),
        (b'5" pipe,c', (b'5" pipe', b"c")),
        (b'"a\nb",c', (b"a\nb", b"c")),
    ],
)
def test_values_are_read_as_spreadsheets_write_them(text: bytes, values: tuple[bytes, ...]) -> None:
    assert read_record(text, b",") == Record(values, None)


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (b'a,"b', Record((b"a",), Flaw.OPEN)),
        (b'a,"b""', Record((b"a",), Flaw.OPEN)),
        (b'a,"b"c,d', Record((b"a",), Flaw.STRAY)),
    ],
)
def test_what_is_no_record_is_read_up_to_its_flaw(text: bytes, record: Record) -> None:
    assert read_record(text, b",") == record


@given(VALUES)
def test_a_written_record_reads_as_it_was(values: list[str]) -> None:
    encoded = tuple(value.encode() for value in values)
    line = write_record(encoded, b",")
    assert read_record(line, b",") == Record(encoded, None)
    assert next(csv.reader([line.decode()])) == values


def test_line_breaks_are_written_as_spaces() -> None:
    assert write_record((b"a\r\nb", b"c\nd"), b";") == b'"a b";"c d"'
