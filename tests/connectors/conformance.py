"""What every connector has to do, as a class of tests that a connector's author inherits.

    class TestNewSystem(Conformance):
        def app(self, records, faults): return create_app(records, faults=faults)
        def settings(self, address): return NewSource(name="sis", address=address, …)
        def refused(self, address): return NewSource(…, secret="wrong")
        data_paths = "/api/*"
        empty = '{"data": []}'

The system is a real server over real HTTP: an emulator that follows the vendor's documentation,
with the faults of local.sis.faults. Whatever goes wrong there, a pull ends in one of three ways: it
gives what it gives without the fault, or it raises an error that says what to do, or the roster is
refused. It never gives less.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors import session as session_module
from connectors.connector import Connector, Mark
from connectors.examination import examine
from connectors.pages import FolderPages, Head
from connectors.projection import keep
from connectors.pull import Pulled, make_tables, next_mark, run_pull
from connectors.pulled import read_pulled
from local.district import generate
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from roster.database import open_database
from roster.errors import Refused, RollcallError, Terminal, Transient
from roster.schema import TABLES

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from connectors.source import ApiSource

TODAY = date(2026, 11, 26)
PEOPLE = 60
KEPT = "kept"  # the folder below a pull's own with its tables
Rows = Mapping[str, list[tuple[Any, ...]]]

PASSING = (
    Fault("status", status=500, after=2),
    Fault("status", status=503, after=2, times=2),
    Fault("throttle", after=2, seconds=0.01),
    Fault("drop", after=2),
    Fault("truncate", after=2),
    Fault("html", after=2),
    Fault("garbage", after=2),
    Fault("redirect", body="/maintenance", after=2),
    Fault("slow", after=2, seconds=0.05),
)
STAYING = (
    Fault("status", status=500, after=3, times=None),
    Fault("status", status=503, times=None),
    Fault("throttle", after=3, seconds=900, times=None),
    Fault("drop", after=3, times=None),
    Fault("truncate", after=3, times=None),
    Fault("html", after=3, times=None),
    Fault("garbage", after=3, times=None),
    Fault("redirect", body="/maintenance", after=3, times=None),
    Fault("status", status=403, after=3, times=None),
    Fault("status", status=404, after=3, times=None),
    Fault("status", status=401, after=3, times=None),
)


class Crash(Exception):
    """The process is gone."""


class CrashingPages(FolderPages):
    """Pages of a process that is killed once `left` of them were saved."""

    def __init__(self, folder: Path, left: int) -> None:
        super().__init__(folder)
        self._left = left

    def save(self, head: Head, rows: bytes) -> None:
        if not self._left:
            raise Crash
        self._left -= 1
        super().save(head, rows)


@dataclass
class System:
    """A running system. `paths`: a glob of those of its paths that give data."""

    address: str
    records: Records
    faults: Faults
    paths: str

    whole: Rows | None = None

    async def everything(self, source: ApiSource, folder: Path) -> Rows:
        """The roster of a full pull, as it is without faults and without changes."""
        if self.whole is None:
            self.whole, _ = await pull(source, folder)
        return self.whole

    def suffer(self, fault: Fault) -> None:
        """Lets something be wrong with its data."""
        self.faults.add(Fault(**(vars(fault) | {"path": self.paths})))


class Conformance:
    """Inherit this; see the module."""

    data_paths = "*"
    empty = "[]"

    def app(self, records: Records, faults: Faults) -> ASGIApp:
        """The emulated system."""
        raise NotImplementedError

    def settings(self, address: str) -> ApiSource:
        """The source as an administrator would configure it."""
        raise NotImplementedError

    def refused(self, address: str) -> ApiSource:
        """The same with credentials that the system does not take."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> Generator[System]:
        with cls().running() as system:
            yield system

    @pytest.fixture
    def system(self, shared: System, monkeypatch: pytest.MonkeyPatch) -> System:
        """A system in which nothing changes; all is well with it."""
        monkeypatch.setattr(session_module, "FIRST_PAUSE", 0.001)
        shared.faults.clear()
        return shared

    @contextmanager
    def running(self) -> Iterator[System]:
        records = Records(generate(PEOPLE, 1, today=TODAY, domain="contoso.edu"))
        faults = Faults()
        with serving(self.app(records, faults)) as address:
            yield System(address, records, faults, self.data_paths)

    async def test_a_pull_gives_the_same_twice(self, system: System, tmp_path: Path) -> None:
        source = self.settings(system.address)
        first, _ = await pull(source, tmp_path / "1")
        second, _ = await pull(source, tmp_path / "2")
        assert first == second
        for table in ("orgs", "users", "roles", "classes", "enrollments"):
            assert first[table], f"{table}: nothing came"

    async def test_what_changed_over_what_was_is_everything(self, tmp_path: Path) -> None:
        with self.running() as system:
            source = self.settings(system.address)
            mark = await follow(source, tmp_path / "0")
            for day in range(2):
                system.records.advance(10 + day, 0.1)
                mark = await follow(source, tmp_path / f"{day + 1}", mark, tmp_path / f"{day}")
            changes, _ = await pull(source, tmp_path / "9", mark, tmp_path / "2")
            everything, _ = await pull(source, tmp_path / "full")
            assert_same(changes, everything, self.unreported(system))

    def unreported(self, system: System) -> Mapping[str, set[Any]]:
        """Table → keys of rows that the system never reports as deleted, as its vendor says.

        A full pull finds them; see the setting `full_days`.
        """
        return {}

    @pytest.mark.parametrize(
        "saves", [1, 4, *(pytest.param(n, marks=pytest.mark.thorough) for n in (0, 7))]
    )
    async def test_killed_at_any_page_it_goes_on_and_asks_for_no_page_twice(
        self, system: System, tmp_path: Path, saves: int
    ) -> None:
        source = self.settings(system.address)
        expected = await system.everything(source, tmp_path / "whole")
        begun: list[Any] = []
        killed = CrashingPages(tmp_path / "killed", saves)
        with pytest.raises(Crash):
            await run_pull(source.connector(), killed, lambda: None, begun.append)
        saved = {head.request.name for head in FolderPages(tmp_path / "killed").heads()}
        asked: list[str] = []
        connector = Watched(source.connector(), asked)
        pages = FolderPages(tmp_path / "killed")
        found = await run_pull(connector, pages, lambda: begun[0], begun.append)
        assert rows_of(connector, found, pages, None) == expected
        assert not saved & set(asked)
        assert len(asked) == len(set(asked))

    @pytest.mark.parametrize("fault", PASSING, ids=lambda f: f"{f.kind}-{f.status}")
    async def test_what_passes_is_survived(
        self, system: System, tmp_path: Path, fault: Fault
    ) -> None:
        source = self.settings(system.address)
        expected = await system.everything(source, tmp_path / "1")
        system.suffer(fault)
        found, _ = await pull(source, tmp_path / "2")
        assert found == expected

    @pytest.mark.parametrize("fault", STAYING, ids=lambda f: f"{f.kind}-{f.status}")
    async def test_what_stays_is_an_error_and_never_less_than_everything(
        self, system: System, tmp_path: Path, fault: Fault
    ) -> None:
        source = self.settings(system.address)
        system.suffer(fault)
        with pytest.raises((Transient, Terminal, Refused)) as error:
            await pull(source, tmp_path / "2")
        assert len(str(error.value)) > 20
        for person in ("contoso.edu", "password", "secret"):
            assert person not in str(error.value)

    @pytest.mark.parametrize("after", [0, 3, 6])
    async def test_an_empty_answer_is_never_a_roster(
        self, system: System, tmp_path: Path, after: int
    ) -> None:
        source = self.settings(system.address)
        expected = await system.everything(source, tmp_path / "1")
        system.suffer(Fault("empty", after=after, times=None, body=self.empty))
        last = frozenset(table for table, rows in expected.items() if rows)
        with suppress(RollcallError):
            found, _ = await pull(source, tmp_path / "2", last=last)
            assert found == expected

    async def test_values_of_the_wrong_type_are_findings_and_no_crash(
        self, system: System, tmp_path: Path
    ) -> None:
        source = self.settings(system.address)
        system.suffer(Fault("retype", times=None))
        with suppress(RollcallError):
            found, _ = await pull(source, tmp_path / "1")
            assert found["users"]

    async def test_refused_credentials_say_what_to_do_and_are_not_shown(
        self, system: System, tmp_path: Path
    ) -> None:
        source = self.refused(system.address)
        with pytest.raises(Terminal) as error:
            await pull(source, tmp_path / "1")
        for secret in secrets_of(source):
            assert secret not in str(error.value)
            assert secret not in repr(source)
        assert not FolderPages(tmp_path / "1").heads()

    async def test_an_examination_shows_no_person(self, system: System) -> None:
        found = await examine(self.settings(system.address).connector())
        assert found.observations
        assert not found.has_problems
        people = system.records.rows("SELECT DISTINCT family_name FROM users")
        text = str(found)
        assert not [name for (name,) in people if len(name) > 4 and name in text]


class Variant:
    """Stands before the class of a source that was tested already, for other settings of it.

    What goes wrong on the way to the source is met by the same code, and not tested again.
    """

    test_what_passes_is_survived = None
    test_what_stays_is_an_error_and_never_less_than_everything = None
    test_an_empty_answer_is_never_a_roster = None
    test_refused_credentials_say_what_to_do_and_are_not_shown = None


class Watched:
    """A connector that notes what is fetched."""

    def __init__(self, connector: Any, asked: list[str]) -> None:
        self._connector = connector
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    async def fetch(self, session: Any, pull: Any, request: Any) -> Any:
        self._asked.append(request.name)
        return await self._connector.fetch(session, pull, request)


async def pull(
    source: ApiSource,
    folder: Path,
    mark: Mark | None = None,
    before: Path | None = None,
    last: frozenset[str] = frozenset(),
) -> tuple[Rows, Mark]:
    """A pull into `folder`: the roster's rows, and the mark. `before`: the folder of the last."""
    connector, pages, found, after = await _pulled(source, folder, mark)
    return rows_of(connector, found, pages, _kept(before), _kept(folder), last), after


async def follow(
    source: ApiSource, folder: Path, mark: Mark | None = None, before: Path | None = None
) -> Mark:
    """A pull whose tables the next one changes, and whose roster nobody asks for; the mark."""
    connector, pages, found, after = await _pulled(source, folder, mark)
    with open_database(threads=1) as con:
        keep(con, make_tables(con, connector, found, pages, _kept(before)), folder / KEPT)
    return after


async def _pulled(
    source: ApiSource, folder: Path, mark: Mark | None
) -> tuple[Connector, FolderPages, Pulled, Mark]:
    connector, pages = source.connector(), FolderPages(folder)
    found = await run_pull(
        connector, pages, lambda: None, lambda _: None, last=mark, full=mark is None
    )
    return connector, pages, found, next_mark(connector, found.pull, mark)


def _kept(folder: Path | None) -> Path | None:
    return folder / KEPT if folder else None


def rows_of(
    connector: Any,
    found: Pulled,
    pages: FolderPages,
    before: Path | None,
    kept: Path | None = None,
    last: frozenset[str] = frozenset(),
) -> Rows:
    """All rows of the roster of a pull, sorted.

    Most pulls of these tests end in the same tables, and those give the same roster: each is read
    once.
    """
    with open_database(threads=1) as con:
        made = make_tables(con, connector, found, pages, before)
        if kept:
            keep(con, made, kept)
        content = [(name, con.execute(f"FROM {table}").fetchall()) for name, table in made.items()]
        key = sha256(repr((connector.form, sorted(last), content)).encode()).digest()
        if key not in _READ:
            read_pulled(con, connector.form, made, last_files=last)
            _READ[key] = {
                name: con.execute(
                    f"SELECT {', '.join(c.name for c in table.columns)} FROM {name} ORDER BY ALL"
                ).fetchall()
                for name, table in TABLES.items()
            }
        return _READ[key]


_READ: dict[bytes, Rows] = {}


def assert_same(found: Rows, expected: Rows, forgiven: Mapping[str, set[Any]]) -> None:
    """Table by table; `forgiven`: keys (first column) of rows that `found` may have on top."""
    for table in expected:
        there, wanted = set(map(_hashable, found[table])), set(map(_hashable, expected[table]))
        assert not wanted - there, f"{table}: missing after changes"
        unforgiven = {row for row in there - wanted if row[0] not in forgiven.get(table, set())}
        assert not unforgiven, f"{table}: only after changes"


def _hashable(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(str, row))


def secrets_of(source: ApiSource) -> list[str]:
    """The secrets in a source's settings."""
    values = [getattr(source, name) for name in type(source).model_fields]
    return [v.get_secret_value() for v in values if hasattr(v, "get_secret_value") and v]
