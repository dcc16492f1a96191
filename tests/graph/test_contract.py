"""Every request of the client, and every answer to it, is one that Graph's contract knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from graph.exchange import GraphRequest
from graph.mirror import refresh
from graph.provisioning import Provisioning
from tests.contract import Watch, breaches, needs_contract
from tests.graph.test_mirror import small_school
from tests.graph.test_provisioning import JOB, PERSON, PRINCIPAL
from tests.graph.test_writers import class_, person

if TYPE_CHECKING:
    from pathlib import Path

    from graph.client import Graph
    from graph.writers import Writer
    from local.entra import Tenant
    from tests.graph.conftest import Served


@pytest.fixture
def watch(tenant: Tenant) -> Watch:
    return Watch(tenant)


@needs_contract
async def test_requests_and_answers_keep_to_the_contract(
    writer: Writer, graph: Graph, watch: Watch, tmp_path: Path
) -> None:
    made = await small_school(writer)
    people = made["people"]
    contact = {"displayName": "G", "emailAddress": "g@x.org", "relationship": "parent"}
    await writer.update_person(people[0], {"account_enabled": False, "related_contacts": [contact]})
    await writer.update_school(made["school"], {"display_name": "New"})
    await writer.update_class(made["class"], {"display_name": "New", "class_code": "N"})
    await writer.update_group(made["group"], {"display_name": "New"})
    mark = {"external_id": "Z", "primary_role": "teacher"}
    await writer.update_person(people[1], mark | {"upn": "z@contoso.edu", "surname": "Z"})
    await writer.update_school(made["school"], {"external_id": "Z", "display_name": "Z"})
    await writer.update_class(made["class"], {"external_id": "Z", "description": "Z"})
    await writer.add_references("class", made["class"], people, people[:2])
    for kind in ("school", "class", "group"):
        await writer.remove_references(kind, made[kind], people[1:2], [])
    await writer.remove_references("class", made["class"], [], people[1:2])
    await graph.verified_domains()
    await refresh(graph, duckdb.connect(), tmp_path / "mirror")
    assert watch.breaches == set()
    assert len(watch.seen) > 15


@needs_contract
async def test_rules_plain_classes_and_deleted_people_keep_to_the_contract(
    writer: Writer, graph: Graph, watch: Watch, tmp_path: Path
) -> None:
    ann, bob = [await writer.create_person(person(f"P{n}")) for n in range(2)]
    await writer.complete("person", ann, {"extensionAttribute1": "x", "extensionAttribute2": None})
    school = await writer.create_school(
        {"external_id": "S1", "display_name": "Lincoln"}, attempted=True
    )
    rule = {"membership_rule": 'user.department -eq "09"'}
    await writer.complete("school", school, rule)
    await writer.update_school(school, {"membership_rule": None})
    group = {"display_name": "X", "mail_nickname": "x"}
    dynamic = await writer.upsert_group("x", group | rule, [])
    await writer.update_group(dynamic, {"membership_rule": None})
    fields = class_("C1") | {"unique_name": "c1"}
    plain = await writer.upsert_class(fields, [bob], [ann])
    assert await writer.upsert_class(fields, [ann, bob], [ann]) == plain
    await writer.update_class(plain, {"display_name": "New"})
    await graph.do(GraphRequest("DELETE", f"/users/{bob}"))
    await refresh(graph, duckdb.connect(), tmp_path / "mirror")
    await refresh(graph, duckdb.connect(), tmp_path / "mirror")
    assert ("GET", "/directory/deletedItems/graph.user") in watch.seen
    assert watch.breaches == set()


@needs_contract
async def test_provisioning_keeps_to_the_contract(
    graph: Graph, served: Served, watch: Watch
) -> None:
    await served.seed(provisioningJobs=[{"servicePrincipalId": PRINCIPAL, "id": JOB}])
    job = Provisioning(graph, PRINCIPAL, JOB)
    await job.upload([PERSON, PERSON | {"external_id": "P2", "account_enabled": False}])
    assert [one async for one in job.attempts("2020-01-01T00:00:00Z")]
    assert len(watch.seen) == 2
    assert watch.breaches == set()


@needs_contract
def test_a_request_that_breaks_the_contract_is_found() -> None:
    exchange = {"method": "PATCH", "url": "/v1.0/education/classes/x", "status": 200}
    assert breaches(exchange | {"body": {"displayName": "x"}}) == []
    assert breaches(exchange | {"body": {"colour": "red"}}) == [
        "PATCH /education/classes/{educationClass-id}: 'colour' is not declared"
    ]
