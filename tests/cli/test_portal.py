"""`rollcall portal register`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import run
from tests.cli.test_grant import World, world
from tests.deployed import APP, GROUP, HOST, OBJECT

__all__ = ["world"]


@pytest.fixture
def registrar(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world.administrator(tmp_path, monkeypatch, "Application Administrator")
    return world


def test_the_registration_of_a_deployed_app_is_shown_then_made(
    registrar: World, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["portal", "register", "--app", APP, "--resource-group", GROUP]
    assert run(command) == 1
    shown = capsys.readouterr().out
    assert f"to do: add the redirect address https://{HOST}/.auth/login/aad/callback" in " ".join(
        shown.split()
    )
    assert "Nothing was changed" in shown
    assert registrar.tenant.counters["writes"] == 0
    assert run([*command, "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = registrar.tenant.applications.find("appId", told["client_id"])
    [credential] = registrar.tenant.applications.credentials(made["id"])
    assert credential["subject"] == OBJECT
    assert run([*command, "--apply"]) == 0
    shown = capsys.readouterr().out
    assert f"portalClientId: {told['client_id']}" in shown
    assert "is as it should be" in shown


def test_without_azure_host_and_identity_are_named(
    registrar: World, capsys: pytest.CaptureFixture[str]
) -> None:
    registrar.tenant.directory.add("group", {"displayName": "Heads"})
    command = ["portal", "register", "--host", "x.example.net", "--identity", "id-rollcall"]
    assert run([*command, "--reader", "Heads", "--apply"]) == 0
    shown = capsys.readouterr().out
    assert "did: give Heads the role Rollcall.Reader" in shown


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--host", "x.example.net"],
        ["--identity", "id"],
        ["--host", "https://x.example.net/", "--identity", "id"],
    ],
)
def test_what_is_not_clear_is_refused(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROLLCALL_APP_NAME", "AZURE_RESOURCE_GROUP"):
        monkeypatch.delenv(name, raising=False)
    assert run(["portal", "register", *options]) == 2
