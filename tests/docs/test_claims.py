"""What the pages on Intune and on the turn of the year say, held against the plan itself."""

from __future__ import annotations

from datetime import date

from sync.plan import list_changes
from tests.docs.shell import ROOT
from tests.worlds import TODAY, World

CREATE = {"mode": "create"}
ENDED = date(2027, 1, 15)


def school_year(pupils: int = 3) -> World:
    """Lincoln High with a class in one term, planned and applied."""
    world = World()
    world.school("4100", name="Lincoln High")
    world.session("T1", "2026-09-01", "2026-12-20")
    world.user("T9")
    world.role("T9", "teacher", "4100")
    world.class_("C1", ["T1"], org_sourced_id="4100")
    world.enroll("C1", "T9", "teacher")
    for n in range(pupils):
        world.user(f"U{n}")
        world.role(f"U{n}", org="4100")
        world.enroll("C1", f"U{n}")
    world.plan(people=CREATE)
    world.apply()
    return world


def test_the_groups_have_the_names_that_the_page_on_intune_tells() -> None:
    world = school_year()
    page = (ROOT / "docs" / "intune.md").read_text(encoding="utf-8")
    groups = world.rows("SELECT display_name, unique_name FROM existing_groups "
                        "WHERE starts_with(unique_name, 'rollcall-')")  # fmt: skip
    assert {name for name, _ in groups} == {
        "All Students", "All Staff", "Students - Lincoln High", "Staff - Lincoln High",
        "Grade 09", "Grade 09 - Lincoln High",
    }  # fmt: skip
    assert [name for name, _ in groups if f"`{name}`" not in page] == []
    [nickname] = [unique for name, unique in groups if name == "Grade 09 - Lincoln High"]
    assert f"`{nickname}`" in page


def test_of_a_class_whose_session_ended_the_pupils_go_and_the_teachers_stay() -> None:
    world = school_year()
    world.plan(ENDED, people=CREATE)
    assert world.changes() == [
        f"remove class_membership C1/member/U{n}" for n in range(3)
    ]  # neither renamed nor deleted, and the owner stays


def test_a_class_of_next_year_with_the_same_id_takes_over_the_group() -> None:
    world = school_year()
    for statement in (
        "UPDATE academic_sessions SET start_date = '2027-01-10', end_date = '2027-06-30'",
        "UPDATE classes SET title = 'Physics'",
        "UPDATE enrollments SET active = false WHERE user_sourced_id = 'U0'",
    ):
        world.con.execute(statement)
    world.plan(ENDED, people=CREATE)
    assert world.changes() == ["update class C1", "remove class_membership C1/member/U0"]


def test_when_all_pupils_change_grade_the_old_groups_are_held_and_the_new_ones_filled() -> None:
    world = school_year(30)
    world.con.execute("UPDATE roles SET grade = '10' WHERE grade = '09'")
    plan = world.plan(people=CREATE)
    assert plan.held == {"group_membership": {"remove": 60}}
    assert plan.counts["group_membership"] == {"add": 60, "remove": 60}
    exception = {"from": TODAY, "to": TODAY, "why": "new year",
                 "limit": {"percent": 100, "count": 0}}  # fmt: skip
    assert world.plan(people=CREATE, guards={"exceptions": [exception]}).held == {}


def test_with_rules_pupils_stay_in_the_old_groups_until_somebody_approves() -> None:
    policy = {"groups": {"membership": "dynamic"}, "dynamic": {"attribute": "officeLocation"}}
    world = school_year(30)
    world.plan(people=CREATE, **policy)
    world.apply()
    world.con.execute("UPDATE roles SET grade = '10' WHERE grade = '09'")
    assert world.plan(people=CREATE, **policy).held == {"person_rule": {"remove": 30}}


def test_roles_of_a_session_leave_the_groups_between_two_sessions_unless_they_are_bridged() -> None:
    world = school_year()
    world.con.execute("UPDATE roles SET session_sourced_id = 'T1'")
    world.plan(ENDED, people=CREATE)
    removed = {c.kind for c in list_changes(world.con) if c.action == "remove"}
    assert removed == {"class_membership", "group_membership", "school_membership"}
    assert "disable person" not in " ".join(world.changes())
    world.plan(ENDED, people=CREATE, sessions={"close_days_after": 60})
    assert world.changes() == []


def test_a_leaver_leaves_at_once_and_is_disabled_after_the_days_and_comes_back() -> None:
    world = school_year()
    world.con.execute("DELETE FROM users WHERE sourced_id = 'U0'")
    world.con.execute("DELETE FROM roles WHERE user_sourced_id = 'U0'")
    world.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'U0'")
    world.plan(people=CREATE)
    actions = {(c.action, c.kind) for c in list_changes(world.con)}
    assert ("remove", "class_membership") in actions
    assert ("disable", "person") not in actions
    world.add("leavers", external_id="U0", since=date(2026, 11, 1), disabled=False)
    world.plan(people=CREATE)
    assert "disable person U0" in world.changes()
    assert not {c.action for c in list_changes(world.con)} - {"remove", "disable"}
