"""What was changed by hand is told from what the roster changed, and repaired or only reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sync.drift import KEPT, leave_wanted, settle_kept
from tests.worlds import World

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage

CREATE: dict[str, Any] = {"people": {"mode": "create"}, "groups": {
    "by_role": False, "by_school_role": False, "by_grade": False, "by_school_grade": False,
}}  # fmt: skip
REPORT = CREATE | {"drift": "report"}


@pytest.fixture
def world(storage: Storage, tmp_path: Path) -> World:
    """A school with a class, as a finished run left it."""
    world = World()
    world.school()
    world.class_()
    world.teacher("T1")
    for key in ("P1", "P2"):
        world.student(key)
        world.enroll("C1", key)
    world.enroll("C1", "T1", "teacher")
    world.plan(**CREATE)
    finish(world, storage, tmp_path)
    assert world.plan(**CREATE).size == 0
    return world


def finish(world: World, storage: Storage, folder: Path, failed: str = "false") -> None:
    """Does what the plan says, less what fails, and remembers what was left behind."""
    leave_wanted(world.con, folder)
    world.con.execute(
        f"""CREATE OR REPLACE TABLE change_outcomes AS SELECT kind, key, action,
        CASE WHEN {failed} THEN 'failed' ELSE 'done' END AS status FROM plan_changes"""
    )
    world.apply(f"NOT ({failed})")
    settle_kept(storage, world.con, folder)
    KEPT.load(storage, world.con, folder)


def reasons(world: World) -> list[str]:
    return [f"{a} {k}: {r}" for a, k, r in world.rows(
        "SELECT action, key, reason FROM plan_changes ORDER BY ALL")]  # fmt: skip


def reported(world: World) -> list[tuple[str, str]]:
    return world.rows("SELECT entity, value FROM directory_findings WHERE rule = 'drift.reported'")


def by_hand(world: World) -> None:
    world.con.execute("DELETE FROM existing_members WHERE member_id = 'user:P1' "
                      "AND container_kind = 'class'")  # fmt: skip
    world.con.execute("INSERT INTO existing_members VALUES ('class', 'class:C1', 'user:T1', "
                      "'member')")  # fmt: skip
    world.con.execute("UPDATE existing_classes SET display_name = 'Chess'")


def test_changes_by_hand_are_repaired_and_called_so(world: World) -> None:
    by_hand(world)
    world.plan(**CREATE)
    assert reasons(world) == [
        "add C1/member/P1: enrolled as student (removed by hand)",
        "remove C1/member/T1: not enrolled as member any more (added by hand)",
        "update C1: the roster differs (changed by hand)",
    ]


def test_changes_by_hand_are_only_reported_where_the_policy_says_so(world: World) -> None:
    by_hand(world)
    assert world.plan(**REPORT).size == 0
    assert sorted(reported(world)) == [
        ("class C1", "changed by hand"),
        ("class membership C1/member/P1", "removed by hand"),
        ("class membership C1/member/T1", "added by hand"),
    ]


def test_what_the_roster_changed_is_no_drift(world: World) -> None:
    world.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'P2'")
    world.con.execute("UPDATE classes SET title = 'Algebra'")
    world.student("P3")
    world.enroll("C1", "P3")
    world.plan(**REPORT)
    assert [r for r in reasons(world) if "hand" in r] == []
    assert {"remove class_membership C1/member/P2", "update class C1", "create person P3",
            "add class_membership C1/member/P3"} <= set(world.changes())  # fmt: skip


def test_a_deleted_class_or_account_is_not_made_again_where_drift_is_reported(
    world: World,
) -> None:
    world.con.execute("DELETE FROM existing_classes; DELETE FROM existing_groups; "
                      "DELETE FROM existing_members WHERE container_kind = 'class' "
                      "OR member_id = 'user:P1'; "
                      "DELETE FROM existing_people WHERE external_id = 'P1'")  # fmt: skip
    assert world.plan(**REPORT).size == 0
    assert {("class C1", "deleted by hand"), ("person P1", "deleted by hand")} <= set(
        reported(world)
    )
    world.plan(**CREATE)
    assert "create C1: active today, without a group (deleted by hand)" in reasons(world)


def test_what_a_run_failed_to_do_is_no_drift(
    world: World, storage: Storage, tmp_path: Path
) -> None:
    world.student("P3")
    world.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'P2'")
    world.plan(**REPORT)
    finish(world, storage, tmp_path, failed="kind = 'school_membership' OR action = 'remove'")
    world.plan(**REPORT)
    assert world.changes() == [
        "add school_membership S1/member/P3",
        "remove class_membership C1/member/P2",
    ]
    assert reported(world) == []


def test_before_the_first_run_nothing_is_drift(storage: Storage, tmp_path: Path) -> None:
    world = World()
    KEPT.load(storage, world.con, tmp_path)
    world.school()
    world.student("P1")
    world.plan(**CREATE)
    assert [r for r in reasons(world) if "hand" in r] == []
