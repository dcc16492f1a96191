"""Each limit at, under and over, for the tenant and for a school."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from sync.change import REMOVALS
from sync.guard import Guards
from sync.plan import list_changes, messages, settle, start_created
from tests.worlds import TODAY, World

CREATE = {"people": {"mode": "create", "disable_after_days": 0}}


def school_of(world: World, key: str, students: int) -> None:
    world.school(key)
    world.class_(f"C-{key}", org_sourced_id=key)
    for number in range(students):
        user = f"{key}-{number}"
        world.user(user)
        world.role(user, org=key)
        world.enroll(f"C-{key}", user)


def synced_schools(*sizes: int) -> World:
    world = World()
    for number, size in enumerate(sizes):
        school_of(world, f"S{number}", size)
    world.plan(**CREATE)
    world.apply()
    return world


def unenroll(world: World, school: str, people: int) -> None:
    world.con.execute(
        "DELETE FROM enrollments WHERE class_sourced_id = ? AND user_sourced_id IN "
        "(SELECT ? || '-' || range FROM range(?))",
        [f"C-{school}", school, people],
    )


@pytest.mark.parametrize(
    ("removals", "limit", "held"),
    [
        (20, {}, False),
        (21, {}, True),
        (21, {"count": 21}, False),
        (30, {"percent": 30}, False),
        (31, {"percent": 30}, True),
        (5, {"count": 0, "percent": 4}, True),
    ],
)
def test_a_limit_trips_above_its_count_and_its_share(
    removals: int, limit: dict[str, Any], held: bool
) -> None:
    world = synced_schools(100)
    unenroll(world, "S0", removals)
    plan = world.plan(**CREATE, guards={"removals": limit, "school_removals": {"percent": 100}})
    assert plan.counts == {"class_membership": {"remove": removals}}
    assert plan.held_size == (removals if held else 0)


def test_a_school_is_guarded_by_itself() -> None:
    world = synced_schools(400, 30)
    unenroll(world, "S1", 25)
    unenroll(world, "S0", 3)
    plan = world.plan(**CREATE)
    assert plan.held == {"class_membership": {"remove": 25}}
    assert plan.why_held == (
        "class_membership remove: 25 of 30 existing in school S1: more than 20 and more than 50 %",
    )


def test_everything_is_held_if_that_is_wanted_and_each_limit_still_says_why() -> None:
    world = synced_schools(100)
    unenroll(world, "S0", 50)
    world.school("S1")
    plan = world.plan(**CREATE, guards={"hold": "everything"})
    assert plan.held == plan.counts
    assert plan.counts["school"] == {"create": 1}
    assert plan.why_held == (
        "class_membership remove: 50 of 100 existing: more than 20 and more than 10 %",
        "school create: guards.hold is everything",
    )


def test_only_removals_are_held_and_the_rest_flows() -> None:
    world = synced_schools(100)
    unenroll(world, "S0", 50)
    for number in range(60):
        world.student(f"N{number}")
        world.role(f"N{number}", org="S0")
    plan = world.plan(**CREATE)
    assert plan.held == {"class_membership": {"remove": 50}}
    start_created(world.con)
    assert list(messages(world.con, plan, 3, held=False)) == []
    held = list(messages(world.con, plan, 3, held=True))
    assert sum(m.count for m in held) == 50
    assert plan.counts["person"] == {"create": 60}
    world.con.execute(
        "CREATE TABLE outcomes (message VARCHAR, status VARCHAR, error VARCHAR, code VARCHAR)"
    )
    settle(world.con)
    assert world.rows("SELECT count(*) FROM change_outcomes WHERE status = 'held'") == [(50,)]


def test_disables_are_held_like_removals() -> None:
    world = synced_schools(100)
    for table in ("users", "roles", "enrollments"):
        column = "sourced_id" if table == "users" else "user_sourced_id"
        world.con.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT 'S0-' || range FROM range(30))"
        )
    plan = world.plan(**CREATE)
    assert plan.held["person"] == {"disable": 30}
    assert plan.held_size == plan.size


def test_an_empty_roster_is_held_altogether() -> None:
    world = synced_schools(100)
    for table in ("users", "roles", "enrollments", "classes"):
        world.con.execute(f"DELETE FROM {table}")
    plan = world.plan(**CREATE)
    assert plan.size > 300
    assert plan.held_size == plan.size


def test_unreadable_lines_hold_every_removal() -> None:
    world = synced_schools(100)
    unenroll(world, "S0", 1)
    world.add("unreadable", tbl="enrollments", lines=2)
    plan = world.plan(**CREATE)
    [change] = list_changes(world.con, held=True)
    assert change.why_held == "2 unreadable line(s) in enrollments"
    assert plan.held_size == plan.size == 1


@pytest.mark.parametrize(
    ("today", "held"),
    [(date(2026, 11, 23), 50), (TODAY, 0), (date(2026, 11, 30), 0), (date(2026, 12, 1), 50)],
)
def test_a_dated_exception_holds_between_its_days(today: date, held: int) -> None:
    world = synced_schools(100)
    unenroll(world, "S0", 50)
    exception = {
        "from": "2026-11-24", "to": "2026-11-30", "why": "rollover", "limit": {"percent": 100},
    }  # fmt: skip
    assert world.plan(today, **CREATE, guards={"exceptions": [exception]}).held_size == held


def test_an_exception_ends_after_it_begins() -> None:
    wrong = {"from": "2026-12-01", "to": "2026-11-30", "why": "rollover", "limit": {}}
    with pytest.raises(ValidationError, match="before"):
        Guards.model_validate({"exceptions": [wrong]})


def vanish(world: World, school: str) -> None:
    """The source does not tell of a school any more, nor of anybody in it."""
    world.con.execute("DELETE FROM orgs WHERE sourced_id = ?", [school])
    for place in ("users.sourced_id", "roles.user_sourced_id", "enrollments.user_sourced_id",
                  "classes.org_sourced_id"):  # fmt: skip
        table, column = place.split(".")
        world.con.execute(f"DELETE FROM {table} WHERE starts_with({column}, ?)", [school])


@pytest.mark.parametrize("membership", ["assigned", "dynamic"])
def test_a_school_that_vanishes_is_held_however_small_it_is_in_the_tenant(membership: str) -> None:
    policy = CREATE | {
        "schools": {"membership": membership},
        "groups": {"membership": membership},
        "dynamic": {"attribute": "department"},
    }
    world = World()
    for key, size in (("S0", 250), ("S1", 25)):
        school_of(world, key, size)
    world.plan(**policy)
    world.apply()
    vanish(world, "S1")
    world.plan(**policy)
    gone = [change for change in list_changes(world.con) if change.action in REMOVALS]
    assert len([change for change in gone if change.action == "disable"]) == 25
    assert [str(change) for change in gone if "in school S1" not in change.why_held] == []
