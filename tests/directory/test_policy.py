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


@pytest.mark.parametrize("section", ["schools", "groups"])
def test_a_dynamic_membership_needs_an_attribute(section: str) -> None:
    with pytest.raises(ValidationError, match=f"{section}.membership is dynamic, so dynamic.attr"):
        Policy.model_validate({section: {"membership": "dynamic"}})
    ruled = {section: {"membership": "dynamic"}, "dynamic": {"attribute": "extensionAttribute15"}}
    Policy.model_validate(ruled)


@pytest.mark.parametrize("attribute", ["displayName", "extensionAttribute16", "companyName"])
def test_only_attributes_that_rules_can_read_are_taken(attribute: str) -> None:
    with pytest.raises(ValidationError, match="'department', 'officeLocation', 'extensionAttr"):
        Policy.model_validate({"dynamic": {"attribute": attribute}})


def test_an_attribute_is_kept_only_for_what_is_dynamic_and_switched_on() -> None:
    named = {"dynamic": {"attribute": "department"}}
    assert Policy.model_validate(named).unit_attribute is None
    assert Policy.model_validate(named).group_attribute is None
    off = {"schools": {"membership": "dynamic", "enabled": False}}
    assert Policy.model_validate(named | off).unit_attribute is None
