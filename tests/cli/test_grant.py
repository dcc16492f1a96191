"""`rollcall grant` and `rollcall doctor --app`, as they are typed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.account import Demo
from cli.main import run
from graph.roles import needed
from local.azure import create_app as create_azure
from local.entra import Tenant, create_app
from local.entra.identity import UserAssigned, claims_of
from tests.az import sign_in_person
from tests.deployed import APP, CLIENT, GROUP, OBJECT, Deployment, deploy
from tests.sync.test_doctor import serving

MATCHING = {need.role for need in needed(["matching"])}


@dataclass
class World:
    tenant: Tenant
    identity: UserAssigned
    made: Deployment
    address: str

    def administrator(self, folder: Path, patch: pytest.MonkeyPatch, *roles: str) -> None:
        sign_in_person(folder, self.address, patch, roles or ("Global Administrator",))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An administrator is signed in; the app's identity has no app role yet."""
    for name in [n for n in os.environ if n.startswith(("AzureWebJobsStorage", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    tenant = Tenant(domains=["contoso.edu"])
    identity = UserAssigned(CLIENT, OBJECT, "/x/id-rollcall", frozenset())
    tenant.identity.user_assigned.append(identity)
    made = deploy(tenant.identity.tenant_id, CLIENT, OBJECT)
    with (
        serving(create_azure(made.cloud, claims_of), monkeypatch) as azure,
        serving(create_app(tenant), monkeypatch) as address,
    ):
        monkeypatch.setenv("ROLLCALL_ARM_URL", azure)
        world = World(tenant, identity, made, address)
        world.administrator(tmp_path, monkeypatch)
        yield world


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "rollcall.yaml"
    groups = ("by_role", "by_grade", "by_school_role", "by_school_grade")
    off = ", ".join(f"{name}: false" for name in groups)
    text = f"schools: {{enabled: false}}\nclasses: {{enabled: false}}\ngroups: {{{off}}}\n"
    file.write_text(text, encoding="utf-8")
    return str(file)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_nothing_is_changed_until_apply_is_said(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["grant", "--identity", "id-rollcall", "--config", config]) == 1
    shown = capsys.readouterr().out
    assert "to be granted" in shown
    assert "Nothing was changed: add --apply." in " ".join(shown.split())
    assert world.tenant.counters["writes"] == 0
    assert world.identity.roles == frozenset()


def test_apply_grants_and_says_that_tokens_keep_their_roles(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["grant", "--identity", OBJECT, "--config", config]
    assert run([*command, "--apply"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "granted now" in shown
    assert "up to 24 hours" in shown
    assert world.identity.roles == MATCHING
    writes = world.tenant.counters["writes"]
    assert run([*command, "--apply"]) == 0
    assert "has every app role" in " ".join(capsys.readouterr().out.split())
    assert world.tenant.counters["writes"] == writes


def test_programs_read_what_is_and_what_was_done(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.identity.roles = frozenset({"Mail.Read", "User.Read.All"})
    command = ["grant", "--identity", CLIENT, "--config", config, "--json"]
    assert run(command) == 1
    before = told(capsys)
    assert before["identity"] == {
        "id": OBJECT, "client_id": CLIENT, "name": "id-rollcall", "kind": "ManagedIdentity",
    }  # fmt: skip
    assert {
        k: v
        for k, v in next(r for r in before["roles"] if r["role"] == "User.Read.All").items()
        if k != "purpose"
    } == {"role": "User.Read.All", "granted": True}
    assert (before["extra"], before["to_revoke"], before["applied"]) == (["Mail.Read"], [], False)
    assert run([*command, "--apply"]) == 0
    done = told(capsys)
    assert done["granted"] == before["to_grant"]
    assert (done["revoked"], done["refused"], done["left"]) == ([], "", [])


def test_exact_takes_away_what_is_too_much(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.identity.roles = frozenset({"Directory.ReadWrite.All"})
    command = ["grant", "--identity", OBJECT, "--config", config]
    run([*command, "--apply"])
    assert "able to write: Directory.ReadWrite.All" in " ".join(capsys.readouterr().out.split())
    assert run([*command, "--exact"]) == 1
    assert "to be taken away" in capsys.readouterr().out
    assert run([*command, "--exact", "--apply"]) == 0
    assert "taken away" in capsys.readouterr().out
    assert "Directory.ReadWrite.All" not in world.identity.roles


def test_revoke_takes_all_that_rollcall_asks_for(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.identity.roles = frozenset({"Mail.Read", "Team.Create", "User.Read.All"})
    command = ["grant", "--identity", OBJECT, "--config", config, "--revoke"]
    assert run(command) == 1
    assert "0 to grant, 2 to take away" in capsys.readouterr().out
    assert run([*command, "--apply"]) == 0
    assert world.identity.roles == {"Mail.Read"}
    capsys.readouterr()
    assert run(command) == 0
    assert "has none of the app roles" in capsys.readouterr().out


def test_who_lacks_the_right_gets_the_exact_list_and_a_script_for_somebody_else(
    world: World,
    config: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world.administrator(tmp_path, monkeypatch, "Application Administrator")
    world.identity.roles = frozenset({"User.Read.All", "Mail.Read"})
    command = ["grant", "--identity", OBJECT, "--config", config, "--apply", "--exact"]
    assert run(command) == 3
    shown = capsys.readouterr().out
    assert "Privileged Role Administrator or Global Administrator" in " ".join(shown.split())
    assert f"To be approved for id-rollcall, object id {OBJECT}:" in shown
    assert "  grant Domain.Read.All\n" in shown
    assert "  take away Mail.Read\n" in shown
    assert f'ID="{OBJECT}"' in shown
    script = shown[shown.index("set -euo pipefail") :]
    assert "  Domain.Read.All" in script
    assert "User.Read.All" not in script
    assert run([*command[:-1], "--revoke"]) == 3
    assert "set -euo pipefail" not in capsys.readouterr().out
    assert world.identity.roles == {"User.Read.All", "Mail.Read"}


def test_the_identity_is_found_through_the_deployed_app(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["grant", "--app", APP, "--resource-group", GROUP, "--config", config, "--json"]
    assert run([*command, "--apply"]) == 0
    assert told(capsys)["identity"]["id"] == OBJECT


def test_variables_of_azd_stand_in_for_options(
    world: World,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ROLLCALL_IDENTITY_OBJECT_ID", OBJECT)
    assert run(["grant", "--config", config, "--json"]) == 1
    assert told(capsys)["identity"]["id"] == OBJECT


def test_without_a_name_a_person_is_asked_for_one(
    world: World, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["grant", "--config", config]) == 2
    assert "Which identity?" in capsys.readouterr().err


def test_without_a_configuration_it_goes_by_the_defaults_and_takes_nothing_away(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["grant", "--identity", OBJECT]) == 1
    assert "by the defaults" in " ".join(capsys.readouterr().err.split())
    assert run(["grant", "--identity", OBJECT, "--exact", "--apply"]) == 2
    assert "--exact takes away what" in capsys.readouterr().err


def test_a_wrong_configuration_grants_nothing(world: World, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("people: {mode: destroy}", encoding="utf-8")
    assert run(["grant", "--identity", OBJECT, "--config", str(file), "--apply"]) == 2
    assert world.identity.roles == frozenset()


@pytest.mark.parametrize("also", ["--exact", "--script=bash"])
def test_revoking_goes_with_nothing_that_grants(also: str) -> None:
    assert run(["grant", "--revoke", also]) == 2


@pytest.mark.parametrize(
    ("script", "start"), [("bash", "set -euo pipefail"), ("powershell", "$ErrorActionPreference")]
)
def test_a_script_is_printed_without_asking_anybody(
    config: str, script: str, start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["grant", "--script", script, "--config", config, "--identity", "my-id"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(start)
    assert '"my-id"' in shown


def test_the_demo_shows_it_for_its_own_identity(
    world: World, azurite: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {
        "ROLLCALL_GRAPH_URL": f"{world.address}/v1.0", "IDENTITY_HEADER": "secret",
        "IDENTITY_ENDPOINT": f"{world.address}/msi/token",
    }  # fmt: skip
    Demo(os.getpid(), "", azurite, own).announce()
    for name in own:
        monkeypatch.setenv(name, own[name])  # so that they are gone after the test
    assert run(["grant", "--against", "demo", "--json"]) in (0, 1)
    assert told(capsys)["identity"]["id"] == world.tenant.identity.object_id
    assert run(["grant", "--against", "demo", "--app", APP]) == 2
    for name in ("ROLLCALL_IDENTITY_OBJECT_ID", "ROLLCALL_APP_NAME"):
        monkeypatch.setenv(name, "of-a-tenant")
    assert run(["grant", "--against", "demo", "--json"]) in (0, 1)


# The doctor of a deployed app ----------------------------------------------------------------


def test_the_doctor_examines_a_deployed_app(
    world: World, config: str, azurite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["doctor", "--app", APP, "--config", config, "--account", azurite]
    assert run([*command, "--json"]) == 3  # no app role is granted
    checks = {check["name"]: check for check in told(capsys)["checks"]}
    assert checks["functions"]["state"] == "ok"
    assert checks["User.Read.All"]["state"] == "problem"
    world.made.cloud.remove(world.made.vault + "/providers")
    assert run(command) == 3
    assert "Rights in Azure" in capsys.readouterr().out


def test_each_command_stands_below_what_it_is_for(
    world: World, config: str, azurite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.made.cloud.resources = {
        key: one
        for key, one in world.made.cloud.resources.items()
        if one["type"] != "Microsoft.Authorization/roleAssignments"
    }
    run(["doctor", "--app", APP, "--config", config, "--account", azurite])
    shown = capsys.readouterr().out
    heading = "To give the role, in bash, as Owner of the resource group:"
    assert shown.index(heading) < shown.index("az role assignment create")
    assert "Privileged Role Administrator:" not in shown


def test_an_app_that_is_not_there_is_bad_usage(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--app", f"app-{uuid4()}"]) == 2
    assert "No Function App called" in capsys.readouterr().err
    assert run(["doctor", "--app", APP, "--against", "demo"]) == 2
