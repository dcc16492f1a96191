"""One CSV record, read the careful way: for the few that the fast way does not vouch for.

Design note, stray quotation marks. A quotation mark that opens a value and is never closed makes a
CSV reader take everything up to the next mark for one value; a thousand good lines can vanish in
it. So a value may run over a few lines at most, and must then make a record of the right width;
else only the line with the mark is given up, and the lines after it are read on their own.
A mark inside a value that did not begin with one (5" pipe) is an ordinary character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class Flaw(Enum):
    """Why a text is no whole record."""

    OPEN = auto()
    STRAY = auto()


@dataclass(frozen=True)
class Record:
    """The values of a text as far as they could be read; `flaw` says why not further."""

    values: tuple[bytes, ...]
    flaw: Flaw | None


_BREAK = re.compile(rb"\r\n|\r|\n")
_OPENING = re.compile(rb' *"')
# Possessive, so that a doubled mark is never torn in two to make a shorter value fit.
_QUOTED = re.compile(rb' *"([^"]*+(?:""[^"]*+)*+)" *')


def read_record(text: bytes, delimiter: bytes) -> Record:
    """Split a text (UTF-8, no line end at its end) into values."""
    values: list[bytes] = []
    place = 0
    while True:
        if quoted := _QUOTED.match(text, place):
            place = quoted.end()
            if text[place : place + 1] not in (delimiter, b""):
                return Record(tuple(values), Flaw.STRAY)
            values.append(quoted[1].replace(b'""', b'"'))
        elif _OPENING.match(text, place):
            return Record(tuple(values), Flaw.OPEN)
        else:
            end = text.find(delimiter, place)
            end = len(text) if end < 0 else end
            values.append(text[place:end])
            place = end
        if place == len(text):
            return Record(tuple(values), None)
        place += 1


def write_record(values: tuple[bytes, ...], delimiter: bytes) -> bytes:
    """Values as one line that every reader understands; line breaks become spaces."""
    return delimiter.join(b'"' + flat(value).replace(b'"', b'""') + b'"' for value in values)


def flat(value: bytes) -> bytes:
    """A value with each line break read as a space."""
    return _BREAK.sub(b" ", value)
