"""Settings are checked where they enter."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from directory.policy import Policy


def test_the_defaults_are_the_careful_ones() -> None:
    policy = Policy()
    assert policy.people.mode == "match"
    assert policy.people.guardians is False
    assert policy.classes.teachers_as_members is False


@pytest.mark.parametrize("template", ["{nickname}", "", "  "])
def test_a_template_names_its_fields(template: str) -> None:
    with pytest.raises(ValidationError, match=r"\{title\}"):
        Policy.model_validate({"classes": {"display_name": template}})


def test_unknown_settings_are_errors() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Policy.model_validate({"people": {"modus": "create"}})
