"""What School Data Sync made: recognised, reported, taken over, never doubled."""

from __future__ import annotations

from typing import Any

import pytest

from sync.plan import list_changes, messages, start_created
from tests.worlds import World

ON = {"adopt": {"enabled": True}}
CREATE = {"people": {"mode": "create", "disable_after_days": 0}}


@pytest.fixture
def world() -> World:
    """One school, a class, a teacher and a pupil; nobody's username fits an account."""
    world = World()
    world.school("S1")
    world.class_("C1", title="Algebra")
    world.teacher("T1", username="new.teacher")
    world.student("U1", username="new.pupil")
    world.enroll("C1", "T1", "teacher")
    world.enroll("C1", "U1")
    return world


def findings(world: World) -> set[tuple[str, str]]:
    return set(world.rows("SELECT rule, entity FROM directory_findings"))


def twins(world: World) -> list[tuple[Any, ...]]:
    return world.rows(
        "SELECT kind, external_id, object_id, evidence, fault FROM twins ORDER BY 1, 3"
    )


def sds_class(world: World, key: str, *, education: bool = True, **values: Any) -> None:
    """A group that SDS made; `external_id` and `external_source` are what education says."""
    marks = {n: values.pop(n, None) for n in ("external_id", "external_source")}
    usual = {"display_name": f"Group {key}", "mail_nickname": key}
    world.add("existing_groups", id=key, **usual | values)
    if education:
        world.add("existing_classes", id=key, display_name=f"Group {key}", **marks)


def sds_school(world: World, key: str, *, education: bool = True, **values: Any) -> None:
    marks = {n: values.pop(n, None) for n in ("external_id", "external_source")}
    world.add("existing_units", id=f"unit:{key}", display_name=f"Unit {key}", **values)
    if education:
        world.add("existing_schools", id=f"school:{key}", unit_id=f"unit:{key}",
                  display_name=f"Unit {key}", **marks)  # fmt: skip


class TestPeople:
    @pytest.mark.parametrize(
        ("person", "values", "evidence"),
        [
            ("U1", {"sds_anchor": "Student_U1"}, "anchor Student_U1"),
            ("U1", {"sds_anchor": "User_U1"}, "anchor User_U1"),
            ("T1", {"sds_anchor": "Teacher_T1"}, "anchor Teacher_T1"),
            ("T1", {"sds_anchor": "User_T1"}, "anchor User_T1"),
            ("U1", {"sds_student": "U1"}, "student id U1"),
            ("T1", {"sds_teacher": "T1"}, "teacher id T1"),
            ("U1", {"external_id": "U1", "external_source": "sds"}, "external id U1"),
            ("U1", {"external_id": "U1", "external_source": "manual"}, "external id U1"),
            ("U1", {"sds_anchor": "Student_U1", "sds_student": "U1"},
             "anchor Student_U1, student id U1"),
        ],
    )  # fmt: skip
    def test_every_form_of_the_id_finds_the_account(
        self, world: World, person: str, values: dict[str, Any], evidence: str
    ) -> None:
        world.account("old", **values)
        world.build(**ON)
        assert world.rows("FROM links") == [(person, "old", evidence)]

    @pytest.mark.parametrize(
        "values",
        [
            {"sds_anchor": "Teacher_U1"},
            {"sds_teacher": "U1"},
            {"sds_anchor": "Student_T1"},
            {"sds_student": "T1"},
            {"sds_anchor": "Section_U1"},
            {"sds_anchor": "User_u1"},
            {"sds_anchor": "U1"},
        ],
    )
    def test_a_pupils_id_is_no_teachers_id(self, world: World, values: dict[str, Any]) -> None:
        world.account("old", **values)
        world.build(**ON)
        assert world.rows("FROM links") == []

    def test_switched_off_nobody_is_matched_by_anchor_and_no_second_account_is_made(
        self, world: World
    ) -> None:
        world.account("old", sds_anchor="Student_U1")
        world.plan(**CREATE)
        assert "create person T1" in world.changes()
        assert [c for c in world.changes() if "U1" in c] == []
        assert findings(world) == {("person.sds.twin", "U1")}

    def test_switched_off_a_match_rule_still_finds_the_account(self, world: World) -> None:
        world.account("new.pupil", sds_anchor="Student_U1", external_id="U1",
                    external_source="sds", primary_role="student")  # fmt: skip
        world.plan()
        [change] = [c for c in list_changes(world.con) if c.key == "U1"]
        assert change.as_dict()["after"] == {
            "external_id": "U1", "primary_role": "student", "grade": "09",
        }  # fmt: skip
        assert ("person.sds.twin", "U1") not in findings(world)

    def test_an_account_that_sds_gave_somebody_else_is_no_candidate(self, world: World) -> None:
        world.account("new.pupil", external_id="U9", external_source="sds")
        world.build(**ON)
        assert world.rows("FROM links") == []

    def test_our_own_mark_comes_first(self, world: World) -> None:
        world.account("ours", "U1")
        world.account("old", sds_anchor="Student_U1")
        world.build(**ON)
        assert world.rows("FROM links") == [("U1", "ours", "kept")]
        assert twins(world) == []

    def test_two_twins_are_a_finding_and_no_choice(self, world: World) -> None:
        world.account("a", sds_anchor="Student_U1")
        world.account("b", sds_anchor="User_U1")
        world.plan(**CREATE | ON)
        assert [c for c in world.changes() if "U1" in c] == []
        assert findings(world) == {("person.sds.unclear", "U1")}

    def test_whom_sds_knows_and_the_roster_does_not_is_left_alone(self, world: World) -> None:
        world.account("old", sds_anchor="Student_U7", external_id="U7", external_source="sds")
        world.plan(**CREATE | ON)
        assert [c for c in world.changes() if "U7" in c] == []


class TestClasses:
    @pytest.mark.parametrize(
        ("values", "evidence"),
        [
            ({"sds_anchor": "Section_C1"}, "anchor Section_C1"),
            ({"sds_section": "C1"}, "section id C1"),
            ({"external_id": "C1", "external_source": "sds"}, "external id C1"),
            ({"mail_nickname": "Section_C1", "sds_type": "Section"}, "mail nickname Section_C1"),
            ({"mail_nickname": "Section_C1", "sds_type": "Section", "sds_anchor": "Section_C1"},
             "anchor Section_C1"),
        ],
    )  # fmt: skip
    def test_every_form_of_the_id_finds_the_group(
        self, world: World, values: dict[str, Any], evidence: str
    ) -> None:
        sds_class(world, "g", **values)
        world.build()
        [twin] = twins(world)
        assert twin[:3] == ("class", "C1", "g")
        assert evidence in twin[3]
        assert ("mail nickname" in twin[3]) == (evidence.startswith("mail"))

    @pytest.mark.parametrize(
        "values",
        [
            {"sds_anchor": "Exp0626_Section_C1"},
            {"sds_anchor": "Section_C1", "sds_status": "Expired"},
            {"sds_section": "C1", "sds_status": "Retired"},
            {"sds_section": "C1", "mail_nickname": "Exp0626_Section_C1"},
            {"mail_nickname": "Section_C1"},
            {"mail_nickname": "Section_C1", "sds_type": "AllTeachersSecurityGroup"},
            {"sds_anchor": "Section_c1"},
        ],
    )
    def test_what_is_over_or_says_too_little_is_no_twin(
        self, world: World, values: dict[str, Any]
    ) -> None:
        sds_class(world, "g", **values)
        world.plan(**CREATE)
        assert twins(world) == []
        assert "create class C1" in world.changes()

    def test_switched_off_the_class_is_reported_and_not_made(self, world: World) -> None:
        sds_class(world, "g", sds_anchor="Section_C1")
        world.plan(**CREATE)
        assert [c for c in world.changes() if "C1" in c] == []
        assert world.rows("SELECT rule, entity, value, line FROM directory_findings") == [
            ("class.sds.twin", "C1", "Group g (anchor Section_C1)", 2)
        ]

    def test_switched_on_it_gets_our_mark_and_our_people_and_loses_nobody_yet(
        self, world: World
    ) -> None:
        world.plan(**CREATE)
        world.apply("kind IN ('person', 'school')")
        world.account("away", "L1")
        sds_class(world, "g", sds_anchor="Section_C1")
        for member, relation in (("user:U1", "member"), ("away", "member"), ("x", "member")):
            world.add("existing_members", container_kind="class", container_id="g",
                      member_id=member, relation=relation)  # fmt: skip
        plan = world.plan(**CREATE | ON)
        assert [c for c in world.changes() if "class" in c] == [
            "adopt class C1", "update class C1", "add class_membership C1/owner/T1",
        ]  # fmt: skip
        start_created(world.con)
        [message] = [m for m in messages(world.con, plan, 2, held=False) if m.kind == "class"]
        assert (message.action, message.object_id) == ("update", "g")
        assert message.fields == {
            "external_id": "C1", "external_name": "Algebra", "display_name": "Algebra",
        }  # fmt: skip
        assert message.add_owners == ("user:T1",)
        world.apply()
        world.plan(**CREATE | ON)
        assert world.changes() == ["remove class_membership C1/member/L1"]

    def test_two_groups_for_a_class_are_a_finding_and_no_choice(self, world: World) -> None:
        sds_class(world, "g1", sds_anchor="Section_C1")
        sds_class(world, "g2", sds_section="C1")
        world.plan(**CREATE | ON)
        assert [c for c in world.changes() if "C1" in c] == []
        assert findings(world) == {("class.sds.unclear", "C1")}
        assert {fault for *_, fault in twins(world)} == {"several objects stand for it"}

    def test_one_group_for_two_classes_is_a_finding_and_no_choice(self, world: World) -> None:
        world.class_("C2")
        sds_class(world, "g", sds_anchor="Section_C1", sds_section="C2")
        world.plan(**CREATE | ON)
        assert findings(world) == {("class.sds.unclear", "C1"), ("class.sds.unclear", "C2")}
        assert {fault for *_, fault in twins(world)} == {"the object stands for several"}

    def test_a_group_that_cannot_be_marked_is_not_taken_over(self, world: World) -> None:
        sds_class(world, "g", education=False, sds_anchor="Section_C1")
        world.plan(**CREATE | ON)
        assert findings(world) == {("class.sds.unclear", "C1")}
        assert [c for c in world.changes() if "C1" in c] == []

    def test_a_class_that_is_ours_has_no_twin(self, world: World) -> None:
        sds_class(world, "ours", external_id="C1", external_source="sis")
        sds_class(world, "g", sds_anchor="Section_C1")
        world.build(**ON)
        assert twins(world) == []

    @pytest.mark.parametrize("adopt", [True, False])
    def test_a_class_that_is_ours_as_a_plain_group_stays_as_it_is(
        self, world: World, adopt: bool
    ) -> None:
        plain = CREATE | {"classes": {"kind": "group"}, "adopt": {"enabled": adopt}}
        world.plan(**plain)
        world.apply()
        assert world.plan(**plain).size == 0
        sds_class(world, "g", sds_anchor="Section_C1")
        assert world.plan(**plain).size == 0
        assert twins(world) == []


class TestSchools:
    @pytest.mark.parametrize(
        ("values", "evidence"),
        [
            ({"sds_anchor": "School_S1"}, "anchor School_S1"),
            ({"sds_school": "S1", "sds_type": "School"}, "school id S1"),
            ({"external_id": "S1", "external_source": "sds"}, "external id S1"),
        ],
    )
    def test_every_form_of_the_id_finds_the_unit(
        self, world: World, values: dict[str, Any], evidence: str
    ) -> None:
        sds_school(world, "x", **values)
        world.build()
        assert twins(world) == [("school", "S1", "school:x", evidence, None)]

    def test_switched_off_the_school_is_reported_and_not_made(self, world: World) -> None:
        sds_school(world, "x", sds_anchor="School_S1")
        world.plan(**CREATE)
        assert [c for c in world.changes() if "school " in c or "school_membership" in c] == []
        assert findings(world) == {("school.sds.twin", "S1")}
        assert any("group rollcall-school-role-" in change for change in world.changes())

    def test_switched_on_it_gets_our_mark_and_our_people(self, world: World) -> None:
        sds_school(world, "x", sds_anchor="School_S1")
        plan = world.plan(**CREATE | ON)
        changes = [c for c in world.changes() if "school" in c.split()[1]]
        assert changes[:2] == ["adopt school S1", "update school S1"]
        start_created(world.con)
        [message] = [m for m in messages(world.con, plan, 1, held=False) if m.kind == "school"]
        assert (message.object_id, message.fields) == (
            "school:x", {"external_id": "S1", "display_name": "School S1"},
        )  # fmt: skip

    def test_a_unit_that_cannot_be_marked_is_not_taken_over(self, world: World) -> None:
        sds_school(world, "x", education=False, sds_anchor="School_S1")
        world.plan(**CREATE | ON)
        assert findings(world) == {("school.sds.unclear", "S1")}

    def test_a_unit_for_something_else_is_no_twin(self, world: World) -> None:
        sds_school(world, "x", sds_school="S1", sds_type="Region")
        world.build()
        assert twins(world) == []


def test_what_is_switched_off_has_no_twins(world: World) -> None:
    sds_school(world, "x", sds_anchor="School_S1")
    sds_class(world, "g", sds_anchor="Section_C1")
    world.build(schools={"enabled": False}, classes={"enabled": False})
    assert twins(world) == []
