"""Grants: the app roles of Microsoft Graph that an identity has, and those that it should have.

It should have what the features that the configuration switches on need, and nothing else. What is
missing is given before anything is taken away, so that a run under way loses nothing it needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graph.principals import (
    NotAllowed,
    assign,
    find_principal,
    graph_catalogue,
    read_assignments,
    unassign,
)
from graph.roles import APP_ROLES, missing, needed, unneeded
from roster.errors import RollcallError, Terminal

from .doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from graph.patience import Patience
    from graph.principals import Assignment, Principal, RoleCatalogue
    from graph.roles import Need

AREA = "App roles"
# https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations#limitation-of-using-managed-identities-for-authorization
KEPT_TOKEN = (
    "A token that the app holds already keeps its roles until it ends: for a managed identity that "
    "is up to 24 hours, and restarting the app does not change it."
)
WHO = (
    "Privileged Role Administrator or Global Administrator, in a tool that may use "
    "AppRoleAssignment.ReadWrite.All"
)


@dataclass(frozen=True)
class Grants:
    """What an identity has and needs. `assignments`: its app roles of Microsoft Graph, all."""

    principal: Principal
    catalogue: RoleCatalogue
    features: frozenset[str]
    assignments: tuple[Assignment, ...]

    @property
    def held(self) -> frozenset[str]:
        """The roles by value."""
        return frozenset(one.value for one in self.assignments if one.value)

    @property
    def wanted(self) -> list[Need]:
        """What the features need."""
        return needed(self.features)

    @property
    def to_grant(self) -> list[Need]:
        """What is needed and not held under its own name, even if a wider role is held."""
        return [need for need in self.wanted if need.role not in self.held]

    @property
    def extra(self) -> list[Assignment]:
        """What is held and not needed."""
        names = {need.role for need in self.wanted}
        return [one for one in self.assignments if one.value not in names]

    @property
    def own(self) -> list[Assignment]:
        """What is held of the roles that Rollcall ever asks for."""
        return [one for one in self.assignments if one.value in APP_ROLES]

    @property
    def writing(self) -> list[str]:
        """Of what is not needed the roles that write: what a thief of the identity could do."""
        return unneeded(self.features, self.held)


@dataclass
class Done:
    """What became of it. `refused`: why the rest was not done; `left`: the roles that it is."""

    granted: list[str] = field(default_factory=list[str])
    revoked: list[str] = field(default_factory=list[str])
    refused: str = ""
    left: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {"granted": self.granted, "revoked": self.revoked, "refused": self.refused,
                "left": self.left}  # fmt: skip


async def read_grants(line: Patience, identity: str, features: Collection[str]) -> Grants:
    """What the identity (object id, client id or name) has; BadInput unless there is one such."""
    try:
        principal = await find_principal(line, identity)
        catalogue = await graph_catalogue(line)
        assignments = await read_assignments(line, principal.id, catalogue)
    except NotAllowed as error:
        raise Terminal(
            "Who is signed in may not read service principals: sign in as a member of the tenant "
            "(`az login`), or as an app with the app role Application.Read.All",
            error.code,
        ) from error
    return Grants(principal, catalogue, frozenset(features), tuple(assignments))


async def change_grants(
    line: Patience,
    grants: Grants,
    give: Collection[str],
    take: Collection[Assignment],
    say: Callable[[str], None],
) -> Done:
    """Gives roles, then takes others away; ends at the first refusal.

    Raises Terminal before anything is changed if a role is not there to give.
    """
    for role in give:
        grants.catalogue.id_of(role)
    done = Done(left=[*give, *(one.value or one.role_id for one in take)])
    identity = grants.principal.id
    try:
        for role in give:
            say(f"Granting {role}")
            await assign(line, identity, grants.catalogue, role)
            done.granted.append(role)
            done.left.remove(role)
        for one in take:
            name = one.value or one.role_id
            say(f"Taking away {name}")
            await unassign(line, identity, one)
            done.revoked.append(name)
            done.left.remove(name)
    except NotAllowed:
        done.refused = f"who is signed in may not change app roles: that takes a {WHO}"
    except RollcallError as error:
        done.refused = str(error)
    return done


def check_grants(grants: Grants) -> list[Check]:
    """The roles that an identity has, as the doctor tells them."""
    lacks = missing(grants.features, grants.held)
    checks: list[Check] = []
    for need in grants.wanted:
        if need not in lacks:
            checks.append(Check(AREA, need.role, "ok", "granted"))
            continue
        state = "warning" if need.is_optional else "problem"
        advice = f"needed for: {need.purpose}; `rollcall grant --apply` grants it"
        checks.append(Check(AREA, need.role, state, "not granted", advice))
    if writing := grants.writing:
        advice = "nothing that is configured needs them: `rollcall grant --exact --apply`"
        checks.append(Check(AREA, "more than needed", "warning", ", ".join(writing), advice))
    return checks
