"""Every request that the client makes is one that the contract of Graph knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from graph.mirror import refresh
from local.entra import Tenant
from tests.contract import breaches, needs_contract
from tests.graph.test_mirror import small_school

if TYPE_CHECKING:
    from pathlib import Path

    from graph.client import Graph
    from graph.writers import Writer


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
    exchanges = [json.loads(line) for line in (tmp_path / "record.jsonl").open(encoding="utf-8")]
    assert len(exchanges) > 30
    assert sorted({breach for exchange in exchanges for breach in breaches(exchange)}) == []
