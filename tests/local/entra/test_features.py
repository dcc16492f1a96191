"""Switches: from a scenario file, over HTTP, and in tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.entra import Tenant
from local.entra.features import Features
from local.entra.scenario import Scenario, load
from roster.errors import BadInput
from tests.local.entra.conftest import Caller

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "/msi/token?resource=https://graph.microsoft.com"
HEADER = {"X-IDENTITY-HEADER": "x"}


async def test_a_scenario_holds_features(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text("features:\n  education: false\n", encoding="utf-8")
    call = Caller(Tenant(scenario=load(tmp_path / "scenario.yaml")))
    assert (await call("GET", "/education/classes")).status_code == 400
    await call.http.post("/emulator/scenario", json={"features": {"education": True}})
    assert (await call("GET", "/education/classes")).status_code == 200


def test_what_is_given_goes_before_the_scenario() -> None:
    scenario = Scenario(features={"education": False})
    assert Tenant(scenario=scenario, features=Features()).features.education


def test_a_mistake_in_a_scenario_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("seed: 2\nfeatures:\n  educations: false\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"scenario.yaml:2: features: no such feature: educations"):
        load(path)


@pytest.mark.parametrize(
    "values",
    [
        {"ruleDelay": "1"},
        {"missingRoles": "User.Read.All"},
        {"missingRoles": [1]},
        {"upnRule": 1},
        {"upnRule": "{mail}"},
        {"upnRule": "{"},
    ],
)
def test_values_have_their_kinds(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="feature"):
        Features.from_json(values)


def test_features_read_back_as_they_are_written() -> None:
    features = Features(education=False, missing_roles=("Team.Create",))
    written = features.to_json() | {"missingRoles": ["Team.Create"]}
    assert Features.from_json(written) == features


async def test_a_role_that_is_missing_is_missed_from_the_next_token_on(call: Caller) -> None:
    await call.set(missingRoles=["User.ReadWrite.All"])
    assert (await call("GET", "/users")).status_code == 200
    token = (await call.http.get(TOKEN, headers=HEADER)).json()["access_token"]
    call.http.headers["Authorization"] = f"Bearer {token}"
    assert (await call("GET", "/users")).status_code == 403
    assert (await call("GET", "/groups")).status_code == 200


async def test_a_user_assigned_identity_is_known_by_its_client_id(call: Caller) -> None:
    known = "AAAAAAAA-2222-3333-4444-555555555555"
    await call.seed(userAssignedIdentities=[known])
    assert (await call.http.get(f"{TOKEN}&client_id={known}", headers=HEADER)).status_code == 200
    unknown = await call.http.get(f"{TOKEN}&client_id=other", headers=HEADER)
    assert (unknown.status_code, "ClientId" in unknown.json()["message"]) == (400, True)
    assert (await call.http.get(TOKEN, headers=HEADER)).status_code == 200
