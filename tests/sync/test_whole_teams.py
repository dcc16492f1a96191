"""Class teams through whole runs: made, left alone, archived at the session's end, restored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import graph.teams
from sync.drop import drop
from sync.record import Run, list_runs, read_json
from sync.storage import CONFIG, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, write

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = b"""people: {mode: create}
sources: [{name: district}]
teams: {enabled: true}
"""
HEADER = "sourcedId,title,type,schoolYear,startDate,endDate\n"


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    storage.write(CONFIG, "rollcall.yaml", SETTINGS)
    monkeypatch.setattr(graph.teams, "CHECK_SECONDS", 1.0)
    monkeypatch.setattr(graph.teams, "LADDER", (1.0, 1.0, 1.0, 1.0))
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def roster(*, ends_in_days: int) -> dict[str, str]:
    """The usual files, with the class in a session."""
    today = datetime.now(UTC).date()
    start, end = today - timedelta(days=90), today + timedelta(days=ends_in_days)
    year = end.year
    sessions = f"{HEADER}A1,Autumn,semester,{year},{start},{end}\n"
    classes = "sourcedId,orgSourcedId,title,sessionSourcedIds\nC1,S1,Algebra,A1\n"
    return FILES | {"academicSessions.csv": sessions, "classes.csv": classes}


def run(storage: Storage, folder: Path, files: dict[str, str]) -> Run:
    drop(storage, write(folder, files), "district")
    work_off(storage)
    return list_runs(storage)[0]


def class_group(tenant: Entra) -> dict[str, Any]:
    [group] = [g for g in tenant.dump()["groups"] if g["externalId"] == "C1"]
    return group


def set_features(tenant: Entra, **features: Any) -> None:
    address = f"{tenant.address}/emulator/features"
    httpx.post(address, json=features).raise_for_status()


def is_archived(tenant: Entra) -> bool:
    token = httpx.get(
        f"{tenant.address}/msi/token",
        params={"resource": "https://graph.microsoft.com"},
        headers={"x-identity-header": "secret"},
    ).json()["access_token"]
    address = f"{tenant.address}/v1.0/teams/{class_group(tenant)['id']}"
    found = httpx.get(address, headers={"Authorization": f"Bearer {token}"})
    found.raise_for_status()
    return found.json()["isArchived"]


def test_a_team_lives_with_its_class(storage: Storage, tenant: Entra, tmp_path: Path) -> None:
    set_features(tenant, teamDelay=2)
    first = run(storage, tmp_path / "1", roster(ends_in_days=30))
    assert (first.status, first.failed, first.error) == ("finished", 0, "")
    assert first.changes["team"] == {"create": 1}
    assert not is_archived(tenant)

    again = run(storage, tmp_path / "2", roster(ends_in_days=30))
    assert (again.status, again.writes, again.changes) == ("finished", 0, {})

    over = run(storage, tmp_path / "3", roster(ends_in_days=-1))
    assert (over.status, over.failed) == ("finished", 0)
    assert over.changes["team"] == {"archive": 1}
    assert "class_membership" not in over.changes
    assert is_archived(tenant)
    assert len(class_group(tenant)["members"]) == 2

    still = run(storage, tmp_path / "4", roster(ends_in_days=-1))
    assert (still.writes, still.changes) == (0, {})

    back = run(storage, tmp_path / "5", roster(ends_in_days=30))
    assert (back.failed, back.changes["team"]) == (0, {"restore": 1})
    assert not is_archived(tenant)
    assert run(storage, tmp_path / "6", roster(ends_in_days=30)).changes == {}


def test_a_group_that_teams_sees_late_costs_waits_and_no_failure(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    set_features(tenant, teamGroupAge=3)
    first = run(storage, tmp_path / "1", roster(ends_in_days=30))
    assert (first.status, first.failed) == ("finished", 0)
    assert not is_archived(tenant)


def test_a_team_that_cannot_be_made_is_told_and_tried_again(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    tenant.fail_next({"method": "POST", "path": "^/teams$", "status": 403})
    first = run(storage, tmp_path / "1", roster(ends_in_days=30))
    assert (first.status, first.failed) == ("finished", 1)
    told = read_json(storage, first.run, "report.json")["outcomes"]
    assert told["team"] == {"create": {"failed": 1}}
    second = run(storage, tmp_path / "2", roster(ends_in_days=30))
    assert (second.failed, second.changes) == (0, {"team": {"create": 1}})
    assert not is_archived(tenant)
