"""Who was matched to which account, from run to run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pytest

from sync.drop import drop
from sync.identities import IDENTITIES, leave_identities, settle_identities
from sync.record import Run, list_runs
from sync.storage import CONFIG, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, write
from tests.worlds import TODAY, World

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[tuple[Any, ...]]


def remembered(storage: Storage, folder: Path) -> Rows:
    con = duckdb.connect()
    IDENTITIES.load(storage, con, folder)
    return con.execute("FROM identities ORDER BY ALL").fetchall()


def test_nothing_is_remembered_at_first(storage: Storage, tmp_path: Path) -> None:
    assert remembered(storage, tmp_path) == []


def test_matches_and_new_accounts_are_remembered_and_what_is_gone_is_not(
    storage: Storage, tmp_path: Path
) -> None:
    world = World()
    world.school("S1")
    for key in ("U1", "U2", "U3", "U4"):
        world.student(key)
    earlier = date(2026, 1, 1)
    for person, account in (("U1", "u1"), ("L1", "left"), ("L2", "deleted"), ("L3", "purged"),
                            ("L4", "taken"), ("L5", "u2"), ("U3", "stale")):  # fmt: skip
        world.add("identities", external_id=person, object_id=account, since=earlier, rule="r")
    for key in ("u1", "u2", "left", "stale"):
        world.account(key)
    world.account("taken", "U3")
    world.add("deleted_people", id="deleted", upn="d@contoso.edu")
    world.plan(people={"mode": "create"})
    leave_identities(world.con, tmp_path, TODAY)
    world.con.execute("CREATE TABLE created (kind VARCHAR, key VARCHAR, object_id VARCHAR)")
    world.add("created", kind="person", key="U4", object_id="made")
    world.add("created", kind="class", key="C1", object_id="class")
    settle_identities(storage, world.con, tmp_path, TODAY)
    assert remembered(storage, tmp_path) == [
        ("L1", "left", earlier, "r"),
        ("L2", "deleted", earlier, "r"),
        ("L5", "u2", earlier, "r"),
        ("U1", "u1", earlier, "r"),
        ("U3", "taken", TODAY, "kept"),
        ("U4", "made", TODAY, "created"),
    ]


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    storage.write(CONFIG, "rollcall.yaml", b"people: {mode: create}\n")
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def run(storage: Storage, folder: Path, files: dict[str, str] = FILES) -> Run:
    drop(storage, write(folder, files), "district")
    work_off(storage)
    return list_runs(storage)[0]


def graph(tenant: Entra, method: str, path: str, body: Any = None) -> httpx.Response:
    token = httpx.get(
        f"{tenant.address}/msi/token?resource=https://graph.microsoft.com&api-version=2019-08-01",
        headers={"X-IDENTITY-HEADER": "secret"},
    ).json()["access_token"]
    answer = httpx.request(method, f"{tenant.address}/v1.0{path}", json=body,
                           headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    return answer.raise_for_status()


def test_a_deleted_account_is_reported_and_its_person_returns_with_it(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    run(storage, tmp_path / "1")
    ids = {u["externalId"]: u["id"] for u in tenant.dump()["users"]}
    graph(tenant, "DELETE", f"/users/{ids['U1']}")
    second = run(storage, tmp_path / "2")
    assert (second.status, second.changes) == ("finished", {})
    assert second.findings["error"] == 1
    graph(tenant, "POST", f"/directory/deletedItems/{ids['U1']}/restore")
    third = run(storage, tmp_path / "3")
    assert (third.writes, third.findings) == (0, {"error": 0, "warning": 0})
    assert {u["externalId"]: u["id"] for u in tenant.dump()["users"]} == ids


def test_a_purged_account_is_made_again(storage: Storage, tenant: Entra, tmp_path: Path) -> None:
    run(storage, tmp_path / "1")
    [gone] = [u["id"] for u in tenant.dump()["users"] if u["externalId"] == "U1"]
    graph(tenant, "DELETE", f"/users/{gone}")
    graph(tenant, "DELETE", f"/directory/deletedItems/{gone}")
    second = run(storage, tmp_path / "2")
    assert second.changes["person"] == {"create": 1}
    found = dict(remembered(storage, tmp_path)[i][:2] for i in range(3))
    assert found == {u["externalId"]: u["id"] for u in tenant.dump()["users"]}


def test_a_person_whose_mark_is_refused_keeps_the_account_under_another_name(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"people: {mode: match}\n")
    seeded = [
        {"userPrincipalName": f"{name}@contoso.edu", "displayName": name, "mailNickname": name}
        for name in ("uma", "udo", "tia")
    ]
    httpx.post(f"{tenant.address}/emulator/seed", json={"users": seeded}).raise_for_status()
    refusal = {"method": "PATCH", "path": "/education/users", "status": 403, "when": "before"}
    tenant.fail_next(refusal | {"times": 3})
    first = run(storage, tmp_path / "1")
    assert first.failed == 3
    renamed = {"users.csv": FILES["users.csv"].replace("uma", "ursula").replace("udo", "uwe")}
    second = run(storage, tmp_path / "2", FILES | renamed)
    assert second.findings == {"error": 0, "warning": 0}
    assert second.changes == {"person": {"update": 3}}
