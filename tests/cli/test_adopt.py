"""`rollcall adopt` against an emulated tenant in which School Data Sync was at work."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli.main import run
from local.entra.extensions import EDUCATION
from sync.drop import drop
from sync.record import list_runs
from sync.storage import CONFIG, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, write

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage

CREATE = "people: {mode: create, disable_after_days: 0}\n"
ADOPT = CREATE + "adopt: {enabled: true}\n"


def made_by_sds(kind: str, key: str, **more: Any) -> dict[str, Any]:
    """The attributes that SDS leaves on an object."""
    values = {
        "ObjectType": kind,
        "AnchorId": f"{kind}_{key}",
        "SyncSource": "SIS",
        f"SyncSource_{kind}Id": key,
    }
    return {EDUCATION + name: value for name, value in values.items()} | more


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """A tenant with a school, a class and two accounts by SDS, and a class that is over."""
    with entra(monkeypatch) as tenant:
        users = [
            made_by_sds("Student", "U1", userPrincipalName="u1.old@contoso.edu",
                        displayName="Uma", mailNickname="u1.old"),
            made_by_sds("Teacher", "T1", userPrincipalName="t1.old@contoso.edu",
                        displayName="Tia", mailNickname="t1.old"),
        ]  # fmt: skip
        groups = [
            made_by_sds("Section", "C1", displayName="Algebra (SDS)", mailNickname="Section_C1",
                        groupTypes=["Unified"], owners=["t1.old@contoso.edu"],
                        members=["u1.old@contoso.edu", "t1.old@contoso.edu"]),
            made_by_sds("Section", "C1", displayName="Exp0626_Algebra", groupTypes=["Unified"],
                        mailNickname="Exp0626_Section_C1")
            | {f"{EDUCATION}AnchorId": "Exp0626_Section_C1", f"{EDUCATION}Status": "Expired"},
        ]  # fmt: skip
        units = [made_by_sds("School", "S1", displayName="Lincoln (SDS)")]
        seeded = {"users": users, "groups": groups, "administrativeUnits": units}
        httpx.post(f"{tenant.address}/emulator/seed", json=seeded).raise_for_status()
        yield tenant


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "drop")


def config(folder: Path, text: str) -> str:
    path = folder / "rollcall.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_list_names_object_evidence_and_what_is_written(
    tenant: Entra, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tenant.dump()
    out = tmp_path / "twins.csv"
    settings = ["--config", config(tmp_path, CREATE)]
    assert run(["adopt", str(folder), "--json", "--out", str(out), *settings]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["enabled"] is False
    names = ("kind", "external_id", "object_name", "fault")
    assert [tuple(twin[name] for name in names) for twin in told["objects"]] == [
        ("class", "C1", "Algebra (SDS)", None),
        ("person", "T1", "t1.old@contoso.edu", None),
        ("person", "U1", "u1.old@contoso.edu", None),
        ("school", "S1", "Lincoln (SDS)", None),
    ]
    assert "anchor Section_C1" in told["objects"][0]["evidence"]
    assert told["objects"][0]["writes"] == (
        "externalId C1, externalSource sis, externalSourceDetail Rollcall"
    )
    with out.open(encoding="utf-8", newline="") as file:
        assert [row["external_id"] for row in csv.DictReader(file)] == ["C1", "T1", "U1", "S1"]
    assert tenant.dump() == before


def test_people_read_a_table_and_what_to_do_next(
    tenant: Entra, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["adopt", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "4 can be taken over, 0 are unclear." in shown
    assert "adopt: {enabled: true}" in shown
    assert run(["adopt", str(folder), "--config", config(tmp_path, ADOPT)]) == 0
    assert "the next run takes them over" in capsys.readouterr().out


def test_what_is_unclear_is_said_and_ends_with_code_1(
    tenant: Entra, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    double = made_by_sds("Section", "C1", displayName="Copy", mailNickname="copy")
    httpx.post(f"{tenant.address}/emulator/seed", json={"groups": [double]}).raise_for_status()
    assert run(["adopt", str(folder)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "3 can be taken over, 2 are unclear." in shown


def test_a_long_list_is_cut_and_says_so(
    tenant: Entra, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, roles = "sourcedId,username\n", "userSourcedId,orgSourcedId,role\n"
    keys = [f"X{number}" for number in range(50)]
    files = {
        "users.csv": header + "".join(f"{key},{key}\n" for key in keys),
        "roles.csv": roles + "".join(f"{key},S1,student\n" for key in keys),
        "orgs.csv": FILES["orgs.csv"],
    }
    users = [made_by_sds("Student", key, userPrincipalName=f"old{key}@contoso.edu") for key in keys]
    httpx.post(f"{tenant.address}/emulator/seed", json={"users": users}).raise_for_status()
    assert run(["adopt", str(write(folder / "many", files))]) == 0
    assert "… and 11 more" in capsys.readouterr().out


def test_where_sds_never_was_there_is_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with entra(monkeypatch):
        assert run(["adopt", str(folder)]) == 0
    assert "made nothing" in capsys.readouterr().out


def test_without_a_demo_there_is_none_to_look_at(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pathlib import Path

    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert run(["adopt", str(folder), "--against", "demo"]) == 2
    assert "No demo is running" in capsys.readouterr().err


@pytest.fixture
def account(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    yield use(storage, azurite, monkeypatch)
    shared_storage.cache_clear()


def test_a_run_leaves_them_alone_until_it_may_take_them_over(
    account: Storage, tenant: Entra, folder: Path, tmp_path: Path
) -> None:
    account.write(CONFIG, "rollcall.yaml", CREATE.encode())
    before = {name: len(found) for name, found in tenant.dump().items() if name != "users"}
    drop(account, folder, "district")
    work_off(account)
    [first] = list_runs(account)
    assert (first.status, first.failed) == ("finished", 0)
    assert first.changes["person"] == {"create": 1}
    assert not {"class", "school"} & set(first.changes)
    dump = tenant.dump()
    assert len(dump["administrativeUnits"]) == before["administrativeUnits"]
    assert [g["displayName"] for g in dump["groups"] if "Unified" in g["groupTypes"]] == [
        "Algebra (SDS)", "Exp0626_Algebra",
    ]  # fmt: skip
    account.write(CONFIG, "rollcall.yaml", ADOPT.encode())
    drop(account, write(tmp_path / "second"), "district")
    work_off(account)
    second = list_runs(account)[0]
    assert (second.status, second.failed) == ("finished", 0)
    assert second.changes["class"] == {"update": 1, "adopt": 1}
    assert second.changes["school"] == {"update": 1, "adopt": 1}
    dump = tenant.dump()
    assert [u["displayName"] for u in dump["administrativeUnits"]] == ["Lincoln High"]
    [algebra, over] = [g for g in dump["groups"] if "Unified" in g["groupTypes"]]
    ids = {u["externalId"]: u["id"] for u in dump["users"]}
    assert set(ids) == {"T1", "U1", "U2"}
    assert algebra["displayName"] == "Algebra"
    assert set(algebra["members"]) == {ids["T1"], ids["U1"], ids["U2"]}
    assert over["displayName"] == "Exp0626_Algebra"
    drop(account, write(tmp_path / "third"), "district")
    work_off(account)
    third = list_runs(account)[0]
    assert third.changes == {"class_membership": {"remove": 1}}
    drop(account, write(tmp_path / "fourth"), "district")
    work_off(account)
    assert (list_runs(account)[0].writes, list_runs(account)[0].changes) == (0, {})
