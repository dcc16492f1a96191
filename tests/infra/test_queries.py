"""Queries of alerts, workbook and pages: Kusto understands them, and they fit what is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sync.events import EVENTS, PREFIX
from sync.metrics import METRICS
from tests.infra.tables import TABLES
from tests.node.packages import node_tool, run_node

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```kql\n(.*?)^```", re.MULTILINE | re.DOTALL)
EVENT_FIELDS = {event.name: set(event.fields) for event in EVENTS}
METRIC_DIMENSIONS = {metric.name: set(metric.dimensions) for metric in METRICS}


def queries() -> dict[str, str]:
    """Every query by where it stands."""
    found = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "infra" / "queries").glob("*.kql"))
    }
    for page in sorted((ROOT / "docs").glob("*.md")):
        for number, query in enumerate(FENCED.findall(page.read_text(encoding="utf-8")), start=1):
            found[f"docs/{page.name} {number}"] = query
    return found


QUERIES = queries()


def analysed(*texts: str) -> list[list[str]]:
    """The complaints of Kusto's language service about each query."""
    package = node_tool("@kusto/language-service-next")
    asked: dict[str, Any] = {"tables": TABLES, "queries": texts}
    script = ROOT / "tests" / "node" / "kql.mjs"
    return json.loads(run_node(script, str(package), text=json.dumps(asked)))


def test_kusto_understands_every_query() -> None:
    complaints = dict(zip(QUERIES, analysed(*QUERIES.values()), strict=True))
    assert {name: found for name, found in complaints.items() if found} == {}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("Message", "Mesage"), ("AppTraces", "AppTrace"), ("| parse ", "| pares ")],
)
def test_what_is_misspelt_is_found(right: str, wrong: str) -> None:
    query = QUERIES["infra/queries/run-failed.kql"]
    assert right in query
    [found] = analysed(query.replace(right, wrong))
    assert found


def test_queries_stand_where_they_are_looked_for() -> None:
    assert len([name for name in QUERIES if name.startswith("infra/")]) >= 11
    assert len([name for name in QUERIES if name.startswith("docs/monitoring.md")]) >= 5


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_events_and_fields_that_the_app_tells(name: str) -> None:
    """Events are named after the prefix of a line, or after `Event`; fields after `Fields.`."""
    query = QUERIES[name]
    begins = re.findall(rf'"{PREFIX} (\w+)', query)
    whole = [text for text in begins if f'"{PREFIX} {text} ' in query]
    parts = [text for text in begins if text not in whole and text != "Event"]
    assert set(whole) <= set(EVENT_FIELDS)
    assert all(any(event.startswith(part) for event in EVENT_FIELDS) for part in parts)
    listed = [
        text
        for texts in re.findall(r"Event (?:in \(|== )([^)\n]*)", query)
        for text in re.findall(r'"(\w+)"', texts)
    ]
    assert set(listed) <= set(EVENT_FIELDS)
    fields = set(re.findall(r"Fields\.(\w+)", query))
    events = listed or whole
    assert bool(events) or not fields
    for event in events:
        assert fields <= EVENT_FIELDS[event], event


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if "AppMetrics" in query])
def test_a_query_asks_for_metrics_and_dimensions_that_the_app_has(name: str) -> None:
    asked = set(re.findall(r'"(rollcall\.[\w.]+)"', QUERIES[name]))
    assert asked
    assert asked <= set(METRIC_DIMENSIONS)
    dimensions = set(re.findall(r"Properties\.(\w+)", QUERIES[name]))
    assert all(dimensions <= METRIC_DIMENSIONS[metric] for metric in asked)


def test_every_query_file_is_part_of_an_alert_or_the_workbook() -> None:
    modules = ROOT / "infra" / "modules"
    text = "".join(path.read_text(encoding="utf-8") for path in modules.glob("*.bicep"))
    loaded = set(re.findall(r"loadTextContent\('\.\./queries/([\w-]+\.kql)'\)", text))
    assert loaded == {path.name for path in (ROOT / "infra" / "queries").glob("*.kql")}


def test_the_hours_without_a_run_stand_in_the_query_alone() -> None:
    """The alert puts its parameter in the place of every 26."""
    query = QUERIES["infra/queries/no-run.kql"]
    assert query.count("26") == query.count("26h") + query.count("26 hours") > 2


def test_alerts_can_be_of_one_app() -> None:
    """The alert puts its condition after the table, which stands on a line of its own."""
    text = (ROOT / "infra" / "modules" / "alerts.bicep").read_text(encoding="utf-8")
    files = re.findall(r"queries/([\w-]+\.kql)", text)
    of_app = 'AppTraces\n| where AppRoleName =~ "rollcall"'
    told = [QUERIES[f"infra/queries/{file}"] for file in files]
    assert all(query.count("\nAppTraces\n") == 1 for query in told)
    assert not any(analysed(*(query.replace("AppTraces", of_app) for query in told)))


def test_alerts_split_by_columns_that_their_query_gives() -> None:
    text = (ROOT / "infra" / "modules" / "alerts.bicep").read_text(encoding="utf-8")
    rules = re.findall(r"queries/([\w-]+\.kql).*?dimensions: \[([^\]]*)\]", text, re.DOTALL)
    assert len(rules) == 4
    for file, dimensions in rules:
        given = set(
            re.findall(r"(\w+) = (?:tostring|AppRoleName)", QUERIES[f"infra/queries/{file}"])
        )
        assert set(re.findall(r"'(\w+)'", dimensions)) <= given, file
