"""Which features a configuration switches on, in the words that app roles are listed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graph.roles import Feature

    from ..config import Config


def features(config: Config) -> frozenset[Feature]:
    """The features that need rights in the directory; matching is always one."""
    groups = config.groups
    on: dict[Feature, bool] = {
        "matching": True,
        "accounts": config.people.mode == "create",
        "provisioning": config.people.mode == "inbound",
        "schools": config.schools.enabled,
        "classes": config.classes.enabled,
        "groups": groups.by_role
        or groups.by_grade
        or groups.by_school_role
        or groups.by_school_grade,
        "teams": config.teams.enabled,
        "rules": "dynamic" in (config.schools.membership, groups.membership),
    }
    return frozenset(feature for feature, is_on in on.items() if is_on)


def domains(config: Config) -> dict[str, list[str]]:
    """The domains that the configuration names, each with the settings that name it."""
    named: dict[str, list[str]] = {}
    for role in ("staff", "students"):
        if domain := getattr(config.people.domains, role):
            named.setdefault(domain.lower(), []).append(f"people.domains.{role}")
        for number, rule in enumerate(getattr(config.matching, role)):
            if rule.domain:
                named.setdefault(rule.domain.lower(), []).append(f"matching.{role}[{number}]")
    return named
