"""First passwords on their way: sealed wherever they rest, one for each account, never lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.reading import read_roster
from roster.errors import BadInput, Terminal
from sync import sheet as sheets
from sync.change import ChangeMessage, PasswordOrder
from sync.credentials import (
    Credentials,
    forget_file_passwords,
    open_file_passwords,
    order_passwords,
    seal_file_passwords,
)
from sync.plan import Plan, messages, start_created
from sync.record import Run, now
from sync.sealing import SETTING, Sealing, new_key
from sync.sheet import Line, Sheet
from sync.storage import CREDENTIALS, RUNS
from sync.workspace import workspace
from tests.worlds import DOMAINS, TODAY, World

if TYPE_CHECKING:
    from sync.storage import Storage

RUN = "20261124T134700Z-3f2a"
FROM_FILE = "Zebra!Crossing7"
CREATE = {"mode": "create"}


def sealing(*keys: str) -> Sealing:
    return Sealing.from_environment({SETTING: ",".join(keys or (new_key(),))})


def message(**values: Any) -> ChangeMessage:
    order = PasswordOrder(kind="words", length=16, force_change=False, school="S1",
                          school_name="Lincoln High")  # fmt: skip
    usual = {
        "run": RUN, "id": "m1", "phase": 1, "kind": "person", "key": "U1", "action": "create",
        "fields": {"upn": "ada@contoso.edu", "display_name": "Ada B", "grade": "03"},
        "password": order,
    }  # fmt: skip
    return ChangeMessage.model_validate(usual | values)


class TestSealing:
    def test_what_is_sealed_can_be_opened_and_not_be_read(self) -> None:
        key = sealing()
        assert key.possible
        sealed = key.seal(b"secret")
        assert b"secret" not in sealed
        assert key.open(sealed) == b"secret"

    def test_a_rotated_key_still_opens_what_the_old_one_sealed(self) -> None:
        old, new = new_key(), new_key()
        sealed = sealing(old).seal(b"secret")
        assert sealing(new, old).open(sealed) == b"secret"
        with pytest.raises(BadInput, match="not the one that sealed"):
            sealing(new).open(sealed)

    def test_without_a_key_it_says_what_to_do(self) -> None:
        nothing = Sealing.from_environment({})
        assert not nothing.possible
        with pytest.raises(BadInput, match=f"needs a key, and {SETTING} is not set"):
            nothing.seal(b"secret")

    def test_something_else_than_a_key_is_refused_without_showing_it(self) -> None:
        with pytest.raises(BadInput, match="credentials key") as caught:
            sealing("hunter2")
        assert "hunter2" not in str(caught.value)


class TestSheet:
    def line(self, key: str = "U1", **values: Any) -> Line:
        usual = {
            "external_id": key, "username": "u@contoso.edu", "display_name": f"Name {key}",
            "school": "S1", "school_name": "Lincoln", "grade": "03", "password": "pw",
            "number": 0,
        }  # fmt: skip
        return Line(**usual | values)

    def test_lines_come_back_and_rest_sealed(self, storage: Storage) -> None:
        sheet = Sheet(storage, RUN, sealing())
        assert list(sheet.lines()) == []
        lines = [self.line("U1"), self.line("U2")]
        for line in lines:
            sheet.append(line)
        assert list(sheet.lines()) == lines
        [blob] = storage.list_files(CREDENTIALS, RUN)
        assert b"Name" not in (storage.read(CREDENTIALS, blob.name) or b"")

    def test_a_full_part_is_followed_by_another(
        self, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheets, "PART_BYTES", 700)
        key = sealing()
        sheet, other = Sheet(storage, RUN, key), Sheet(storage, RUN, key)
        for number in range(6):
            (sheet if number % 2 else other).append(self.line(f"U{number}"))
        assert len(storage.list_files(CREDENTIALS, RUN)) > 2
        assert [line.external_id for line in sheet.lines()] == [f"U{n}" for n in range(6)]

    def test_no_line_is_so_short_that_a_part_could_hold_too_many(self) -> None:
        shortest = Line("", "", "", None, None, None, "", 0)
        size = len(sealing().seal(json.dumps(vars(shortest)).encode())) + 1
        assert sheets.PART_BYTES / size < 50_000

    def test_of_each_person_the_highest_number_counts_then_the_last_line(
        self, storage: Storage
    ) -> None:
        sheet = Sheet(storage, RUN, sealing())
        for line in (
            self.line("U2", grade="02"),
            self.line("U1", password="refused"),
            self.line("U1", number=1, password="taken"),
            self.line("U1", password="refused"),
            self.line("U1", number=1, password="taken", doubt="r0"),
            self.line("U3", school=None, grade=None),
        ):
            sheet.append(line)
        assert [(p.external_id, p.password, p.doubt) for p in sheet.people()] == [
            ("U3", "pw", ""),
            ("U2", "pw", ""),
            ("U1", "taken", "r0"),
        ]

    def test_a_runs_seed_is_one_for_all_and_goes_with_the_sheet(self, storage: Storage) -> None:
        key = sealing()
        sheet = Sheet(storage, RUN, key)
        seed = sheet.seed()
        assert sheet.seed() == Sheet(storage, RUN, key).seed() == seed
        assert Sheet(storage, "another", key).seed() != seed
        assert sheet.delete() == 1
        assert Sheet(storage, RUN, key).seed() != seed

    def test_only_the_want_of_a_blob_is_mended(self, storage: Storage) -> None:
        from azure.core.exceptions import HttpResponseError

        storage.write(CREDENTIALS, f"{RUN}/0001.sheet", b"a block blob")
        with pytest.raises(HttpResponseError):
            Sheet(storage, RUN, sealing()).append(self.line())


class TestIssuing:
    async def test_a_password_is_written_down_before_it_is_told(self, storage: Storage) -> None:
        desk = Credentials(storage, sealing())
        passwords = desk.passwords(message())
        assert not passwords.force_change
        password = await passwords.issue()
        [line] = Sheet(storage, RUN, desk.sealing).lines()
        assert (line.password, line.username) == (password, "ada@contoso.edu")
        assert (line.display_name, line.school_name, line.grade) == ("Ada B", "Lincoln High", "03")
        assert password.count("-") == 3

    async def test_every_try_of_a_run_issues_the_same_one(self, storage: Storage) -> None:
        key = sealing()
        first = await Credentials(storage, key).passwords(message()).issue()
        desk = Credentials(storage, key)
        assert await desk.passwords(message()).issue() == first
        assert await desk.passwords(message(key="U2")).issue() != first
        assert await desk.passwords(message(run="another")).issue() != first

    async def test_after_a_refusal_another_one_is_issued_and_counts(self, storage: Storage) -> None:
        desk = Credentials(storage, sealing())
        passwords = desk.passwords(message())
        refused, taken = await passwords.issue(), await passwords.issue()
        assert refused != taken
        await desk.passwords(message()).issue()  # a redelivered message begins anew
        [line] = Sheet(storage, RUN, desk.sealing).people()
        assert line.password == taken

    async def test_the_files_password_comes_first(self, storage: Storage) -> None:
        key = sealing()
        order = PasswordOrder(kind="strong", length=20, force_change=True,
                              sealed=key.seal(FROM_FILE.encode()).decode())  # fmt: skip
        passwords = Credentials(storage, key).passwords(message(password=order))
        assert passwords.force_change
        assert await passwords.issue() == FROM_FILE
        assert len(await passwords.issue()) == 20

    async def test_the_files_password_needs_the_key(self, storage: Storage) -> None:
        order = PasswordOrder(kind="strong", length=20, force_change=True,
                              sealed=sealing().seal(b"x").decode())  # fmt: skip
        for key in (Sealing(None), sealing()):
            with pytest.raises(Terminal, match=SETTING):
                await Credentials(storage, key).passwords(message(password=order)).issue()

    async def test_without_a_key_nobody_is_told(self, storage: Storage) -> None:
        desk = Credentials(storage, Sealing(None))
        passwords = desk.passwords(message(password=None))
        assert passwords.force_change
        assert len({await passwords.issue(), await passwords.issue()}) == 2
        await passwords.doubt()
        assert storage.list_files(CREDENTIALS) == []

    async def test_an_account_for_which_an_earlier_run_wrote_a_password_is_in_doubt(
        self, storage: Storage
    ) -> None:
        key = sealing()
        for run in ("20261101T020000Z-1a2b", "20261102T020000Z-1a2b", "20261225T020000Z-1a2b"):
            await Credentials(storage, key).passwords(message(run=run)).issue()
        await Credentials(storage, sealing()).passwords(message(run="20261103T02Z")).issue()
        desk = Credentials(storage, key)
        for person in ("U1", "U2"):
            passwords = desk.passwords(message(key=person))
            await passwords.issue()
            await passwords.doubt()
        lines = Sheet(storage, RUN, key).people()
        assert {line.external_id: line.doubt for line in lines} == {
            "U1": "20261102T020000Z-1a2b",
            "U2": "",
        }


def school() -> World:
    world = World()
    world.school("S1", name="Lincoln High")
    world.teacher("T1")
    for key, grade in (("U1", "kg"), ("U2", "05"), ("U3", "06"), ("U4", None), ("U5", "alumni")):
        world.user(key)
        world.role(key, grade=grade)
    world.account("there", "U5")
    return world


def ordered(world: World, **passwords: Any) -> dict[str, tuple[str, int, bool]]:
    world.plan(people=CREATE | {"passwords": passwords})
    rows = world.rows("SELECT external_id, kind, length, force_change FROM first_passwords")
    return {person: tuple(rest) for person, *rest in rows}  # pyright: ignore


class TestOrders:
    def test_young_grades_get_words_and_the_rest_strong_ones(self) -> None:
        strong, words = ("strong", 16, True), ("words", 16, True)
        assert ordered(school()) == {
            "T1": strong, "U1": words, "U2": words, "U3": strong, "U4": strong,
        }  # fmt: skip

    def test_policy_decides_by_role_group(self) -> None:
        found = ordered(
            school(), staff="words", words_until_grade=None, length=20,
            force_change={"students": False},
        )  # fmt: skip
        assert found["T1"] == ("words", 20, True)
        assert found["U1"] == ("strong", 20, False)

    def test_a_grade_that_is_none_says_which_there_are(self) -> None:
        with pytest.raises(ValueError, match="use one of it, pr, pk"):
            ordered(school(), words_until_grade="5th")

    def test_orders_travel_in_the_message_and_not_in_the_plan(self, tmp_path: Path) -> None:
        world = school()
        plan = world.plan(people=CREATE)
        plan.save(world.con, tmp_path)
        with workspace() as (con, _):
            loaded = Plan.load(con, tmp_path)
            start_created(con)
            sent = {m.key: m for m in messages(con, loaded, 1, held=False) if m.kind == "person"}
        assert sent["U1"].password == PasswordOrder(
            kind="words", length=16, force_change=True, school="S1", school_name="Lincoln High"
        )
        assert sent["U5"].action == "update"
        assert sent["U5"].password is None
        assert "password" not in (tmp_path / "plan.json").read_text()
        assert world.rows("SELECT 1 FROM plan_changes WHERE after LIKE '%password%'") == []


class TestFile:
    CSV = (
        "sourcedId,username,givenName,familyName,password\n"
        f"U1,u1,Ada,B,{FROM_FILE}\nU2,u2,Bo,C,weak\nU3,u3,Cy,D,\nU4,u4,Di,E,Fine-enough-9\n"
    )

    def drop(self, folder: Path) -> Path:
        folder.mkdir()
        (folder / "orgs.csv").write_text("sourcedId,name,type\nS1,Lincoln,school\n")
        (folder / "users.csv").write_text(self.CSV)
        roles = "".join(f"U{n},S1,student\n" for n in range(1, 5))
        (folder / "roles.csv").write_text("userSourcedId,orgSourcedId,role\n" + roles)
        return folder

    def test_passwords_are_read_only_when_asked_for(self, tmp_path: Path) -> None:
        drop = self.drop(tmp_path / "drop")
        with workspace() as (con, folder):
            read_roster(drop, con)
            assert con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'roster_passwords'"
                               ).fetchone() is None  # fmt: skip
            roster = read_roster(drop, con, passwords=True)
            rows = con.execute("FROM roster_passwords ORDER BY ALL").fetchall()
            assert rows == [("U1", FROM_FILE), ("U2", "weak"), ("U4", "Fine-enough-9")]
            roster.save(folder / "roster")
            for file in (folder / "roster").iterdir():
                assert FROM_FILE.encode() not in file.read_bytes()

    def test_they_rest_sealed_between_the_steps(self, tmp_path: Path, storage: Storage) -> None:
        key = sealing()
        drop = self.drop(tmp_path / "drop")
        with workspace() as (con, folder):
            read_roster(drop, con, passwords=True)
            seal_file_passwords(storage, con, RUN, key, folder)
            assert not list(folder.glob("*passwords*"))
        [blob] = storage.list_files(RUNS, RUN)
        assert FROM_FILE.encode() not in (storage.read(RUNS, blob.name) or b"")
        run = Run(RUN, "hr", "planning", "plan", now())
        with workspace() as (con, folder):
            con.execute(
                "CREATE TABLE renamed AS SELECT * FROM (VALUES ('hr', 'U1', 'S1'), "
                "('sis', 'U2', 'S2')) AS r (source, given, sourced_id)"
            )
            open_file_passwords(storage, con, run, key, folder)
            people = con.execute("SELECT user_sourced_id FROM roster_passwords ORDER BY 1")
            assert people.fetchall() == [("S1",), ("U2",), ("U4",)]
            assert not list(folder.glob("*passwords*"))
        storage.write(RUNS, f"{RUN}/another", b"")
        forget_file_passwords(storage, RUN)
        assert [file.file_name for file in storage.list_files(RUNS, RUN)] == ["another"]
        with workspace() as (con, folder):
            open_file_passwords(storage, con, run, key, folder)
            assert con.execute("FROM roster_passwords").fetchall() == []

    def plan(self, world: World, key: Sealing, **passwords: Any) -> Plan:
        from sync.config import Config
        from sync.plan import make_plan

        config = Config.model_validate({"people": CREATE | {"passwords": passwords}})
        return make_plan(world.con, config, run=RUN, today=TODAY, domains=DOMAINS, sealing=key)

    def test_those_of_new_accounts_are_sealed_one_by_one_and_weak_ones_are_a_finding(self) -> None:
        key, world = sealing(), school()
        world.con.execute("CREATE TEMP TABLE roster_passwords (user_sourced_id VARCHAR, "
                          "password VARCHAR)")  # fmt: skip
        world.con.executemany(
            "INSERT INTO roster_passwords VALUES (?, ?)",
            [["U1", FROM_FILE], ["U2", "password"], ["U5", FROM_FILE], ["T1", FROM_FILE]],
        )
        plan = self.plan(world, key, students="file")
        assert plan.findings == {"error": 0, "warning": 1}
        assert world.rows("SELECT rule, entity, value FROM directory_findings") == [
            ("person.password.weak", "U2", None)
        ]
        [(person, sealed)] = world.rows(
            "SELECT external_id, sealed FROM first_passwords WHERE sealed IS NOT NULL"
        )
        assert person == "U1"
        assert key.open(sealed.encode()).decode() == FROM_FILE

    def test_without_a_key_a_finding_says_that_nobody_will_know(self) -> None:
        world = school()
        self.plan(world, Sealing(None))
        assert world.rows("SELECT rule, entity, value, severity FROM directory_findings") == [
            ("person.password.unknown", "", "5", "warning")
        ]

    def test_and_says_nothing_where_no_account_is_made(self) -> None:
        world = World()
        world.school()
        self.plan(world, Sealing(None))
        assert world.rows("FROM directory_findings") == []

    def test_a_preview_takes_none(self) -> None:
        world = school()
        world.plan(people=CREATE | {"passwords": {"students": "file"}})
        assert world.rows("FROM directory_findings") == []


def test_ordering_needs_nothing_but_what_planning_made() -> None:
    world = school()
    world.plan(people=CREATE)
    from directory.policy import People

    order_passwords(world.con, People(), None)
    assert world.rows("SELECT count(*) FROM first_passwords") == [(5,)]
