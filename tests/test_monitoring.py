"""The page about monitoring lists what the app tells."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from sync.events import EVENTS
from sync.metrics import METRICS

PAGE = (Path(__file__).parents[1] / "docs" / "monitoring.md").read_text(encoding="utf-8")


ROOT = Path(__file__).parents[1]
HOST = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["logging"]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", text))


def test_every_event_is_listed_with_its_fields() -> None:
    told = [(*code(name), level, code(fields)) for name, level, fields, _ in rows("Events")]
    assert told == [(e.name, logging.getLevelName(e.level), e.fields) for e in EVENTS]


def test_every_metric_is_listed_with_its_dimensions() -> None:
    told = [
        (*code(name), form, unit, () if by == "–" else code(by))
        for name, form, unit, by, _ in rows("Metrics")
    ]
    assert told == [(m.name, m.form, m.unit.strip("{}"), m.dimensions) for m in METRICS]


def test_no_line_that_an_alert_waits_for_is_left_out_by_the_host() -> None:
    sampling = HOST["applicationInsights"]["samplingSettings"]
    assert "Trace" in sampling["excludedTypes"].split(";")
    levels = HOST["logLevel"]
    assert levels["default"] == levels["Function.changes.User"] == "Information"
    quiet = {name for name, level in levels.items() if level != "Information"}
    assert quiet == {"Azure", "Function.changes"}
