"""Scenario files: what they set, what is wrong with one, changes while the tenant lives."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.entra import Tenant
from local.entra.clock import VirtualClock
from local.entra.scenario import Scenario, load, parse
from roster.errors import BadInput
from tests.local.entra.conftest import Caller, user

DOCS = Path(__file__).parents[3] / "docs" / "local-stack.md"
FULL = """
seed: 7
clock: {kind: virtual, start: 2026-08-01T06:00:00Z}
latency: {batch: 1.5}
quotas:
  tenantSize: S
  writes: 2
  bindCost: thirds
lag: {reads: 5}
batch: {order: given}
delta: {emptyPages: 0}
features: {education: false}
faults:
  - {method: GET, path: ^/domains, status: 503, retryAfter: 3}
"""


def test_absent_settings_keep_their_defaults() -> None:
    assert parse("", "x") == Scenario()
    found = parse("quotas: {writes: 10}", "x")
    assert (found.quotas.writes, found.quotas.tenant_writes) == (10, 18_000)


async def test_a_file_makes_a_tenant(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(FULL, encoding="utf-8")
    tenant = Tenant(scenario=load(path))
    assert isinstance(tenant.clock, VirtualClock)
    assert tenant.now() == datetime(2026, 8, 1, 6, tzinfo=UTC)
    assert tenant.scenario.features == {"education": False}
    assert tenant.faults.coming[0].settings.retry_after == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("quotas:\n  write: 3",
         "file.yaml:2: quotas.write: there is no such setting; allowed here: tenantSize, units"),
        ("seeds: 3", "file.yaml:1: seeds: there is no such setting; allowed here: seed, clock"),
        ("seed: 1\nquotas:\n  tenantSize: XL",
         "file.yaml:3: quotas.tenantSize: 'XL' is not allowed; allowed: 'S', 'M' or 'L'"),
        ("quotas: {writes: 0}",
         "file.yaml:1: quotas.writes: input should be greater than or equal to 1, not 0"),
        ("lag:\n  reads: soon", "file.yaml:2: lag.reads: input should be a valid number"),
        ("faults:\n- status: 503\n- path: /users\n  status: 12",
         "file.yaml:4: faults.1.status: a status is 400-599, lost or reset, not 12"),
        ("faults:\n- {status: 500, colour: red}",
         "file.yaml:2: faults.0.colour: there is no such setting; allowed here: method, path"),
        ("faults: [{}]", "file.yaml:1: faults.0: a fault needs a status"),
        ("a: [", "file.yaml:1: this is not YAML"),
        ("- 1", "file.yaml:1: a scenario is a mapping of settings; allowed: seed, clock"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(text, "file.yaml")
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.yaml: the scenario cannot be read"):
        load(tmp_path / "none.yaml")


def test_the_process_ends_with_the_mistake(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("quota: {}", encoding="utf-8")
    command = [sys.executable, "-m", "local.entra", "--scenario", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"{path}:1: quota: there is no such setting" in ended.stderr


async def test_a_living_tenant_changes_one_setting_at_a_time(call: Caller) -> None:
    post = call.http.post
    assert (await post("/emulator/scenario", content="quotas: {writes: 1}")).status_code == 200
    changed = await post("/emulator/scenario", json={"batch": {"order": "given"}})
    told = changed.json()
    assert (told["quotas"]["writes"], told["batch"]["order"]) == (1, "given")
    assert (await call.http.get("/emulator/scenario")).json() == told
    statuses = [(await call("POST", "/users", user(name))).status_code for name in "ab"]
    assert statuses == [201, 429]


async def test_faults_of_a_scenario_replace_those_to_come(call: Caller) -> None:
    await call.http.post("/emulator/faults", json=[{"status": 500, "times": None}])
    await call.http.post("/emulator/scenario", content="faults: [{status: 503}]")
    assert [(await call("GET", "/domains")).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("text", ["clock: {kind: virtual}", "seed: 3", "quotas: {writes: none}"])
async def test_what_cannot_be_changed_leaves_everything_as_it_was(
    call: Caller, tenant: Tenant, text: str
) -> None:
    before = tenant.scenario
    answer = await call.http.post("/emulator/scenario", content=text)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("request:1: ")
    assert tenant.scenario == before


def test_the_documentation_shows_every_setting_with_its_default() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    shown = parse(text, str(DOCS))
    assert shown == Scenario()
    for name, section in Scenario().model_dump(by_alias=True).items():
        assert f"{name}:" in text
        for setting in section if isinstance(section, dict) else ():
            assert f"{setting}:" in text, f"{name}.{setting}"
