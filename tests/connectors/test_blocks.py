from __future__ import annotations

import pytest

from connectors.blocks import Plainness, blocks
from connectors.header import LONGEST_LINE, Header
from roster.errors import BadInput

HEADER = Header("users.csv", "utf-8", ",", "\n", 1, ("a", "b"))


def test_blocks_are_whole_lines_with_the_number_of_the_first() -> None:
    chunks = [b"1\n2", b"2\n33", b"3", b"\n4"]
    assert list(blocks(chunks, "f", b"\n")) == [(1, b"1\n"), (2, b"22\n"), (3, b"333\n"), (4, b"4")]


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_a_giant_line_is_refused_as_soon_as_it_is_too_long(tail: bytes) -> None:
    def chunks():
        yield b"1,2\n"
        for _ in range(5):
            yield b"x" * (LONGEST_LINE // 4)
        yield tail
        pytest.fail("the whole line was read")

    with pytest.raises(BadInput, match=r"users\.csv:2: the line is longer than 1,048,576 bytes"):
        list(blocks(chunks(), "users.csv", b"\n"))


@pytest.mark.parametrize("chunks", [[b"1\n2\n\x003\n"], [b"1\n2\n", b"\x003"]])
def test_a_zero_byte_is_refused_with_its_line(chunks: list[bytes]) -> None:
    with pytest.raises(BadInput, match=r"users\.csv:3: a zero byte"):
        list(blocks(chunks, "users.csv", b"\n"))


@pytest.mark.parametrize(
    "block", [b"a,b\n1,2\n", b'"a","b ""c"""\n', b'"a,b",c\n"",\n', b'"a","b"', "é,b\n".encode()]
)
def test_well_formed_blocks_are_plain(block: bytes) -> None:
    assert Plainness(HEADER, b"\n").of(block)


@pytest.mark.parametrize(
    "block",
    [
        b"\n1,2\n",
        b"1,2\n\n3,4\n",
        b"1,2\r\n3,4\n",
        b"1\r2,3\n",
        b'"1\n2",3\n',
        b'"1\r2",3\n',
        b'1,"2\n3,4\n',
        b'1,2"\n3"\n',
        b'5",6\n',
        b'"1"x,2\n',
        b'1, "2"\n',
        b'a"b,"c\n',
    ],
)
def test_other_blocks_are_not_plain(block: bytes) -> None:
    assert not Plainness(HEADER, b"\n").of(block)


def test_with_windows_line_ends_every_line_must_have_one() -> None:
    plainness = Plainness(HEADER, b"\r\n")
    assert plainness.of(b"1,2\r\n3,4\r\n")
    assert not plainness.of(b"1,2\r\n3,4\n")
    assert not plainness.of(b"1,2\r\n\r\n3,4\r\n")
    assert not plainness.of(b"1\r,2\n3,4\r\n")
    assert plainness.of(b'"1",2\r\n')
