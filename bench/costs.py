"""What runs cost in Azure: executions, gigabyte-seconds and storage requests, not money.

    python -m bench.costs [--people 1000 10000] [--computed 100000]

Two parts, printed and kept in bench/costs.txt:

    days    a sample school of the first size lives through a first sync, an unchanged night, and a
            day on which 0.5 % of its people change: real steps, real HTTP, Azurite, an emulated
            tenant. Counted: executions by function, requests to storage by service
    first   a first sync of each size, all memberships assigned, applied on the emulator's virtual
            clock by one instance. Counted: executions of `changes`, those of messages that came
            again among them, and the seconds in which they were at work

What is only computed says so: sizes that are too long to apply here take the messages of their real
plan, and the executions and seconds a message of the largest size that was applied. The step that
waits for a phase (`wait`) is computed from the length of the phase, as sync/barrier.py looks. How
the host polls its queues and renews leases is not in it.

Flex Consumption bills the time in which an instance is at work, at least a second, then by tenths,
times its memory; executions that run together on one instance share it
(https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#billing). `alone` is what
it would be if no two ran together: the most that it can be.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import math
import os
import platform
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlsplit

import uvicorn

from bench.apply import DOMAIN, POLICIES, Application, Bench, Size
from local.azurite import Azurite
from local.district import generate, next_day
from local.entra import Tenant, create_app
from local.entra.clock import VirtualClock
from local.entra.virtual_loop import VirtualTimeLoop
from local.listening import listen
from sync.apply import apply_change
from sync.barrier import LONGEST_WAIT, LOOK_SECONDS
from sync.drop import drop
from sync.plan import messages, start_created
from sync.record import list_runs
from sync.run import on_control
from sync.schedule import tick
from sync.storage import ARRIVALS_QUEUE, CHANGES_QUEUE, CONFIG, RUNS_QUEUE, Storage, shared_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.district import District

REPORT = Path(__file__).with_suffix(".txt")
MEMORY_GB = 2.0
POLICY = "all assigned"
CHANGED = 0.005
SECONDS_OF_A_STEP = 5.0  # of extract, normalise, plan, finish and the sendings, each, up to 100,000


def main() -> None:
    """Lives through the days, applies the first syncs, prints and keeps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--computed", type=int, nargs="*", default=[100_000])
    options = parser.parse_args()
    lines = [f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"]
    with TemporaryDirectory() as name:
        lines += days(options.people[0], Path(name))
        firsts = [First.applied(people, Path(name)) for people in options.people]
        firsts += [First.computed(people, firsts[-1], Path(name)) for people in options.computed]
    lines += [str(first) for first in firsts]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    REPORT.write_text(text, encoding="utf-8")


# A first sync ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class First:
    """A first sync: messages, executions of `changes`, seconds at work, phases in seconds."""

    people: int
    how: str
    messages: int
    executions: int
    active: float
    alone: float
    phases: tuple[float, ...]

    @classmethod
    def applied(cls, people: int, folder: Path) -> First:
        """Applies it on the virtual clock."""
        bench = planned(people, folder)
        clock = VirtualClock()
        application = Application(bench, Tenant([DOMAIN], clock=clock), clock)
        began = clock.seconds()
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(clock, threads=False)) as runner:
            runner.run(application.work(1))
        done = application.executions
        ends = [began, *application.phases]
        sent = bench.con.execute("SELECT count(*) FROM outcomes").fetchall()[0][0]
        return cls(
            people, "applied", sent, len(done), billed((b, e) for b, e, _ in done),
            sum(billed([(b, e)]) for b, e, _ in done),
            tuple(b - a for a, b in pairwise(ends)),
        )  # fmt: skip

    @classmethod
    def computed(cls, people: int, like: First, folder: Path) -> First:
        """Computes it from its plan, by what another size took for each message."""
        bench = planned(people, folder)
        sent = count_messages(bench)
        times = sent / like.messages
        # The first 3,000 writes go at once; each of the rest takes a twentieth of a second.
        seconds = max(0.0, (bench.plan.cost.writes - 3_000) / 20)
        faster = seconds / sum(like.phases) if like.phases else times
        return cls(
            people, "computed", sent, round(like.executions * times), like.active * faster,
            like.alone * times, tuple(phase * faster for phase in like.phases),
        )  # fmt: skip

    @property
    def waits(self) -> int:
        """Executions of `runs` that wait for the phases."""
        return sum(looks(seconds) for seconds in self.phases if seconds)

    def __str__(self) -> str:
        steps = 7 + self.waits  # extract, normalise, plan, three sendings, finish
        gigabyte_seconds = MEMORY_GB * (
            self.active + self.waits * LOOK_SECONDS + 7 * SECONDS_OF_A_STEP
        )
        return (
            f"first sync of {self.people:>7,} ({self.how}): {sum(self.phases) / 60:6.1f} min, "
            f"{self.messages:>7,} messages, {self.executions:>7,} executions of changes, "
            f"{steps:>4} of runs; changes at work {self.active:>7,.0f} s "
            f"(alone {self.alone:>9,.0f} s); {gigabyte_seconds:>8,.0f} GB-s"
        )


def planned(people: int, folder: Path) -> Bench:
    """The plan of a first sync."""
    return Bench(Size(people), POLICIES[POLICY], folder)


def count_messages(bench: Bench) -> int:
    """The messages of a plan, as if whatever a phase needs had been made by the one before."""
    start_created(bench.con)
    bench.con.execute(
        """INSERT INTO created SELECT DISTINCT kind, key, 'made' FROM plan_changes
        WHERE action = 'create'"""
    )
    return sum(1 for phase in (1, 2, 3) for _ in messages(bench.con, bench.plan, phase, held=False))


def looks(seconds: float) -> int:
    """How often the step that waits for a phase is executed."""
    passed, number = 0.0, 0
    while passed < seconds:
        passed += LOOK_SECONDS + min(number, LONGEST_WAIT)
        number += 1
    return number


def billed(periods: Any) -> float:
    """The seconds that an instance is at work, as they are billed."""
    total, began, ended = 0.0, 0.0, -1.0
    for start, end in sorted(periods):
        if start > ended:
            total += _rounded(ended - began) if ended >= 0 else 0
            began = start
        ended = max(ended, end)
    return total + (_rounded(ended - began) if ended >= 0 else 0)


def _rounded(seconds: float) -> float:
    return max(1.0, math.ceil(round(seconds * 10, 6)) / 10)


# Days -----------------------------------------------------------------------------------------


def days(people: int, folder: Path) -> list[str]:
    """A first sync, an unchanged night and a typical day of a sample school, in lines."""
    with ExitStack() as stack:
        azurite = stack.enter_context(Azurite()).connection_string
        tenant = stack.enter_context(serving())
        stack.enter_context(patch.dict(os.environ, tenant | {"AzureWebJobsStorage": azurite}))
        shared_storage.cache_clear()
        storage, counted = shared_storage(), Counter[str]()
        stack.enter_context(counting(azurite, counted))
        storage.write(CONFIG, "rollcall.yaml", b"people: {mode: create}\n")
        district = generate(people, 1, today=datetime.now(UTC).date(), domain="contoso.edu")
        lines = [day("first sync", storage, counted, lambda: hand_in(district, storage, folder))]
        lines.append(day("an unchanged night", storage, counted, lambda: night(storage)))
        tomorrow = next_day(district, 2, CHANGED)
        lines.append(
            day("a typical day", storage, counted, lambda: hand_in(tomorrow, storage, folder))
        )
    shared_storage.cache_clear()
    counts = ", ".join(f"{n:,} {name}" for name, n in district.counts().items() if n)
    return [f"a sample school: {counts}", *lines]


def hand_in(district: District, storage: Storage, folder: Path) -> int:
    """Drops a day's files; the executions of `arrivals`, were they uploaded one by one.

    Each file is an event, which asks for another look when the set has settled.
    """
    files = folder / f"day{len(list(folder.iterdir()))}"
    district.write(files)
    drop(storage, files, "district")
    return 2 * len(list(files.glob("*.csv")))


def night(storage: Storage) -> int:
    """The nightly run, as the hourly timer starts it."""
    tick(storage, datetime.combine(datetime.now(UTC) + timedelta(days=1), time(3), UTC))
    return 0


def day(what: str, storage: Storage, counted: Counter[str], begin: Callable[[], int]) -> str:
    """Begins and works off a run; a line of what it took."""
    counted.clear()
    executions: Counter[str] = Counter()
    executions["arrivals"] = begin()
    asked = Counter({name: -n for name, n in counted.items()})  # a drop is no function's
    while storage.waiting(ARRIVALS_QUEUE) + storage.waiting(RUNS_QUEUE):
        asyncio.run(work_off(storage, counted, executions))
    asked.update(counted)
    run = max(list_runs(storage), key=lambda one: one.started)
    if not executions["runs"]:
        raise RuntimeError(f"{what}: nothing ran")
    if run.status != "finished" or run.failed:
        raise RuntimeError(f"the run is {run.status}, {run.failed} failed: {run.error}")
    # The host takes each message off its queue and deletes it.
    asked["queue"] += 2 * executions.total()
    told = ", ".join(f"{n:,} {name}" for name, n in sorted(executions.items()) if n)
    requests = ", ".join(f"{asked[name]:,} {name}" for name in ("blob", "queue", "table"))
    return (
        f"{what:<19} {run.writes:>6,} writes in {run.requests:>6,} Graph requests; executions: "
        f"{told}; storage requests: {requests}"
    )


async def work_off(storage: Storage, counted: Counter[str], executions: Counter[str]) -> None:
    """Handles the messages that are visible, and counts what handling them asks of storage."""
    from sync.arrivals import on_arrival

    while bodies := take(storage, CHANGES_QUEUE, counted):
        executions["changes"] += len(bodies)
        await asyncio.gather(*(apply_change(body, body["id"]) for body in bodies))
    for body in take(storage, ARRIVALS_QUEUE, counted):
        executions["arrivals"] += 1
        on_arrival(storage, body)
    for body in take(storage, RUNS_QUEUE, counted):
        executions["runs"] += 1
        await asyncio.to_thread(on_control, storage, body, 1)


def take(storage: Storage, queue: str, counted: Counter[str]) -> list[dict[str, Any]]:
    """Messages of a queue, which are gone from it. What that takes is the host's."""
    before = Counter(counted)
    client = storage.queues.get_queue_client(queue)
    found = list(client.receive_messages(max_messages=32))
    for message in found:
        client.delete_message(message)
    counted.clear()
    counted.update(before)
    return [json.loads(base64.b64decode(message.content)) for message in found]


@contextmanager
def counting(connection: str, counted: Counter[str]) -> Iterator[None]:
    """Counts the requests to each service of the account."""
    from azure.core.pipeline.transport import RequestsTransport

    settings = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    services = {
        urlsplit(settings[f"{service.title()}Endpoint"]).port: service
        for service in ("blob", "queue", "table")
    }
    send = RequestsTransport.send

    def counting_send(self: Any, request: Any, **more: Any) -> Any:
        counted[services.get(urlsplit(request.url).port, "other")] += 1
        return send(self, request, **more)

    with patch.object(RequestsTransport, "send", counting_send):
        yield


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """An emulated tenant; the settings by which this process is an app of it."""
    with listen() as listener:
        app = create_app(Tenant(domains=[DOMAIN]))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield {
                "ROLLCALL_GRAPH_URL": f"{address}/v1.0",
                "IDENTITY_ENDPOINT": f"{address}/msi/token",
                "IDENTITY_HEADER": "bench",
            }
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    main()
