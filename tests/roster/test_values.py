from __future__ import annotations

import pytest

from roster import values
from roster.errors import BadInput
from roster.values import ORG_ROLES, VALUE_LISTS, check_vocabulary


def test_lists_have_the_documented_numbers_of_values() -> None:
    assert len(values.ORG_TYPE.values) == 20
    assert len([role for role in ORG_ROLES if role.name != "aide"]) == 30
    assert len(set(values.SECTION_ROLE.values) - set(values.CONTACT_ROLES)) == 27


def test_roles_are_ranked_as_documented() -> None:
    ranks = {role.name: role.sort for role in ORG_ROLES}
    assert ranks["principal"] == 10
    assert ranks["proctor"] == 140
    assert ranks["officeStaff"] == 160
    assert ranks["teacher"] == 200
    assert ranks["alumni"] == 280


def test_only_students_and_others_are_no_staff() -> None:
    others = {role.name: role.group for role in ORG_ROLES if role.group != "staff"}
    assert others == {"student": "student", "other": "none"}


@pytest.mark.parametrize("name", VALUE_LISTS)
def test_no_spelling_means_two_values(name: str) -> None:
    lowered = [value.lower() for value in VALUE_LISTS[name].values]
    assert len(set(lowered)) == len(lowered)
    spellings = VALUE_LISTS[name].spellings()
    assert all(spelling == spelling.lower() for spelling in spellings)
    assert set(spellings.values()) <= set(VALUE_LISTS[name].values)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("9", "09"), ("1", "01"), ("12", "12"), ("k", "kg"), ("1st", "01"), ("9th", "09")],
)
def test_common_spellings_of_grades_are_known(theirs: str, ours: str) -> None:
    assert values.GRADE.spellings()[theirs] == ours


def test_a_customers_own_word_means_a_value_of_ours() -> None:
    spellings = values.GRADE.spellings({"grades": {" Sixième ": "06"}})
    assert spellings["sixième"] == "06"
    assert spellings["06"] == "06"


def test_a_mapping_of_an_unknown_list_is_refused() -> None:
    with pytest.raises(BadInput, match="no list “colours”; lists: booleans"):
        check_vocabulary({"colours": {"rot": "red"}})


def test_a_mapping_to_an_unknown_value_is_refused() -> None:
    with pytest.raises(BadInput, match=r"mappings\.sexes: “w” cannot mean “woman”; allowed: male"):
        check_vocabulary({"sexes": {"w": "woman"}})
