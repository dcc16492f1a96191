"""The last step of a run: outcomes joined with the plan, reports, the archive, what is remembered.

    runs/<run>/outcomes.parquet, outcomes.csv   one row a change: what became of it
    runs/<run>/report.json                      the run in numbers
    archive/<run>/                              the files, as they were dropped

A cell of a CSV that a spreadsheet would take for a formula gets a leading apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import accepted
from .credentials import forget_file_passwords
from .drop import read_drop
from .memory import note_run, settle_memory
from .outcomes import load_outcomes
from .plan import Plan, settle
from .pulls import forget_pages
from .readings import accept_reading
from .record import END, PULLED, REPORT_BLOB, Run, artefact, now, read_json, write_json
from .step import Next, Work
from .storage import ARCHIVE, ROSTERS, RUNS, Storage
from .workspace import workspace

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

TABLES_BLOB = "tables.json"
_FORMULA = "'^[=+\\-@\\t\\r\\n]'"


def finish(work: Work) -> Next:
    """Reports a run and files its drop; the run is held if changes wait for approval."""
    storage, run = work.storage, work.run
    with workspace() as (con, folder):
        storage.download_folder(RUNS, artefact(run.run, "plan"), folder / "plan")
        plan = Plan.load(con, folder / "plan")
        load_outcomes(storage, con, run.run, folder)
        settle(con)
        write_table(con, "change_outcomes", folder / "outcomes")
        for ending in ("parquet", "csv"):
            name = f"outcomes.{ending}"
            storage.upload(RUNS, artefact(run.run, name), folder / name)
        settle_memory(storage, con, folder / "plan", run.started)
        note_run(storage, run)
        changes = _changes(con, run, plan)
        outcomes = _outcomes(con)
    if run.trigger == PULLED:
        _accept(storage, run)
        forget_pages(storage, run.run)
    else:
        _file_drop(storage, run)
    forget_file_passwords(storage, run.run)
    write_json(storage, run.run, REPORT_BLOB, _report(run, changes, outcomes))
    return Next(END, changes)


def write_findings(con: DuckDBPyConnection, folder: Path) -> None:
    """Writes findings.parquet and findings.csv: the roster's and the directory's together."""
    con.execute(
        """CREATE OR REPLACE TABLE all_findings AS
        SELECT * FROM findings UNION ALL BY NAME SELECT * FROM directory_findings
        ORDER BY severity, file, line NULLS FIRST, rule, col, value"""
    )
    write_table(con, "all_findings", folder / "findings")


def count_findings(con: DuckDBPyConnection) -> list[tuple[str, str, int]]:
    """(rule, severity, number) of the findings that write_findings wrote."""
    return con.execute(
        "SELECT rule, severity, count(*) FROM all_findings GROUP BY ALL ORDER BY ALL"
    ).fetchall()


def write_table(con: DuckDBPyConnection, table: str, path: Path) -> None:
    """Writes a table as `path`.parquet and, safe for spreadsheets, as `path`.csv."""
    name = str(path).replace("'", "''")
    con.execute(f"COPY {table} TO '{name}.parquet' (FORMAT parquet)")
    con.execute(
        f"""COPY (
            SELECT CASE WHEN regexp_matches(COLUMNS(*), {_FORMULA}) THEN '''' || COLUMNS(*)
                   ELSE COLUMNS(*) END
            FROM (SELECT COLUMNS(*)::VARCHAR FROM {table})
        ) TO '{name}.csv' (FORMAT csv, HEADER)"""
    )


def _changes(con: DuckDBPyConnection, run: Run, plan: Plan) -> dict[str, Any]:
    """What finishing changes in the record."""
    [(held, failed)] = con.execute(
        """SELECT count(*) FILTER (status = 'held'), count(*) FILTER (status = 'failed')
        FROM change_outcomes"""
    ).fetchall()
    [(writes, requests)] = con.execute(
        "SELECT coalesce(sum(writes), 0)::BIGINT, coalesce(sum(requests), 0)::BIGINT FROM outcomes"
    ).fetchall()
    costs = [plan.cost] if held else [plan.cost, plan.held_cost]
    return {
        "status": "held" if held else "finished",
        "ended": now(),
        "held": plan.held if held else {},
        "failed": failed,
        "writes": writes,
        "expected_writes": sum(cost.writes + cost.teams for cost in costs),
        "requests": run.read_requests + requests,
    }


def _outcomes(con: DuckDBPyConnection) -> dict[str, dict[str, dict[str, int]]]:
    """{kind: {action: {status: n}}}."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for kind, action, status, n in con.execute(
        "SELECT kind, action, status, count(*) FROM change_outcomes GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        counts.setdefault(kind, {}).setdefault(action, {})[status] = n
    return counts


def _file_drop(storage: Storage, run: Run) -> None:
    """Moves the files into the archive; what was dropped meanwhile stays where it is."""
    drop = read_drop(storage, run.run)
    copies = storage.list_files(RUNS, artefact(run.run, "source"))
    if drop.container == ROSTERS:
        for file in copies:
            storage.copy(RUNS, file, ARCHIVE, f"{run.run}/{file.file_name}")
        for file in drop.files:
            storage.delete(ROSTERS, file)
        _accept(storage, run)
    else:
        accept_reading(storage, run)  # the files are accepted ones
    for file in copies:
        storage.delete(RUNS, file)


def _accept(storage: Storage, run: Run) -> None:
    accept_reading(storage, run)
    tables = tuple(read_json(storage, run.run, TABLES_BLOB))
    accepted.write_accepted(storage, accepted.Accepted(run.source, run.run, tables))


def _report(run: Run, changes: dict[str, Any], outcomes: dict[str, Any]) -> dict[str, Any]:
    return replace(run, **changes, position=END).as_dict() | {"outcomes": outcomes}
