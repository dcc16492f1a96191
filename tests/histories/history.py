"""Histories: some days under turmoil, then a quiet one, after which everything has to be right.

A seed makes a tenant of twenty districts; each lives through its own roster changes, so that it is
twenty histories. What a seed found wrong can be lived through again:
`python -m tests.histories SEED`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.histories.district import District
from tests.histories.world import Turmoil, World

DISTRICTS = 20


@dataclass
class Result:
    """What came of a seed: `wrong` is empty when all is well; `seen` counts what happened."""

    seed: int
    histories: int
    wrong: list[str]
    seen: Counter[str] = field(default_factory=Counter)


def live(seed: int) -> Result:
    """Lives through the histories of a seed."""
    districts = [District(f"d{n}") for n in range(DISTRICTS)]
    world = World(seed, districts)
    try:
        wrong = list(_wrong(world))
        return Result(seed, len(districts), wrong, world.seen + world.tenancy.edits)
    finally:
        world.close()


def _wrong(world: World) -> list[str]:
    chance = world.chance
    for _ in range(chance.choice((1, 2, 3))):
        for district in world.districts:
            district.next_day(chance)
        world.run(Turmoil())
        for _ in range(chance.randrange(8)):
            world.tenancy.edit()
    world.calm()
    quiet = world.run()
    if quiet.keys() - {"done"}:
        failed = [outcome for outcome in world.outcomes if outcome[2] != "done"]
        return [f"the quiet run ended {quiet}", *map(str, failed[:5])]
    world.calm()
    found = world.tenancy.differences(ruled=world.ruled)
    world.run()
    # Whoever has two accounts because one was restored leaves with one of them at a time.
    again = [one for one in world.outcomes if one[0] not in world.tenancy.restored]
    return found + [f"a further run had to {one}" for one in again]
