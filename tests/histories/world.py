"""One tenant, its roster, and runs that go wrong: the place where histories happen.

Time is virtual, storage is in memory, everything else is the real thing: the emulated tenant behind
the real client, the mirror, the planner, the applier. A run may be quiet, or under turmoil: lost,
doubled, late and unordered messages; answers lost, throttled, failing before and after the commit;
the process gone at any write; an administrator who edits our objects meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import UUID

import duckdb
from azure.core.credentials import AccessToken

from graph.client import connect
from graph.mirror import refresh
from graph.pace import Pace
from graph.writers import Writer
from local.account import MemoryAccount
from local.entra import Tenant
from local.entra.clock import VirtualClock
from local.entra.faults import LOST, Fault, FaultSettings
from local.entra.in_process import InProcess
from local.entra.virtual_loop import VirtualTimeLoop
from roster.errors import Transient
from roster.schema import SIDE_TABLES, TABLES, columns_of
from sync import outcomes
from sync.apply import Applier
from sync.change import ChangeMessage
from sync.config import Config
from sync.memory import load_memory, save_memory, settle_memory
from sync.outcomes import Outcome, load_outcomes
from sync.plan import make_plan, messages, settle
from sync.record import Run, add_run, find_run, now, update_run
from sync.storage import CHANGES_QUEUE, Storage
from tests.histories.tenancy import DOMAIN, Tenancy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graph.client import Graph
    from tests.histories.district import District

TODAY = date(2026, 11, 24)
CONCURRENT = 24
DAY_SECONDS = 86_400.0
SETTINGS: dict[str, Any] = {
    "people": {"mode": "create", "disable_after_days": 0},
    "guards": {"removals": {"percent": 100}, "school_removals": {"percent": 100}},
}
FAULTS = tuple(
    FaultSettings(method=method, status=status, when=when, retry_after=retry_after)
    for method, status, when, retry_after in (
        ("POST", 503, "before", None), ("POST", 500, "after", None), ("POST", LOST, "after", None),
        ("PATCH", 504, "before", None), ("PATCH", LOST, "after", None),
        ("PATCH", 429, "after", None), ("PATCH", 429, "before", 7), ("POST", 429, "before", 400),
        ("DELETE", 502, "after", None), ("DELETE", 429, "after", None),
        ("GET", 503, "before", None), ("GET", 429, "before", 3), ("*", "reset", "before", None),
        ("*", "reset", "after", None),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Turmoil:
    """How likely it is that a thing goes wrong: for each message, or for each batch of them."""

    lost: float = 0.05
    doubled: float = 0.1
    crash: float = 0.1
    fault: float = 0.3
    edit: float = 0.15
    abandon: float = 0.05


class Crash(Exception):
    """The process is gone."""


class World:
    """A tenant with its districts. `seed` decides everything that is chance."""

    def __init__(self, seed: int, districts: Sequence[District]) -> None:
        self.chance = Random(seed)
        self.clock = VirtualClock(datetime(2026, 11, 24, 2, tzinfo=UTC))
        self._reins = self._take_reins(seed)
        self.loop = VirtualTimeLoop(self.clock, threads=False)
        self.tenancy = Tenancy(seed, self.chance, self.clock, districts)
        self.tenant = self.tenancy.tenant
        self.districts = districts
        self.account = MemoryAccount()
        self.storage = Storage(self.account, self.account, self.account)  # type: ignore[arg-type]
        self.config = Config.model_validate(SETTINGS | self._policy())
        self._folder = tempfile.TemporaryDirectory(prefix="rollcall-history-")
        self.folder = Path(self._folder.name)
        self.runs = 0
        self.seen = Counter[str]()
        self._late: list[_Queued] = []

    def _policy(self) -> dict[str, Any]:
        """How classes are made, and who decides who is in units and groups."""
        membership = self.chance.choice(("assigned", "assigned", "dynamic"))
        attribute = self.chance.choice(("department", "officeLocation", "extensionAttribute7"))
        self.ruled = membership == "dynamic"
        return {
            "classes": {"kind": self.chance.choice(("education", "group"))},
            "schools": {"membership": membership},
            "groups": {"membership": membership},
            "dynamic": {"attribute": attribute},
        }

    def _take_reins(self, seed: int) -> ExitStack:
        """Takes over what else is chance: how long the client waits, times, object ids."""
        random.seed(seed)
        reins = ExitStack()
        reins.enter_context(patch("sync.outcomes.now", self.clock.now))
        reins.enter_context(patch("local.entra.directory.uuid4", _uuid))
        return reins

    def calm(self) -> None:
        """Nothing goes wrong any more, and a day passes."""
        self.tenancy.calm(DAY_SECONDS)

    def close(self) -> None:
        self._reins.close()
        self._folder.cleanup()
        self.loop.close()

    def run(self, turmoil: Turmoil | None = None) -> dict[str, int]:
        """One run over today's roster; how its changes ended, by status. Empty: nothing to do."""
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(self._run(turmoil))
        finally:
            asyncio.set_event_loop(None)

    async def _run(self, turmoil: Turmoil | None) -> dict[str, int]:
        self.runs += 1
        name = f"r{self.runs:05}"
        run = Run(name, "sis", "applying", "send/1/safe/0", now())
        add_run(self.storage, run)
        with duckdb.connect() as con:
            con.execute("PRAGMA disable_optimizer")
            self._fill(con)
            await self._read(con)
            folder = self.folder / name
            folder.mkdir()
            load_memory(self.storage, con, folder)
            plan = make_plan(con, self.config, run=name, today=TODAY, domains=[DOMAIN])
            save_memory(self.storage, con, folder, TODAY)
            finished = await self._apply(con, plan, turmoil)
            found = find_run(self.storage, name)
            assert found
            update_run(self.storage, found, status="finished")
            if not finished:
                return {"abandoned": 1}
            load_outcomes(self.storage, con, name, self.folder)
            settle(con)
            settle_memory(self.storage, con, folder, self.tenant.now())
            ended = con.execute(
                "SELECT status, count(*) FROM change_outcomes GROUP BY 1"
            ).fetchall()
            self.outcomes = con.execute(
                "SELECT key, action, status, error FROM change_outcomes"
            ).fetchall()
            return dict(ended)

    async def _read(self, con: duckdb.DuckDBPyConnection) -> None:
        """Reads the directory, again and again as the step of a run does."""
        for _ in range(30):
            graph = self._connect(None)
            try:
                await refresh(graph, con, self.folder / "mirror")
            except Transient:
                await asyncio.sleep(10)
            else:
                return
            finally:
                await graph.close()
        raise AssertionError("the directory cannot be read")

    def _fill(self, con: duckdb.DuckDBPyConnection) -> None:
        for table in (*TABLES, *SIDE_TABLES):
            columns = ", ".join(f'"{name}" {kind}' for name, kind in columns_of(table))
            con.execute(f"CREATE TABLE {table} ({columns})")
        rows: dict[str, list[dict[str, Any]]] = {}
        for district in self.districts:
            for table, more in district.rows().items():
                rows.setdefault(table, []).extend(more)
        for table, values in rows.items():
            if values:
                names = list(values[0])
                lines = ", ".join(
                    "(" + ", ".join(_literal(row[name]) for name in names) + ")" for row in values
                )
                con.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES {lines}")
        con.execute("INSERT INTO files (id, source, name, records) VALUES (0, 'sis', 'x.csv', 0)")

    async def _apply(
        self, con: duckdb.DuckDBPyConnection, plan: Any, turmoil: Turmoil | None
    ) -> bool:
        """All three phases; False if the run was abandoned in the middle."""
        for phase in (1, 2, 3):
            load_outcomes(self.storage, con, plan.run, self.folder)
            wanted = list(messages(con, plan, phase, held=False))
            queue = [*self._late, *self._sent(wanted)]
            self._late = []
            for resend in range(5):
                if not await self._work_off(queue, turmoil):
                    return False
                load_outcomes(self.storage, con, plan.run, self.folder)
                there = {m for (m,) in con.execute("SELECT message FROM outcomes").fetchall()}
                lost = [message for message in wanted if message.id not in there]
                if not lost:
                    break
                self.seen["resent"] += len(lost)
                queue = self._sent(lost)
                if resend == 3:
                    for message in lost:
                        outcomes.write_outcome(self.storage, message, Outcome("failed"))
        return True

    def _sent(self, wanted: list[ChangeMessage]) -> list[_Queued]:
        time = self.loop.time()
        return [_Queued(self._key(), m.model_dump(mode="json"), time) for m in wanted]

    def _key(self) -> str:
        return f"q{self.chance.random()}"

    async def _work_off(self, queue: list[_Queued], turmoil: Turmoil | None) -> bool:
        """Delivers messages until none is left; False if the run was abandoned."""
        process = _Process(self, self._crash_at(turmoil))
        try:
            again = self.account.get_queue_client(CHANGES_QUEUE)
            while queue or again.waiting:
                time = self.loop.time()
                queue += [_Queued(self._key(), body, time + delay) for body, delay in again.take()]
                due = [one for one in queue if one.due <= self.loop.time()]
                if not due:
                    await asyncio.sleep(min(one.due for one in queue) - self.loop.time())
                    continue
                if turmoil and self.chance.random() < turmoil.abandon / 4:
                    self._late = queue
                    self.seen["abandoned"] += 1
                    return False
                taken = self._take(queue, due, turmoil)
                if not await process.deliver(taken):
                    self.seen["crashed"] += 1
                    queue += [replace(one, due=self.loop.time() + 5) for one in taken]
                    await process.end()
                    process = _Process(self, self._crash_at(turmoil))
                if turmoil:
                    self._disturb(turmoil)
        finally:
            await process.end()
        return True

    def _take(
        self, queue: list[_Queued], due: list[_Queued], turmoil: Turmoil | None
    ) -> list[_Queued]:
        if turmoil is None:
            taken = due[:CONCURRENT]
        else:
            taken = self.chance.sample(due, min(len(due), self.chance.randrange(1, CONCURRENT)))
        for one in taken:
            queue.remove(one)
        if turmoil:
            for one in list(taken):
                if self.chance.random() < turmoil.lost:
                    taken.remove(one)
                    self.seen["lost"] += 1
                elif self.chance.random() < turmoil.doubled:
                    twin = replace(one, key=self.chance.choice((one.key, one.key + "b")))
                    late = replace(twin, due=self.loop.time() + self.chance.choice((0, 1, 60, 900)))
                    (taken if self.chance.random() < 0.5 else queue).append(late)
                    self.seen["doubled"] += 1
        return taken

    def _crash_at(self, turmoil: Turmoil | None) -> int | None:
        if turmoil is None or self.chance.random() > turmoil.crash * 3:
            return None
        return self.chance.randrange(1, 12)

    def _disturb(self, turmoil: Turmoil) -> None:
        if self.chance.random() < turmoil.fault:
            fault = self.chance.choice(FAULTS)
            times = self.chance.choice((1, 1, 3))
            self.tenant.faults.coming.append(Fault(fault.model_copy(update={"times": times})))
            self.seen["fault"] += 1
        if self.chance.random() < turmoil.edit:
            self.tenancy.edit()

    def _connect(self, process: _Process | None) -> Graph:
        transport = _Fragile(self.tenant, process) if process else InProcess(self.tenant)
        pace = Pace(clock=self.loop.time, chance=self.chance)
        address = "http://127.0.0.1/v1.0"
        return connect(_Credential(self.tenant), address, pace=pace, transport=transport)


@dataclass(frozen=True)
class _Queued:
    key: str
    body: dict[str, Any]
    due: float


class _Process:
    """A worker process: a client and an applier, gone when it crashes."""

    def __init__(self, world: World, crash_at: int | None) -> None:
        self.crash_at = crash_at
        self.posts = 0
        self.crashed = asyncio.Event()
        self._graph = world._connect(self)
        self._applier = Applier(world.storage, Writer(self._graph), self._graph)

    async def deliver(self, taken: Sequence[_Queued]) -> bool:
        """Hands messages over at the same time; False if the process crashed on the way."""
        works = [asyncio.ensure_future(self._applier.apply(m.body, m.key)) for m in taken]
        done = asyncio.ensure_future(asyncio.wait(works)) if works else None
        if done is None:
            return True
        crash = asyncio.ensure_future(self.crashed.wait())
        await asyncio.wait((done, crash), return_when=asyncio.FIRST_COMPLETED)
        crash.cancel()
        if self.crashed.is_set():
            done.cancel()
            for work in works:
                work.cancel()
            await asyncio.gather(done, crash, *works, return_exceptions=True)
            return False
        for work in works:
            work.result()
        return True

    async def end(self) -> None:
        await self._graph.close()


class _Fragile(InProcess):
    """A way to the service on which the process may end, before or after the service acted."""

    def __init__(self, tenant: Tenant, process: _Process) -> None:
        super().__init__(tenant)
        self._process = process

    async def handle_async_request(self, request: Any) -> Any:
        process = self._process
        process.posts += request.method == "POST"
        crash = process.crash_at is not None and process.posts >= process.crash_at
        if not crash or process.posts % 2:
            answer = await super().handle_async_request(request)
        if crash:
            process.crashed.set()
            await asyncio.Event().wait()
        return answer


class _Credential:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        token = self._tenant.identity.token("https://graph.microsoft.com")
        return AccessToken(token["access_token"], int(token["expires_on"]))


def _uuid() -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
