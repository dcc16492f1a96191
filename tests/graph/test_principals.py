"""Finding service principals, reading and giving app roles, patiently, and the scripts for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graph.direct import Direct
from graph.grant_scripts import bash_script, power_shell_script
from graph.patience import Patience
from graph.principals import (
    NotAllowed,
    assign,
    find_principal,
    graph_catalogue,
    read_assignments,
    unassign,
)
from graph.roles import grant_command, needed
from graph.signin import sign_in
from local.entra.identity import UserAssigned
from roster.errors import BadInput, Terminal, Transient
from tests.az import sign_in_person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.entra import Tenant
    from tests.graph.conftest import Served

NAME = "id-rollcall"
PATH = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/{NAME}"


def identity(tenant: Tenant, *roles: str, name: str = NAME) -> UserAssigned:
    """An identity of the app with these app roles."""
    path = PATH.replace(NAME, name)
    one = UserAssigned(str(uuid4()), str(uuid4()), path, frozenset(roles))
    tenant.identity.user_assigned.append(one)
    return one


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
async def line(
    served: Served, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Patience]:
    """A line of a person who may assign app roles."""
    async with person(served, tmp_path, monkeypatch, waits) as line:
        yield line


@asynccontextmanager
async def person(
    served: Served, folder: Path, patch: pytest.MonkeyPatch, waits: list[float], *roles: str
) -> AsyncIterator[Patience]:
    sign_in_person(folder, served.address, patch, roles or ("Privileged Role Administrator",))
    patch.setenv("ROLLCALL_GRAPH_URL", served.url)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    signed_in = sign_in()
    direct = Direct(signed_in)
    yield Patience(direct, sleep)
    await direct.close()
    signed_in.close()


async def test_an_identity_is_found_by_each_of_its_names(tenant: Tenant, line: Patience) -> None:
    one = identity(tenant)
    for text in (one.object_id, one.client_id, NAME, NAME.upper()):
        found = await find_principal(line, text)
        assert (found.id, found.kind) == (one.object_id, "ManagedIdentity")


async def test_a_name_with_a_quote_is_a_name(tenant: Tenant, line: Patience) -> None:
    one = identity(tenant, name="o'neill")
    assert (await find_principal(line, "o'neill")).id == one.object_id


async def test_no_identity_or_several_are_refused(tenant: Tenant, line: Patience) -> None:
    one, two = identity(tenant), identity(tenant)
    with pytest.raises(BadInput, match="2 identities") as several:
        await find_principal(line, NAME)
    assert one.object_id in str(several.value)
    assert two.object_id in str(several.value)
    with pytest.raises(BadInput, match="is called 'nobody'"):
        await find_principal(line, "nobody")
    with pytest.raises(BadInput, match="neither the object id nor the client id"):
        await find_principal(line, str(uuid4()))


async def test_a_role_is_looked_up_and_there_is_exactly_one(tenant: Tenant, line: Patience) -> None:
    offered = tenant.principals.graph["appRoles"]
    twin = next(role for role in offered if role["value"] == "Team.Create")
    offered.append(twin | {"id": str(uuid4())})
    for value, change in (
        ("Mail.Read", {"isEnabled": False}),
        ("Group.Create", {"allowedMemberTypes": ["User"]}),
    ):
        next(role for role in offered if role["value"] == value).update(change)
    catalogue = await graph_catalogue(line)
    assert catalogue.id_of("User.Read.All") == "df021288-bdef-4463-88db-98f22de89214"
    for value, count in (("Team.Create", "2"), ("Mail.Read", "no"), ("Group.Create", "no")):
        with pytest.raises(Terminal, match=f"{count} enabled app role {value}"):
            catalogue.id_of(value)


async def test_all_pages_of_assignments_are_read(tenant: Tenant, line: Patience) -> None:
    roles = sorted(role["value"] for role in tenant.principals.graph["appRoles"])
    one = identity(tenant, *roles)
    tenant.principals.graph["appRoles"].remove(tenant.principals.graph["appRoles"][0])
    catalogue = await graph_catalogue(line)
    asked = line.line.ask

    async def in_small_pages(method: str, url: str, *more: Any) -> Any:
        return await asked(method, url.replace("$top=999", "$top=3"), *more)

    line.line.ask = in_small_pages
    found = await read_assignments(line, one.object_id, catalogue)
    assert sorted(a.value for a in found) == ["", *roles[1:]]


async def test_giving_twice_and_taking_twice_is_as_good_as_once(
    tenant: Tenant, line: Patience
) -> None:
    one = identity(tenant)
    catalogue = await graph_catalogue(line)
    assert await assign(line, one.object_id, catalogue, "User.Read.All") is True
    assert await assign(line, one.object_id, catalogue, "User.Read.All") is False
    assert one.roles == {"User.Read.All"}
    [held] = await read_assignments(line, one.object_id, catalogue)
    await unassign(line, one.object_id, held)
    await unassign(line, one.object_id, held)
    assert one.roles == frozenset()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": "lost", "when": "after"},
        {"status": 503, "when": "after"},
        {"status": 429, "retryAfter": 7},
        {"status": 400, "code": "Request_BadRequest", "message": "Not a valid reference update."},
    ],
)
async def test_an_answer_that_is_lost_or_late_is_asked_for_again(
    served: Served, tenant: Tenant, line: Patience, waits: list[float], fault: dict[str, Any]
) -> None:
    one = identity(tenant)
    catalogue = await graph_catalogue(line)
    await served.faults({"method": "POST", "path": "appRoleAssignments", **fault})
    await assign(line, one.object_id, catalogue, "User.Read.All")
    assert one.roles == {"User.Read.All"}
    assert waits == [fault.get("retryAfter", 1.0)]


async def test_patience_has_an_end(served: Served, line: Patience, waits: list[float]) -> None:
    await served.faults({"method": "GET", "status": "lost", "times": 6})
    with pytest.raises(Transient, match="no answer from Graph"):
        await graph_catalogue(line)
    assert waits == [1, 2, 4, 8, 16]
    await served.faults({"method": "GET", "status": 503, "times": 6})
    with pytest.raises(Transient, match="503"):
        await graph_catalogue(line)


async def test_who_may_not_assign_is_told_apart_from_other_refusals(
    served: Served, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = identity(tenant, "User.Read.All")
    async with person(served, tmp_path, monkeypatch, [], "Application Administrator") as line:
        catalogue = await graph_catalogue(line)
        with pytest.raises(NotAllowed, match="POST"):
            await assign(line, one.object_id, catalogue, "Domain.Read.All")
        [held] = await read_assignments(line, one.object_id, catalogue)
        with pytest.raises(NotAllowed, match="DELETE"):
            await unassign(line, one.object_id, held)


# The scripts ---------------------------------------------------------------------------------

FEW = ["User.Read.All", "Domain.Read.All"]
ROLES = [need.role for need in needed(["matching", "schools", "classes", "groups"])]


def run_bash(script: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"]}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env)


@pytest.mark.parametrize("make", [bash_script, grant_command])
async def test_the_scripts_do_what_the_command_does(
    served: Served, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    one = identity(tenant, "Mail.Read")
    sign_in_person(tmp_path, served.address, monkeypatch)
    done = await asyncio.to_thread(run_bash, make(FEW, one.object_id))
    assert done.returncode == 0, done.stderr
    assert one.roles == {*FEW, "Mail.Read"}


async def test_the_script_done_twice_changes_nothing_and_says_so(
    served: Served, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = identity(tenant, *FEW[1:])
    sign_in_person(tmp_path, served.address, monkeypatch)
    first = await asyncio.to_thread(run_bash, bash_script(FEW, one.object_id))
    assert first.stdout.splitlines()[0] == f"{FEW[0]}: granted"
    writes = tenant.counters["writes"]
    second = await asyncio.to_thread(run_bash, bash_script(FEW, one.object_id))
    assert second.stdout.splitlines() == [f"{role}: granted already" for role in FEW]
    assert tenant.counters["writes"] == writes


async def test_the_script_ends_at_the_first_failure(
    served: Served, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = identity(tenant)
    sign_in_person(tmp_path, served.address, monkeypatch)
    script = bash_script(["User.Read.All", "No.Such.Role", "Domain.Read.All"], one.object_id)
    done = await asyncio.to_thread(run_bash, script)
    assert done.returncode == 1
    assert "No.Such.Role: not exactly one such role" in done.stderr
    assert one.roles == {"User.Read.All"}
    sign_in_person(tmp_path, served.address, monkeypatch, [])
    done = await asyncio.to_thread(run_bash, bash_script(["Domain.Read.All"], one.object_id))
    assert done.returncode == 1
    assert "Authorization_RequestDenied" in done.stderr


def test_both_scripts_name_the_same_roles_and_the_same_identity() -> None:
    for script in (bash_script(ROLES, "my-id"), power_shell_script(ROLES, "my-id")):
        lines = [line.strip(' "\\') for line in script.splitlines()]
        assert [line for line in lines if line in ROLES] == ROLES
        assert '"my-id"' in script
        assert "0000-0000-" not in script.replace("00000003-0000-0000-c000-000000000000", "")
    assert 'ID="OBJECT_ID"' in bash_script(ROLES)
    assert '$id = "OBJECT_ID"' in power_shell_script(ROLES)


def test_the_page_shows_the_scripts_for_the_default_configuration() -> None:
    from sync.config import Config
    from sync.doctor.features import features

    page = (Path(__file__).parents[2] / "docs" / "grants.md").read_text(encoding="utf-8")
    roles = [need.role for need in needed(features(Config()))]
    assert f"```bash\n{bash_script(roles)}```" in page
    assert f"```powershell\n{power_shell_script(roles)}```" in page
