"""Turns: which objects are being changed, so that nobody else changes them at the same time.

An object is changed as a whole (`a1`), or in parts (`a1/p7`, one reference of it): the whole waits
for its parts and the other way round, two parts do not wait for each other. Where the directory
complains of concurrent changes, the parts of that object take turns from then on.
"""

from __future__ import annotations

from collections import Counter


class Turns:
    """Objects that are taken; an operation without an object ('') is always free."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._parts: Counter[str] = Counter()
        self._one_by_one: set[str] = set()

    def is_free(self, name: str) -> bool:
        """Whether an operation on this object may go out now."""
        whole, _, part = name.partition("/")
        if not name:
            return True
        if whole in self._taken or name in self._taken:
            return False
        return not self._parts[whole] or bool(part and whole not in self._one_by_one)

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

    def one_by_one(self, name: str) -> None:
        """Parts of this object take turns from here on."""
        self._one_by_one.add(name.partition("/")[0])
