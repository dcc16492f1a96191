"""First passwords: random characters, or words that a child can read and type.

Entra asks for 8 to 256 characters of at least three of four classes, and bans well-known ones
(https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy,
https://learn.microsoft.com/entra/identity/authentication/concept-password-ban-bad).

    strong  letters, digits and signs without look-alikes (l 1 I o 0 O), a letter first; 16 of them
            carry 90 bits
    words   three of 256 words and two digits, such as Otter-Maple-Train-47: 30 bits. Not enough
            against a stolen table of hashes, plenty at a sign-in page that locks after ten wrong
            tries (https://learn.microsoft.com/entra/identity/authentication/howto-password-smart-lockout)

A password is drawn from a secret seed and from nothing else: whoever must write it again after a
crash, with the seed at hand, writes the same one. Neither kind begins with a character that makes a
spreadsheet see a formula.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    T = TypeVar("T")

LENGTH = 16
_LOWER, _UPPER = "abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS, _SIGNS = "23456789", "!#$%&*?"
_CLASSES = (_LOWER, _UPPER, _DIGITS, _SIGNS)
WORDS = tuple(
    """
    acorn actor album amber anchor angle ankle apple apron arrow atlas autumn
    bacon badge baker balloon bamboo banana banjo basket beach beaver bench berry
    bicycle birch bison blanket bottle branch bread breeze bridge broom bubble bucket
    butter button cabin cactus camel camera candle canoe canyon carpet carrot castle
    cedar cello chalk cheese cherry circle circus citrus clock cloud clover coast
    cocoa coconut comet copper coral corner cotton cousin crayon cricket crown crystal
    daisy dance desert diamond dinner dolphin donkey door dragon drawer dream drum
    eagle early earth echo elbow elephant engine evening falcon farmer feather fence
    ferry field finger flute forest fossil fountain friend frost garden garlic giraffe
    glacier globe glove goose grape grass guitar hammer harbor harvest hazel helmet
    hermit hiking hockey honey horse house igloo insect island ivory jacket jaguar
    jelly jigsaw journey jungle kayak kettle kitten koala ladder lagoon lantern laptop
    leaf lemon letter library lilac lion lizard lobster locket magnet mango maple
    marble market meadow melon mirror mitten monday monkey morning moss mountain museum
    mushroom music napkin nature needle nest noodle north notebook nutmeg oasis ocean
    olive onion orange orbit orchard otter owl oyster paddle paint palace panda
    paper parade parrot pasta peach pearl pebble pencil penguin pepper piano picnic
    pillow pilot planet plum pocket poem pony poppy potato puffin pumpkin puzzle
    quartz quilt rabbit radio rainbow raven ribbon river robin rocket saddle sailor
    salmon sandal scarf school season shell silver sketch spoon spring squirrel star
    statue stone storm summer sunset table tiger toast tomato tower train tulip
    turtle umbrella valley violin
    """.split()  # noqa: SIM905  (a list of 256 literals is no easier to read)
)

Kind = Literal["strong", "words"]


class Passwords(Protocol):
    """Where the first password of one account comes from."""

    @property
    def force_change(self) -> bool:
        """Whether it must be changed at the first sign-in."""
        ...

    async def issue(self) -> str:
        """The password to try; asked again after it was refused, another one."""
        ...

    async def doubt(self) -> None:
        """The account was there already: its maker's answer was lost, or another run made it."""
        ...


class Unknown:
    """Random passwords that nobody is told: the person gets theirs by a reset."""

    force_change = True

    async def issue(self) -> str:
        """A random password."""
        import secrets

        return first_password("strong", secrets.token_bytes(32))

    async def doubt(self) -> None:
        """Nothing was written down."""


def first_password(kind: Kind, seed: bytes, length: int = LENGTH) -> str:
    """The password of a kind that `seed` (32 random bytes) stands for; `length` for strong ones."""
    draw = _Draw(seed)
    if kind == "words":
        words = "-".join(draw.one(WORDS).capitalize() for _ in range(3))
        return f"{words}-{draw.one(_DIGITS)}{draw.one(_DIGITS)}"
    every = "".join(_CLASSES)
    rest = [draw.one(some) for some in _CLASSES]
    rest += [draw.one(every) for _ in range(length - 1 - len(rest))]
    return draw.one(_LOWER + _UPPER) + "".join(draw.shuffled(rest))


class _Draw:
    """Even choices from a stream of bytes that a seed determines (SHAKE-256)."""

    def __init__(self, seed: bytes) -> None:
        self._stream = hashlib.shake_256(seed)
        self._at = 0

    def below(self, count: int) -> int:
        """A number from 0 to count - 1; of 64 bits, so that no number is noticeably likelier."""
        self._at += 8
        return int.from_bytes(self._stream.digest(self._at)[-8:]) % count

    def one(self, some: Sequence[T]) -> T:
        return some[self.below(len(some))]

    def shuffled(self, some: Sequence[T]) -> list[T]:
        left = list(some)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]
