"""The value that rules read, and rules that say what assigned memberships would say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import World

SCHOOLS = ("S1", "s1", "lincoln", "D1", 'A school/with;odd"signs')
GRADES = ("09", "10", "KG", None)
PEOPLE = ("P1", "P2", "P3")


def policy(attribute: str = "department", **more: Any) -> dict[str, Any]:
    ruled = {"membership": "dynamic"}
    return {"schools": ruled, "groups": ruled, "dynamic": {"attribute": attribute}} | more


def values(world: World) -> dict[str, str | None]:
    return dict(world.rows("SELECT external_id, new FROM rule_values"))


def found(world: World) -> set[tuple[str, str, str]]:
    return set(world.rows("SELECT rule, entity, value FROM directory_findings"))


def follows(rule: str, value: str) -> bool:
    """Whether a rule of the two forms in use lets a value in, as Entra reads rules."""
    clauses = rule.split(" -and ")
    for clause in clauses:
        read = re.fullmatch(r'\(user\.\w+ -(contains|startsWith) "([^"]*)"\)', clause)
        assert read is not None, rule
        operator, text = read[1], read[2].lower()
        if operator == "contains" and text not in value.lower():
            return False
        if operator == "startsWith" and not value.lower().startswith(text):
            return False
    return True


roles = st.dictionaries(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(SCHOOLS), st.sampled_from(GRADES)),
    st.sampled_from(("student", "teacher", "principal")),
    min_size=1,
)


@pytest.mark.parametrize("examples", [7, pytest.param(60, marks=pytest.mark.thorough)])
def test_rules_let_in_exactly_those_who_would_be_assigned(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(roles)
    def check(given_roles: dict[tuple[str, str, str | None], str]) -> None:
        world = World()
        for school in SCHOOLS:
            world.school(school, type="district" if school == "D1" else "school")
        for person in PEOPLE:
            world.user(person)
        for (person, school, grade), role in given_roles.items():
            world.role(person, role, org=school, grade=grade if role == "student" else None)
        create = {"people": {"mode": "create"}}
        world.build(**create)
        assigned = set(world.rows("SELECT target, person FROM desired_members"))
        world.build(**create, **policy("extensionAttribute1"))
        assert set(world.rows("SELECT target, person FROM ruled_members")) == assigned
        assert world.rows("SELECT 1 FROM desired_members") == []
        rules = world.rows(
            """SELECT external_id, membership_rule FROM desired_schools
            UNION ALL SELECT unique_name, membership_rule FROM desired_groups"""
        )
        held = values(world)
        assert {
            (target, person)
            for target, rule in rules
            for person, value in held.items()
            if value and follows(rule, value)
        } == assigned
        strangers = ("Maths/science", "Sales; North/south", "/s09;")
        for _, rule in rules:
            assert len(rule) <= 3072
            assert not any(follows(rule, stranger) for stranger in strangers)

    check()


@pytest.fixture
def world() -> World:
    world = World()
    world.school("lincoln")
    return world


class TestValues:
    def test_a_value_lists_the_roles_of_today(self, world: World) -> None:
        world.school("district", type="district")
        world.user("U1")
        world.role("U1", "student", org="lincoln", grade="KG")
        world.role("U1", "teacher", org="district")
        world.role("U1", "student", org="lincoln", grade="09", end_date="2026-06-30")
        world.build(people={"mode": "create"}, **policy())
        assert values(world) == {"U1": ";/t;lincoln/skg;"}

    @pytest.mark.parametrize(
        ("attribute", "column"),
        [
            ("department", {"department": ";lincoln/s09;"}),
            ("officeLocation", {"office_location": ";lincoln/s09;"}),
            (
                "extensionAttribute12",
                {"extension_attributes": '{"extensionAttribute12":";lincoln/s09;"}'},
            ),
        ],
    )
    def test_it_is_compared_with_the_attribute_of_the_account(
        self, world: World, attribute: str, column: dict[str, str]
    ) -> None:
        world.user("U1")
        world.role("U1", org="lincoln")
        world.account("u1", "U1", **column)
        world.build(**policy(attribute))
        assert world.rows("SELECT old, new, loses FROM rule_values") == [
            (";lincoln/s09;", ";lincoln/s09;", False)
        ]

    def test_the_rule_of_an_office_location_has_another_name(self, world: World) -> None:
        world.build(**policy("officeLocation"))
        assert world.rows("SELECT membership_rule FROM desired_schools") == [
            ('(user.physicalDeliveryOfficeName -contains ";lincoln/")',)
        ]

    def test_whoever_has_no_role_today_or_left_loses_the_value(self, world: World) -> None:
        world.user("U1")
        world.role("U1", org="lincoln", end_date="2026-06-30")
        for key in ("U1", "U2"):
            world.account(key.lower(), key, department=";lincoln/s09;")
        world.account("u3", department=";lincoln/s09;")
        world.build(**policy())
        assert values(world) == {"U1": None, "U2": None}
        assert world.rows("SELECT DISTINCT loses FROM rule_values") == [(True,)]

    @pytest.mark.parametrize("new", [("10", True), ("09", False)])
    def test_losing_a_place_is_told_apart_from_gaining_one(
        self, world: World, new: tuple[str, bool]
    ) -> None:
        grade, loses = new
        world.school("north")
        world.user("U1")
        world.role("U1", org="lincoln", grade=grade)
        world.role("U1", "teacher", org="north")
        world.account("u1", "U1", department=";lincoln/s09;")
        world.build(**policy())
        assert values(world) == {"U1": f";lincoln/s{grade};north/t;"}
        assert world.rows("SELECT loses FROM rule_values") == [(loses,)]

    def test_no_attribute_no_values(self, world: World) -> None:
        world.user("U1")
        world.role("U1", org="lincoln")
        world.account("u1", "U1", department=";lincoln/s10;")
        world.build()
        assert values(world) == {}


class TestDoubt:
    @pytest.fixture
    def known(self, world: World) -> World:
        world.user("U1")
        world.account("u1", "U1", department=";lincoln/s09;north/t;")
        world.school("north")
        return world

    @pytest.mark.parametrize("kind", ["user", "role"])
    def test_a_faulty_row_takes_nobodys_place(self, known: World, kind: str) -> None:
        known.role("U1", org="north", grade="10")
        known.add("uncertain", kind=kind, key="U1")
        known.build(**policy())
        assert values(known) == {"U1": ";lincoln/s09;north/s10;north/t;"}

    def test_a_person_whose_rows_are_all_gone_keeps_the_value(self, known: World) -> None:
        known.con.execute("DELETE FROM users")
        known.add("uncertain", kind="user", key="U1")
        known.build(**policy())
        assert values(known) == {"U1": ";lincoln/s09;north/t;"}

    def test_a_faulty_school_keeps_its_people(self, known: World) -> None:
        known.con.execute("DELETE FROM orgs WHERE sourced_id = 'lincoln'")
        known.role("U1", org="north", grade="11")
        known.add("uncertain", kind="org", key="lincoln")
        known.build(**policy())
        assert values(known) == {"U1": ";lincoln/s09;north/s11;"}

    def test_a_contested_person_is_left_alone(self, known: World) -> None:
        known.role("U1", org="lincoln")
        known.account("copy", "U1", department=";lincoln/s09;")
        known.build(**policy())
        assert values(known) == {}


class TestFaults:
    def test_a_value_that_is_too_long_is_a_finding_and_not_written(self, world: World) -> None:
        keys = [f"school-{number}-of-the-city" for number in range(4)]
        world.user("T1")
        for key in keys:
            world.school(key)
            world.role("T1", "teacher", org=key)
        world.account("t1", "T1", department=";lincoln/t;")
        wanted = "".join(f";{key}/t" for key in keys) + ";"
        world.build(**policy())
        assert values(world) == {"T1": None}
        assert found(world) == {("person.dynamic.long", "T1", wanted)}
        world.build(**policy("officeLocation"))
        assert values(world) == {"T1": wanted}
        assert found(world) == set()

    def test_a_doubtful_value_that_would_be_too_long_stays_as_it_is(self, world: World) -> None:
        world.user("T1")
        held = ";" + ";".join(f"school-{number}-of-the-big-city/t" for number in range(2)) + ";"
        world.role("T1", "teacher", org="lincoln")
        world.account("t1", "T1", department=held)
        world.add("uncertain", kind="role", key="T1")
        world.build(**policy())
        assert values(world) == {"T1": held}
        assert {rule for rule, _, _ in found(world)} == {"person.dynamic.long"}

    def test_what_somebody_else_wrote_is_never_overwritten(self, world: World) -> None:
        world.user("T1")
        world.role("T1", "teacher", org="lincoln")
        world.account("t1", "T1", department="Maths; IT/sports")
        world.account("t2", "T2", department="Maths")
        world.build(**policy())
        assert values(world) == {"T1": None}
        assert found(world) == {("person.dynamic.occupied", "T1", ";lincoln/t;")}

    def test_what_on_premises_ad_owns_is_told_and_not_written(self, world: World) -> None:
        for key, department in {"U1": None, "U2": ";lincoln/s09;", "U3": "Maths"}.items():
            world.user(key)
            world.role(key, org="lincoln")
            world.account(key.lower(), key, department=department, on_premises_sync=True)
        world.account("u4", "U4", department=";lincoln/s09;", on_premises_sync=True)
        world.build(**policy())
        assert values(world) == {
            "U1": None,
            "U2": ";lincoln/s09;",
            "U3": None,
            "U4": ";lincoln/s09;",
        }
        assert found(world) == {
            ("person.dynamic.onpremises", "U1", ";lincoln/s09;"),
            ("person.dynamic.onpremises", "U3", ";lincoln/s09;"),
            ("person.dynamic.onpremises", "U4", "(empty)"),
        }
