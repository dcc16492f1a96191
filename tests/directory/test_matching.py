"""Which account belongs to whom: rules, kept matches, deleted accounts, opting out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from directory.match_rules import MatchRule
from roster.errors import Refused
from tests.worlds import World


@pytest.fixture
def world() -> World:
    world = World()
    world.school("S1")
    return world


def links(world: World) -> dict[str, str]:
    return dict(world.rows("SELECT external_id, object_id FROM links"))


def findings(world: World, rule: str) -> dict[str, str]:
    return dict(world.rows(f"SELECT entity, value FROM directory_findings WHERE rule = '{rule}'"))


def students(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"matching": {"students": list(rules)}}


class TestRules:
    @pytest.mark.parametrize(
        ("source", "target", "value", "account"),
        [
            ("username", "userPrincipalName", "ANNA", {"upn": "anna@contoso.edu"}),
            ("username", "userPrincipalName", "anna@b.org", {"upn": "Anna@B.org"}),
            ("email", "mail", "a@x.org", {"mail": "A@X.ORG"}),
            ("email", "proxyAddresses", "a@x.org",
             {"proxy_addresses": ["SMTP:main@x.org", "smtp:A@x.org", "sip:b@x.org"]}),
            ("active_directory_match_id", "onPremisesSamAccountName", "asmith",
             {"sam_account_name": "ASmith"}),
            ("active_directory_match_id", "onPremisesImmutableId", "aB+/=",
             {"immutable_id": "aB+/="}),
            ("sam_account_name", "onPremisesSamAccountName", "asmith",
             {"sam_account_name": "ASmith"}),
            ("employee_id", "employeeId", "004711", {"employee_id": "4711"}),
            ("master_identifier", "extensionAttribute2", "d9b1",
             {"extension_attributes": '{"extensionAttribute2": "D9B1"}'}),
            ("identifier", "employeeId", "4711", {"employee_id": "4711"}),
            ("sourced_id", "employeeId", "U1", {"employee_id": "u1"}),
            ("identifier", "extensionAttribute1", "7",
             {"extension_attributes": '{"extensionAttribute1": "7"}'}),
            ("identifier", "extensionAttribute15", "7",
             {"extension_attributes": '{"extensionAttribute1": "8", "extensionAttribute15": "7"}'}),
        ],
    )  # fmt: skip
    def test_a_value_of_the_roster_finds_the_account_that_has_it(
        self, world: World, source: str, target: str, value: str, account: dict[str, Any]
    ) -> None:
        values = {} if source == "sourced_id" else {source: value}
        world.student("U1", **values)
        world.account("a", **{"upn": "nobody@contoso.edu"} | account)
        world.account("b", upn="other@contoso.edu", mail="other@x.org")
        world.build(**students({"from": source, "to": target}))
        assert links(world) == {"U1": "a"}
        assert world.rows("SELECT rule FROM links") == [(f"{source} = {target}",)]

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("weiß", "weiss"),
            ("Søren", "soren"),
            ("Łukasz", "lukasz"),
            ("đorđe", "dorde"),
            ("ægir", "aegir"),
            ("o'neil", "oneil"),
            ("anna smith", "anna.smith"),
            ("zoë", "zoe"),
            ("00123", "123"),
            ("123", "00123"),
            ("000", "0"),
        ],
    )
    def test_marks_punctuation_and_leading_zeros_do_not_count_in_the_second_comparison(
        self, world: World, wanted: str, found: str
    ) -> None:
        world.student("U1", username=wanted)
        world.account("a", upn=f"{found}@contoso.edu")
        world.build()
        assert links(world) == {"U1": "a"}

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [("a001", "a1"), ("anna", "ana"), ("123", "1230"), ("--", "..")],
    )
    def test_everything_else_counts(self, world: World, wanted: str, found: str) -> None:
        world.student("U1", username=wanted)
        world.account("a", upn=f"{found}@contoso.edu")
        world.build()
        assert links(world) == {}

    def test_the_exact_value_wins_over_the_normalised_one(self, world: World) -> None:
        world.student("U1", identifier="00123")
        world.account("a", employee_id="123")
        world.account("b", employee_id="00123")
        world.build(**students({"from": "identifier", "to": "employeeId"}))
        assert links(world) == {"U1": "b"}

    def test_the_domain_is_compared_as_it_is(self, world: World) -> None:
        world.student("U1", username="anna@con-toso.edu")
        world.account("a", upn="anna@contoso.edu")
        world.build()
        assert links(world) == {}

    def test_letter_case_is_part_of_an_immutable_id(self, world: World) -> None:
        world.student("U1", active_directory_match_id="QUJD")
        world.account("a", immutable_id="qujd")
        rule = {"from": "active_directory_match_id", "to": "onPremisesImmutableId"}
        world.build(**students(rule))
        assert links(world) == {}

    def test_domains_are_tried_in_order(self, world: World) -> None:
        world.student("U1", username="anna")
        world.student("U2", username="ben")
        for key, upn in {"a1": "anna@x.org", "a2": "anna@y.org", "b2": "ben@y.org"}.items():
            world.account(key, upn=upn)
        rule = {"from": "username", "to": "userPrincipalName", "domain": ["x.org", "y.org"]}
        world.build(**students(rule))
        assert links(world) == {"U1": "a1", "U2": "b2"}

    def test_an_exact_match_at_a_later_domain_wins_over_a_normalised_one(
        self, world: World
    ) -> None:
        world.student("U1", username="zoë")
        world.account("a", mail="zoe@x.org")
        world.account("b", mail="zoë@y.org")
        rule = {"from": "username", "to": "mail", "domain": ["x.org", "y.org"]}
        world.build(**students(rule))
        assert links(world) == {"U1": "b"}

    def test_guests_are_never_candidates(self, world: World) -> None:
        for key in ("U1", "U2"):
            world.student(key, email=f"{key}@x.org")
        world.account("a", mail="U1@x.org", user_type="Guest")
        world.account("b", mail="U2@x.org", upn="u2_x.org#EXT#@contoso.onmicrosoft.com")
        world.build()
        assert links(world) == {}

    def test_a_disabled_account_counts_and_is_named_as_such(self, world: World) -> None:
        world.student("U1", email="a@x.org")
        world.student("U2", username="ben")
        world.account("a", mail="a@x.org")
        world.account("b", mail="a@x.org", account_enabled=False)
        world.account("ben", account_enabled=False)
        world.build()
        assert links(world) == {"U2": "ben"}
        assert findings(world, "person.match.ambiguous") == {
            "U1": "a@contoso.edu, b@contoso.edu (disabled)"
        }

    def test_one_address_on_two_accounts_of_one_person_is_one_candidate_each(
        self, world: World
    ) -> None:
        world.student("U1", email="a.b@x.org")
        world.account("a", proxy_addresses=["smtp:ab@x.org", "smtp:a-b@x.org"])
        world.build(**students({"from": "email", "to": "proxyAddresses"}))
        assert links(world) == {"U1": "a"}

    def test_staff_and_pupils_who_want_one_account_are_two_claims(self, world: World) -> None:
        world.teacher("T1", email="same@x.org")
        world.student("U1", email="same@x.org")
        world.account("a", mail="same@x.org")
        world.build()
        assert links(world) == {}
        assert findings(world, "person.match.ambiguous") == {
            "T1": "a@contoso.edu (fits 2 people)", "U1": "a@contoso.edu (fits 2 people)",
        }  # fmt: skip

    def test_an_account_in_dispute_is_nobody_elses_either(self, world: World) -> None:
        world.student("U1", username="x", email="a@x.org")
        world.student("U2", username="y", email="a@x.org")
        world.student("U3", username="z", email=None, identifier="7")
        world.account("a", mail="a@x.org", employee_id="7")
        world.build(
            **students({"from": "email", "to": "mail"}, {"from": "identifier", "to": "employeeId"})
        )
        assert links(world) == {}
        assert set(findings(world, "person.match.ambiguous")) == {"U1", "U2"}

    def test_who_has_no_role_today_is_not_matched(self, world: World) -> None:
        world.user("U1")
        world.role("U1", end_date="2026-06-30")
        world.account("u1")
        world.build()
        assert links(world) == {}

    def test_a_domain_goes_with_addresses_only(self) -> None:
        with pytest.raises(ValidationError, match="employeeId has no domain"):
            MatchRule.model_validate({"from": "username", "to": "employeeId", "domain": "x.org"})


class TestKept:
    def remember(self, world: World, person: str, account: str) -> None:
        world.add("identities", external_id=person, object_id=account, since="2026-09-01",
                  rule="email = mail")  # fmt: skip

    def test_a_match_holds_without_a_mark_whatever_the_names_become(self, world: World) -> None:
        world.student("U1", username="married")
        self.remember(world, "U1", "a")
        world.account("a", upn="maiden@contoso.edu")
        world.account("b", upn="married@contoso.edu")
        world.build()
        assert world.rows("FROM links") == [("U1", "a", "remembered")]

    def test_a_mark_has_the_last_word(self, world: World) -> None:
        world.student("U1")
        world.student("U2", username="two")
        self.remember(world, "U1", "a")
        self.remember(world, "U2", "b")
        world.account("a", upn="x@contoso.edu")
        world.account("c", "U1", upn="y@contoso.edu")
        world.account("b", "U9", upn="z@contoso.edu")
        world.build()
        assert links(world) == {"U1": "c"}

    def test_an_account_that_was_somebodys_is_nobody_elses(self, world: World) -> None:
        world.student("U1", username="anna")
        self.remember(world, "gone", "a")
        world.account("a", upn="anna@contoso.edu")
        world.build()
        assert links(world) == {}

    def test_an_account_that_is_gone_for_good_is_forgotten(self, world: World) -> None:
        world.student("U1", username="anna")
        self.remember(world, "U1", "gone")
        world.account("b", upn="anna@contoso.edu")
        world.build()
        assert links(world) == {"U1": "b"}

    @pytest.mark.parametrize("mode", ["match", "create"])
    def test_nobody_gets_a_second_account_while_the_first_can_be_restored(
        self, world: World, mode: str
    ) -> None:
        world.student("U1", username="anna")
        self.remember(world, "U1", "a")
        world.add("deleted_people", id="a", upn="anna@contoso.edu")
        world.account("b", mail="anna@contoso.edu")
        world.build(people={"mode": mode})
        assert links(world) == {}
        assert world.rows("FROM placed_people") == []
        assert findings(world, "person.account.deleted") == {"U1": "anna@contoso.edu"}
        world.con.execute("DELETE FROM deleted_people")
        world.account("a", "U1", upn="anna@contoso.edu")
        world.build(people={"mode": mode})
        assert links(world) == {"U1": "a"}

    def test_of_two_marked_accounts_none_is_chosen(self, world: World) -> None:
        world.student("U1")
        self.remember(world, "U1", "a")
        world.account("a", "U1")
        world.account("b", "U1")
        world.build()
        assert links(world) == {}
        assert findings(world, "person.match.ambiguous") == {"U1": "a@contoso.edu, b@contoso.edu"}


OPT_OUT = {"mode": "create", "disable_after_days": 0, "opt_out_group": "No Rollcall"}


class TestOptOut:
    @pytest.fixture
    def group(self, world: World) -> World:
        """Two pupils: u1 is a member of a group inside the opt-out group."""
        world.class_("C1")
        for key in ("U1", "U2"):
            world.student(key)
            world.enroll("C1", key)
        world.plan(people={"mode": "create"})
        world.apply()
        world.add("existing_groups", id="g", unique_name="opt-out", display_name="no rollcall")
        world.add("existing_groups", id="inner", display_name="Inner")
        for container, member in (("g", "inner"), ("inner", "user:U1"), ("inner", "g")):
            world.add("existing_members", container_kind="group", container_id=container,
                      member_id=member, relation="member")  # fmt: skip
        world.add("existing_members", container_kind="group", container_id="inner",
                  member_id="user:U2", relation="owner")  # fmt: skip
        return world

    @pytest.mark.parametrize("name", ["g", "G", "opt-out", "No Rollcall"])
    def test_members_are_never_written_to(self, group: World, name: str) -> None:
        group.con.execute("UPDATE users SET family_name = 'New'")
        group.con.execute("DELETE FROM existing_members WHERE container_kind = 'class'")
        group.plan(people=OPT_OUT | {"opt_out_group": name})
        assert group.changes() == ["update person U2", "add class_membership C1/member/U2"]
        assert findings(group, "person.opted.out") == {"U1": "u1@contoso.edu"}

    @pytest.mark.parametrize("statement", [
        "DELETE FROM users", "DELETE FROM enrollments", "UPDATE users SET active = false",
    ])  # fmt: skip
    def test_members_lose_nothing_either(self, group: World, statement: str) -> None:
        group.con.execute(f"{statement}{' WHERE true'}")
        group.plan(people=OPT_OUT)
        assert group.changes()
        assert [c for c in group.changes() if "U1" in c] == []

    def test_what_membership_rules_read_of_them_is_not_written_either(self, group: World) -> None:
        ruled = {"groups": {"membership": "dynamic"}, "dynamic": {"attribute": "department"}}
        group.plan(people=OPT_OUT, **ruled)
        assert "add person_rule U2" in group.changes()
        group.con.execute("UPDATE existing_people SET department = ';s1/s09;'")
        group.con.execute("UPDATE users SET active = false")
        group.plan(people=OPT_OUT, **ruled)
        assert "remove person_rule U2" in group.changes()
        assert [c for c in group.changes() if "U1" in c] == []

    def test_members_are_not_enabled(self, group: World) -> None:
        group.con.execute("UPDATE existing_people SET account_enabled = false")
        for key in ("U1", "U2"):
            group.add("leavers", external_id=key, since="2026-11-01", disabled=True)
        group.plan(people=OPT_OUT)
        assert group.changes() == ["enable person U2"]

    def test_a_group_that_is_not_there_stops_the_plan(self, group: World) -> None:
        with pytest.raises(Refused, match="no groups are called 'Nobody'"):
            group.plan(people=OPT_OUT | {"opt_out_group": "Nobody"})

    def test_two_groups_of_one_name_stop_the_plan(self, group: World) -> None:
        group.add("existing_groups", id="g2", display_name="No Rollcall")
        with pytest.raises(Refused, match="2 groups"):
            group.plan(people=OPT_OUT)

    def test_a_tenant_without_people_needs_no_group(self) -> None:
        world = World()
        world.school("S1")
        world.student("U1")
        world.plan(people=OPT_OUT)
        assert "create person U1" in world.changes()
