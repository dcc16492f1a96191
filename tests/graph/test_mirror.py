"""The mirror equals the directory, whatever happened between two refreshes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from graph.errors import DeltaExpired
from graph.exchange import GraphRequest
from graph.mirror import STATE, load_empty, refresh
from tests.graph.test_writers import class_, person

if TYPE_CHECKING:
    from pathlib import Path

    from graph.client import Graph
    from graph.writers import Writer
    from tests.graph.conftest import Served

TABLES = ("people", "schools", "classes", "groups", "members")


def contents(con: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    return {t: sorted(map(repr, con.execute(f"FROM existing_{t}").fetchall())) for t in TABLES}


async def fresh(graph: Graph, folder: Path) -> dict[str, list[Any]]:
    con = duckdb.connect()
    await refresh(graph, con, folder)
    return contents(con)


async def small_school(writer: Writer) -> dict[str, Any]:
    ids = [await writer.create_person(person(f"P{n}")) for n in range(4)]
    school = await writer.create_school(
        {"external_id": "S1", "display_name": "Lincoln"}, attempted=False
    )
    group = await writer.create_class(class_("C1"), attempted=False)
    await writer.add_references("school", school, ids, [])
    await writer.add_references("class", group, ids[1:], ids[:1])
    policy = await writer.upsert_group(
        "rollcall-x", {"display_name": "X", "mail_nickname": "rollcall-x"}, ids
    )
    return {"people": ids, "school": school, "class": group, "group": policy}


async def test_an_empty_mirror_reads_everything(
    writer: Writer, graph: Graph, tmp_path: Path
) -> None:
    made = await small_school(writer)
    con = duckdb.connect()
    stats = await refresh(graph, con, tmp_path)
    assert len(stats.full) == 6
    assert set(con.execute("SELECT id, external_id FROM existing_people").fetchall()) == {
        (object_id, f"P{n}") for n, object_id in enumerate(made["people"])
    }
    [(school, unit)] = con.execute("SELECT id, unit_id FROM existing_schools").fetchall()
    assert school == made["school"]
    assert con.execute(
        "SELECT container_kind, container_id, relation, count(*) FROM existing_members "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall() == [
        ("class", made["class"], "member", 3),
        ("class", made["class"], "owner", 1),
        ("group", made["group"], "member", 4),
        ("school", unit, "member", 4),
    ]


async def test_a_reading_that_has_to_start_afresh_does(
    writer: Writer, graph: Graph, served: Served, tmp_path: Path
) -> None:
    await small_school(writer)
    wanted = await fresh(graph, tmp_path / "undisturbed")
    resync = {"path": "^/users/delta", "status": 410, "code": "resyncRequired"}
    await served.faults(resync)
    assert await fresh(graph, tmp_path / "first") == wanted
    await served.faults(resync | {"times": 2})
    assert await fresh(graph, tmp_path / "first") == wanted
    await served.faults(resync | {"times": 2})
    with pytest.raises(DeltaExpired):
        await fresh(graph, tmp_path / "second")


async def test_a_link_of_another_service_is_not_followed(
    writer: Writer, graph: Graph, tmp_path: Path
) -> None:
    await small_school(writer)
    first = await fresh(graph, tmp_path / "mirror")
    state = tmp_path / "mirror" / STATE
    moved = state.read_text(encoding="utf-8").replace(graph.root, "https://graph.example/v1.0")
    state.write_text(moved, encoding="utf-8")
    stats = await refresh(graph, duckdb.connect(), tmp_path / "mirror")
    assert await fresh(graph, tmp_path / "mirror") == first
    assert stats.full


async def test_a_link_of_another_query_is_not_followed(
    writer: Writer, graph: Graph, tmp_path: Path
) -> None:
    await small_school(writer)
    before = await fresh(graph, tmp_path)
    state = json.loads((tmp_path / STATE).read_text())
    state["queries"]["users"] = "/users/delta?$select=id"
    del state["queries"]["units"]
    (tmp_path / STATE).write_text(json.dumps(state))
    con = duckdb.connect()
    stats = await refresh(graph, con, tmp_path)
    assert stats.full == ("users", "units")
    assert contents(con) == before


async def test_nothing_new_costs_a_request_a_collection(
    writer: Writer, graph: Graph, tmp_path: Path
) -> None:
    await small_school(writer)
    before = await fresh(graph, tmp_path)
    con = duckdb.connect()
    stats = await refresh(graph, con, tmp_path)
    assert stats.full == ()
    assert contents(con) == before


@pytest.mark.parametrize("seed", range(5))
async def test_deltas_after_random_edits_equal_a_full_read(
    writer: Writer, graph: Graph, tmp_path: Path, seed: int
) -> None:
    made = await small_school(writer)
    choose = random.Random(seed)
    await fresh(graph, tmp_path / "mirror")
    for step in range(4):
        for _ in range(choose.randint(1, 6)):
            await edit(writer, made, choose, step)
        assert await fresh(graph, tmp_path / "mirror") == await fresh(
            graph, tmp_path / f"full-{step}"
        )


async def edit(writer: Writer, made: dict[str, Any], choose: random.Random, step: int) -> None:
    target = choose.choice(made["people"])
    match choose.randint(0, 6):
        case 0:
            key = f"N{step}-{choose.random()}".replace(".", "")
            made["people"].append(await writer.create_person(person(key)))
        case 1:
            await writer.update_person(target, {"surname": f"Name {choose.random()}"})
        case 2:
            await writer.add_references("class", made["class"], [target], [])
        case 3:
            await writer.remove_references("class", made["class"], [target], [])
        case 4:
            await writer.remove_references("school", made["school"], [target], [])
        case 5:
            await writer.add_references("group", made["group"], [target], [])
        case _:
            await writer.update_class(made["class"], {"display_name": f"C {choose.random()}"})


async def test_a_deleted_class_and_person_are_gone(
    writer: Writer, graph: Graph, tmp_path: Path, served: Served
) -> None:
    from graph.exchange import GraphRequest

    made = await small_school(writer)
    await fresh(graph, tmp_path)
    await graph.do(GraphRequest("DELETE", f"/groups/{made['class']}"))
    await graph.do(GraphRequest("DELETE", f"/users/{made['people'][3]}"))
    con = duckdb.connect()
    await refresh(graph, con, tmp_path)
    assert con.execute("FROM existing_classes").fetchall() == []
    assert con.execute("SELECT count(*) FROM existing_people").fetchall() == [(3,)]
    assert con.execute(
        "SELECT DISTINCT container_kind, count(*) FROM existing_members GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("group", 3), ("school", 3)]


async def test_a_crash_in_the_middle_leaves_the_old_generation(
    writer: Writer, graph: Graph, tmp_path: Path
) -> None:
    made = await small_school(writer)
    await fresh(graph, tmp_path)
    (tmp_path / "users.2.parquet").write_bytes(b"half a file")
    (tmp_path / "users.ndjson").write_text("half a li", encoding="utf-8")
    await writer.update_person(made["people"][0], {"surname": "New"})
    assert await fresh(graph, tmp_path) == await fresh(graph, tmp_path / "full")


@pytest.mark.parametrize("damage", ["state", "file"])
async def test_a_damaged_mirror_is_read_again(
    writer: Writer, graph: Graph, tmp_path: Path, damage: str
) -> None:
    await small_school(writer)
    before = await fresh(graph, tmp_path)
    if damage == "state":
        (tmp_path / STATE).write_text("{", encoding="utf-8")
    else:
        (tmp_path / "users.1.parquet").unlink()
    con = duckdb.connect()
    stats = await refresh(graph, con, tmp_path)
    assert len(stats.full) == 6
    assert contents(con) == before


def test_an_empty_directory_has_all_tables() -> None:
    con = duckdb.connect()
    load_empty(con)
    assert contents(con) == {table: [] for table in TABLES}


SDS = "extension_fe2174665583431c953114ff7268b7b3_Education_"


async def test_what_sds_made_is_told_from_what_is_marked_by_us(
    writer: Writer, graph: Graph, tmp_path: Path, served: Served
) -> None:
    await small_school(writer)
    await served.seed(
        users=[{"userPrincipalName": "a@contoso.edu", "userType": "Guest",
                f"{SDS}SyncSource": "SIS", f"{SDS}AnchorId": "Student_9",
                f"{SDS}SyncSource_StudentId": "9", f"{SDS}ObjectType": "Student"}],
        groups=[{"displayName": "Old", "mailNickname": "Section_9", f"{SDS}SyncSource": "SIS",
                 f"{SDS}AnchorId": "Section_9", f"{SDS}SyncSource_SectionId": "9",
                 f"{SDS}ObjectType": "Section", f"{SDS}Status": "Expired"},
                {"displayName": "AD", "mailNickname": "ad", "onPremisesSyncEnabled": True}],
        administrativeUnits=[{"displayName": "Old", f"{SDS}AnchorId": "School_9",
                              f"{SDS}SyncSource": "SIS", f"{SDS}SyncSource_SchoolId": "9",
                              f"{SDS}ObjectType": "School"}],
    )  # fmt: skip
    con = duckdb.connect()
    await refresh(graph, con, tmp_path)
    for table in ("people", "classes", "schools"):
        sources = f"SELECT external_id, external_source FROM existing_{table} ORDER BY 1"
        first, *rest = con.execute(sources).fetchall()
        assert first == ("9", "sds")
        assert {source for _, source in rest} == {"sis"}
    assert con.execute(
        "SELECT user_type, sds_anchor, sds_student, sds_teacher FROM existing_people "
        "WHERE sds_anchor IS NOT NULL"
    ).fetchall() == [("Guest", "Student_9", "9", None)]
    assert con.execute(
        "SELECT display_name, on_premises_sync, sds_anchor, sds_type, sds_section, sds_status "
        "FROM existing_groups WHERE mail_nickname IN ('Section_9', 'ad') ORDER BY 1"
    ).fetchall() == [
        ("AD", True, None, None, None, None),
        ("Old", False, "Section_9", "Section", "9", "Expired"),
    ]
    assert con.execute(
        "SELECT sds_anchor, sds_type, sds_school FROM existing_units WHERE display_name = 'Old'"
    ).fetchall() == [("School_9", "School", "9")]


async def test_deleted_accounts_keep_their_names_as_long_as_they_can_return(
    writer: Writer, graph: Graph, tmp_path: Path
) -> None:
    first, second = [await writer.create_person(person(f"P{n}")) for n in range(2)]
    for key in (first, second):
        await graph.do(GraphRequest("DELETE", f"/users/{key}"))
    con = duckdb.connect()
    await refresh(graph, con, tmp_path)
    rows = con.execute("SELECT id, upn FROM deleted_people").fetchall()
    assert set(rows) == {(first, "p0@contoso.edu"), (second, "p1@contoso.edu")}
    for key in (first, second):
        await graph.do(GraphRequest("POST", f"/directory/deletedItems/{key}/restore"))
    await refresh(graph, con, tmp_path)
    assert con.execute("SELECT id FROM deleted_people").fetchall() == []
