"""Every request that the client makes is one that the contract of Graph knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from graph.mirror import refresh
from graph.provisioning import Provisioning
from local.entra import Tenant
from tests.contract import breaches, needs_contract
from tests.graph.test_mirror import small_school
from tests.graph.test_provisioning import JOB, PERSON, PRINCIPAL
from tests.graph.test_writers import person

if TYPE_CHECKING:
    from pathlib import Path

    from graph.client import Graph
    from graph.writers import Writer
    from tests.graph.conftest import Served


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    return Tenant(record=tmp_path / "record.jsonl")


@needs_contract
async def test_requests_keep_to_the_contract(writer: Writer, graph: Graph, tmp_path: Path) -> None:
    made = await small_school(writer)
    people = made["people"]
    contact = {"displayName": "G", "emailAddress": "g@x.org", "relationship": "parent"}
    await writer.update_person(people[0], {"account_enabled": False, "related_contacts": [contact]})
    await writer.update_school(made["school"], {"display_name": "New"})
    await writer.update_class(made["class"], {"display_name": "New", "class_code": "N"})
    await writer.update_group(made["group"], {"display_name": "New"})
    await writer.add_references("class", made["class"], people, people[:2])
    for kind in ("school", "class", "group"):
        await writer.remove_references(kind, made[kind], people[1:2], [])
    await writer.remove_references("class", made["class"], [], people[1:2])
    await graph.verified_domains()
    await refresh(graph, duckdb.connect(), tmp_path / "mirror")
    check(tmp_path, 30)


@needs_contract
async def test_requests_of_other_policies_keep_to_it_too(
    writer: Writer, graph: Graph, served: Served, tmp_path: Path
) -> None:
    ids = [await writer.create_person(person(f"P{n}")) for n in range(25)]
    for attribute in ("department", "officeLocation", "extensionAttribute7"):
        await writer.update_person(ids[0], {attribute: ";s1/s09;"})
        await writer.update_person(ids[0], {attribute: None})
    rule = '(user.department -contains ";s1/")'
    ruled = {"external_id": "S1", "display_name": "School", "membership_rule": rule}
    school = await writer.create_school(ruled, attempted=False)
    await writer.complete("school", school, ruled)
    await writer.update_school(school, {"membership_rule": None})
    group = {"display_name": "Group", "mail_nickname": "rollcall-g"}
    made = await writer.upsert_group("rollcall-g", group | {"membership_rule": rule}, [])
    await writer.update_group(made, {"membership_rule": None})
    plain = {"unique_name": "rollcall-class-C1", "display_name": "C", "mail_nickname": "Section_C1"}
    class_ = await writer.upsert_class(plain, ids[1:], ids[:1])
    await writer.upsert_class(plain, ids[1:], ids[:1])
    await writer.add_references("class", class_, ids[:2], ids[:2])
    adopted = {"external_id": "C2", "display_name": "Adopted"}
    education = await writer.create_class(adopted | {"mail_nickname": "Section_C2"}, attempted=True)
    await writer.update_class(education, adopted)
    await served.seed(provisioningJobs=[{"servicePrincipalId": PRINCIPAL, "id": JOB}])
    job = Provisioning(graph, PRINCIPAL, JOB)
    await job.upload([PERSON])
    assert [attempt async for attempt in job.attempts("2020-01-01T00:00:00Z")]
    check(tmp_path, 40)


def check(folder: Path, least: int) -> None:
    exchanges = [json.loads(line) for line in (folder / "record.jsonl").open(encoding="utf-8")]
    assert len(exchanges) > least
    assert sorted({breach for exchange in exchanges for breach in breaches(exchange)}) == []
