"""A CSV file as blocks of whole lines, and the test whether a block is plain.

Plain: one kind of line end, no blank lines, quotation marks only where values begin and end, and
no line break inside a value. Then every line is a record, whatever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connectors.header import LONGEST_LINE, Header, too_long
from roster.errors import BadInput

BLOCK = 256 * 1024


def blocks(chunks: Iterable[bytes], file: str, end: bytes) -> Iterator[tuple[int, bytes]]:
    """Whole lines in blocks, each with the number of its first line (from 1).

    `end`: the line end, one byte. Only the last block may lack it at its end. BadInput for a line
    longer than LONGEST_LINE and for zero bytes; `file` is the name in messages.
    """
    rest, line = b"", 1
    for chunk in chunks:
        first = chunk.find(end)
        if len(rest) + (len(chunk) if first < 0 else first) > LONGEST_LINE:
            raise BadInput(too_long(file, line))
        if first < 0:
            rest += chunk
            continue
        cut = chunk.rindex(end) + 1
        block = rest + chunk[:cut]
        _refuse_zero(block, file, line, end)
        yield line, block
        line += block.count(end)
        rest = chunk[cut:]
    if rest:
        _refuse_zero(rest, file, line, end)
        yield line, rest


def _refuse_zero(block: bytes, file: str, line: int, end: bytes) -> None:
    if b"\0" in block:
        at = line + block.count(end, 0, block.index(b"\0"))
        raise BadInput(f"{file}:{at}: a zero byte, so the file is damaged; export it again")


class Plainness:
    """Tells whether a block of whole lines is plain, with whole-block operations only."""

    def __init__(self, header: Header, end: bytes) -> None:
        """`end`: the line end that the file should have, "\\n" or "\\r\\n"."""
        self._end = end
        kinds = bytearray(b"x" * 256)
        for separator in f"{header.delimiter}\r\n".encode():
            kinds[separator] = ord(",")
        kinds[ord('"')] = ord('"')
        self._kinds = bytes(kinds)

    def of(self, block: bytes) -> bool:
        """Whether a block, which begins where a record begins, is plain."""
        if block.startswith(self._end) or self._end * 2 in block:
            return False
        returns = block.count(b"\r")
        if returns != (block.count(b"\n") if self._end == b"\r\n" else 0):
            return False
        if returns and block.count(b"\r\n") != returns:
            return False
        return b'"' not in block or self._quotes_close(block)

    def _quotes_close(self, block: bytes) -> bool:
        # Cut at quotation marks, the pieces lie outside and inside of quoted values by turns.
        pieces = block.split(b'"')
        inside = b"".join(pieces[1::2])
        if len(pieces) % 2 == 0 or b"\n" in inside or b"\r" in inside:
            return False
        outside = b'"'.join(pieces[0::2]).translate(self._kinds)
        return b'x"' not in outside and b'"x' not in outside
