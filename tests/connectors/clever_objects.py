"""A small district as Clever's objects, and its roster, for tests of single values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import orjson

from connectors.clever_form import make_form
from connectors.clever_rows import event_collections, list_collections
from connectors.projection import project
from connectors.pulled import read_pulled
from roster.roster import Roster

Objects = Mapping[str, Sequence[Mapping[str, Any]]]
DISTRICT: dict[str, Any] = {"id": "d1", "name": "Springvale"}


def student(id_: str, **role: Any) -> dict[str, Any]:
    """A student of school s1; `email`, `name` stand beside the role."""
    outer = {name: role.pop(name) for name in ("email", "name") if name in role}
    held = {"sis_id": f"N-{id_}", "school": "s1", "schools": ["s1"], "grade": "4", "ext": {}}
    held["credentials"] = {"district_username": f"{id_}.login"}
    return _user(id_, {"student": held | role}) | outer


def teacher(id_: str, **role: Any) -> dict[str, Any]:
    """A teacher of school s1."""
    outer = {name: role.pop(name) for name in ("email", "name") if name in role}
    held = {"sis_id": f"N-{id_}", "legacy_id": f"old-{id_}", "school": "s1", "schools": ["s1"]}
    held["credentials"] = {"district_username": f"{id_}.login"}
    return _user(id_, {"teacher": held | role}) | outer


def contact(id_: str, *students: str, **role: Any) -> dict[str, Any]:
    """A parent of students."""
    outer = {name: role.pop(name) for name in ("email", "name") if name in role}
    kin = [{"student": s, "relationship": "Parent", "type": "Primary"} for s in students]
    return (
        _user(id_, {"contact": {"sis_id": f"K-{id_}", "student_relationships": kin} | role}) | outer
    )


def section(id_: str, **more: Any) -> dict[str, Any]:
    """A section of school s1 with student u1 and teacher t1."""
    return {
        "id": id_, "district": "d1", "school": "s1", "name": f"Section {id_}", "sis_id": f"C-{id_}",
        "course": "k1", "term_id": "y1", "teacher": "t1", "teachers": ["t1"], "students": ["u1"],
    } | more  # fmt: skip


def objects(**more: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The district; `more` objects of a kind, which stand in place of those with their ids."""
    found: dict[str, list[Any]] = {
        "districts": [DISTRICT],
        "schools": [
            {"id": "s1", "district": "d1", "name": "Maple", "sis_id": "101", "school_number": "1"}
        ],
        "terms": [
            {"id": "y1", "name": "Year", "start_date": "2026-08-01", "end_date": "2027-06-30"}
        ],
        "courses": [{"id": "k1", "district": "d1", "name": "Math", "number": "M4"}],
        "users": [student("u1"), teacher("t1")],
        "sections": [section("c1")],
    }
    for kind, rows in more.items():
        ids = {row["id"] for row in rows}
        found[kind] = [row for row in found[kind] if row["id"] not in ids] + list(rows)
    return found


def read(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    found: Objects,
    keyed_by: Literal["clever_id", "sis_id", "legacy_id"] = "clever_id",
    *,
    contacts: bool = True,
) -> Roster:
    """The roster of objects, as if each kind were one page."""
    return read_pulled(con, make_form(keyed_by), tables(con, folder, found, contacts=contacts))


def tables(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    found: Objects,
    before: Path | None = None,
    *,
    contacts: bool = True,
) -> dict[str, str]:
    """The tables of objects; with `before`, of events that change these tables."""
    make = event_collections if before else list_collections
    folder.mkdir(exist_ok=True)
    files: dict[str, list[Path]] = {}
    for kind, rows in found.items():
        files[kind] = [folder / f"{kind}.json"]
        files[kind][0].write_bytes(orjson.dumps(list(rows)))
    return project(con, make(contacts=contacts), files, before)


def _user(id_: str, roles: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": id_, "district": "d1", "email": f"{id_}@contoso.edu",
        "name": {"first": f"First {id_}", "middle": "", "last": f"Last {id_}"}, "roles": roles,
    }  # fmt: skip
