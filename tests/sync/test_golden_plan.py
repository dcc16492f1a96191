"""A whole plan as text, so that a change of its contents or its order is seen in review.

ROLLCALL_UPDATE_GOLDEN=1 writes the file anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from sync.config import Config
from sync.plan import list_changes, make_plan
from sync.preview import preview
from tests.worlds import TODAY, World

GOLDEN = Path(__file__).parent.parent / "golden" / "plan.txt"
DROP = Path(__file__).parent.parent / "golden" / "drop"
CREATE = Config.model_validate({"people": {"mode": "create"}})


def test_the_plan_of_a_small_school() -> None:
    with preview(DROP, CREATE) as seen:
        plan = make_plan(seen.con, CREATE, run="golden", today=TODAY, domains=["contoso.edu"])
        told = "\n".join([str(plan.counts), *map(str, list_changes(seen.con))]) + "\n"
    if os.environ.get("ROLLCALL_UPDATE_GOLDEN"):
        GOLDEN.write_text(told, encoding="utf-8")
    assert told == GOLDEN.read_text(encoding="utf-8")


def test_the_same_roster_gives_the_same_checksum_in_any_order_of_rows() -> None:
    def checksum(order: list[str]) -> str:
        world = World()
        world.school("S1")
        for key in order:
            world.user(key)
        for key in order:
            world.role(key)
        return world.plan(people={"mode": "create"}).checksum

    assert checksum(["U1", "U2", "U3"]) == checksum(["U3", "U1", "U2"])
