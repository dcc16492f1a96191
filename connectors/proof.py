"""Proof of completeness: what pages tell about themselves, compared with what the source says.

A page that was garbled on its way is not complete either: who stands on it under an id that is none
would count as having left. A wrong id of the right form cannot be told from a right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.connector import Doubt
from connectors.pages import Head
from roster.errors import Transient


def check_totals(heads: Sequence[Head], collection: str) -> list[Doubt]:
    """Doubts about a collection whose pages carry a total: it must stay the same, and be reached.

    Pages without a total prove nothing either way.
    """
    pages = [head for head in heads if head.request.collection == collection]
    totals = {head.total for head in pages if head.total is not None}
    rows = sum(head.rows for head in pages)
    doubted = frozenset({collection})
    if len(totals) > 1:
        changing = " and ".join(f"{total:,}" for total in sorted(totals))
        return [Doubt(doubted, f"{collection} changed while it was read ({changing} rows)")]
    if totals and rows != (total := totals.pop()):
        return [Doubt(doubted, f"{collection} has {total:,} rows, and {rows:,} came")]
    return []


def check_present(heads: Sequence[Head], collections: Sequence[str]) -> list[Doubt]:
    """Doubts about collections of which no page came at all."""
    there = {head.request.collection for head in heads}
    return [
        Doubt(frozenset({name}), f"no answer about {name}")
        for name in collections
        if name not in there
    ]


def check_ids(where: str, ids: Iterable[Any], kinds: frozenset[type]) -> None:
    """Raises Transient if an id of an answer is there and of another type than `kinds`.

    What is missing is no concern of this: rows without their id are errors of the roster.
    """
    if {type(value) for value in ids if value is not None} - kinds:
        raise Transient(
            f"{where}: answered with ids that are no ids; if it does so again, the system or "
            "something on the way changes its answers: show this message to its vendor"
        )
