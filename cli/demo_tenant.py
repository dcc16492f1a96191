"""The demo's settings, and the state of its emulated directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from roster.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DUMP_SECONDS = 300.0


def demo_settings(config: Path | None, source: str, more: Mapping[str, Any] | None = None) -> str:
    """The text of the demo's rollcall.yaml: people are created, `config` goes on top.

    `more`: the settings of the demo's source, if it is not a folder of files.

    Raises BadInput, with file and line, if `config` is wrong.
    """
    from sync.config import read_config

    settings: dict[str, Any] = {
        "people": {"mode": "create"},
        "sources": [{"name": source} | dict(more or {"settle_seconds": 1})],
    }
    if config:
        given = read_config(config).model_dump(mode="json", by_alias=True, exclude_unset=True)
        given.pop("sources", None)  # the demo has a source of its own
        settings = _overlay(settings, given)
    return json.dumps(settings, indent=2, ensure_ascii=False)  # JSON is YAML


def _overlay(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `under`; sections are merged, everything else is replaced."""
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = _overlay(cast("dict[str, Any]", below), cast("dict[str, Any]", value))
        else:
            merged[name] = value
    return merged


def write_dump(graph_url: str, target: Path) -> None:
    """Writes the emulated directory's state: users, groups, administrativeUnits."""
    import httpx

    address = graph_url.rstrip("/").removesuffix("/v1.0") + "/emulator/dump"
    try:
        answer = httpx.get(address, timeout=DUMP_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise Transient(f"{address}: the emulator did not answer ({error})") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(answer.json(), indent=2, ensure_ascii=False), encoding="utf-8")
