"""Which features a configuration switches on, in the words that app roles are listed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph.roles import Feature

    from ..config import Config


def features(config: Config) -> frozenset[Feature]:
    """The features that need rights in the directory; matching is always one."""
    settings: dict[str, Any] = config.model_dump()
    people, schools, groups = settings["people"], settings["schools"], settings["groups"]
    on: dict[Feature, bool] = {
        "matching": True,
        "accounts": people["mode"] == "create",
        "provisioning": people["mode"] == "inbound",
        "schools": schools["enabled"],
        "classes": settings["classes"]["enabled"],
        "groups": any(value for name, value in groups.items() if name.startswith("by_")),
        "teams": bool(settings.get("teams", {}).get("enabled")),
        "rules": any(
            settings[part].get("membership") == "dynamic" for part in ("schools", "groups")
        ),
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
