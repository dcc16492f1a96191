"""Turns: which objects are being changed, so that nobody else changes them at the same time.

An object is changed as a whole (`a1`), or in parts (`a1/p7`, one reference of it): the whole waits
for its parts and the other way round, two parts do not wait for each other. Where the directory
complains of concurrent changes, the parts of that object take turns from then on; after some such
objects it is clear that this kind of object does not take it, and the parts of all of them do.
"""

from __future__ import annotations

from collections import Counter

MOST_COMPLAINTS = 3


class Turns:
    """Objects that are taken; an operation without an object ('') is always free."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._parts: Counter[str] = Counter()
        self._one_by_one: set[str] = set()
        self._complaints: Counter[str] = Counter()

    def is_free(self, name: str, kind: str = "") -> bool:
        """Whether an operation on this object, of a kind of objects, may go out now."""
        whole, _, part = name.partition("/")
        if not name:
            return True
        if whole in self._taken or name in self._taken:
            return False
        if not self._parts[whole]:
            return True
        alone = whole in self._one_by_one or self._complaints[kind] >= MOST_COMPLAINTS
        return bool(part) and not alone

    def take(self, name: str) -> None:
        """Takes a turn on an object that is free."""
        if name:
            self._taken.add(name)
            whole, _, part = name.partition("/")
            self._parts[whole] += bool(part)

    def give_back(self, name: str) -> None:
        """Ends the turn."""
        if name:
            self._taken.discard(name)
            whole, _, part = name.partition("/")
            self._parts[whole] -= bool(part)
            if not self._parts[whole]:
                del self._parts[whole]

    def one_by_one(self, name: str, kind: str) -> None:
        """Parts of this object take turns from here on."""
        whole = name.partition("/")[0]
        if whole not in self._one_by_one:
            self._one_by_one.add(whole)
            self._complaints[kind] += 1
