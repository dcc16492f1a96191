"""Whole runs over the real parts: Azurite, the Functions host and the emulator in processes of
their own. One tenant lives through a story; the crash has a stack to itself."""

from __future__ import annotations

import shutil
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pytest

from cli.watching import upload, wait_for_run
from local.district import District, generate, next_day
from local.stack import Stack
from sync.approval import approve
from sync.record import Run, get_run, list_runs
from sync.storage import CHANGES_QUEUE, CONFIG, ROSTERS, Storage
from tests.e2e.reading import differences, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("stack")

SOURCE = "sis"
PEOPLE = 50
SETTINGS = "people: {mode: create}\nsources: [{name: sis, settle_seconds: 0}]\n"


class Place:
    """A running stack, and what an administrator does with it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.storage = Storage.from_connection_string(stack.connection_string)
        self.storage.create_missing()
        self.storage.write(CONFIG, "rollcall.yaml", SETTINGS.encode())

    def drop(self, folder: Path) -> Run:
        return wait_for_run(self.storage, SOURCE, upload(self.storage, folder, SOURCE), str)

    def wait(self, run: str) -> Run:
        stop = time.monotonic() + 90
        while not (found := get_run(self.storage, run)).has_ended:
            assert time.monotonic() < stop, f"the run stays at {found.position}"
            time.sleep(0.2)
        return found

    def dump(self) -> dict[str, Any]:
        return httpx.get(self.stack.graph_url.removesuffix("/v1.0") + "/emulator/dump").json()


@pytest.fixture(scope="module")
def district() -> District:
    return generate(people=PEOPLE, seed=5, today=date.today())  # noqa: DTZ011


@pytest.fixture(scope="module")
def place(district: District, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A tenant that has taken the first day's files."""
    folder = tmp_path_factory.mktemp("first")
    district.write(folder)
    with Stack() as stack:
        place = Place(stack)
        assert place.drop(folder).status == "finished"
        yield place


@pytest.fixture
def files(district: District, tmp_path: Path) -> Path:
    """The first day's files, to be changed by a test."""
    district.write(tmp_path / "files")
    return tmp_path / "files"


def people_of(dump: dict[str, Any]) -> dict[str, Any]:
    return {"users": dump["users"], "groups": dump["groups"]}


class TestRefusals:
    def test_a_truncated_file_changes_nothing_and_stays_where_it_was_dropped(
        self, place: Place, files: Path
    ) -> None:
        before = place.dump()
        text = (files / "enrollments.csv").read_bytes()
        (files / "enrollments.csv").write_bytes(text[: len(text) // 2].rstrip(b"\r\n")[:-9])
        run = place.drop(files)
        assert run.status == "failed"
        assert "enrollments.csv" in run.error
        assert place.dump() == before
        left = {file.name for file in place.storage.list_files(ROSTERS, SOURCE)}
        assert f"{SOURCE}/enrollments.csv" in left

    def test_a_file_that_does_not_come_any_more_is_no_mass_removal(
        self, place: Place, files: Path
    ) -> None:
        before = place.dump()
        for name in ("classes.csv", "enrollments.csv"):
            (files / name).unlink()
        run = place.drop(files)
        assert run.status == "failed"
        assert "classes" in run.error
        assert place.dump() == before

    def test_a_format_that_nobody_knows_is_refused(self, place: Place, tmp_path: Path) -> None:
        folder = tmp_path / "odd"
        folder.mkdir()
        (folder / "people.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        assert place.drop(folder).status == "failed"


class TestHolding:
    def test_mass_removals_wait_for_approval_and_the_rest_flows(
        self, place: Place, files: Path
    ) -> None:
        before = place.dump()
        half_of_the_enrollments_and_one_more_person(files)
        run = place.drop(files)
        assert run.status == "held"
        assert run.held["class_membership"]["remove"] > 20
        held = place.dump()
        assert len(held["users"]) == len(before["users"]) + 1
        members = sum(len(group["members"]) for group in before["groups"])
        assert sum(len(group["members"]) for group in held["groups"]) >= members
        approve(place.storage, run.run, who="the test", why="the timetable was rewritten")
        assert place.wait(run.run).status == "finished"
        wanted = read(files, "contoso.edu", date.today())  # noqa: DTZ011
        assert differences(wanted, place.dump()) == []


def half_of_the_enrollments_and_one_more_person(files: Path) -> None:
    con = duckdb.connect()
    late = "SELECT 'late' AS sourcedId, 'late.comer' AS username"
    role = "SELECT 'late' AS userSourcedId, 'student' AS role, min(orgSourcedId) AS orgSourcedId"
    for name, change in (
        ("enrollments", "DELETE FROM t WHERE role = 'student' AND hash(userSourcedId) % 2 = 0"),
        ("users", f"INSERT INTO t BY NAME {late}"),
        ("roles", f"INSERT INTO t BY NAME {role} FROM t WHERE role = 'student'"),
    ):
        file = files / f"{name}.csv"
        con.execute(f"CREATE OR REPLACE TABLE t AS FROM read_csv('{file}', all_varchar=true)")
        con.execute(change)
        con.execute(f"COPY t TO '{file}' (HEADER)")


def test_a_poison_message_ends_in_nobodys_way(place: Place, files: Path) -> None:
    place.storage.send(CHANGES_QUEUE, {"not": "a change"})
    stop = time.monotonic() + 60
    while place.storage.waiting(CHANGES_QUEUE) or place.storage.waiting("changes-poison"):
        assert time.monotonic() < stop, "the poison message is still there"
        time.sleep(0.3)
    before = len(list_runs(place.storage))
    assert place.drop(files).status in ("finished", "held")
    assert len(list_runs(place.storage)) == before + 1


def test_a_crash_in_the_middle_of_applying_converges(district: District, tmp_path: Path) -> None:
    district.write(tmp_path / "day1")
    next_day(district, 5).write(tmp_path / "day2")
    with Stack(lease_seconds=10) as stack:
        place = Place(stack)
        known = upload(place.storage, tmp_path / "day1", SOURCE)
        stop = time.monotonic() + 60
        while len(place.dump()["users"]) < PEOPLE // 2:
            assert time.monotonic() < stop, "nobody is created"
            time.sleep(0.05)
        stack.kill_host()
        stack.start_host()
        run = wait_for_run(place.storage, SOURCE, known, str)
        run = place.wait(run.run)
        assert run.status == "finished", run.error
        today = date.today()  # noqa: DTZ011
        assert differences(read(tmp_path / "day1", "contoso.edu", today), place.dump()) == []
        again = place.drop(tmp_path / "day1")
        assert (again.status, again.writes) == ("finished", 0)
        shutil.rmtree(tmp_path / "day1")
