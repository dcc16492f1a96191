"""Accounts that are much like somebody's who has none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds import World

NAMES = {"given_name": "Anna", "surname": "Smith"}


@pytest.fixture
def world() -> World:
    world = World()
    world.school("S1")
    return world


def near(world: World) -> dict[str, str]:
    return dict(
        world.rows("SELECT entity, value FROM directory_findings WHERE rule = 'person.match.near'")
    )


@pytest.mark.parametrize(
    ("username", "upn", "account", "evidence"),
    [
        ("anna.smith", "anna.smith@old.org", {}, "the same name at another domain"),
        ("anna.smith", "annasmith@old.org", {}, "the same name at another domain"),
        ("asmith", "x@contoso.edu", {"given_name": "Smith", "surname": "Anna"},
         "given and family name swapped"),
        ("asmith", "x@contoso.edu", NAMES, "the same given and family name"),
        ("asmith", "x@contoso.edu", {"given_name": "ANNÁ", "surname": "smith"},
         "the same given and family name"),
        ("anna.smith", "anna.smith2@contoso.edu", {}, "only the number differs"),
        ("anna.smith", "ana.smith@contoso.edu", {}, "one letter of the username differs"),
        ("anna.smith", "anna.smiht@contoso.edu", {}, "one letter of the username differs"),
        ("anna.smith", "anna.smyth@contoso.edu", {"given_name": "Anna", "surname": "Smyth"},
         "one letter of the username differs"),
        ("u4711", "x@contoso.edu", {"given_name": "Ana", "surname": "Smith"},
         "one letter of the name differs"),
        ("anna.smith", "ana.smithe@contoso.edu", {}, "two letters of the username differ"),
        ("u4711", "x@contoso.edu", {"given_name": "Ana", "surname": "Smithe"},
         "two letters of the name differ"),
    ],
)  # fmt: skip
def test_what_is_alike_is_suggested_with_the_evidence(
    world: World, username: str, upn: str, account: dict[str, Any], evidence: str
) -> None:
    world.student("U1", username=username, given_name="Anna", family_name="Smith")
    world.account("a", upn=upn, **account)
    world.build()
    assert near(world) == {"U1": f"{upn}: {evidence}"}
    assert world.rows("FROM links") == []


@pytest.mark.parametrize(
    ("username", "account"),
    [
        ("jsmith", {"upn": "ksmith@contoso.edu", "given_name": "Karen", "surname": "Smith"}),
        ("pupil1", {"upn": "pupil2@contoso.edu", "given_name": "Zed", "surname": "Young"}),
        ("1000001", {"upn": "1000002@contoso.edu"}),
        ("abc", {"upn": "abd@contoso.edu"}),
        ("anna.smith", {"upn": "ben.jones@contoso.edu", "given_name": "Ben", "surname": "Jones"}),
    ],
)
def test_what_is_not_alike_enough_is_not(
    world: World, username: str, account: dict[str, Any]
) -> None:
    world.student("U1", username=username, given_name="Anna", family_name="Smith")
    world.account("a", **account)
    world.build()
    assert near(world) == {}


def test_three_are_suggested_the_likeliest_first(world: World) -> None:
    world.student("U1", username="anna.smith", given_name="Anna", family_name="Smith")
    world.account("a", upn="ana.smith@contoso.edu")
    world.account("b", upn="anna.smith@old.org", account_enabled=False)
    world.account("c", upn="anna.smith7@contoso.edu")
    world.account("d", upn="x@contoso.edu", **NAMES)
    world.build()
    assert near(world)["U1"].split("; ") == [
        "anna.smith@old.org (disabled): the same name at another domain",
        "x@contoso.edu: the same given and family name",
        "anna.smith7@contoso.edu: only the number differs",
    ]


def test_accounts_of_others_guests_and_who_opted_out_are_not_suggested(world: World) -> None:
    world.student("U1", username="anna.smith", given_name="Anna", family_name="Smith")
    world.account("a", "other", upn="x@contoso.edu", **NAMES)
    world.account("b", upn="y@contoso.edu", user_type="Guest", **NAMES)
    world.account("c", upn="z@contoso.edu", **NAMES)
    world.add("existing_groups", id="g", display_name="Out")
    world.add("existing_members", container_kind="group", container_id="g", member_id="c",
              relation="member")  # fmt: skip
    world.build(people={"opt_out_group": "Out"})
    assert near(world) == {}


def test_whoever_is_matched_or_in_dispute_gets_no_suggestion(world: World) -> None:
    world.student("U1", username="anna.smith", given_name="Anna", family_name="Smith")
    world.student("U2", email="same@x.org", given_name="Anna", family_name="Smith")
    world.account("a", upn="anna.smith@contoso.edu")
    world.account("b", upn="x@contoso.edu", **NAMES)
    world.account("c", mail="same@x.org")
    world.account("d", mail="same@x.org")
    world.build()
    assert near(world) == {}


def test_a_new_account_is_made_and_the_likeness_told(world: World) -> None:
    world.student("U1", username="anna.smith", given_name="Anna", family_name="Smith")
    world.account("a", upn="ana.smith@contoso.edu")
    world.plan(people={"mode": "create"})
    assert "create person U1" in world.changes()
    assert set(near(world)) == {"U1"}


def test_a_name_that_many_share_says_nothing(world: World) -> None:
    world.student("U1", username="u", given_name="Anna", family_name="Smith")
    for number in range(51):
        world.account(f"a{number}", upn=f"{number}@contoso.edu", **NAMES)
    world.build()
    assert near(world) == {}
