"""Match rules: the settings by which accounts are found (see `matching.py`)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from roster.section import Section

Domain = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")]
Source = Literal[
    "username", "email", "active_directory_match_id", "sam_account_name", "employee_id",
    "sourced_id", "identifier", "master_identifier",
]  # fmt: skip
Target = Literal[
    "userPrincipalName", "mail", "proxyAddresses", "onPremisesSamAccountName",
    "onPremisesImmutableId", "employeeId", "extensionAttribute1", "extensionAttribute2",
    "extensionAttribute3", "extensionAttribute4", "extensionAttribute5", "extensionAttribute6",
    "extensionAttribute7", "extensionAttribute8", "extensionAttribute9", "extensionAttribute10",
    "extensionAttribute11", "extensionAttribute12", "extensionAttribute13", "extensionAttribute14",
    "extensionAttribute15",
]  # fmt: skip
ADDRESSES = ("userPrincipalName", "mail", "proxyAddresses")


class MatchRule(Section):
    """One way to find a person's account: a value of the roster equals a property of the account.

    With `domain`, `@domain` is appended to a value that has none; several are tried in order.
    Without it, a value that is compared with userPrincipalName gets the tenant's default domain.
    """

    source: Source = Field(
        alias="from",
        description="Roster value: username, email, active_directory_match_id, sam_account_name, "
        "employee_id, sourced_id, identifier (student or teacher number) or master_identifier",
    )
    target: Target = Field(
        alias="to",
        description="Account property: userPrincipalName, mail, proxyAddresses (any mail address), "
        "onPremisesSamAccountName, onPremisesImmutableId, employeeId or extensionAttribute1 to 15",
    )
    domain: Domain | Annotated[tuple[Domain, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Domain, or domains in order, appended to a value without one",
    )

    @model_validator(mode="after")
    def _domain_fits(self) -> Self:
        if self.domain and self.target not in ADDRESSES:
            raise ValueError(f"{self.target} has no domain; leave `domain` out, or compare with "
                             f"one of {', '.join(ADDRESSES)}")  # fmt: skip
        return self

    def domains(self, default: str) -> tuple[str | None, ...]:
        """The domains to try in order; None: the value as it is."""
        if self.domain:
            return (self.domain,) if isinstance(self.domain, str) else self.domain
        return (default,) if self.target == "userPrincipalName" else (None,)


def _default_rules() -> tuple[MatchRule, ...]:
    return (
        MatchRule.model_validate({"from": "username", "to": "userPrincipalName"}),
        MatchRule.model_validate({"from": "email", "to": "mail"}),
    )


class Matching(Section):
    """Match rules by role group, tried in order; the first rule that finds an account decides."""

    staff: tuple[MatchRule, ...] = Field(
        default_factory=_default_rules, description="Rules for everyone with a staff role"
    )
    students: tuple[MatchRule, ...] = Field(
        default_factory=_default_rules, description="Rules for students"
    )
