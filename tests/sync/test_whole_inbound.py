"""Accounts by way of the provisioning service through whole runs: handed over, arrived, joined."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sync.drop import drop
from sync.record import Run, artefact, list_runs
from sync.storage import CONFIG, RUNS, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, write

if TYPE_CHECKING:
    from pathlib import Path

PRINCIPAL, JOB = "7a1c9f9e-6c1e-4c0f-9a55-0d3f2f7b1d10", "API2AD.1"
SETTINGS = f"""people: {{mode: inbound, disable_after_days: 0}}
sources: [{{name: district}}]
inbound: {{service_principal: {PRINCIPAL}, job: {JOB}}}
guards:
  removals: {{percent: 100}}
  school_removals: {{percent: 100}}
"""


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    storage.write(CONFIG, "rollcall.yaml", SETTINGS.encode())
    with entra(monkeypatch) as tenant:
        tell(tenant, "features", {"provisioningTarget": "on-premises"})
        yield tenant
    shared_storage.cache_clear()


def tell(tenant: Entra, what: str, body: Any) -> None:
    httpx.post(f"{tenant.address}/emulator/{what}", json=body).raise_for_status()


def run(storage: Storage, folder: Path, files: dict[str, str] = FILES) -> Run:
    drop(storage, write(folder, files), "district")
    work_off(storage)
    return list_runs(storage)[0]


def told(storage: Storage, run: Run) -> dict[str, str]:
    text = (storage.read(RUNS, artefact(run.run, "findings.csv")) or b"").decode()
    found = {line["rule"]: line["value"] for line in csv.DictReader(io.StringIO(text))}
    return {rule: found[rule] for rule in found if rule.startswith("person.inbound")}


def users(tenant: Entra) -> dict[str, dict[str, Any]]:
    return {user["employeeId"]: user for user in tenant.dump()["users"] if user.get("employeeId")}


def test_accounts_arrive_from_ad_and_join_in_the_next_run(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    tell(tenant, "seed", {"provisioningJobs": [{"servicePrincipalId": PRINCIPAL, "id": JOB}]})
    first = run(storage, tmp_path / "1")
    assert (first.status, first.failed, first.error) == ("finished", 0, "")
    made = users(tenant)
    assert all(user["onPremisesSyncEnabled"] for user in made.values())
    assert not any(group["members"] for group in tenant.dump()["groups"])

    second = run(storage, tmp_path / "2")
    assert (second.status, second.failed) == ("finished", 0)
    [group] = [g for g in tenant.dump()["groups"] if g["externalId"] == "C1"]
    assert (len(group["members"]), len(group["owners"])) == (2, 1)
    owned = ("userPrincipalName", "displayName", "givenName", "surname", "accountEnabled")
    for key, user in users(tenant).items():
        assert [user[name] for name in owned] == [made[key][name] for name in owned]

    third = run(storage, tmp_path / "3")
    assert (third.writes, third.changes) == (0, {})


def test_what_the_service_refused_is_told_in_its_own_words(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    failure = {"externalId": "U1", "errorCode": "NoSuchOU", "reason": "The OU does not exist."}
    tell(tenant, "seed", {
        "provisioningJobs": [{"servicePrincipalId": PRINCIPAL, "id": JOB}],
        "provisioningFailures": [failure],
    })  # fmt: skip
    run(storage, tmp_path / "1")
    second = run(storage, tmp_path / "2")
    [(rule, reason)] = told(storage, second).items()
    assert rule == "person.inbound.failed"
    assert reason == "NoSuchOU The OU does not exist."
    assert "U1" not in users(tenant)


def test_without_the_job_each_record_fails_and_says_what_to_set(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    first = run(storage, tmp_path / "1")
    assert first.status == "finished"
    assert first.failed
    assert users(tenant) == {}
