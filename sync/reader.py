"""Reading runs and their artefacts, for the portal and the command line. Every call may block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .plan import list_changes
from .record import artefact, find_run, list_runs
from .storage import RUNS, shared_storage
from .workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from .change import Change
    from .storage import Storage


@dataclass(frozen=True)
class Records:
    """The runs of a storage account, which is opened when it is first needed."""

    open_storage: Callable[[], Storage] = shared_storage

    def runs(self, limit: int) -> list[dict[str, Any]]:
        """The newest runs first, as `Run.as_dict` gives them."""
        return [run.as_dict() for run in list_runs(self.open_storage(), limit)]

    def run(self, run: str) -> dict[str, Any] | None:
        """One run, or None if there is none with that id."""
        found = find_run(self.open_storage(), run)
        return found.as_dict() if found else None

    def held(self, run: str, limit: int) -> list[dict[str, Any]]:
        """Held changes, as `Change.as_dict` gives them; none before the plan is made."""
        return [change.as_dict() for change in held_rows(self.open_storage(), run, limit)]

    def findings(self, run: str, limit: int) -> list[dict[str, Any]]:
        """Findings, as `Finding.as_dict` gives them; none before the plan is made."""
        return findings(self.open_storage(), run, limit)


def held_rows(storage: Storage, run: str, limit: int) -> list[Change]:
    """The changes of a run's plan that a guard holds, in order."""
    name = artefact(run, "plan/changes.parquet")
    if not storage.list_files(RUNS, artefact(run, "plan")):
        return []
    with workspace() as (con, folder):
        storage.download(RUNS, name, folder / "changes.parquet")
        con.read_parquet(str(folder / "changes.parquet")).create_view("plan_changes")
        return list(list_changes(con, held=True, limit=limit))


def findings(storage: Storage, run: str, limit: int) -> list[dict[str, Any]]:
    """What is wrong in a run's data: the roster's findings and the directory's, errors first."""
    from roster.finding import Finding

    name = artefact(run, "findings.parquet")
    if not any(file.name == name for file in storage.list_files(RUNS, run)):
        return []
    with workspace() as (con, folder):
        path = folder / "findings.parquet"
        storage.download(RUNS, name, path)
        rows = con.execute(
            """SELECT severity, file, line, rule, tbl, col, value, entity, cause, message, hint
            FROM read_parquet(?) ORDER BY severity, file, line NULLS FIRST, rule, col, value
            LIMIT ?""",
            [str(path), limit],
        ).fetchall()
    return [Finding(*row).as_dict() for row in rows]
