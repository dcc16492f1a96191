"""How long `rollcall check` takes for a whole country's worth of CSVs, beside DuckDB alone.

    python -m bench.check [--students 1000000] [--runs 3]

Writes a seeded SDS v2.1 set (a million students, 67,000 teachers, six million enrollments, some
faulty rows), then in turn, each in a process of its own:

    duckdb   DuckDB with two threads reads the same files as text and writes them as Parquet
    check    `rollcall check FOLDER --json`

and prints and keeps (bench/check.txt) the median seconds, their ratio and the peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

REPORT = Path(__file__).with_suffix(".txt")
BASELINE = """
import sys, pathlib, duckdb
folder, out = map(pathlib.Path, sys.argv[1:])
con = duckdb.connect(config={"threads": 2})
for file in sorted(folder.glob("*.csv")):
    con.execute(f"COPY (FROM read_csv('{file}', all_varchar=true, header=true)) "
                f"TO '{out / file.stem}.parquet'")
"""
TABLES = {
    "orgs": """
        SELECT 'D' AS sourcedId, 'District' AS name, 'district' AS type, '' AS parentSourcedId
        UNION ALL SELECT 'S' || range, 'School ' || range, 'school', 'D' FROM range({schools})""",
    "users": """
        SELECT 'U' || range AS sourcedId, 'user' || range AS username,
               'Given' || hash(range) % 5000 AS givenName,
               'Family' || hash(range + 1) % 20000 AS familyName,
               CASE WHEN range % 100003 = 7 THEN 'no mail' ELSE 'user' || range || '@example.org'
               END AS email
        FROM range({people})""",
    "roles": """
        SELECT 'U' || range AS userSourcedId, 'S' || range % {schools} AS orgSourcedId,
               CASE WHEN range < {students} THEN 'student' ELSE 'teacher' END AS role,
               'Y' AS sessionSourcedId,
               CASE WHEN range % 200003 = 9 THEN 'forty'
                    WHEN range < {students} THEN (1 + range % 12)::VARCHAR END AS grade
        FROM range({people})""",
    "classes": """
        SELECT 'C' || range AS sourcedId, 'S' || range % {schools} AS orgSourcedId,
               'Class ' || range AS title, 'Y' AS sessionSourcedIds
        FROM range({classes})""",
    "enrollments": """
        SELECT 'C' || (range * 7919 + range // {students}) % {classes} AS classSourcedId,
               CASE WHEN range % 1000003 = 11 THEN 'nobody' ELSE 'U' || range % {students} END
                   AS userSourcedId, 'student' AS role
        FROM range({students} * 6 - {classes})
        UNION ALL
        SELECT 'C' || range, 'U' || ({students} + range % ({people} - {students})), 'teacher'
        FROM range({classes})""",
    "academicSessions": """
        SELECT 'Y' AS sourcedId, 'Year' AS title, 'schoolYear' AS type, 2027 AS schoolYear,
               '2026-08-01' AS startDate, '2027-07-31' AS endDate""",
}


@dataclass(frozen=True)
class Measured:
    """One run of a process: seconds by the wall clock, peak memory in megabytes."""

    seconds: float
    megabytes: float


def main() -> None:
    """Generates, measures, prints, keeps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--students", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder, out = Path(name) / "roster", Path(name) / "parquet"
        size = generate(folder, options.students)
        out.mkdir()
        check = [str(Path(sys.executable).with_name("rollcall")), "check", str(folder), "--json"]
        alone = [sys.executable, "-c", BASELINE, str(folder), str(out)]
        pairs = [(measure(alone)[0], measure(check)) for _ in range(options.runs)]
    told = json.loads(pairs[-1][1][1])
    text = report([pair[0] for pair in pairs], [pair[1][0] for pair in pairs], size, told)
    print(text)
    REPORT.write_text(text + "\n", encoding="utf-8")


def generate(folder: Path, students: int) -> int:
    """Writes the set; returns its size in bytes."""
    folder.mkdir()
    counts = {
        "students": students,
        "people": students + students // 15,
        "schools": max(students // 500, 1),
        "classes": max(students // 5, 1),
    }
    con = duckdb.connect()
    for name, query in TABLES.items():
        con.execute(f"COPY ({query.format(**counts)}) TO '{folder / name}.csv' (HEADER)")
    return sum(file.stat().st_size for file in folder.iterdir())


def measure(command: list[str]) -> tuple[Measured, str]:
    """Runs a command; what it cost, and what it printed."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
        printed.seek(0)
        return Measured(seconds, usage.ru_maxrss / 1024), printed.read()


def report(
    alone: list[Measured], check: list[Measured], size: int, told: dict[str, dict[str, int]]
) -> str:
    """The figures as text."""
    base = statistics.median(run.seconds for run in alone)
    mine = statistics.median(run.seconds for run in check)
    rows = ", ".join(f"{told['counts'][name]:,} {name}" for name in ("users", "enrollments"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    bar = f"median of {len(check)}; at most 8; memory at most 1,500 MB"
    lines = (
        f"{machine}, DuckDB {duckdb.__version__}",
        f"{size / 1e6:,.0f} MB of CSV: {rows} kept; findings {told['findings']}",
        f"duckdb alone   {base:6.2f} s  {max(run.megabytes for run in alone):6.0f} MB",
        f"rollcall check {mine:6.2f} s  {max(run.megabytes for run in check):6.0f} MB",
        f"ratio {mine / base:.2f} ({bar})",
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
