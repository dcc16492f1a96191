"""The difference between a roster and a directory."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from sync.change import Change, ChangeMessage
from sync.plan import Plan, list_changes, messages, settle, start_created
from tests.worlds import TODAY, World

if TYPE_CHECKING:
    from pathlib import Path

CREATE = {"people": {"mode": "create"}}


@pytest.fixture
def world() -> World:
    """One school, one class with a teacher and two students, and an empty directory."""
    world = World()
    world.school("S1", name="Lincoln High")
    world.class_("C1", title="Algebra", code="ALG")
    world.teacher("T1")
    world.student("U1")
    world.student("U2")
    world.enroll("C1", "T1", "teacher")
    world.enroll("C1", "U1")
    world.enroll("C1", "U2")
    return world


@pytest.fixture
def synced(world: World) -> World:
    """The same, with the directory brought up to date."""
    world.plan(**CREATE)
    world.apply()
    return world


class TestDifference:
    def test_an_empty_directory_gets_everything(self, world: World) -> None:
        plan = world.plan(**CREATE)
        assert plan.counts == {
            "school": {"create": 1},
            "person": {"create": 3},
            "class": {"create": 1},
            "group": {"create": 6},
            "school_membership": {"add": 3},
            "class_membership": {"add": 3},
            "group_membership": {"add": 10},
        }
        assert plan.held == {}

    def test_nothing_to_do_is_an_empty_plan(self, synced: World) -> None:
        plan = synced.plan(**CREATE)
        assert synced.changes() == []
        assert plan.size == 0

    def test_mode_match_creates_nobody(self, world: World) -> None:
        world.account("u1")
        plan = world.plan()
        assert plan.counts["person"] == {"update": 1}
        assert plan.counts["class_membership"] == {"add": 1}
        assert plan.findings == {"error": 0, "warning": 2}
        [change] = [c for c in list_changes(world.con) if c.kind == "person"]
        assert change.reason == "matched by username = userPrincipalName"
        assert change.as_dict()["after"] == {
            "external_id": "U1",
            "primary_role": "student",
            "grade": "09",
        }

    def test_a_mark_always_says_under_which_role_it_is_kept(self, world: World) -> None:
        world.account("t1", primary_role="teacher")
        world.plan()
        [change] = [c for c in list_changes(world.con) if c.kind == "person"]
        assert change.as_dict()["after"] == {"external_id": "T1", "primary_role": "teacher"}

    def test_names_follow_the_roster_in_mode_create_only(self, synced: World) -> None:
        synced.con.execute("UPDATE users SET family_name = 'New' WHERE sourced_id = 'U1'")
        assert synced.plan(**CREATE).counts == {"person": {"update": 1}}
        assert synced.plan().size == 0

    def test_a_username_follows_the_roster_and_its_letter_case_does_not_matter(
        self, synced: World
    ) -> None:
        synced.con.execute("UPDATE users SET username = 'U1' WHERE sourced_id = 'U1'")
        assert synced.plan(**CREATE).size == 0
        synced.con.execute("UPDATE users SET username = 'new' WHERE sourced_id = 'U1'")
        synced.plan(**CREATE)
        [change] = list_changes(synced.con)
        assert change.as_dict()["after"] == {"upn": "new@contoso.edu"}
        synced.con.execute("UPDATE users SET username = 'u2' WHERE sourced_id = 'U1'")
        plan = synced.plan(**CREATE)
        assert plan.findings["error"] == 2
        assert plan.size == 0

    def test_on_premises_accounts_get_marks_and_nothing_else(self, synced: World) -> None:
        synced.con.execute("UPDATE existing_people SET on_premises_sync = true, grade = NULL")
        synced.con.execute("UPDATE users SET family_name = 'New', username = sourced_id || 'x'")
        synced.con.execute("UPDATE users SET active = false WHERE sourced_id = 'U2'")
        synced.plan(**CREATE | {"people": {"mode": "create", "disable_after_days": 0}})
        assert [c.as_dict()["after"] for c in list_changes(synced.con) if c.kind == "person"] == [
            {"grade": "09"}
        ]

    def test_an_empty_value_of_the_roster_erases_nothing(self, synced: World) -> None:
        synced.con.execute("UPDATE users SET given_name = NULL WHERE sourced_id = 'U1'")
        synced.plan(**CREATE)
        fields = {key for c in list_changes(synced.con) for key in c.as_dict()["after"] or {}}
        assert fields == {"display_name"}

    def test_names_of_schools_classes_and_groups_follow_the_roster(self, synced: World) -> None:
        synced.con.execute("UPDATE orgs SET name = 'Lincoln'")
        synced.con.execute("UPDATE classes SET title = 'Geometry', code = NULL")
        plan = synced.plan(**CREATE)
        assert plan.counts == {
            "school": {"update": 1},
            "class": {"update": 1},
            "group": {"update": 3},
        }

    def test_a_leaver_loses_memberships_at_once_and_is_disabled_after_the_grace(
        self, synced: World
    ) -> None:
        synced.con.execute("DELETE FROM users WHERE sourced_id = 'U1'")
        synced.con.execute("DELETE FROM roles WHERE user_sourced_id = 'U1'")
        synced.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'U1'")
        plan = synced.plan(**CREATE)
        assert plan.counts == {
            "school_membership": {"remove": 1},
            "class_membership": {"remove": 1},
            "group_membership": {"remove": 4},
        }
        assert {c.reason for c in list_changes(synced.con)} == {"left the roster"}
        assert synced.rows("SELECT * FROM absent_people") == [("U1", TODAY, False)]
        synced.add("leavers", external_id="U1", since=date(2026, 11, 17), disabled=False)
        assert "disable person U1" in (synced.plan(**CREATE), synced.changes())[1]
        assert "disable person U1" not in (synced.plan(), synced.changes())[1]

    def test_a_leaver_who_returns_is_enabled_only_if_we_disabled_them(self, synced: World) -> None:
        synced.con.execute("UPDATE existing_people SET account_enabled = false")
        synced.add("leavers", external_id="U1", since=date(2026, 11, 1), disabled=True)
        synced.add("leavers", external_id="U2", since=date(2026, 11, 1), disabled=False)
        synced.plan(**CREATE)
        assert synced.changes() == ["enable person U1"]

    def test_drift_is_repaired_and_strangers_are_left_alone(self, synced: World) -> None:
        synced.account("guest")
        synced.add("existing_members", container_kind="class", container_id="class:C1",
                   member_id="guest", relation="owner")  # fmt: skip
        synced.add("existing_members", container_kind="class", container_id="class:C1",
                   member_id="user:T1", relation="member")  # fmt: skip
        synced.add("existing_members", container_kind="group", container_id="foreign",
                   member_id="user:U1", relation="member")  # fmt: skip
        synced.con.execute("DELETE FROM existing_members WHERE member_id = 'user:U2'")
        synced.plan(**CREATE)
        assert synced.changes() == [
            "add class_membership C1/member/U2",
            *(f"add group_membership {name}/member/U2" for name in (
                "rollcall-grade-09", "rollcall-role-students",
                *sorted(f"rollcall-school-{x}" for x in self._s1(synced)))),
            "add school_membership S1/member/U2",
            "remove class_membership C1/member/T1",
        ]  # fmt: skip

    def _s1(self, world: World) -> list[str]:
        [(key,)] = world.rows("SELECT name_key('S1')")
        return [f"grade-09-{key}", f"role-students-{key}"]

    def test_the_last_owner_of_a_class_stays(self, synced: World) -> None:
        synced.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'T1'")
        plan = synced.plan(**CREATE)
        assert plan.size == 0
        assert plan.findings == {"error": 0, "warning": 1}

    def test_a_new_teacher_is_added_before_the_old_one_goes(self, synced: World) -> None:
        synced.teacher("T2")
        synced.con.execute("UPDATE enrollments SET user_sourced_id = 'T2' WHERE role = 'teacher'")
        synced.plan(**CREATE)
        assert [(c.phase, c.key) for c in list_changes(synced.con) if "C1" in c.key] == [
            (2, "C1/owner/T2"),
            (3, "C1/owner/T1"),
        ]

    def test_a_class_that_ended_loses_its_students_and_keeps_its_teacher(
        self, synced: World
    ) -> None:
        synced.con.execute("UPDATE classes SET active = false")
        synced.plan(**CREATE)
        assert synced.changes() == [
            "remove class_membership C1/member/U1",
            "remove class_membership C1/member/U2",
        ]
        assert {c.reason for c in list_changes(synced.con)} == {"the class is not active any more"}

    def test_whatever_is_switched_off_is_left_as_it_is(self, synced: World) -> None:
        synced.con.execute("DELETE FROM enrollments")
        synced.con.execute("DELETE FROM roles WHERE user_sourced_id = 'U1'")
        off = dict.fromkeys(("by_role", "by_school_role", "by_grade", "by_school_grade"), False)
        synced.plan(**CREATE, classes={"enabled": False}, schools={"enabled": False}, groups=off)
        assert synced.changes() == []

    def test_guardians_are_written_once_and_again_only_when_they_differ(self, world: World) -> None:
        world.user("G1", email="g@home.net")
        world.row("relationships", user_sourced_id="U1", relationship_user_sourced_id="G1",
                  role="parent")  # fmt: skip
        wanted = {"people": {"mode": "create", "guardians": True}}
        world.plan(**wanted)
        world.apply()
        assert world.plan(**wanted).size == 0
        world.con.execute("UPDATE users SET email = 'new@home.net' WHERE sourced_id = 'G1'")
        assert world.plan(**wanted).counts == {"person": {"update": 1}}

    @pytest.mark.parametrize(
        "doubt",
        [
            "INSERT INTO uncertain VALUES ('relationship', 'U1', 'G1')",
            "INSERT INTO uncertain VALUES ('user', 'G2', NULL)",
            "INSERT INTO unreadable VALUES ('relationships', 1)",
            "INSERT INTO unreadable VALUES ('users', 2)",
        ],
    )
    def test_a_guardian_whose_row_was_faulty_is_not_taken_away(
        self, world: World, doubt: str
    ) -> None:
        for guardian in ("G1", "G2"):
            world.user(guardian, email=f"{guardian}@home.net")
            world.row("relationships", user_sourced_id="U1", role="parent",
                      relationship_user_sourced_id=guardian)  # fmt: skip
        wanted = {"people": {"mode": "create", "guardians": True}}
        world.plan(**wanted)
        world.apply()
        world.con.execute("UPDATE users SET email = NULL WHERE sourced_id = 'G2'")
        assert world.plan(**wanted).counts == {"person": {"update": 1}}
        world.con.execute(doubt)
        assert world.plan(**wanted).size == 0


class TestClassKinds:
    """A class is an education class, or a plain group that carries the class in its name."""

    PLAIN = CREATE | {"classes": {"kind": "group"}}

    @pytest.fixture
    def plain(self, world: World) -> World:
        world.plan(**self.PLAIN)
        world.apply()
        return world

    def test_a_plain_class_is_made_with_what_a_group_has(self, world: World) -> None:
        world.plan(**self.PLAIN)
        [name] = world.rows("SELECT unique_name FROM desired_classes")
        [change] = [c for c in list_changes(world.con) if c.kind == "class"]
        assert change.as_dict()["after"] == {
            "unique_name": name[0],
            "display_name": "Algebra",
            "mail_nickname": "Section_C1",
        }

    def test_it_is_found_again_and_kept_true(self, plain: World) -> None:
        assert plain.plan(**self.PLAIN).size == 0
        assert plain.rows("SELECT 1 FROM existing_classes") == []
        plain.con.execute("UPDATE classes SET title = 'Geometry', code = 'GEO'")
        plain.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'U1'")
        plan = plain.plan(**self.PLAIN)
        assert plan.counts == {"class": {"update": 1}, "class_membership": {"remove": 1}}
        [update] = [c for c in list_changes(plain.con) if c.kind == "class"]
        assert update.as_dict()["after"] == {"display_name": "Geometry"}
        plain.apply()
        assert plain.plan(**self.PLAIN).size == 0

    @pytest.mark.parametrize("kind", ["education", "group"])
    def test_another_kind_makes_no_second_group(self, world: World, kind: str) -> None:
        other = "group" if kind == "education" else "education"
        world.plan(**CREATE, classes={"kind": kind})
        world.apply()
        assert world.plan(**CREATE, classes={"kind": other}).size == 0

    def test_a_class_that_left_the_roster_loses_its_students(self, plain: World) -> None:
        plain.con.execute("DELETE FROM classes")
        plain.con.execute("DELETE FROM enrollments")
        plan = plain.plan(**self.PLAIN)
        assert plan.counts == {"class_membership": {"remove": 2}}
        assert all("rollcall-class-" in c.key for c in list_changes(plain.con))

    @pytest.mark.parametrize("kind", ["class", "enrollment"])
    def test_a_class_whose_rows_were_faulty_keeps_its_people(self, plain: World, kind: str) -> None:
        plain.con.execute("DELETE FROM classes")
        plain.con.execute("DELETE FROM enrollments")
        for person in ("U1", "U2"):
            plain.add("uncertain", kind=kind, key="C1", key2=person)
        assert plain.plan(**self.PLAIN).size == 0


class TestRules:
    """Units and groups of whom a rule says, and the attribute that it reads."""

    RULED = CREATE | {
        "schools": {"membership": "dynamic"},
        "groups": {"membership": "dynamic"},
        "dynamic": {"attribute": "department"},
    }

    @pytest.fixture
    def ruled(self, world: World) -> World:
        world.plan(**self.RULED)
        world.apply()
        return world

    def test_people_are_made_with_the_value_and_nobody_is_assigned(self, world: World) -> None:
        plan = world.plan(**self.RULED)
        assert plan.counts == {
            "school": {"create": 1},
            "person": {"create": 3},
            "class": {"create": 1},
            "group": {"create": 6},
            "class_membership": {"add": 3},
        }
        assert plan.by_rule == {"group_membership": 10, "school_membership": 3}
        created = [c.as_dict()["after"] for c in list_changes(world.con) if c.kind == "person"]
        assert {after["department"].partition("/")[2] for after in created} == {"s09;", "t;"}
        made = [
            c.as_dict()["after"] for c in list_changes(world.con) if c.kind in ("school", "group")
        ]
        assert all("user.department" in after["membership_rule"] for after in made)

    @pytest.mark.parametrize("attribute", ["department", "officeLocation", "extensionAttribute1"])
    def test_a_further_run_does_nothing(self, world: World, attribute: str) -> None:
        settings = self.RULED | {"dynamic": {"attribute": attribute}}
        world.plan(**settings)
        world.apply()
        assert world.plan(**settings).size == 0

    def test_members_by_rule_are_no_changes(self, ruled: World) -> None:
        ruled.add("existing_members", container_kind="school", container_id="unit:S1",
                  member_id="user:U1", relation="member")  # fmt: skip
        ruled.add("existing_members", container_kind="group",
                  container_id="group:rollcall-role-staff", member_id="user:U1",
                  relation="member")  # fmt: skip
        assert ruled.plan(**self.RULED).size == 0

    def test_a_changed_rule_is_put_right(self, ruled: World) -> None:
        ruled.con.execute("UPDATE existing_groups SET membership_rule = 'all' WHERE group_types "
                          "= ['DynamicMembership']")  # fmt: skip
        ruled.con.execute("UPDATE existing_schools SET membership_rule = 'all'")
        assert ruled.plan(**self.RULED).counts == {"school": {"update": 1}, "group": {"update": 6}}
        ruled.apply()
        assert ruled.plan(**self.RULED).size == 0

    def test_a_move_is_one_write_with_what_else_changes_of_the_account(self, ruled: World) -> None:
        ruled.con.execute("UPDATE roles SET grade = '10' WHERE user_sourced_id = 'U1'")
        plan = ruled.plan(**self.RULED)
        assert plan.counts["person"] == {"update": 1}
        assert plan.counts["person_rule"] == {"remove": 1}
        start_created(ruled.con)
        [message] = messages(ruled.con, plan, 1, held=False)
        assert message.fields["grade"] == "10"
        assert message.fields["department"].endswith("/s10;")
        assert (message.action, message.object_id, message.count) == ("update", "user:U1", 2)
        [rule] = [c for c in list_changes(ruled.con) if c.kind == "person_rule"]
        assert "/s09;" in str(rule)
        assert str(rule).endswith('/s10;"}: other roles than before (users.csv:3)')

    def test_losing_places_is_guarded_as_a_removal(self, ruled: World) -> None:
        ruled.con.execute("UPDATE roles SET grade = '10' WHERE user_sourced_id = 'U1'")
        guards = {"removals": {"count": 0, "percent": 0}}
        plan = ruled.plan(**self.RULED, guards=guards)
        assert plan.held == {"person_rule": {"remove": 1}}
        assert plan.why_held == (
            "person_rule remove: 1 of 3 existing: more than 0 and more than 0 %",
        )
        start_created(ruled.con)
        [flowing] = messages(ruled.con, plan, 1, held=False)
        [held] = messages(ruled.con, plan, 1, held=True)
        assert flowing.fields == {"grade": "10"}
        assert list(held.fields) == ["department"]

    def test_whoever_leaves_loses_the_value(self, ruled: World) -> None:
        for table in ("users", "roles", "enrollments"):
            column = "sourced_id" if table == "users" else "user_sourced_id"
            ruled.con.execute(f"DELETE FROM {table} WHERE {column} = 'U1'")
        plan = ruled.plan(**self.RULED)
        assert plan.counts["person_rule"] == {"remove": 1}
        [change] = [c for c in list_changes(ruled.con) if c.kind == "person_rule"]
        assert change.as_dict()["after"] == {"department": None}
        assert change.reason == "no role that counts today"
        ruled.apply()
        assert ruled.plan(**self.RULED).size == 0

    def test_nobody_in_doubt_loses_the_value(self, ruled: World) -> None:
        ruled.con.execute("UPDATE roles SET grade = '10' WHERE user_sourced_id = 'U1'")
        ruled.add("uncertain", kind="role", key="U1")
        ruled.plan(**self.RULED)
        [change] = [c for c in list_changes(ruled.con) if c.kind == "person_rule"]
        assert change.action == "add"
        assert re.search("/s09;.*/s10;", str(change.after))

    def test_assigned_groups_become_dynamic_after_people_got_the_value(self, synced: World) -> None:
        plan = synced.plan(**self.RULED)
        assert plan.counts == {
            "school": {"update": 1},
            "group": {"update": 6},
            "person_rule": {"add": 3},
        }
        phases = {(c.phase, c.kind) for c in list_changes(synced.con)}
        assert phases == {(1, "school"), (1, "person_rule"), (2, "group")}
        synced.apply()
        assert synced.plan(**self.RULED).size == 0

    def test_dynamic_groups_become_assigned_and_are_then_filled(self, ruled: World) -> None:
        plan = ruled.plan(**CREATE)
        assert plan.counts == {"school": {"update": 1}, "group": {"update": 6}}
        assert {str(c.as_dict()["after"]) for c in list_changes(ruled.con)} == {
            "{'membership_rule': None}"
        }
        ruled.apply()
        assert ruled.plan(**CREATE).counts == {
            "school_membership": {"add": 3},
            "group_membership": {"add": 10},
        }
        ruled.apply()
        assert ruled.plan(**CREATE).size == 0


class TestDoubt:
    """Nothing is removed because a row of the source was faulty."""

    def drop(self, world: World) -> None:
        for table in ("users", "roles", "enrollments"):
            column = "sourced_id" if table == "users" else "user_sourced_id"
            world.con.execute(f"DELETE FROM {table} WHERE {column} = 'U1'")

    @pytest.mark.parametrize("kind", ["user", "role"])
    def test_a_person_whose_row_was_dropped_stays_everywhere(
        self, synced: World, kind: str
    ) -> None:
        self.drop(synced)
        synced.add("uncertain", kind=kind, key="U1")
        assert synced.plan(**CREATE, guards={}).size == 0
        assert synced.rows("SELECT * FROM absent_people") == []

    def test_a_dropped_enrollment_keeps_its_membership_and_no_other(self, synced: World) -> None:
        synced.con.execute("DELETE FROM enrollments WHERE role = 'student'")
        synced.add("uncertain", kind="enrollment", key="C1", key2="U1")
        synced.plan(**CREATE)
        assert synced.changes() == ["remove class_membership C1/member/U2"]

    def test_a_dropped_class_keeps_its_members(self, synced: World) -> None:
        synced.con.execute("DELETE FROM classes")
        synced.add("uncertain", kind="class", key="C1")
        assert synced.plan(**CREATE).size == 0

    def test_a_dropped_school_keeps_its_people(self, synced: World) -> None:
        synced.school("S2")
        synced.con.execute("DELETE FROM orgs WHERE sourced_id = 'S1'")
        synced.con.execute("UPDATE roles SET org_sourced_id = 'S2'")
        synced.add("uncertain", kind="org", key="S1")
        synced.plan(**CREATE)
        assert not [c for c in synced.changes() if c.startswith("remove school_membership")]

    def test_a_contested_person_stays_as_they_are(self, synced: World) -> None:
        synced.account("copy", "U1")
        plan = synced.plan(**CREATE)
        assert plan.size == 0
        assert plan.findings["error"] == 1

    def test_a_blanked_grade_does_not_take_the_person_out_of_the_grade_group(
        self, synced: World
    ) -> None:
        synced.con.execute("UPDATE roles SET grade = NULL WHERE user_sourced_id = 'U1'")
        synced.add("uncertain", kind="role", key="U1")
        assert synced.plan(**CREATE).size == 0


class TestPlan:
    def test_it_survives_saving_and_loading(self, world: World, tmp_path: Path) -> None:
        plan = world.plan(**CREATE)
        before = list(list_changes(world.con))
        plan.save(world.con, tmp_path)
        other = World()
        assert Plan.load(other.con, tmp_path) == plan
        assert list(list_changes(other.con)) == before

    def test_the_checksum_names_the_changes_and_what_is_held(self, world: World) -> None:
        first = world.plan(**CREATE).checksum
        assert world.plan(**CREATE).checksum == first
        world.student("U9")
        assert world.plan(**CREATE).checksum != first

    def test_changes_are_sorted_printable_and_say_where_they_come_from(self, world: World) -> None:
        world.plan(**CREATE)
        changes = list(list_changes(world.con))
        assert changes == sorted(changes)
        assert [c.id for c in changes] == list(dict.fromkeys(c.id for c in changes))
        assert list(list_changes(world.con, limit=1)) == changes[:1]
        assert str(next(c for c in changes if c.key == "C1/member/U2")) == (
            "add class_membership C1/member/U2: enrolled as student (enrollments.csv:4)"
        )
        update = Change(1, "person", "U1", "update", "x", None, "{}", "{}", "r", None, "why")
        assert str(update) == "update person U1 {} → {}: r  [held: why]"


class TestMessages:
    def send(self, world: World, plan: Plan, phase: int, held: bool = False) -> list[ChangeMessage]:
        return list(messages(world.con, plan, phase, held=held))

    def test_what_is_created_comes_first_and_those_on_one_object_are_mixed_with_others(
        self, world: World
    ) -> None:
        plan = world.plan(**CREATE)
        start_created(world.con)
        for key in ("T1", "U1", "U2"):
            world.add("created", kind="person", key=key, object_id=f"id-{key}")
        world.add("created", kind="school", key="S1", object_id="id-S1")
        sent = self.send(world, plan, 2)
        order = [(m.action != "create", m.id) for m in sent]
        assert order == sorted(order)
        assert {m.action for m in sent} == {"create", "members"}

    def test_one_message_for_each_entity_in_three_phases(self, world: World) -> None:
        plan = world.plan(**CREATE)
        start_created(world.con)
        first = self.send(world, plan, 1)
        assert sorted((m.kind, m.key, m.action, m.count) for m in first) == [
            ("person", "T1", "create", 1),
            ("person", "U1", "create", 1),
            ("person", "U2", "create", 1),
            ("school", "S1", "create", 1),
        ]
        for message in first:
            world.add("created", kind=message.kind, key=message.key, object_id=f"id-{message.key}")
        second = self.send(world, plan, 2)
        by_key = {m.key: m for m in second}
        assert by_key["C1"].add_owners == ("id-T1",)
        assert by_key["C1"].add_members == ("id-U1", "id-U2")
        assert by_key["C1"].fields["mail_nickname"] == "Section_C1"
        assert by_key["C1"].count == 4
        assert by_key["S1"].object_id == "id-S1"
        assert by_key["S1"].action == "members"
        assert self.send(world, plan, 3) == []
        assert sum(m.count for m in first + second) == plan.size
        assert {m.id for m in self.send(world, plan, 2)} == {m.id for m in second}

    def test_a_big_entity_is_split_and_every_message_fits_the_queue(self, world: World) -> None:
        for number in range(450):
            world.student(f"X{number}")
            world.enroll("C1", f"X{number}")
        plan = world.plan(**CREATE)
        world.con.execute(
            """CREATE TABLE created AS SELECT 'person' AS kind, external_id AS key,
               uuid()::VARCHAR AS object_id FROM desired_people"""
        )
        class_messages = [m for m in self.send(world, plan, 2) if m.kind == "class"]
        assert [len(m.add_members) + len(m.add_owners) for m in class_messages].count(200) == 2
        assert [m.action for m in class_messages].count("create") == 1
        assert sum(m.count for m in class_messages) == 454
        assert all(len(m.model_dump_json()) < 40_000 for m in class_messages)

    def test_updates_and_removals_carry_the_ids_of_the_directory(self, synced: World) -> None:
        synced.con.execute("UPDATE classes SET title = 'Geometry'")
        synced.con.execute("DELETE FROM enrollments WHERE user_sourced_id = 'U1'")
        plan = synced.plan(**CREATE)
        start_created(synced.con)
        [update] = self.send(synced, plan, 2)
        assert (update.action, update.object_id) == ("update", "class:C1")
        assert update.fields == {"display_name": "Geometry"}
        [removal] = self.send(synced, plan, 3)
        assert (removal.action, removal.remove_members) == ("members", ("user:U1",))

    def test_school_removals_address_the_school(self, synced: World) -> None:
        self.leave(synced)
        plan = synced.plan(**CREATE)
        start_created(synced.con)
        assert "school:S1" in {m.object_id for m in self.send(synced, plan, 3)}

    def leave(self, world: World) -> None:
        world.con.execute("DELETE FROM roles WHERE user_sourced_id = 'U1'")


class TestOutcomes:
    def test_every_change_ends_in_one_outcome(self, world: World) -> None:
        plan = world.plan(**CREATE)
        start_created(world.con)
        first = list(messages(world.con, plan, 1, held=False))
        world.con.execute(
            "CREATE TABLE outcomes (message VARCHAR, status VARCHAR, error VARCHAR, code VARCHAR)"
        )
        for message in first:
            ok = message.key != "U1"
            world.add("outcomes", message=message.id, status="done" if ok else "failed",
                      error=None if ok else "taken", code=None)  # fmt: skip
            if ok:
                world.add("created", kind=message.kind, key=message.key, object_id=message.key)
        for message in messages(world.con, plan, 2, held=False):
            world.add("outcomes", message=message.id, status="done", error=None, code=None)
        settle(world.con)
        counts = dict(world.rows("SELECT status, count(*) FROM change_outcomes GROUP BY 1"))
        assert sum(counts.values()) == plan.size
        assert counts["failed"] == 1 + 6
        assert world.rows("SELECT DISTINCT error FROM change_outcomes WHERE key LIKE '%/U1'") == [
            ("the person's account could not be made",)
        ]

    def test_a_reference_that_failed_is_the_only_failure_of_its_message(self, world: World) -> None:
        plan = world.plan(**CREATE)
        start_created(world.con)
        world.con.execute(
            "CREATE TABLE outcomes (message VARCHAR, status VARCHAR, error VARCHAR, code VARCHAR)"
        )
        world.con.execute(
            """CREATE TABLE failed_references (message VARCHAR, action VARCHAR, relation VARCHAR,
                                               person VARCHAR, error VARCHAR)"""
        )
        for phase in (1, 2):
            for message in messages(world.con, plan, phase, held=False):
                world.add("outcomes", message=message.id, status="done", error=None, code=None)
                if message.action == "create":
                    made = f"id:{message.key}"
                    world.add("created", kind=message.kind, key=message.key, object_id=made)
                if message.kind == "class":
                    world.add("failed_references", message=message.id, action="add",
                              relation="member", person="id:U1", error="gone")  # fmt: skip
        settle(world.con)
        assert world.rows(
            "SELECT kind, key, error FROM change_outcomes WHERE status = 'failed'"
        ) == [("class_membership", "C1/member/U1", "gone")]

    def test_what_nothing_is_known_of_has_failed(self, world: World) -> None:
        world.account("t1", "T1")
        world.account("u1", "U1")
        world.account("u2", "U2")
        world.plan()
        start_created(world.con)
        world.con.execute(
            "CREATE TABLE outcomes (message VARCHAR, status VARCHAR, error VARCHAR, code VARCHAR)"
        )
        settle(world.con)
        assert world.rows("SELECT DISTINCT status, error FROM change_outcomes") == [
            ("failed", "nothing is known of this change")
        ]
