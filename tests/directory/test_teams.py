"""Which classes should have a team, and which are known to be over."""

from __future__ import annotations

import pytest

from tests.worlds import World

ON = {"people": {"mode": "create"}, "teams": {"enabled": True}}


@pytest.fixture
def world() -> World:
    """A class that the directory has, in a session that ended yesterday."""
    world = World()
    world.school("S1")
    world.session("past", "2026-01-01", "2026-11-23")
    world.session("next", "2027-01-01", "2027-06-30")
    world.add("existing_classes", id="g1", external_id="C1", external_source="sis")
    return world


def desired(world: World) -> list[str]:
    return [key for (key,) in world.rows("SELECT external_id FROM desired_teams ORDER BY 1")]


def ended(world: World) -> list[tuple[str, str, str]]:
    return world.rows("FROM ended_classes ORDER BY 1")


class TestDesired:
    def test_a_class_with_a_teacher(self, world: World) -> None:
        world.class_("C1")
        world.teacher("T1")
        world.enroll("C1", "T1", "teacher")
        world.build(**ON)
        assert world.rows("SELECT external_id, school, object_id, has_team FROM desired_teams") == [
            ("C1", "S1", "g1", False)
        ]

    def test_not_one_whose_teachers_have_no_account_and_a_finding_says_so(
        self, world: World
    ) -> None:
        world.class_("C1")
        world.teacher("T1")
        world.enroll("C1", "T1", "teacher")
        world.build(teams={"enabled": True})
        assert desired(world) == []
        assert world.rows(
            "SELECT rule, entity, file, line FROM directory_findings WHERE tbl = 'classes'"
        ) == [("class.team.ownerless", "C1", "classes.csv", 2)]

    def test_no_such_finding_where_there_is_a_team_or_none_is_wanted(self, world: World) -> None:
        world.class_("C1")
        world.class_("C2")
        world.add("existing_groups", id="g1", has_team=True)
        world.build(teams={"enabled": True})
        assert world.rows("SELECT entity FROM directory_findings") == [("C2",)]
        world.build()
        assert world.rows("SELECT entity FROM directory_findings") == []


class TestEnded:
    def test_when_all_its_sessions_ended(self, world: World) -> None:
        world.class_("C1", ["past"])
        world.build()
        assert ended(world) == [("C1", "g1", "its session ended")]

    def test_when_it_left_the_roster(self, world: World) -> None:
        world.class_("C2")
        world.build()
        assert ended(world) == [("C1", "g1", "the class left the roster")]

    def test_when_its_row_says_that_it_is_gone(self, world: World) -> None:
        world.class_("C1", active=False)
        world.build()
        assert ended(world) == [("C1", "g1", "the class left the roster")]

    def test_not_before_the_last_day_on_which_it_still_counts(self, world: World) -> None:
        world.class_("C1", ["past"])
        world.build(sessions={"close_days_after": 1})
        assert ended(world) == []

    @pytest.mark.parametrize("sessions", [[], ["past", "next"], ["next"], ["unknown"]])
    def test_not_while_a_session_is_not_known_to_be_over(
        self, world: World, sessions: list[str]
    ) -> None:
        world.class_("C1", sessions)
        world.build()
        assert ended(world) == []

    def test_not_when_its_school_is_inactive(self, world: World) -> None:
        world.con.execute("UPDATE orgs SET active = false")
        world.class_("C1")
        world.build()
        assert ended(world) == []

    def test_not_when_its_row_was_dropped(self, world: World) -> None:
        world.class_("C2")
        world.add("uncertain", kind="class", key="C1")
        world.build()
        assert ended(world) == []

    @pytest.mark.parametrize(
        ("table", "rule", "entity"),
        [
            ("classes", "classes.session_sourced_ids.dropped", "C1"),
            ("academic_sessions", "academic_sessions.sourced_id.conflict", "past"),
        ],
    )
    def test_not_when_its_sessions_are_in_doubt(
        self, world: World, table: str, rule: str, entity: str
    ) -> None:
        world.class_("C1", ["past"])
        world.add("findings", rule=rule, tbl=table, entity=entity)
        world.build()
        assert ended(world) == []

    def test_not_when_the_roster_has_no_class_at_all(self, world: World) -> None:
        world.build()
        assert ended(world) == []

    def test_not_when_classes_are_switched_off(self, world: World) -> None:
        world.class_("C1", ["past"])
        world.build(classes={"enabled": False})
        assert ended(world) == []

    def test_not_one_without_our_mark(self, world: World) -> None:
        world.con.execute("UPDATE existing_classes SET external_source = NULL")
        world.class_("C1", ["past"])
        world.build()
        assert ended(world) == []
