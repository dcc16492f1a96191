"""Drops: which of them start a run, and dropping from this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roster.errors import BadInput, Refused
from sync.accepted import Accepted, write_accepted
from sync.drop import Drop, drop, read_drop, start_run
from sync.record import get_run, list_runs
from sync.storage import (
    ARCHIVE,
    ARRIVALS_QUEUE,
    CONFIG,
    ROSTERS,
    RUNS_QUEUE,
    RUNS_TABLE,
    Storage,
)
from tests.sync.rosters import FILES, PEOPLE_ONLY, put, write

if TYPE_CHECKING:
    from pathlib import Path

Take = Callable[[str], list[dict[str, Any]]]


def dropped(storage: Storage) -> Drop:
    return Drop(ROSTERS, tuple(storage.list_files(ROSTERS, "district")))


def test_a_drop_starts_one_run_with_its_record_files_and_first_step(
    storage: Storage, take: Take
) -> None:
    put(storage)
    run = start_run(storage, "district", dropped(storage))
    assert run is not None
    record = get_run(storage, run)
    assert (record.status, record.position, record.trigger) == ("extracting", "extract", "drop")
    assert read_drop(storage, run) == dropped(storage)
    assert take(RUNS_QUEUE) == [{"run": run, "step": "extract"}]


def test_the_same_drop_seen_again_starts_nothing(storage: Storage, take: Take) -> None:
    put(storage)
    start_run(storage, "district", dropped(storage))
    assert start_run(storage, "district", dropped(storage)) is None
    assert len(take(RUNS_QUEUE)) == 1


def test_the_same_files_uploaded_again_are_a_new_drop(storage: Storage) -> None:
    put(storage)
    start_run(storage, "district", dropped(storage))
    put(storage)
    assert start_run(storage, "district", dropped(storage)) is not None


def test_a_nightly_run_takes_the_same_files_once_a_night(storage: Storage) -> None:
    put(storage)
    assert start_run(storage, "district", dropped(storage))
    first = start_run(storage, "district", dropped(storage), night="2026-11-24")
    assert first
    assert get_run(storage, first).trigger == "nightly"
    assert start_run(storage, "district", dropped(storage), night="2026-11-24") is None
    assert start_run(storage, "district", dropped(storage), night="2026-11-25")


def test_a_start_that_crashed_half_way_is_completed_under_its_id(
    storage: Storage, take: Take
) -> None:
    put(storage)
    occasion = dropped(storage).occasion("district").encode()
    row = {"PartitionKey": "drops", "RowKey": hashlib.sha256(occasion).hexdigest(), "run": "r7"}
    storage.table(RUNS_TABLE).create_entity(row)
    assert start_run(storage, "district", dropped(storage)) == "r7"
    assert take(RUNS_QUEUE) == [{"run": "r7", "step": "extract"}]


def test_dropping_uploads_the_files_and_announces_them(
    storage: Storage, take: Take, tmp_path: Path
) -> None:
    folder = write(tmp_path / "in")
    (folder / ".DS_Store").write_bytes(b"x")
    said: list[str] = []
    drop(storage, folder, "district", said.append)
    names = {file.file_name for file in storage.list_files(ROSTERS, "district")}
    assert names == set(FILES)
    assert take(ARRIVALS_QUEUE) == [{"source": "district", "complete": True}]
    assert said


def test_one_zip_is_uploaded_as_it_is(storage: Storage, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    drop(storage, tmp_path / "r.zip", "district")
    assert [f.name for f in storage.list_files(ROSTERS)] == ["district/r.zip"]


def test_what_an_earlier_refused_drop_left_goes_to_the_archive(
    storage: Storage, tmp_path: Path
) -> None:
    storage.write(ROSTERS, "district/old.csv", b"old")
    drop(storage, write(tmp_path / "in"), "district")
    assert "district/old.csv" not in {f.name for f in storage.list_files(ROSTERS)}
    [kept] = storage.list_files(ARCHIVE)
    assert kept.name.startswith("replaced-")
    assert storage.read(ARCHIVE, kept.name) == b"old"


def test_what_is_uploaded_meanwhile_is_not_moved_away(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write(ROSTERS, "district/old.csv", b"old")
    stale = storage.list_files(ROSTERS, "district")
    storage.write(ROSTERS, "district/old.csv", b"new")
    monkeypatch.setattr(Storage, "list_files", lambda *_: stale)
    drop(storage, write(tmp_path / "in"), "district")
    assert storage.read(ROSTERS, "district/old.csv") == b"new"


def test_what_the_run_would_refuse_is_not_uploaded(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"roles\.csv"):
        drop(storage, write(tmp_path / "in", {"orgs.csv": "x", "users.csv": "y"}), "district")
    write_accepted(storage, Accepted("district", "r0", ("classes", "enrollments", "orgs")))
    with pytest.raises(Refused, match="classes, enrollments"):
        drop(storage, write(tmp_path / "people", PEOPLE_ONLY), "district")
    with pytest.raises(Refused, match="came from source district"):
        drop(storage, write(tmp_path / "in", FILES), "other")
    assert storage.list_files(ROSTERS) == []
    assert list_runs(storage) == []


def test_tables_that_may_be_missing_are_not_asked_for(storage: Storage, tmp_path: Path) -> None:
    write_accepted(storage, Accepted("district", "r0", ("classes", "enrollments", "orgs")))
    source = "{name: district, may_be_missing: [classes, enrollments]}"
    storage.write(CONFIG, "rollcall.yaml", f"sources: [{source}]".encode())
    drop(storage, write(tmp_path / "people", PEOPLE_ONLY), "district")
    assert len(storage.list_files(ROSTERS)) == 3


def test_a_source_that_the_configuration_does_not_name_is_refused(
    storage: Storage, tmp_path: Path
) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"sources: [{name: district}]")
    with pytest.raises(Refused, match=r"not a source of this tenant \(allowed: district\)"):
        drop(storage, write(tmp_path / "in"), "other")
    storage.write(CONFIG, "rollcall.yaml", b"")
    with pytest.raises(Refused, match="a-z, 0-9 and hyphens"):
        drop(storage, write(tmp_path / "in"), "No Name")


def test_a_new_source_that_the_configuration_names_takes_over(
    storage: Storage, tmp_path: Path
) -> None:
    write_accepted(storage, Accepted("old", "r0", ("demographics",)))
    storage.write(CONFIG, "rollcall.yaml", b"sources: [{name: new}]")
    drop(storage, write(tmp_path / "in"), "new")
    assert storage.list_files(ROSTERS, "new")


def test_files_for_a_source_with_an_api_are_refused(storage: Storage, tmp_path: Path) -> None:
    source = "{name: sis, kind: clever, district_token: a-token-of-a-district}"
    storage.write(CONFIG, "rollcall.yaml", f"sources: [{source}]".encode())
    with pytest.raises(Refused, match="`rollcall pull sis` asks it"):
        drop(storage, write(tmp_path / "in"), "sis")
    assert storage.list_files(ROSTERS) == []
