"""The settings about several sources: what they take, what they refuse, and what they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from roster.errors import BadInput
from roster.merge import MergeRules, Precedence
from roster.selection import Choice, SelectRule
from roster.together import Combining
from sync.config import Config, parse_config
from sync.merging import Merge, Selection, combining

EXAMPLE = Path(__file__).parents[2] / "rollcall.example.yaml"


def mistake(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        parse_config(text, "f.yaml", {})
    return str(caught.value)


def test_without_settings_nothing_changes() -> None:
    assert Config().combining == Combining()
    assert Config().overrides is None


def test_the_settings_become_rules() -> None:
    merge = Merge.model_validate(
        {
            "precedence": {"users": {"sources": ["hr"], "columns": {"email": ["hr", "sis"]}}},
            "same_people": ["identifier", "email"],
            "own_ids": {"hr": ["users"]},
        }
    )
    select = [
        Selection.model_validate(rule)
        for rule in (
            {"name": "a", "keep_only": {"schools": ["N*"]}, "sources": ["sis"]},
            {"name": "b", "leave_out": {"students_below": 3, "teacherless": True,
                                        "sessions": ["Y"]}, "at_schools": ["S"]},
            {"name": "c", "leave_out": {"roles": ["coach"]}},
        )
    ]  # fmt: skip
    assert combining(["sis", "hr"], merge, select) == Combining(
        MergeRules(
            ("sis", "hr"),
            {"users": Precedence(("hr",), {"email": ("hr", "sis")})},
            ("identifier", "email"),
            {"hr": ("users",)},
        ),
        (
            SelectRule("a", "keep_only", Choice(schools=("N*",)), ("sis",)),
            SelectRule(
                "b", "leave_out", Choice(sessions=("Y",), students_below=3, teacherless=True),
                (), ("S",),
            ),
            SelectRule("c", "leave_out", Choice(roles=("coach",))),
        ),
    )  # fmt: skip


def test_the_example_shows_rules_that_can_be_used() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace("precedence: {}\n  #  users", "precedence:\n    users")
    text = text.replace("select: []\n#", "select:\n ").replace("\n#  - { name", "\n   - { name")
    config = parse_config(text, "example")
    assert [rule.name for rule in config.select] == ["pilot", "homerooms", "tiny classes"]
    assert config.merge.precedence["users"].columns == {"email": ("hr",)}


ABOUT = "a rule is about schools, or about roles, or about classes"
SOURCE = "sources: [{name: sis}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "merge: {precedence: {user: {}}}",
            "f.yaml:1: merge.precedence.user.[key]: use any of",
        ),
        (
            "merge: {precedence: {users: {columns: {sourced_id: [hr]}}}}",
            "f.yaml:1: merge: precedence.users.columns has 'sourced_id'; allowed: username, giv",
        ),
        (
            "merge:\n  precedence:\n    users: {source: [hr]}",
            "f.yaml:3: merge.precedence.users.source: is not a setting; allowed: sources, columns",
        ),
        (
            "merge:\n  same_people: [family_name]",
            "f.yaml:2: merge.same_people.0: 'family_name' is not allowed: use any of username, ema",
        ),
        (
            "merge:\n  own_ids: {hr: [roles]}",
            "f.yaml:2: merge.own_ids.hr.0: 'roles' is not allowed: use any of orgs, acad",
        ),
        (SOURCE + "merge: {own_ids: {hr: [users]}}", "f.yaml:2: merge: 'hr' is no source; use any"),
        (
            SOURCE + "merge: {precedence: {users: {sources: [x], columns: {email: [hr]}}}}",
            "f.yaml:2: merge: 'x' is no source; use any of sis",
        ),
        (
            SOURCE + "select: [{name: a, leave_out: {teacherless: true}, sources: [hr]}]",
            "f.yaml:2: select: 'hr' is no source; use any of sis",
        ),
        (
            "select:\n  - &a {name: a, leave_out: {teacherless: true}}\n  - *a",
            "f.yaml:2: select: two rules are called 'a'; give each a name of its own",
        ),
        ("select: [{name: a}]", "f.yaml:1: select.0: write either leave_out or keep_only"),
        (
            "select: [{name: a, leave_out: {roles: [aide]}, keep_only: {roles: [aide]}}]",
            "f.yaml:1: select.0: write either leave_out or keep_only",
        ),
        ("select: [{name: a, leave_out: {}}]", f"f.yaml:1: select.0.leave_out: {ABOUT}"),
        (
            "select: [{name: a, leave_out: {teacherless: false, schools: []}}]",
            f"f.yaml:1: select.0.leave_out: {ABOUT}",
        ),
        (
            "select: [{name: a, keep_only: {schools: [N], classes: [Maths]}}]",
            f"f.yaml:1: select.0.keep_only: {ABOUT}",
        ),
        (
            "select: [{name: a, keep_only: {schools: [N]}, at_schools: [S]}]",
            "f.yaml:1: select.0: a rule about schools applies everywhere; take at_schools out",
        ),
        (
            "select: [{name: a, leave_out: {roles: [wizard]}}]",
            "f.yaml:1: select.0.leave_out.roles.0: 'wizard' is not allowed: use any of principal",
        ),
        (
            "select: [{name: a, leave_out: {klasses: [x]}}]",
            "f.yaml:1: select.0.leave_out.klasses: is not a setting; allowed: schools, sessions",
        ),
        ("overrides: ../secrets.csv", "f.yaml:1: overrides: '../secrets.csv' is not allowed"),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(text: str, message: str) -> None:
    assert mistake(text).startswith(message)


def test_unknown_sources_are_no_second_mistake_where_the_sources_are_wrong_themselves() -> None:
    text = "sources: [{nam: sis}]\nmerge: {own_ids: {hr: [users]}}"
    assert "is no source" not in mistake(text)
