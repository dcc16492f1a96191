"""Which teams are made, archived and restored, from a world told in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from sync.known_teams import KNOWN_TEAMS, leave_known_teams, settle_known_teams
from sync.plan import list_changes, messages, settle, start_created
from tests.worlds import World

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage

ON = {"people": {"mode": "create"}, "teams": {"enabled": True}}
PAST, PRESENT = ("2026-01-01", "2026-11-23"), ("2026-08-01", "2027-06-30")


def taught(sessions: list[str] | None = None) -> World:
    """A class with a teacher and a student, which is in the directory already; without a team."""
    world = World()
    world.school("S1")
    world.session("now", *PRESENT)
    world.session("past", *PAST)
    world.class_("C1", sessions)
    world.teacher("T1")
    world.student("U1")
    world.enroll("C1", "T1", "teacher")
    world.enroll("C1", "U1")
    world.plan(people={"mode": "create"})
    world.apply()
    return world


def teamed(*, archived: bool = False) -> World:
    """The same class with a team."""
    world = taught(["now"])
    world.con.execute("UPDATE existing_groups SET has_team = true WHERE id = 'class:C1'")
    remember(world, archived=archived)
    return world


def remember(world: World, *, archived: bool, school: str = "S1") -> None:
    world.add("known_teams", external_id="C1", object_id="class:C1", school=school,
              archived=archived)  # fmt: skip


def end(world: World) -> None:
    world.con.execute("UPDATE classes SET session_sourced_ids = ['past']")


def drop_class(world: World) -> None:
    for table in ("classes", "enrollments"):
        world.con.execute(f"DELETE FROM {table}")
    world.class_("C2")


def team_changes(world: World) -> list[str]:
    return [f"{c.action}: {c.reason}" for c in list_changes(world.con) if c.kind == "team"]


class TestCreation:
    def test_a_taught_class_gets_a_team_in_the_last_phase(self) -> None:
        world = taught()
        assert world.plan(**ON).counts == {"team": {"create": 1}}
        [change] = list_changes(world.con)
        assert (change.phase, change.key, change.school) == (3, "C1", "S1")
        assert change.source == "classes.csv:2"

    def test_a_new_class_and_its_team_come_in_one_run(self) -> None:
        world = World()
        world.school("S1")
        world.class_("C1")
        world.teacher("T1")
        world.enroll("C1", "T1", "teacher")
        plan = world.plan(**ON)
        start_created(world.con)
        assert not any(m.kind == "team" for m in messages(world.con, plan, 3, held=False))
        world.add("created", kind="class", key="C1", object_id="g1")
        [message] = messages(world.con, plan, 3, held=False)
        assert (message.kind, message.action, message.object_id) == ("team", "create", "g1")
        assert (message.key, message.count) == ("C1", 1)

    def test_the_team_of_a_class_that_could_not_be_made_is_a_failed_outcome(self) -> None:
        world = World()
        world.school("S1")
        world.class_("C1")
        world.teacher("T1")
        world.enroll("C1", "T1", "teacher")
        world.plan(**ON)
        start_created(world.con)
        world.con.execute(
            "CREATE TABLE outcomes (message VARCHAR, status VARCHAR, error VARCHAR, code VARCHAR)"
        )
        settle(world.con)
        assert world.rows("SELECT status, error FROM change_outcomes WHERE kind = 'team'") == [
            ("failed", "the class's group could not be made")
        ]

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"teams": {"enabled": False}},
            {"teams": {"enabled": True, "schools": ["S2"]}},
            {"teams": {"enabled": True}, "classes": {"enabled": False}},
        ],
    )
    def test_no_team_where_none_is_wanted(self, settings: dict[str, Any]) -> None:
        world = taught()
        world.plan(people={"mode": "create"}, **settings)
        assert team_changes(world) == []

    def test_only_the_schools_that_are_named_take_part(self) -> None:
        world = taught()
        world.plan(people={"mode": "create"}, teams={"enabled": True, "schools": ["S1"]})
        assert team_changes(world) == ["create: active today, without a team"]

    def test_a_class_that_has_a_team_gets_no_second_one(self) -> None:
        assert teamed().plan(**ON).size == 0


class TestArchiving:
    def test_a_team_is_archived_when_the_session_ended_and_keeps_its_members(self) -> None:
        world = teamed()
        end(world)
        assert world.plan(**ON).counts == {"team": {"archive": 1}}
        assert team_changes(world) == ["archive: its session ended"]
        [message] = _messages(world)
        assert (message.action, message.object_id) == ("archive", "class:C1")
        assert message.fields == {"archived": True}

    def test_a_team_is_archived_when_the_class_left_the_roster(self) -> None:
        world = teamed()
        drop_class(world)
        world.plan(**ON)
        assert team_changes(world) == ["archive: the class left the roster"]
        assert not any(c.kind == "class_membership" for c in list_changes(world.con))

    def test_whoever_left_the_roster_leaves_the_team_at_rest(self) -> None:
        world = teamed(archived=True)
        end(world)
        for table, column in (("users", "sourced_id"), ("roles", "user_sourced_id")):
            world.con.execute(f"DELETE FROM {table} WHERE {column} = 'U1'")
        world.plan(**ON)
        assert "remove class_membership C1/member/U1" in world.changes()
        assert "remove class_membership C1/owner/T1" not in world.changes()
        assert team_changes(world) == []

    def test_what_was_archived_is_not_archived_again(self) -> None:
        world = teamed(archived=True)
        end(world)
        assert world.plan(**ON).size == 0

    def test_without_archiving_the_members_are_removed(self) -> None:
        world = teamed()
        end(world)
        settings = {"enabled": True, "archive_at_session_end": False}
        world.plan(people={"mode": "create"}, teams=settings)
        assert team_changes(world) == []
        assert "remove class_membership C1/member/U1" in world.changes()

    def test_a_class_whose_sessions_are_not_over_keeps_its_team(self) -> None:
        world = teamed()
        world.session("next", "2027-01-01", "2027-06-30")
        world.con.execute("UPDATE classes SET session_sourced_ids = ['past', 'next']")
        world.plan(**ON)
        assert team_changes(world) == []

    def test_a_team_of_a_school_that_takes_no_part_stays_as_it_is(self) -> None:
        world = teamed()
        drop_class(world)
        world.plan(people={"mode": "create"}, teams={"enabled": True, "schools": ["S2"]})
        assert team_changes(world) == []
        world.plan(people={"mode": "create"}, teams={"enabled": True, "schools": ["S1"]})
        assert team_changes(world) == ["archive: the class left the roster"]

    def test_teams_without_our_mark_are_not_touched(self) -> None:
        world = teamed()
        world.con.execute("UPDATE existing_classes SET external_source = 'manual'")
        end(world)
        world.plan(**ON)
        assert team_changes(world) == []

    def test_many_at_once_are_held_until_somebody_approves(self) -> None:
        world = teamed()
        for number in range(25):
            key = f"X{number}"
            world.add("existing_groups", id=f"class:{key}", has_team=True)
            world.add("existing_classes", id=f"class:{key}", external_id=key,
                      external_source="sis")  # fmt: skip
        plan = world.plan(**ON)
        assert plan.held == {"team": {"archive": 25}}
        assert plan.why_held == (
            "team archive: 25 of 26 existing: more than 20 and more than 10 %",
        )
        start_created(world.con)
        assert list(messages(world.con, plan, 3, held=False)) == []
        assert len(list(messages(world.con, plan, 3, held=True))) == 25

    def test_unreadable_lines_hold_it(self) -> None:
        world = teamed()
        end(world)
        world.add("unreadable", tbl="classes", lines=1)
        assert world.plan(**ON).held == {"team": {"archive": 1}}


class TestRestoring:
    def test_a_class_that_is_active_again_gets_its_team_back(self) -> None:
        world = teamed(archived=True)
        assert world.plan(**ON).counts == {"team": {"restore": 1}}
        [message] = _messages(world)
        assert (message.action, message.object_id) == ("restore", "class:C1")

    def test_not_while_teams_are_switched_off(self) -> None:
        assert teamed(archived=True).plan(people={"mode": "create"}).size == 0


class TestMemory:
    def test_it_follows_the_outcomes(self, storage: Storage, tmp_path: Path) -> None:
        world = teamed()
        end(world)
        world.plan(**ON)
        assert remembered(storage, world, tmp_path, "failed") == [("C1", "class:C1", "S1", False)]
        assert remembered(storage, world, tmp_path, "done") == [("C1", "class:C1", "S1", True)]
        world.con.execute("UPDATE known_teams SET archived = true")
        world.con.execute("UPDATE classes SET session_sourced_ids = ['now']")
        world.plan(**ON)
        assert remembered(storage, world, tmp_path, "failed") == [("C1", "class:C1", "S1", True)]
        assert remembered(storage, world, tmp_path, "done") == [("C1", "class:C1", "S1", False)]

    def test_it_starts_empty(self, storage: Storage, tmp_path: Path) -> None:
        with duckdb.connect() as con:
            KNOWN_TEAMS.load(storage, con, tmp_path)
            assert con.execute("FROM known_teams").fetchall() == []

    def test_it_keeps_the_school_of_a_class_that_left(
        self, storage: Storage, tmp_path: Path
    ) -> None:
        world = teamed()
        drop_class(world)
        world.plan(**ON)
        assert remembered(storage, world, tmp_path, "done") == [("C1", "class:C1", "S1", True)]

    def test_it_survives_teams_being_switched_off(self, storage: Storage, tmp_path: Path) -> None:
        world = teamed(archived=True)
        world.plan(people={"mode": "create"})
        assert remembered(storage, world, tmp_path, "done") == [("C1", "class:C1", "S1", True)]


def _messages(world: World) -> list[Any]:
    start_created(world.con)
    plan = world.plan(**ON)
    return list(messages(world.con, plan, 3, held=False))


def remembered(storage: Storage, world: World, folder: Path, status: str) -> list[tuple[Any, ...]]:
    """What is remembered after the last plan, when all its changes ended as `status`."""
    leave_known_teams(world.con, folder)
    world.con.execute(
        f"CREATE OR REPLACE TABLE change_outcomes AS "
        f"SELECT kind, key, action, '{status}' AS status FROM plan_changes"
    )
    settle_known_teams(storage, world.con, folder)
    with duckdb.connect() as con:
        KNOWN_TEAMS.load(storage, con, folder)
        return con.execute("FROM known_teams ORDER BY ALL").fetchall()
