"""The machine-readable contract of the Graph calls, where a copy of it lies beside the checkout."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

FILE = Path(__file__).parent.parent.parent / "shared" / "contracts" / "graph-v1.openapi.json"
needs_contract = pytest.mark.skipif(
    not FILE.exists(), reason="the Graph contract does not lie beside this checkout"
)


@cache
def contract() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def patterns() -> list[tuple[re.Pattern[str], str]]:
    """The paths as patterns, those with the fewest placeholders first."""
    paths = sorted(contract()["paths"], key=lambda path: path.count("{"))
    return [
        (re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) + r"(\?.*)?"), path)
        for path in paths
    ]


# Of these the file tells what the schema says; the pages and the service say 202, as the work is
# done in the background (https://learn.microsoft.com/graph/api/team-archive).
IN_BACKGROUND = ("/teams/{team-id}/archive", "/teams/{team-id}/unarchive")


def breaches(exchange: dict[str, Any]) -> list[str]:
    """What of a recorded exchange (method, url, body, status) breaks the contract."""
    target = exchange["url"].partition("/v1.0")[2].replace("/delta?", "/delta()?")
    path = next((path for pattern, path in patterns() if pattern.fullmatch(target)), None)
    if path is None:
        return [f"no such path: {target}"]
    operation = contract()["paths"][path].get(exchange["method"].lower())
    if operation is None:
        return [f"no such method: {exchange['method']} {path}"]
    found = _body_breaches(operation, exchange, path)
    status = str(exchange["status"])
    foreseen = ("202",) if path in IN_BACKGROUND else operation["responses"]
    if status != "0" and status[0] == "2" and status not in foreseen:
        found.append(f"{exchange['method']} {path}: status {status} is not foreseen")
    return found


def _body_breaches(operation: dict[str, Any], exchange: dict[str, Any], path: str) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None or exchange["body"] in (None, {}):
        return []
    schema = {**content["schema"], "components": contract()["components"]}
    errors = jsonschema.Draft4Validator(schema).iter_errors(_without_nulls(exchange["body"]))
    return [f"{exchange['method']} {path}: {error.message}" for error in errors]


def _without_nulls(value: Any) -> Any:
    """Graph takes null for any property that can be cleared; the contract does not say so."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
