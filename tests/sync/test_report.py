"""Finishing a run: outcomes, reports, the archive, and what is remembered."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import duckdb

from sync.accepted import read_accepted
from sync.barrier import send
from sync.change import ChangeMessage
from sync.leavers import LEAVERS
from sync.outcomes import Outcome, write_outcome
from sync.reader import Records, held_rows
from sync.record import Run, artefact, read_json
from sync.report import finish, write_table
from sync.step import Next, Step, Work
from sync.storage import ARCHIVE, CHANGES_QUEUE, ROSTERS, RUNS, STATE, Storage
from tests.sync.planned import SOURCE, emptied, planned, school
from tests.sync.rosters import FILES
from tests.worlds import TODAY

if TYPE_CHECKING:
    from pathlib import Path

Take = Callable[[str], list[dict[str, Any]]]


def do(storage: Storage, run: Run, take: Take, *, held: bool = False, fail: str = "") -> None:
    """Carries out all phases of a plan; the change of key `fail` fails."""
    for phase in (1, 2, 3):
        send(Work(storage, run, Step("send", phase, held), {}))
        for body in take(CHANGES_QUEUE):
            message = ChangeMessage.model_validate(body)
            outcome = Outcome("done", f"id-{message.key}", writes=2, requests=3)
            if message.key == fail:
                outcome = Outcome("failed", error="no", code="Bad", writes=1, requests=1)
            write_outcome(storage, message, outcome)


def done(storage: Storage, run: Run) -> dict[str, Any]:
    result = finish(Work(storage, run, Step("finish"), {}))
    assert isinstance(result, Next)
    assert result.position == "end"
    return dict(result.changes)


def leavers(storage: Storage, folder: Path) -> list[tuple[Any, ...]]:
    con = duckdb.connect()
    LEAVERS.load(storage, con, folder)
    return con.execute("FROM leavers ORDER BY ALL").fetchall()


def test_a_run_ends_with_one_outcome_for_each_change(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="finish")
    do(storage, run, take)
    changes = done(storage, run)
    assert (changes["status"], changes["failed"], changes["held"]) == ("finished", 0, {})
    report = read_json(storage, run.run, "report.json")
    assert report["outcomes"]["person"] == {"create": {"done": 2}}
    assert report["status"] == "finished"
    messages = changes["writes"] // 2
    assert changes["requests"] == 7 + 3 * messages
    assert finish(Work(storage, run, Step("finish"), {})).changes["requests"] == changes["requests"]


def test_what_depends_on_a_failed_change_is_reported_with_its_reason(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, school(), tmp_path, position="finish")
    do(storage, run, take, fail="U1")
    assert done(storage, run)["failed"] > 1
    data = storage.read(RUNS, artefact(run.run, "outcomes.csv"))
    assert data is not None
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    failed = {(r["kind"], r["error"]) for r in rows if r["status"] == "failed"}
    assert ("person", "no") in failed
    assert ("class_membership", "the person's account could not be made") in failed


def test_the_files_move_into_the_archive(storage: Storage, tmp_path: Path) -> None:
    run = planned(storage, school(), tmp_path, position="finish")
    done(storage, run)
    assert storage.list_files(ROSTERS) == []
    assert storage.list_files(RUNS, artefact(run.run, "source")) == []
    kept = {f.file_name: storage.read(ARCHIVE, f.name) for f in storage.list_files(ARCHIVE)}
    assert kept == {name: text.encode() for name, text in FILES.items()}
    accepted = read_accepted(storage, SOURCE)
    assert accepted is not None
    assert (accepted.source, accepted.run, accepted.tables) == (SOURCE, run.run, ("orgs", "users"))


def test_a_file_that_was_dropped_meanwhile_stays(storage: Storage, tmp_path: Path) -> None:
    run = planned(storage, school(), tmp_path, position="finish")
    storage.write(ROSTERS, f"{SOURCE}/users.csv", b"tomorrow's")
    done(storage, run)
    [left] = storage.list_files(ROSTERS)
    assert left.file_name == "users.csv"
    assert storage.read(ARCHIVE, f"{run.run}/users.csv") == FILES["users.csv"].encode()


def test_finishing_again_after_a_crash_changes_nothing(storage: Storage, tmp_path: Path) -> None:
    run = planned(storage, school(), tmp_path, position="finish")
    done(storage, run)
    done(storage, run)
    assert len(storage.list_files(ARCHIVE)) == len(FILES)


def test_a_nightly_run_leaves_the_archive_as_it_is(storage: Storage, tmp_path: Path) -> None:
    run = planned(storage, school(), tmp_path, position="finish")
    drop = read_json(storage, run.run, "drop.json") | {"container": ARCHIVE}
    from sync.record import write_json

    write_json(storage, run.run, "drop.json", drop)
    done(storage, run)
    assert storage.list_files(ARCHIVE) == []
    assert read_accepted(storage, SOURCE) is None
    assert storage.list_files(RUNS, artefact(run.run, "source")) == []


def test_held_changes_hold_the_run_until_they_were_approved_and_made(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    run = planned(storage, emptied(), tmp_path, position="finish")
    do(storage, run, take)
    changes = done(storage, run)
    assert changes["status"] == "held"
    assert changes["held"]["school_membership"] == {"remove": 25}
    assert leavers(storage, tmp_path)[0] == ("U0", TODAY, False)
    do(storage, run, take, held=True)
    changes = done(storage, run)
    assert (changes["status"], changes["held"]) == ("finished", {})
    assert {disabled for _, _, disabled in leavers(storage, tmp_path)} == {True}


def test_who_comes_back_is_a_leaver_until_the_account_is_enabled_again(
    storage: Storage, tmp_path: Path, take: Take
) -> None:
    world = school()
    for key, enabled in (("U1", False), ("T1", True)):
        world.account(f"acc-{key}", key, account_enabled=enabled)
        world.add("leavers", external_id=key, since="2026-11-01", disabled=True)
    world.add("leavers", external_id="gone", since="2026-11-01", disabled=True)
    run = planned(storage, world, tmp_path, position="finish")
    do(storage, run, take, fail="U1")
    done(storage, run)
    assert [row[0] for row in leavers(storage, tmp_path)] == ["U1"]
    do(storage, run, take)
    done(storage, run)
    assert leavers(storage, tmp_path) == []


def test_what_a_spreadsheet_would_run_is_made_harmless(tmp_path: Path) -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT '=1+1' AS a, 3 AS b, '-x' AS c, 'plain' AS d")
    write_table(con, "t", tmp_path / "it's")
    assert (tmp_path / "it's.csv").read_text() == "a,b,c,d\n'=1+1,3,'-x,plain\n"
    assert (tmp_path / "it's.parquet").exists()


def test_the_records_show_runs_held_rows_and_findings(storage: Storage, tmp_path: Path) -> None:
    world = emptied()
    world.add("findings", rule="users.email.format", severity="warning", tbl="users",
              file="users.csv", line=3, col="email", value="x", entity="U1", cause="",
              message="not an address", hint="mend it")  # fmt: skip
    run = planned(storage, world, tmp_path, position="end", status="held")
    records = Records(lambda: storage)
    assert [r["run"] for r in records.runs(5)] == [run.run]
    shown = records.run(run.run)
    assert shown is not None
    assert shown["held"] == 50
    assert records.run("unknown") is None
    held = records.held(run.run, 3)
    assert len(held) == 3
    assert held[0]["why_held"]
    assert len(held_rows(storage, run.run, 100)) == 50
    [finding] = [f for f in records.findings(run.run, 10) if f["rule"] == "users.email.format"]
    assert (finding["file"], finding["line"]) == ("users.csv", 3)
    assert records.held("unknown", 1) == []
    assert records.findings("unknown", 1) == []
    assert storage.read(STATE, "none") is None
