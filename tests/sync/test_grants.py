"""What an identity has and needs, and what becomes of changing that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from graph.direct import Direct
from graph.patience import Patience
from graph.roles import needed
from graph.signin import sign_in
from local.entra import Tenant, create_app
from local.entra.identity import UserAssigned
from roster.errors import Terminal
from sync.grants import Done, Grants, change_grants, check_grants, read_grants
from tests.az import sign_in_person
from tests.sync.test_doctor import fault, serving

ON = frozenset({"matching", "schools", "classes", "groups"})
NEEDED = [need.role for need in needed(ON)]


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    tenant = Tenant(domains=["contoso.edu"])
    with serving(create_app(tenant), monkeypatch) as address:
        sign_in_person(tmp_path, address, monkeypatch)
        yield tenant


def identity(tenant: Tenant, *roles: str) -> UserAssigned:
    one = UserAssigned(str(uuid4()), str(uuid4()), "/x/id-rollcall", frozenset(roles))
    tenant.identity.user_assigned.append(one)
    return one


def with_line(do: Any) -> Any:
    """What `do` answers, given a line of who is signed in."""

    async def run() -> Any:
        signed_in = sign_in()
        line = Direct(signed_in)
        try:
            return await do(Patience(line, _at_once))
        finally:
            await line.close()
            signed_in.close()

    return asyncio.run(run())


async def _at_once(seconds: float) -> None:
    del seconds


def look(one: UserAssigned, on: frozenset[str] = ON) -> Grants:
    return with_line(lambda line: read_grants(line, one.object_id, on))


def change(grants: Grants, *, exact: bool = False, revoke: bool = False) -> tuple[Done, list[str]]:
    said: list[str] = []
    give = [] if revoke else [need.role for need in grants.to_grant]
    take = grants.own if revoke else grants.extra if exact else []
    done = with_line(lambda line: change_grants(line, grants, give, take, said.append))
    return done, said


def test_exactly_what_is_needed_is_granted_and_a_second_time_nothing(tenant: Tenant) -> None:
    one = identity(tenant)
    done, said = change(look(one))
    assert one.roles == set(NEEDED)
    assert (done.granted, done.revoked, done.refused, done.left) == (NEEDED, [], "", [])
    assert said == [f"Granting {role}" for role in NEEDED]
    writes = tenant.counters["writes"]
    assert look(one).to_grant == []
    assert change(look(one))[0].granted == []
    assert tenant.counters["writes"] == writes


def test_what_is_too_much_goes_only_when_that_is_asked_for(tenant: Tenant) -> None:
    one = identity(tenant, "Directory.ReadWrite.All", "Mail.Read", *NEEDED[:2])
    assert look(one).writing == ["Directory.ReadWrite.All"]
    change(look(one))
    assert {"Directory.ReadWrite.All", "Mail.Read"} <= one.roles
    done, _ = change(look(one), exact=True)
    assert sorted(done.revoked) == ["Directory.ReadWrite.All", "Mail.Read"]
    assert one.roles == set(NEEDED)


def test_a_wider_role_is_no_reason_not_to_grant_the_narrow_one(tenant: Tenant) -> None:
    one = identity(tenant, "Directory.Read.All")
    assert "Group.ReadWrite.All" in [need.role for need in look(one).to_grant]
    assert [a.value for a in look(one).extra] == ["Directory.Read.All"]


def test_revoking_takes_what_rollcall_asks_for_and_leaves_the_rest(tenant: Tenant) -> None:
    one = identity(tenant, "Mail.Read", "Team.Create", *NEEDED)
    done, _ = change(look(one), revoke=True)
    assert sorted(done.revoked) == sorted(["Team.Create", *NEEDED])
    assert one.roles == {"Mail.Read"}


def test_a_role_that_the_tenant_does_not_offer_stops_all_before_anything_is_done(
    tenant: Tenant,
) -> None:
    offered = tenant.principals.graph["appRoles"]
    offered.remove(next(role for role in offered if role["value"] == NEEDED[-1]))
    one = identity(tenant)
    grants = look(one)
    with pytest.raises(Terminal, match=f"no enabled app role {NEEDED[-1]}"):
        change(grants)
    assert one.roles == frozenset()


def test_a_role_that_no_longer_exists_can_be_taken_away(tenant: Tenant) -> None:
    one = identity(tenant, "Mail.Read", *NEEDED)
    offered = tenant.principals.graph["appRoles"]
    look(one)
    gone = next(role for role in offered if role["value"] == "Mail.Read")
    offered.remove(gone)
    grants = look(one)
    assert "" not in grants.held
    done, _ = change(grants, exact=True)
    assert done.revoked == [gone["id"]]


def test_the_first_refusal_ends_it_and_tells_what_is_left(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = identity(tenant, "Mail.Read")
    address = os.environ["ROLLCALL_GRAPH_URL"].removesuffix("/v1.0")
    sign_in_person(tmp_path, address, monkeypatch, ["Application Administrator"])
    done, _ = change(look(one), exact=True)
    assert done.granted == []
    assert done.left == [*NEEDED, "Mail.Read"]
    assert "Privileged Role Administrator" in done.refused
    assert done.as_dict()["left"] == done.left


def test_an_error_in_the_middle_is_told_and_the_next_time_goes_on(tenant: Tenant) -> None:
    one = identity(tenant)
    grants = look(one)
    tenant.faults.coming.append(fault("POST", "appRoleAssignments", 500, times=6, every=1))
    done, _ = change(grants)
    assert "500" in done.refused
    assert done.left == NEEDED
    tenant.faults.coming.clear()
    change(look(one))
    assert one.roles == set(NEEDED)


def test_who_may_not_read_is_told_what_it_takes(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = identity(tenant)
    tenant.identity.roles = frozenset()
    address = os.environ["ROLLCALL_GRAPH_URL"].removesuffix("/v1.0")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    with pytest.raises(Terminal, match=r"Application\.Read\.All"):
        look(one)


def test_the_doctor_tells_of_each_role_and_of_those_that_are_too_much(tenant: Tenant) -> None:
    one = identity(tenant, "User.ReadWrite.All", "Team.Create")
    checks = {check.name: check for check in check_grants(look(one))}
    assert checks["User.Read.All"].state == "ok"  # a wider role is granted
    assert checks["Group.ReadWrite.All"].state == "problem"
    assert "rollcall grant --apply" in checks["Group.ReadWrite.All"].advice
    assert checks["Organization.Read.All"].state == "warning"
    assert checks["more than needed"].found == "Team.Create, User.ReadWrite.All"
    change(look(one), exact=True)
    assert {check.state for check in check_grants(look(one))} == {"ok"}
