"""Runs that make accounts: their usernames and first passwords, from the file to the sheet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from graph.passwords import WORDS
from sync.drop import drop
from sync.record import Run, list_runs
from sync.sealing import SETTING, Sealing, new_key
from sync.sheet import Sheet
from sync.storage import CONFIG, CREDENTIALS, RUNS, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import PEOPLE_ONLY, write

if TYPE_CHECKING:
    from pathlib import Path

FROM_FILE = "Zebra!Crossing7"
FILES = PEOPLE_ONLY | {
    "users.csv": "sourcedId,username,givenName,familyName,password\n"
    f"T1,tia,Tia,Tran,\nU1,uma,Uma,Müller,{FROM_FILE}\nU2,udo,Uma,Muller,\n",
    "roles.csv": "userSourcedId,orgSourcedId,role,grade\n"
    "T1,S1,teacher,\nU1,S1,student,09\nU2,S1,student,02\n",
}


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    monkeypatch.setenv(SETTING, new_key())
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def run(storage: Storage, folder: Path, files: dict[str, str] = FILES, **people: Any) -> Run:
    usual = {
        "mode": "create",
        "usernames": {"students": "{given_name:1}{family_name}"},
        "passwords": {"students": "file"},
    }
    config = {"people": usual | people, "sources": [{"name": "district"}]}
    storage.write(CONFIG, "rollcall.yaml", json.dumps(config).encode())
    drop(storage, write(folder, files), "district")
    work_off(storage)
    return list_runs(storage)[0]


def usernames(tenant: Entra) -> dict[str, str]:
    return {u["externalId"]: u["userPrincipalName"] for u in tenant.dump()["users"]}


def test_accounts_are_named_and_their_passwords_stand_in_the_sheet(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    made = run(storage, tmp_path / "1")
    assert (made.status, made.failed) == ("finished", 0)
    assert usernames(tenant) == {
        "T1": "tia@contoso.edu", "U1": "umuller@contoso.edu", "U2": "umuller2@contoso.edu",
    }  # fmt: skip
    sheet = {
        p.external_id: p for p in Sheet(storage, made.run, Sealing.from_environment()).people()
    }
    assert sheet.keys() == {"T1", "U1", "U2"}
    assert sheet["U1"].password == FROM_FILE
    assert sheet["U2"].password.split("-")[0].lower() in WORDS
    assert sheet["U2"].username == "umuller2@contoso.edu"
    for container in (RUNS, CREDENTIALS):
        for file in storage.list_files(container):
            data = storage.read(container, file.name) or b""
            assert not [p for p in sheet.values() if p.password.encode() in data], file.name
            assert not file.name.endswith("passwords.sealed")


def test_the_next_day_changes_no_username(storage: Storage, tenant: Entra, tmp_path: Path) -> None:
    run(storage, tmp_path / "1")
    before = usernames(tenant)
    renamed = FILES["users.csv"].replace("Uma,Müller", "Uma,Meier")
    again = run(storage, tmp_path / "2", FILES | {"users.csv": renamed})
    assert again.changes == {"person": {"update": 1}}
    assert usernames(tenant) == before


def test_a_name_that_was_given_is_kept_although_the_account_could_not_be_made(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    denied = {"method": "POST", "path": "/education/users", "status": 403}
    tenant.fail_next(denied | {"times": 3})
    assert run(storage, tmp_path / "1").failed >= 3
    assert usernames(tenant) == {}
    files = {name: text.replace("U1,", "U9,") for name, text in FILES.items()}
    assert run(storage, tmp_path / "2", files).failed == 0
    assert usernames(tenant) == {
        "T1": "tia@contoso.edu", "U2": "umuller2@contoso.edu", "U9": "umuller@contoso.edu",
    }  # fmt: skip


def test_passwords_of_the_file_need_a_key(
    storage: Storage, tenant: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SETTING)
    failed = run(storage, tmp_path / "1")
    assert failed.status == "failed"
    assert SETTING in failed.error
    assert "rollcall credentials key" in failed.error


def test_without_a_key_generated_passwords_are_known_to_nobody_and_a_finding_says_so(
    storage: Storage, tenant: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SETTING)
    made = run(storage, tmp_path / "1", passwords={})
    assert (made.status, made.findings["warning"]) == ("finished", 1)
    assert len(usernames(tenant)) == 3
    assert storage.list_files(CREDENTIALS) == []
