"""How long a pull over REST takes, beside a loop that only downloads the same pages.

    python -m bench.pull [--people 133000] [--runs 3]

Serves a sample district (some 100,000 people and more, 600,000 enrollments) as OneRoster 1.2 from a
process of its own, then in turn, each in a process of its own:

    loop   httpx gets the pages of all collections, one after the other, and throws them away
    pull   the OneRoster connector: pages kept, completeness proved, tables and roster made

and prints and keeps (bench/pull.txt) the median seconds, their ratio and the peak memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from bench.check import Measured, measure
from local.processes import Child, python_command

REPORT = Path(__file__).with_suffix(".txt")
CLIENT, SECRET = "bench", "bench-secret"
LIMIT = 5000
COLLECTIONS = (
    "orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics",
)  # fmt: skip
ROOT = "/ims/oneroster/rostering/v1p2"


def main() -> None:
    """Serves, measures, prints, keeps; or does one of the two."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=133_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=["loop", "pull"], help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "loop":
        print(json.dumps(loop(options.address)))
    elif options.only == "pull":
        print(json.dumps(asyncio.run(pull(options.address))))
    else:
        _bench(options.people, options.runs)


def loop(address: str) -> dict[str, Any]:
    """Downloads everything, page after page; the bytes and pages."""
    size = pages = 0
    began = time.perf_counter()
    with httpx.Client(base_url=f"{address}{ROOT}", timeout=120) as client:
        token = client.post(
            f"{address}/token", auth=(CLIENT, SECRET), data={"grant_type": "client_credentials"}
        ).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for collection in COLLECTIONS:
            offset, total = 0, 1
            while offset < total:
                answer = client.get(
                    f"/{collection}",
                    params={"limit": LIMIT, "offset": offset, "sort": "sourcedId",
                            "orderBy": "asc"},
                ).raise_for_status()  # fmt: skip
                size += len(answer.content)
                pages += 1
                offset, total = offset + LIMIT, int(answer.headers["x-total-count"])
    return {"bytes": size, "pages": pages, "seconds": time.perf_counter() - began}


async def pull(address: str) -> dict[str, Any]:
    """A full pull to a roster; seconds to the last page, and what is in it."""
    from connectors.oneroster_api import OneRosterSource
    from connectors.pages import FolderPages
    from connectors.pull import make_tables, run_pull
    from connectors.pulled import read_pulled
    from roster.database import open_database

    source = OneRosterSource.model_validate(source_settings(address))
    connector = source.connector()
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        pages = FolderPages(folder / "pages")
        began = time.perf_counter()
        found = await run_pull(connector, pages, lambda: None, lambda _: None)
        fetched = time.perf_counter() - began
        with open_database(folder, memory="200MB") as con:
            tables = make_tables(con, connector, found, pages)
            roster = read_pulled(con, connector.form, tables)
            counts = roster.counts()
    return {
        "fetched": fetched,
        "seconds": time.perf_counter() - began,
        "requests": found.requests,
        "counts": counts,
    }


def source_settings(address: str) -> dict[str, Any]:
    """The source as rollcall.yaml would have it."""
    return {
        "kind": "oneroster",
        "name": "bench",
        "version": "1.2",
        "address": f"{address}{ROOT}",
        "page_size": LIMIT,
        "token_url": f"{address}/token",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "demographics": True,
    }


def _bench(people: int, runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        ready = Path(name) / "ready.json"
        command = python_command(
            "local.oneroster", "--version", "1.2", "--people", str(people), "--client", CLIENT,
            "--secret", SECRET, "--ready-file", str(ready),
        )  # fmt: skip
        system = Child("oneroster", command, Path(name) / "log.txt")
        try:
            while not (ready.exists() and ready.read_text().endswith("}")):
                if not system.running:
                    raise SystemExit("the emulator ended")
                time.sleep(0.2)
            address = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
            _measure("loop", address)  # the emulator builds its tables with the first requests
            pairs = [(_measure("loop", address), _measure("pull", address)) for _ in range(runs)]
        finally:
            system.stop()
    text = report(pairs)
    print(text)
    REPORT.write_text(text + "\n", encoding="utf-8")


def _measure(which: str, address: str) -> tuple[Measured, dict[str, Any]]:
    own = [sys.executable, "-m", "bench.pull", "--only", which, "--address", address]
    measured, printed = measure(own)
    return measured, json.loads(printed)


def report(pairs: list[Any]) -> str:
    """The figures as text."""
    loops = [told for (_, told), _ in pairs]
    pulls = [(measured, told) for _, (measured, told) in pairs]
    base = statistics.median(told["seconds"] for told in loops)
    fetched = statistics.median(told["fetched"] for _, told in pulls)
    whole = statistics.median(told["seconds"] for _, told in pulls)
    counts = pulls[-1][1]["counts"]
    rows = ", ".join(f"{counts[name]:,} {name}" for name in ("users", "enrollments"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    memory = max(measured.megabytes for measured, _ in pulls)
    bar = f"median of {len(pairs)}; at most 1.5"
    lines = (
        f"{machine}, httpx {httpx.__version__}; OneRoster 1.2 from the emulator, {LIMIT:,} a page",
        f"{loops[-1]['bytes'] / 1e6:,.0f} MB in {loops[-1]['pages']} pages: {rows}",
        f"httpx loop, pages thrown away       {base:6.2f} s",
        f"pull, pages kept and proved         {fetched:6.2f} s  ratio {fetched / base:.2f} ({bar})",
        f"pull, tables and roster made too    {whole:6.2f} s  ratio {whole / base:.2f}",
        f"peak memory of the pull             {memory:6.0f} MB (at most 400)",
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
