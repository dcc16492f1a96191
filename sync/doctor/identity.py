"""Sign-in: as whom, by which way, and with which app roles."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from roster.errors import RollcallError

from .check import Check

if TYPE_CHECKING:
    from collections.abc import Collection

    from graph.roles import Need
    from graph.signin import Access, SignIn

AREA, ROLES = "Sign-in", "App roles"


def check_sign_in(signed_in: SignIn) -> tuple[list[Check], Access | None]:
    """Signs in; says as whom. None when that failed: the check says why."""
    try:
        access = signed_in.access()
    except RollcallError as error:
        return [Check(AREA, "way", "problem", "not signed in", str(error))], None
    hours, minutes = divmod(int((access.expires - time.time()) // 60), 60)
    checks = [
        Check(AREA, "way", "ok", f"{access.way}, token good for {hours} h {minutes} min"),
        Check(AREA, "tenant", "ok", access.tenant_id),
        Check(AREA, "app", "ok", f"client id {access.app_id}, object id {access.object_id}"),
    ]
    return checks, access


def check_roles(access: Access, features: Collection[str]) -> list[Check]:
    """One check for each role that the features need, and one for roles that are too much."""
    from graph.roles import grant_command, needed, unneeded

    if access.is_person:
        roles = [need.role for need in needed(features)]
        return [
            Check(
                ROLES, "all", "warning",
                "a person is signed in: the app's own roles cannot be seen from here",
                f"the app needs {', '.join(roles)}; to check them, name the deployed app with "
                "--app. `rollcall grant --apply`, or the command, grants them to its identity",
                grant_command(roles),
            )
        ]  # fmt: skip
    wanted = needed(features)
    missing = [need for need in wanted if not need.is_met(access.roles)]
    checks: list[Check] = []
    for need in wanted:
        if need not in missing:
            checks.append(Check(ROLES, need.role, "ok", _granted(need, access)))
            continue
        state = "warning" if need.is_optional else "problem"
        advice = f"needed for: {need.purpose}"
        command = grant_command([m.role for m in missing], access.object_id)
        checks.append(Check(ROLES, need.role, state, "not granted", advice, command))
    if extra := unneeded(features, access.roles):
        advice = (
            "nothing that is configured needs them: `rollcall grant --exact --apply` takes them "
            "away, so that a stolen identity can do less"
        )
        checks.append(Check(ROLES, "more than needed", "warning", ", ".join(extra), advice))
    return checks


def _granted(need: Need, access: Access) -> str:
    if need.role in access.roles:
        return "granted"
    return f"granted by {next(role for role in need.wider if role in access.roles)}"
