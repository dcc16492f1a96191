"""Usernames from templates: legal, unique in the tenant, given once and never changed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from directory.policy import Policy
from tests.worlds import World

LEGAL = re.compile(r"[a-z0-9_-]([a-z0-9._-]{0,62}[a-z0-9_-])?")


def people(template: str | None = "{given_name}.{family_name}", **usernames: Any) -> dict[str, Any]:
    return {"mode": "create", "usernames": {"students": template, **usernames}}


def named(world: World, template: str = "{given_name}.{family_name}", **more: Any) -> list[str]:
    """The names, before the @, of everyone in the order of roster ids."""
    world.build(people=people(template, **more))
    rows = world.rows("SELECT split_part(upn, '@', 1) FROM desired_people ORDER BY external_id")
    return [name for (name,) in rows]


def fresh() -> World:
    world = World()
    world.school()
    return world


def one(template: str, **values: Any) -> str:
    world = fresh()
    world.student(
        "U1", **{"given_name": "Anna-Maria Luisa", "family_name": "O'Brien Díaz"} | values
    )
    return named(world, template)[0]


def namesakes(*keys: str) -> World:
    world = fresh()
    for key in keys:
        world.student(key, given_name="Ada", family_name="Byron")
    return world


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "name"),
        [
            ("{given_name}.{family_name}", "anna-marialuisa.obriendiaz"),
            ("{given_name:1}{family_name:6}", "aobrien"),
            ("{given_name:word}_{family_name:-4}", "anna_diaz"),
            ("s{identifier}", "s4711"),
            ("{grade}-{username}", "09-u1"),
            ("{school_year:-2}{sourced_id}", "u1"),
            ("{middle_name}.{family_name:word}", "obrien"),
            ("{given_name:word}..{family_name:word}.", "anna.obrien"),
        ],
    )
    def test_fields_are_filled_in_cut_and_cleaned(self, template: str, name: str) -> None:
        assert one(template, identifier="47 11") == name

    def test_a_preferred_name_is_the_one_that_a_template_takes_if_they_are_wanted(self) -> None:
        world = fresh()
        world.student("U1", given_name="Ada", family_name="Byron", preferred_given_name="Addie")
        world.build(people={**people(), "use_preferred_names": True})
        assert world.rows("SELECT upn FROM desired_people") == [("addie.byron@contoso.edu",)]

    def test_the_school_year_is_that_of_today(self) -> None:
        world = fresh()
        world.session("T1", "2026-08-01", "2027-07-31")
        world.student("U1")
        assert named(world, "{school_year:-2}{family_name}") == ["27u1"]

    @pytest.mark.parametrize(
        ("family_name", "name"),
        [
            ("Müller", "muller"), ("Mu\u0308ller", "muller"), ("Groß", "gross"), ("Đặng", "dang"),
            ("Øye", "oye"), ("陈", "chen"), ("Иванов", "ivanov"), ("İpek", "ipek"),
        ],
    )  # fmt: skip
    def test_letters_of_every_script_become_ascii(self, family_name: str, name: str) -> None:
        assert one("{family_name}", family_name=family_name) == name

    def test_a_school_may_spell_letters_its_own_way(self) -> None:
        world = fresh()
        world.student("U1", family_name="Jäger-Über")
        world.student("U2", family_name="Jägerová")
        spelling = {"ä": "ae", "Ü": "ue"}
        assert named(world, "{family_name}", transliterate=spelling) == [
            "jaeger-ueber",
            "jaegerova",
        ]

    @pytest.mark.parametrize(
        ("template", "said"),
        [
            ("{nickname}", r"\{nickname\} is not known"),
            ("{given_name}@x.org", "the domain is set by people.domains"),
            ("{given_name} {family_name}", "' ' cannot stand in a username"),
            ("X{given_name}", "'X' cannot stand"),
            ("{given_name:0}", "given_name cannot be cut so"),
            ("{given_name:upper}", "given_name cannot be cut so"),
            ("{given_name!r}", "given_name cannot be cut so"),
            ("student", "a username needs a field"),
            ("{given_name", "expected '}'"),
        ],
    )
    def test_a_wrong_template_says_what_is_allowed(self, template: str, said: str) -> None:
        with pytest.raises(ValidationError, match=said + r"[\s\S]*\{family_name\}.*first word"):
            Policy.model_validate({"people": people(template)})

    @pytest.mark.parametrize("letters", [{"ae": "x"}, {"a": "b"}, {"ä": "Ä"}, {"ä": "a e"}])
    def test_a_wrong_spelling_says_what_is_allowed(self, letters: dict[str, str]) -> None:
        with pytest.raises(ValidationError, match="ä: ae"):
            Policy.model_validate({"people": people(transliterate=letters)})

    def test_who_has_nothing_to_be_named_after_is_a_finding(self) -> None:
        world = fresh()
        world.student("U1", given_name=None, family_name="!!")
        world.build(people=people("s{given_name}.{family_name}"))
        assert world.rows("SELECT rule, entity, value FROM directory_findings") == [
            ("person.username.none", "U1", "u1")
        ]
        assert world.rows("FROM placed_people") == []

    def test_without_a_template_the_rosters_username_counts(self) -> None:
        world = fresh()
        world.student("U1")
        world.build(people=people(None))
        assert world.rows("SELECT upn FROM desired_people") == [("u1@contoso.edu",)]
        assert world.rows("FROM given_usernames") == []

    def test_a_template_also_helps_where_the_roster_has_no_username(self) -> None:
        world = fresh()
        world.student("U1", username=None, given_name=None, family_name="Byron")
        world.build(people=people() | {"display_name": "{given_name}"})
        assert world.rows("SELECT upn, display_name FROM desired_people") == [
            ("byron@contoso.edu", "byron")
        ]

    def test_two_dots_in_a_row_in_a_rosters_username_are_a_finding(self) -> None:
        world = fresh()
        world.student("U1", username="ada..byron")
        world.build(people=people(None))
        assert world.rows("SELECT rule FROM directory_findings") == [("person.username.illegal",)]


class TestClashes:
    def test_namesakes_are_numbered_by_roster_id(self) -> None:
        world = namesakes("U3", "U1", "U2")
        assert named(world) == ["ada.byron", "ada.byron2", "ada.byron3"]

    @pytest.mark.parametrize(
        "holder",
        [
            {"upn": "ADA.byron@contoso.edu"},
            {"upn": "ada.byron@students.contoso.edu"},
            {"mail": "ada.byron@contoso.edu"},
            {"proxy_addresses": ["SMTP:x@contoso.edu", "smtp:Ada.Byron@students.contoso.edu"]},
            {"mail_nickname": "ada.byron"},
        ],
    )
    def test_any_name_of_any_account_counts(self, holder: dict[str, Any]) -> None:
        world = namesakes("U1")
        world.account("other", **holder)
        assert named(world) == ["ada.byron2"]

    def test_addresses_elsewhere_do_not_count(self) -> None:
        world = namesakes("U1")
        world.account("guest", mail="ada.byron@gmail.com", proxy_addresses=["sip:ada.byron@x.org"])
        assert named(world) == ["ada.byron"]

    def test_deleted_accounts_and_groups_count(self) -> None:
        world = namesakes("U1")
        world.add("deleted_people", id="d", upn="ada.byron@contoso.edu", proxy_addresses=[])
        world.add("existing_groups", id="g", mail_nickname="ada.byron2")
        world.add("existing_groups", id="h", mail="ada.byron3@contoso.edu")
        assert named(world) == ["ada.byron4"]

    def test_usernames_of_the_roster_count_for_those_who_have_no_template(self) -> None:
        world = namesakes("U1")
        world.teacher("T1", username="ada.byron")
        assert named(world) == ["ada.byron", "ada.byron2"]

    def test_numbers_do_not_run_into_other_peoples_names(self) -> None:
        world = namesakes("U1", "U2", "U3")
        world.student("U4", given_name="Ada", family_name="Byron2")
        world.student("U5", given_name="Ada", family_name="Byron")
        names = named(world)
        assert len(set(names)) == 5
        assert names[3] == "ada.byron2"

    def test_a_number_is_found_however_many_are_taken(self) -> None:
        world = namesakes("U1", "U2")
        world.con.execute(
            """INSERT INTO existing_people BY NAME
            SELECT 'a' || i AS id, 'ada.byron' || CASE i WHEN 1 THEN '' ELSE i::VARCHAR END
                   || '@contoso.edu' AS upn FROM range(1, 3000) t(i)"""
        )
        assert named(world) == ["ada.byron3000", "ada.byron3001"]

    def test_a_long_name_is_cut_so_that_its_number_fits(self) -> None:
        world = fresh()
        for key in ("U1", "U2"):
            world.student(key, family_name="a" * 63 + ".b")
        assert named(world, "{family_name}.x") == ["a" * 63 + "b", "a" * 63 + "2"]


class TestStability:
    def created(self, *keys: str) -> World:
        world = namesakes(*keys)
        world.plan(people=people())
        world.apply()
        return world

    def test_a_new_name_in_the_roster_never_changes_the_username(self) -> None:
        world = self.created("U1")
        world.con.execute("UPDATE users SET family_name = 'Lovelace', username = 'other'")
        world.plan(people=people())
        rows = world.rows("SELECT after FROM plan_changes WHERE kind = 'person'")
        assert rows == [('{"display_name":"Ada Lovelace","surname":"Lovelace"}',)]

    def test_nor_does_a_template_that_goes_or_an_administrator_who_renames(self) -> None:
        world = self.created("U1")
        world.con.execute("UPDATE existing_people SET upn = 'countess@contoso.edu'")
        for template in ("{sourced_id}", None):
            world.plan(people=people(template))
            assert world.changes() == []

    def test_a_matched_account_keeps_its_name_too(self) -> None:
        world = namesakes("U1")
        world.account("x", "U1", upn="gast#ext#@elsewhere.org")
        world.build(people=people())
        assert world.rows("SELECT upn FROM desired_people") == [("gast#ext#@elsewhere.org",)]
        assert world.rows("FROM directory_findings") == []

    def test_who_was_not_created_yet_gets_the_same_name_next_time(self) -> None:
        world = namesakes("U2")
        assert named(world) == ["ada.byron"]
        world.student("U1", given_name="Ada", family_name="Byron")
        assert named(world) == ["ada.byron2", "ada.byron"]

    def test_the_name_moves_to_the_domain_that_is_set_meanwhile(self) -> None:
        world = namesakes("U1")
        named(world)
        domains = {"students": "students.contoso.edu"}
        world.build(people=people() | {"domains": domains})
        assert world.rows("SELECT d.upn, g.upn FROM desired_people d, given_usernames g") == [
            ("ada.byron@students.contoso.edu",) * 2
        ]

    def test_a_leavers_name_goes_to_nobody_else_and_back_to_the_leaver(self) -> None:
        world = self.created("U1")
        world.build(people=people())  # a run that sees the account
        for table in ("users", "roles", "existing_people"):
            world.con.execute(f"DELETE FROM {table}")
        world.student("U2", given_name="Ada", family_name="Byron")
        assert named(world) == ["ada.byron2"]
        world.student("U1", given_name="Ada", family_name="Byron")
        assert named(world) == ["ada.byron", "ada.byron2"]

    def test_a_name_that_was_never_used_is_free_once_its_person_is_out_of_the_roster(self) -> None:
        world = namesakes("U1")
        named(world)
        world.con.execute("DELETE FROM users; DELETE FROM roles")
        world.student("U2", given_name="Ada", family_name="Byron")
        assert named(world) == ["ada.byron"]

    def test_a_given_name_that_somebody_took_meanwhile_is_a_finding(self) -> None:
        world = namesakes("U1")
        named(world)
        world.account("by-hand", upn="ada.byron@contoso.edu")
        named(world)
        assert world.rows("SELECT rule FROM directory_findings") == [("person.username.taken",)]

    def test_nobody_is_named_where_accounts_are_only_matched(self) -> None:
        world = namesakes("U1")
        world.build(people=people() | {"mode": "match"})
        assert world.rows("FROM given_usernames") == []


LETTERS = st.text(st.sampled_from("aAbB.- 'äß陈é2@"), max_size=4)
TAKEN = st.lists(st.from_regex(r"[ab][ab2-4.]{0,3}", fullmatch=True), max_size=8)


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.thorough)])
def test_names_are_legal_unique_and_the_same_whatever_the_order(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(
        names=st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=12),
        taken=TAKEN,
        template=st.sampled_from(["{given_name:2}{family_name}", "{given_name}.{family_name:1}"]),
        order=st.randoms(use_true_random=False),
    )
    def check(names: list[tuple[str, str]], taken: list[str], template: str, order: Any) -> None:
        def run(numbers: list[int], again: bool) -> list[tuple[str, str]]:
            world = fresh()
            for number in numbers:
                given_name, family_name = names[number]
                world.student(f"U{number:02}", given_name=given_name, family_name=family_name)
            for number, name in enumerate(taken):
                world.account(f"a{number}", upn=f"{name}@contoso.edu")
            for _ in range(1 + again):
                world.build(people=people(template))
            return world.rows("SELECT external_id, upn FROM desired_people ORDER BY external_id")

        numbers = list(range(len(names)))
        first = run(numbers, again=False)
        order.shuffle(numbers)
        assert run(numbers, again=True) == first
        found = [upn.split("@")[0] for _, upn in first if upn]
        assert len(set(found)) == len(found)
        assert not set(found) & set(taken)
        assert all(LEGAL.fullmatch(name) and ".." not in name for name in found)

    check()
