"""What the directory should hold, from rosters told in a few words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.worlds import World


@pytest.fixture
def world() -> World:
    world = World()
    world.school("S1", name="Lincoln High")
    return world


def members(world: World, kind: str) -> set[tuple[str, str, str]]:
    return set(
        world.rows(f"SELECT target, person, relation FROM desired_members WHERE kind = '{kind}'")
    )


def found(world: World) -> set[tuple[str, str]]:
    return set(world.rows("SELECT rule, entity FROM directory_findings"))


class TestActivity:
    @pytest.mark.parametrize(
        ("start", "end", "active"),
        [
            ("2026-11-24", "2026-11-24", True),
            ("2026-08-01", "2026-11-23", False),
            ("2026-11-25", "2027-06-30", False),
            ("2026-08-01", "2027-06-30", True),
        ],
    )
    def test_a_class_is_active_while_its_session_covers_today(
        self, world: World, start: str, end: str, active: bool
    ) -> None:
        world.session("T1", start, end)
        world.class_("C1", ["T1"])
        world.build()
        assert bool(world.rows("SELECT 1 FROM desired_classes")) is active

    def test_a_class_in_several_sessions_is_active_while_any_is_current(self, world: World) -> None:
        world.session("old", "2025-08-01", "2026-06-30")
        world.session("now", "2026-08-01", "2027-06-30")
        world.class_("C1", ["old", "now"])
        world.class_("C2", ["old"])
        world.class_("C3")
        world.build()
        assert world.rows("SELECT external_id FROM desired_classes ORDER BY 1") == [
            ("C1",),
            ("C3",),
        ]

    def test_sessions_can_open_early_and_close_late(self, world: World) -> None:
        world.session("next", "2026-12-01", "2027-06-30")
        world.session("last", "2026-01-01", "2026-11-20")
        world.class_("C1", ["next"])
        world.class_("C2", ["last"])
        world.build(sessions={"open_days_before": 7, "close_days_after": 4})
        assert len(world.rows("SELECT 1 FROM desired_classes")) == 2

    def test_enrollment_dates_decide_who_is_in_a_class(self, world: World) -> None:
        world.class_("C1")
        for key, dates in {
            "U1": {},
            "U2": {"end_date": "2026-11-23"},
            "U3": {"start_date": "2026-11-25"},
            "U4": {"start_date": "2026-11-24", "end_date": "2026-11-24"},
            "U5": {"active": False},
        }.items():
            world.student(key)
            world.account(key.lower(), key)
            world.enroll("C1", key, **dates)
        world.build()
        assert members(world, "class_membership") == {
            ("C1", "U1", "member"),
            ("C1", "U4", "member"),
        }

    def test_whoever_has_no_role_today_is_in_nothing_but_stays_a_person(self, world: World) -> None:
        world.class_("C1")
        world.user("U1")
        world.role("U1", end_date="2026-06-30")
        world.account("u1", "U1")
        world.enroll("C1", "U1")
        world.build()
        assert world.rows("SELECT external_id, active_today FROM desired_people") == [("U1", False)]
        assert world.rows("SELECT * FROM desired_members") == []

    def test_inactive_users_and_orgs_count_for_nothing(self, world: World) -> None:
        world.school("S2", active=False)
        world.user("U1", active=False)
        world.role("U1")
        world.user("U2")
        world.role("U2", org="S2")
        world.class_("C2", org_sourced_id="S2")
        world.build()
        assert world.rows("SELECT external_id FROM desired_people WHERE active_today") == []
        assert world.rows("SELECT external_id FROM desired_classes") == []


class TestPeople:
    @pytest.mark.parametrize(
        ("roles", "group"),
        [
            ([("student", None)], "students"),
            ([("teacher", None)], "staff"),
            ([("student", None), ("teacher", None)], "staff"),
            ([("student", True), ("teacher", None)], "students"),
            ([("student", True), ("teacher", True)], "staff"),
            ([("student", None), ("teacher", True)], "staff"),
        ],
    )
    def test_primary_roles_decide_the_role_group(
        self, world: World, roles: list[tuple[str, bool | None]], group: str
    ) -> None:
        world.user("U1")
        for role, primary in roles:
            world.role("U1", role, is_primary=primary)
        world.build()
        assert world.rows("SELECT role_group FROM desired_people") == [(group,)]

    def test_contacts_without_a_school_role_are_no_people(self, world: World) -> None:
        world.user("G1")
        world.role("G1", "other")
        world.build()
        assert world.rows("SELECT * FROM desired_people") == []

    def test_a_username_without_domain_gets_that_of_its_role_group(self, world: World) -> None:
        world.student("U1")
        world.teacher("T1")
        world.teacher("T2", username="t.two@Students.Contoso.edu")
        world.build(people={"mode": "create", "domains": {"students": "students.contoso.edu"}})
        assert world.rows("SELECT upn FROM desired_people ORDER BY external_id") == [
            ("t1@contoso.edu",),
            ("t.two@Students.Contoso.edu",),
            ("u1@students.contoso.edu",),
        ]

    def test_display_names_follow_the_template_and_fall_back_to_the_username(
        self, world: World
    ) -> None:
        world.student("U1", given_name="Zoë", family_name="O'Neil")
        world.student("U2", given_name=None, family_name=None)
        world.build(people={"display_name": "{family_name}, {given_name}"})
        assert world.rows("SELECT display_name FROM desired_people ORDER BY external_id") == [
            ("O'Neil, Zoë",),
            (",",),
        ]
        world.build()
        assert world.rows("SELECT display_name FROM desired_people ORDER BY external_id") == [
            ("Zoë O'Neil",),
            ("u2",),
        ]

    @pytest.mark.parametrize(
        ("preferred", "names"),
        [
            (True, [("Addie Byron", "Addie", "Byron"), ("Benjamin Brown", "Benjamin", "Brown")]),
            (False, [("Ada Adams", "Ada", "Adams"), ("Benjamin Brown", "Benjamin", "Brown")]),
        ],
    )
    def test_preferred_names_are_used_where_there_are_some_and_they_are_wanted(
        self, world: World, preferred: bool, names: list[tuple[str, str, str]]
    ) -> None:
        world.student("U1", given_name="Ada", family_name="Adams",
                      preferred_given_name="Addie", preferred_family_name="Byron")  # fmt: skip
        world.student("U2", given_name="Benjamin", family_name="Brown")
        world.build(people={"use_preferred_names": preferred})
        assert world.rows("SELECT display_name, given_name, surname FROM desired_people"
                          " ORDER BY external_id") == names  # fmt: skip

    @pytest.mark.parametrize(
        ("username", "rule"),
        [
            ("anna b", "illegal"),
            (".anna", "illegal"),
            ("anna.", "illegal"),
            ("ann\u00e9", "illegal"),
            ("a" * 65, "illegal"),
            ("anna@elsewhere.org", "domain"),
        ],
    )
    def test_an_impossible_username_is_a_finding_and_no_account(
        self, world: World, username: str, rule: str
    ) -> None:
        world.student("U1", username=username)
        world.build(people={"mode": "create"})
        assert found(world) == {(f"person.username.{rule}", "U1")}
        assert world.rows("SELECT * FROM placed_people") == []

    @pytest.mark.parametrize("username", ["a", "o'neil-x", "a" * 64, "a!#^~b_1.2"])
    def test_every_legal_username_is_taken(self, world: World, username: str) -> None:
        world.student("U1", username=username)
        world.build(people={"mode": "create"})
        assert found(world) == set()

    def test_two_people_never_share_a_name_and_never_take_somebody_elses(
        self, world: World
    ) -> None:
        world.student("U1", username="anna")
        world.student("U2", username="ANNA@contoso.edu")
        world.student("U3", username="carl")
        world.account("carl", "someone-else")
        world.build(people={"mode": "create"})
        assert found(world) == {
            ("person.username.shared", "U1"),
            ("person.username.shared", "U2"),
            ("person.username.taken", "U3"),
        }

    def test_guardians_become_contacts_only_when_wanted(self, world: World) -> None:
        world.student("U1")
        world.user("G1", email="g1@home.net", given_name="Gil", family_name="Roy", phone="+1555")
        world.row("relationships", user_sourced_id="U1", relationship_user_sourced_id="G1",
                  role="guardian")  # fmt: skip
        world.build()
        assert world.rows("SELECT * FROM desired_contacts") == []
        world.build(people={"guardians": True})
        [(contacts,)] = world.rows("SELECT contacts::VARCHAR FROM desired_contacts")
        assert contacts == (
            '[{"displayName":"Gil Roy","emailAddress":"g1@home.net","mobilePhone":"+1555",'
            '"relationship":"guardian"}]'
        )


class TestMatching:
    def links(self, world: World) -> list[tuple[str, str]]:
        return world.rows("SELECT external_id, object_id FROM links ORDER BY 1")

    def test_the_first_rule_that_finds_one_account_decides(self, world: World) -> None:
        world.student("U1", email="a@contoso.edu")
        world.student("U2", email="b@contoso.edu")
        world.account("u1")
        world.account("other", upn="x@contoso.edu", mail="A@contoso.edu")
        world.account("two", upn="y@contoso.edu", mail="B@Contoso.edu")
        world.build()
        assert self.links(world) == [("U1", "u1"), ("U2", "two")]

    def test_a_domain_of_the_rule_is_appended(self, world: World) -> None:
        world.student("U1")
        world.account("a", upn="u1@students.contoso.edu")
        rule = {"from": "username", "to": "userPrincipalName", "domain": "students.contoso.edu"}
        world.build(matching={"students": [rule]})
        assert self.links(world) == [("U1", "a")]

    def test_accents_and_blanks_are_ignored_only_after_the_exact_comparison(
        self, world: World
    ) -> None:
        world.student("U1", username="zoë")
        world.student("U2", username="an na")
        world.account("zoe")
        world.account("anna")
        world.build()
        assert self.links(world) == [("U1", "zoe"), ("U2", "anna")]

    def test_two_accounts_for_one_person_are_a_finding_and_no_choice(self, world: World) -> None:
        world.student("U1", email="a@x.org")
        world.account("a", mail="a@x.org")
        world.account("b", mail="A@x.org")
        world.build()
        assert self.links(world) == []
        assert found(world) == {("person.match.ambiguous", "U1")}

    def test_two_people_for_one_account_are_findings_and_no_choice(self, world: World) -> None:
        world.student("U1", email="same@x.org")
        world.student("U2", email="same@x.org")
        world.account("a", mail="same@x.org")
        world.build(people={"mode": "create"})
        assert self.links(world) == []
        assert found(world) == {("person.match.ambiguous", "U1"), ("person.match.ambiguous", "U2")}
        assert world.rows("SELECT * FROM placed_people") == []

    def test_a_match_once_made_is_kept_by_id_whatever_the_name_becomes(self, world: World) -> None:
        world.student("U1", username="newname")
        world.account("old", "U1")
        world.account("newname")
        world.build()
        assert self.links(world) == [("U1", "old")]

    def test_an_id_on_two_accounts_is_a_finding(self, world: World) -> None:
        world.student("U1")
        world.account("a", "U1")
        world.account("b", "U1")
        world.build()
        assert self.links(world) == []
        assert found(world) == {("person.match.ambiguous", "U1")}

    def test_an_account_of_another_person_is_never_a_candidate(self, world: World) -> None:
        world.student("U1")
        world.account("u1", "someone-else")
        world.build()
        assert self.links(world) == []
        assert found(world) == {("person.match.none", "U1")}

    def test_staff_and_students_have_their_own_rules(self, world: World) -> None:
        world.student("U1", email="u1@x.org")
        world.teacher("T1", email="t1@x.org")
        world.account("a", mail="u1@x.org")
        world.account("b", mail="t1@x.org")
        by_name = [{"from": "username", "to": "userPrincipalName"}]
        world.build(matching={"students": by_name})
        assert self.links(world) == [("T1", "b")]


class TestContainers:
    def test_teachers_own_and_students_are_members(self, world: World) -> None:
        world.class_("C1")
        for key, role in {
            "T1": "teacher",
            "U1": "student",
            "A1": "aide",
            "P1": "principal",
        }.items():
            world.teacher(key) if key[0] != "U" else world.student(key)
            world.account(key.lower(), key)
            world.enroll("C1", key, role)
        world.enroll("C1", "T1", "student")
        world.build()
        assert members(world, "class_membership") == {
            ("C1", "T1", "owner"),
            ("C1", "U1", "member"),
            ("C1", "A1", "member"),
        }
        world.build(classes={"teachers_as_members": True})
        assert ("C1", "T1", "member") in members(world, "class_membership")

    def test_class_names_are_filled_from_course_school_and_session(self, world: World) -> None:
        world.session("T1", "2026-08-01", "2027-06-30")
        world.row("courses", sourced_id="K1", title="Algebra", org_sourced_id="S1")
        world.class_("C1", ["T1"], title="P3", code="ALG", course_sourced_id="K1")
        world.build(classes={"display_name": "{course} {code} {title} ({school}, {session})"})
        assert world.rows("SELECT display_name FROM desired_classes") == [
            ("Algebra ALG P3 (Lincoln High, Term T1)",)
        ]

    def test_mail_nicknames_are_legal_unique_and_always_the_same(self, world: World) -> None:
        for key in ("a b", "a.b", "C1", "c1", "Ü", "x" * 80):
            world.class_(key)
        world.add("existing_groups", id="g", mail_nickname="section_C7")
        world.class_("C7")
        world.build()
        first = dict(world.rows("SELECT external_id, mail_nickname FROM desired_classes"))
        assert len({name.lower() for name in first.values()}) == len(first)
        assert "section_c7" not in {name.lower() for name in first.values()}
        for name in first.values():
            assert len(name) <= 64
            assert name.isascii()
            assert set(name) <= set(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
            )
        world.build()
        assert dict(world.rows("SELECT external_id, mail_nickname FROM desired_classes")) == first

    def plain(self, world: World, key: str, **values: Any) -> str:
        """A plain group that is the class `key`; its unique name."""
        [(name,)] = world.rows(f"SELECT 'rollcall-class-' || long_key('{key}')")
        world.add("existing_groups", id=f"g-{key}", unique_name=name, **values)
        return name

    def test_a_class_is_of_the_kind_that_the_policy_says(self, world: World) -> None:
        for key in ("c-1", "Class 1", "x" * 41):
            world.class_(key)
        world.build()
        assert world.rows("SELECT DISTINCT unique_name FROM desired_classes") == [(None,)]
        world.build(classes={"kind": "group"})
        names = dict(world.rows("SELECT external_id, unique_name FROM desired_classes"))
        assert names["c-1"] == "rollcall-class-c-1"
        assert all(re.fullmatch(r"rollcall-class-[0-9a-f]{40}", names[key])
                   for key in ("Class 1", "x" * 41))  # fmt: skip
        assert len(set(names.values())) == 3

    def test_a_class_that_exists_stays_what_it_is(self, world: World) -> None:
        world.build()
        for key in ("old", "new", "fresh"):
            world.class_(key)
        name = self.plain(world, "new")
        world.add("existing_classes", id="e-old", external_id="old", external_source="sis")
        query = "SELECT external_id, object_id, unique_name FROM desired_classes ORDER BY 1"
        world.build()
        assert world.rows(query) == [
            ("fresh", None, None),
            ("new", "g-new", name),
            ("old", "e-old", None),
        ]
        world.build(classes={"kind": "group"})
        assert world.rows(query)[0] == ("fresh", None, "rollcall-class-fresh")
        assert world.rows(query)[2] == ("old", "e-old", None)

    def test_of_two_groups_of_a_class_the_education_class_counts(self, world: World) -> None:
        world.build()
        world.class_("c")
        self.plain(world, "c")
        world.add("existing_classes", id="z-later", external_id="c", external_source="sis")
        world.build(classes={"kind": "group"})
        assert world.rows("SELECT object_id FROM desired_classes") == [("z-later",)]

    def test_a_plain_group_of_a_class_that_nobody_names_goes_by_its_unique_name(
        self, world: World
    ) -> None:
        world.build()
        names = {key: self.plain(world, key) for key in ("A B", "C D", "E F")}
        world.add("uncertain", kind="class", key="A B")
        world.add("uncertain", kind="enrollment", key="C D", key2="U1")
        world.build()
        assert set(world.rows("SELECT external_id FROM owned_classes")) == {
            ("A B",),
            ("C D",),
            (names["E F"],),
        }

    def test_schools_hold_everyone_with_a_role_there(self, world: World) -> None:
        world.school("D1", type="district")
        world.school("S2")
        world.teacher("T1")
        world.role("T1", "teacher", org="S2")
        world.role("T1", "administrator", org="D1")
        world.account("t1", "T1")
        world.build()
        assert world.rows("SELECT external_id FROM desired_schools ORDER BY 1") == [
            ("S1",),
            ("S2",),
        ]
        assert members(world, "school_membership") == {
            ("S1", "T1", "member"),
            ("S2", "T1", "member"),
        }

    def test_groups_by_role_school_and_grade(self, world: World) -> None:
        world.student("U1")
        world.teacher("T1")
        world.account("u1", "U1")
        world.account("t1", "T1")
        world.build()
        names = dict(world.rows("SELECT display_name, unique_name FROM desired_groups"))
        assert set(names) == {
            "All Students",
            "All Staff",
            "Students - Lincoln High",
            "Staff - Lincoln High",
            "Grade 09",
            "Grade 09 - Lincoln High",
        }
        assert all(name.startswith("rollcall-") and len(name) <= 64 for name in names.values())
        assert members(world, "group_membership") == {
            (names["All Students"], "U1", "member"),
            (names["All Staff"], "T1", "member"),
            (names["Students - Lincoln High"], "U1", "member"),
            (names["Staff - Lincoln High"], "T1", "member"),
            (names["Grade 09"], "U1", "member"),
            (names["Grade 09 - Lincoln High"], "U1", "member"),
        }

    def test_whatever_is_switched_off_is_not_wanted(self, world: World) -> None:
        world.class_("C1")
        world.student("U1")
        world.account("u1", "U1")
        world.enroll("C1", "U1")
        off = dict.fromkeys(("by_role", "by_school_role", "by_grade", "by_school_grade"), False)
        world.build(classes={"enabled": False}, schools={"enabled": False}, groups=off)
        assert world.rows("SELECT * FROM desired_members") == []
        assert world.rows("SELECT * FROM desired_classes") == []
        assert world.rows("SELECT * FROM desired_groups") == []
