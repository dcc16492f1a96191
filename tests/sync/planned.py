"""A run that was planned, without a directory: the plan of a small world, stored as a run does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sync.drop import Drop, start_run
from sync.memory import save_memory
from sync.record import Run, artefact, get_run, update_run, write_json
from sync.report import TABLES_BLOB, write_findings
from sync.storage import ROSTERS, RUNS
from tests.sync.rosters import put
from tests.worlds import TODAY, World

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage

SOURCE = "district"


def school() -> World:
    """One school, one class with a teacher and a student; the directory is empty."""
    world = World()
    world.school("S1", name="Lincoln High")
    world.class_("C1", title="Algebra")
    world.teacher("T1")
    world.student("U1")
    world.enroll("C1", "T1", "teacher")
    world.enroll("C1", "U1")
    return world


def emptied(people: int = 25) -> World:
    """All people but one are gone: so many removals that they are held."""
    world = World()
    world.school("S1")
    world.teacher("T1")
    world.account("acc-T1", "T1", primary_role="teacher")
    world.add("existing_schools", id="sch-S1", unit_id="unit-S1", external_id="S1",
              external_source="sis", display_name="School S1")  # fmt: skip
    for number in range(people):
        world.account(f"acc-{number}", f"U{number}", primary_role="student")
        world.add("existing_members", container_kind="school", container_id="unit-S1",
                  member_id=f"acc-{number}", relation="member")  # fmt: skip
    return world


def planned(storage: Storage, world: World, folder: Path, *, position: str, **values: Any) -> Run:
    """Stores a drop and the world's plan for it; the record stands at `position`."""
    put(storage, SOURCE)
    started = start_run(storage, SOURCE, Drop(ROSTERS, tuple(storage.list_files(ROSTERS, SOURCE))))
    assert started is not None
    run = get_run(storage, started)
    config = {"people": {"mode": "create", "disable_after_days": 0}}
    plan = replace(world.plan(**config), run=run.run)
    plan.save(world.con, folder / "plan")
    save_memory(storage, world.con, folder / "plan", TODAY)
    write_findings(world.con, folder)
    storage.upload_folder(RUNS, artefact(run.run, "plan"), folder / "plan")
    storage.upload(RUNS, artefact(run.run, "findings.parquet"), folder / "findings.parquet")
    for file in storage.list_files(ROSTERS, SOURCE):
        storage.copy(ROSTERS, file, RUNS, artefact(run.run, f"source/{file.file_name}"))
    write_json(storage, run.run, TABLES_BLOB, ["orgs", "users"])
    usual = {"status": "applying", "checksum": plan.checksum, "held": plan.held, "requests": 7}
    return update_run(storage, run, position=position, **usual | {"read_requests": 7} | values)
