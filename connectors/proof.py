"""Proof of completeness: what pages tell about themselves, compared with what the source says."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.connector import Doubt
from connectors.pages import Head


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
