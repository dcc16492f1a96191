"""How long a first run over a whole district takes to apply, beside the quota and a naive client.

    python -m bench.apply [--students 100000] [--instances 1 4 10]

A district of 100,000 students, 7,000 teachers, 100 schools and 20,000 classes is planned against an
empty tenant, and applied by the real planner, applier, client and msgraph-sdk to the emulator, on
its virtual clock, by so many instances as given, none of which knows of the others. Printed, and
kept in bench/apply.txt:

    writes     and their ratio to the least possible for the policy
    time       on the tenant's clock, and its ratio to the floor: 3,000 at once, then 20 a second
    throttled  the share of items that were answered 429

once for each policy: by rules that the directory evaluates, or all assigned by us. The naive client
makes one request a change and sleeps five seconds on 429, as scripts do. It works on the same
emulator in the same run, for a tenth of the district, beside ours for the same tenth: each of its
many requests costs the machine as much time as one of ours.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
from azure.core.credentials import AccessToken

from graph.client import connect
from graph.mirror import load_empty
from graph.pace import Pace
from graph.writers import Writer
from local.account import MemoryAccount
from local.entra import Tenant
from local.entra.clock import VirtualClock
from local.entra.in_process import InProcess
from local.entra.virtual_loop import VirtualTimeLoop
from roster.schema import SIDE_TABLES, TABLES, columns_of
from sync.apply import Applier
from sync.config import Config
from sync.memory import start_memory
from sync.outcomes import load_outcomes
from sync.plan import make_plan, messages, start_created
from sync.record import Run, add_run, now
from sync.storage import CHANGES_QUEUE, Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from sync.change import ChangeMessage

REPORT = Path(__file__).with_suffix(".txt")
DOMAIN = "contoso.edu"
BURST, RATE = 3_000, 20.0
CONCURRENT = 96  # messages in work in an instance: host.json's batchSize + newBatchThreshold
BATCH_SECONDS = 1.0  # that the service takes for a batch
NAP = 5.0  # of the naive client
GRADES, STUDENTS_A_CLASS = 13, 25

ROSTER = """
INSERT INTO orgs BY NAME
SELECT 'S' || range AS sourced_id, 'School ' || range AS name, 'school' AS type, true AS active
FROM range($schools);
INSERT INTO users BY NAME
SELECT 'P' || range AS sourced_id, 'person' || range AS username, 'Given' AS given_name,
       'Family ' || range AS family_name, true AS active
FROM range($students + $teachers);
INSERT INTO roles BY NAME
SELECT 'P' || range AS user_sourced_id, 'S' || range % $schools AS org_sourced_id, true AS active,
       CASE WHEN range < $students THEN 'student' ELSE 'teacher' END AS role,
       CASE WHEN range < $students THEN lpad((range // $schools % $grades)::VARCHAR, 2, '0') END
           AS grade
FROM range($students + $teachers);
INSERT INTO classes BY NAME
SELECT 'C' || range AS sourced_id, 'S' || range % $schools AS org_sourced_id, true AS active,
       'Class ' || range AS title, []::VARCHAR[] AS session_sourced_ids
FROM range($classes);
INSERT INTO enrollments BY NAME
SELECT 'C' || c.range AS class_sourced_id, true AS active, 'student' AS role,
       'P' || (c.range * $size + s.range) % $students AS user_sourced_id
FROM range($classes) c, range($size) s;
INSERT INTO enrollments BY NAME
SELECT 'C' || range AS class_sourced_id, true AS active, 'teacher' AS role,
       'P' || ($students + range % $teachers) AS user_sourced_id
FROM range($classes);
"""


@dataclass(frozen=True)
class Size:
    """A district's size."""

    students: int

    @property
    def numbers(self) -> dict[str, int]:
        """Every number of it, in the proportions of a large district."""
        return {
            "students": self.students,
            "teachers": max(1, self.students * 7 // 100),
            "schools": max(1, self.students // 1_000),
            "classes": max(1, self.students // 5),
        }


@dataclass(frozen=True)
class Measured:
    """What a run came to. Times in seconds on the tenant's clock."""

    what: str
    writes: int
    least: int
    seconds: float
    items: int
    throttled: int
    http: int
    real_seconds: float

    @property
    def floor(self) -> float:
        """The seconds that the quota needs for these writes."""
        return max(0.0, (self.writes - BURST) / RATE)

    def __str__(self) -> str:
        return (
            f"{self.what:<28}{self.writes:>9,} writes, {self.writes / self.least:5.3f} of least   "
            f"{self.seconds / 60:7.1f} min, {self.seconds / max(self.floor, 1):5.3f} of floor   "
            f"429: {self.throttled / self.items:6.2%}   {self.http:>9,} HTTP requests   "
            f"(took {self.real_seconds:.0f} s)"
        )


class Bench:
    """A planned district, to be applied again and again to fresh tenants."""

    def __init__(self, size: Size, settings: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self.config = Config.model_validate({"people": {"mode": "create"}} | settings)
        self.con = duckdb.connect(config={"threads": 2})
        for table in (*TABLES, *SIDE_TABLES):
            columns = ", ".join(f'"{name}" {kind}' for name, kind in columns_of(table))
            self.con.execute(f"CREATE TABLE {table} ({columns})")
        sizes = size.numbers | {"grades": GRADES, "size": STUDENTS_A_CLASS}
        for statement in ROSTER.strip().split(";\n"):
            used = {name: value for name, value in sizes.items() if f"${name}" in statement}
            self.con.execute(statement, used)
        load_empty(self.con)
        start_memory(self.con)
        today = now().date()
        self.plan = make_plan(self.con, self.config, run="r1", today=today, domains=[DOMAIN])

    def apply(self, what: str, instances: int) -> Measured:
        """Applies the plan to an empty tenant with so many instances."""
        return self._measure(
            what, lambda tenant, clock: Application(self, tenant, clock).work(instances)
        )

    def apply_naively(self, what: str) -> Measured:
        """Applies the same changes, one request each."""
        return self._measure(what, lambda tenant, _: _Naive(self.con, tenant).work())

    def _measure(
        self, what: str, work: Callable[[Tenant, VirtualClock], Coroutine[Any, Any, None]]
    ) -> Measured:
        clock = VirtualClock()
        tenant = Tenant([DOMAIN], clock=clock)
        started, began = time.monotonic(), clock.seconds()
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(clock, threads=False)) as runner:
            runner.run(work(tenant, clock))
        counted = tenant.counters
        return Measured(
            what, counted["writes"], self.plan.cost.least, clock.seconds() - began,
            counted["requests"], counted["throttled"], counted["http"], time.monotonic() - started,
        )  # fmt: skip


class Application:
    """Instances that work off one queue, phase by phase.

    `executions`: when each began and ended, and by which instance; `phases`: when each ended.
    """

    def __init__(self, bench: Bench, tenant: Tenant, clock: VirtualClock) -> None:
        self._con, self._plan, self._tenant, self._clock = bench.con, bench.plan, tenant, clock
        self._folder = bench.folder
        self._account = MemoryAccount()
        self._storage = Storage(self._account, self._account, self._account)  # type: ignore[arg-type]
        self._again = self._account.get_queue_client(CHANGES_QUEUE)
        self._left = 0
        self._source: Iterator[ChangeMessage] = iter(())
        self._late: list[tuple[float, dict[str, Any]]] = []
        self.executions: list[tuple[float, float, int]] = []
        self.phases: list[float] = []

    async def work(self, instances: int) -> None:
        add_run(self._storage, Run(self._plan.run, "sis", "applying", "", now()))
        graphs = [self._connect() for _ in range(instances)]
        start_created(self._con)
        for phase in (1, 2, 3):
            self._source = messages(self._con, self._plan, phase, held=False)
            appliers = [Applier(self._storage, Writer(graph), graph) for graph in graphs]
            await asyncio.gather(
                *(self._worker(applier) for applier in appliers for _ in range(CONCURRENT))
            )
            self.phases.append(self._clock.seconds())
            load_outcomes(self._storage, self._con, self._plan.run, self._folder)
            failed = self._con.execute(
                "SELECT count(*), min(error) FROM outcomes WHERE status = 'failed'"
            ).fetchall()
            if failed[0][0]:
                raise RuntimeError(f"{failed[0][0]} messages failed, such as: {failed[0][1]}")
        for graph in graphs:
            await graph.close()

    async def _worker(self, applier: Applier) -> None:
        while (body := await self._next()) is not None:
            began = self._clock.seconds()
            await applier.apply(body, body["id"])
            self.executions.append((began, self._clock.seconds(), id(applier)))
            self._late += [(self._clock.seconds() + delay, b) for b, delay in self._again.take()]

    async def _next(self) -> dict[str, Any] | None:
        """The next message: one whose delay is over, else a fresh one; None when all is done."""
        while True:
            self._late.sort(key=lambda one: one[0])
            if self._late and self._late[0][0] <= self._clock.seconds():
                return self._late.pop(0)[1]
            fresh = next(self._source, None)
            if fresh is not None:
                return fresh.model_dump(mode="json")
            if not self._late:
                return None
            await asyncio.sleep(self._late[0][0] - self._clock.seconds())

    def _connect(self) -> Any:
        transport = _Slow(self._tenant)
        pace = Pace(clock=self._clock.seconds)
        address = "http://127.0.0.1/v1.0"
        return connect(_Credential(self._tenant), address, pace=pace, transport=transport)


class _Naive:
    """One request a change, in order, some at a time; on 429 a nap, and the same again."""

    def __init__(self, con: duckdb.DuckDBPyConnection, tenant: Tenant) -> None:
        self._con, self._tenant = con, tenant
        self._ids: dict[tuple[str, str], str] = {}
        token = tenant.identity.token("https://graph.microsoft.com")["access_token"]
        self._client = httpx.AsyncClient(
            transport=_Slow(tenant, 0.2),
            base_url="http://127.0.0.1/v1.0",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def work(self) -> None:
        for kind, address, fields in (
            ("school", "/education/schools", "{'displayName': key, 'externalId': key}"),
            ("person", "/education/users", """{'displayName': key, 'mailNickname': key,
             'userPrincipalName': after->>'upn', 'accountEnabled': true, 'primaryRole': 'student',
             'student': {'externalId': key}, 'passwordProfile': {'password': 'Xy7!Xy7!Xy7!'}}"""),
            ("class", "/education/classes", """{'displayName': key, 'externalId': key,
             'mailNickname': after->>'mail_nickname'}"""),
            ("group", "/groups", """{'displayName': key, 'mailNickname': key,
             'mailEnabled': false, 'securityEnabled': true}"""),
        ):  # fmt: skip
            rows = self._con.execute(
                f"SELECT key, to_json({fields}) FROM plan_changes WHERE kind = '{kind}'"
            ).fetchall()
            await self._all(self._create(kind, address, key, body) for key, body in rows)
        rows = self._con.execute(
            "SELECT entity, target, person, relation FROM plan_changes WHERE action = 'add'"
        ).fetchall()
        Random(1).shuffle(rows)
        await self._all(self._add(*row) for row in rows)
        await self._client.aclose()

    async def _all(self, works: Any) -> None:
        async def worker() -> None:
            for work in works:
                await work

        await asyncio.gather(*(worker() for _ in range(8)))

    async def _create(self, kind: str, address: str, key: str, body: str) -> None:
        answer = await self._post(address, body)
        self._ids[kind, key] = answer.json()["id"]

    async def _add(self, entity: str, target: str, person: str, relation: str) -> None:
        container, member = self._ids[entity, target], self._ids["person", person]
        address = f"/groups/{container}/{relation}s/$ref"
        if entity == "school":
            address = f"/education/schools/{container}/users/$ref"
        kind = "education/users" if entity == "school" else "directoryObjects"
        await self._post(address, f'{{"@odata.id": "http://127.0.0.1/v1.0/{kind}/{member}"}}')

    async def _post(self, address: str, body: str) -> httpx.Response:
        while True:
            answer = await self._client.post(
                address, content=body, headers={"Content-Type": "application/json"}
            )
            if answer.status_code != 429:
                return answer.raise_for_status()
            await asyncio.sleep(NAP)


class _Slow(InProcess):
    """The emulator within this process; an answer takes its time on the virtual clock."""

    def __init__(self, tenant: Tenant, seconds: float = BATCH_SECONDS) -> None:
        super().__init__(tenant)
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._seconds)
        return await super().handle_async_request(request)


class _Credential:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        token = self._tenant.identity.token("https://graph.microsoft.com")
        return AccessToken(token["access_token"], int(token["expires_on"]))


POLICIES: dict[str, dict[str, Any]] = {
    "by rules": {
        "schools": {"membership": "dynamic"},
        "groups": {"membership": "dynamic"},
        "dynamic": {"attribute": "department"},
        "classes": {"kind": "group"},
    },
    "all assigned": {"classes": {"kind": "group"}},
}
NAIVE = "all assigned"


def main() -> None:
    """Measures, prints and keeps the result."""
    parser = argparse.ArgumentParser(description="Applies a district on the virtual clock")
    parser.add_argument("--students", type=int, default=100_000)
    parser.add_argument("--instances", type=int, nargs="*", default=[1, 4, 10])
    parser.add_argument("--policy", choices=POLICIES, nargs="*", default=[*POLICIES])
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    size = Size(options.students)
    lines = [
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}: "
        + ", ".join(f"{n:,} {what}" for what, n in size.numbers.items())
    ]
    print(lines[0], flush=True)
    with TemporaryDirectory(prefix="rollcall-bench-") as folder:
        for measured in _measurements(size, options, Path(folder)):
            lines.append(str(measured))
            print(lines[-1], flush=True)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _measurements(size: Size, options: argparse.Namespace, folder: Path) -> Iterator[Measured]:
    for policy in options.policy:
        bench = Bench(size, POLICIES[policy], folder)
        for instances in options.instances:
            yield bench.apply(f"{policy}, {instances} instance{'s' * (instances > 1)}", instances)
    tenth = Bench(Size(size.students // 10), POLICIES[NAIVE], folder)
    yield tenth.apply("a tenth of it, 1 instance", 1)
    yield tenth.apply_naively("a tenth of it, naive client")


if __name__ == "__main__":
    main()
