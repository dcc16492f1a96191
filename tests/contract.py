"""The machine-readable contract of the Graph calls, where a copy of it lies beside the checkout."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from local.entra import Tenant
    from local.entra.messages import Answer, Request

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


def breaches(exchange: dict[str, Any]) -> list[str]:
    """What of a recorded exchange (method, url, body, status) breaks the contract."""
    target = exchange["url"].partition("/v1.0")[2]
    path, operation = _operation(exchange["method"], target)
    if operation is None:
        return [f"no such path or method: {exchange['method']} {target}"]
    found = _body_breaches(operation, exchange, path)
    status = str(exchange["status"])
    if status != "0" and status[0] == "2" and not _foreseen(operation, path, status):
        found.append(f"{exchange['method']} {path}: status {status} is not foreseen")
    return found


def answer_breaches(method: str, target: str, status: int, body: Any) -> list[str]:
    """What of an answer to `target` (an address below /v1.0) breaks the contract.

    Bodies are checked against the schema of their status; the objects of a delta query against that
    of their collection; and every name has to be one that its type has, unless the type is open.
    """
    path, operation = _operation(method, target)
    if operation is None:
        return [f"no such path or method: {method} {target}"]
    label = f"{method} {path}: {status}"
    if 200 <= status < 300 and not _foreseen(operation, path, str(status)):
        return [f"{label} is not foreseen"]
    responses = operation["responses"]
    answer = responses.get(str(status)) or responses.get("default", {})
    content = answer.get("content", {}).get("application/json")
    if content is None or not isinstance(body, dict):
        return []
    found = [f"{label}: {error}" for error in _schema_breaches(content["schema"], body)]
    if path.endswith("/delta()"):
        listing = contract()["paths"][path.removesuffix("/delta()")]["get"]["responses"]["200"]
        schema = listing["content"]["application/json"]["schema"]
        found += [f"{label}: {error}" for error in _schema_breaches(schema, body)]
    return found


class Watch:
    """Checks each operation that a tenant performs, alone or in a batch: request and answer."""

    def __init__(self, tenant: Tenant) -> None:
        self.breaches: set[str] = set()
        self.seen: set[tuple[str, str]] = set()
        self._perform = tenant.perform
        tenant.perform = self._watched

    def _watched(self, request: Request, *, contended: bool = False) -> Answer | None:
        answer = self._perform(request, contended=contended)
        status, body = (answer.status, answer.body) if answer else (0, None)
        exchange = {"method": request.method, "url": f"/v1.0{request.target}",
                    "body": request.body, "status": status}  # fmt: skip
        self.seen.add((request.method, _operation(request.method, request.target)[0]))
        self.breaches.update(breaches(exchange))
        if answer:
            self.breaches.update(answer_breaches(request.method, request.target, status, body))
        return answer


def _operation(method: str, target: str) -> tuple[str, dict[str, Any] | None]:
    target = re.sub(r"/delta(?=\?|$)", "/delta()", target)
    target = re.sub(r"/microsoft\.(graph\.\w+)(?=\?|$)", r"/\1", target)
    path = next((path for pattern, path in patterns() if pattern.fullmatch(target)), "")
    return path, contract()["paths"].get(path, {}).get(method.lower())


def _foreseen(operation: dict[str, Any], path: str, status: str) -> bool:
    """Archiving is said to answer 202: https://learn.microsoft.com/graph/api/team-archive."""
    archiving = path.endswith(("/archive", "/unarchive")) and status == "202"
    return status in operation["responses"] or archiving


def _schema_breaches(schema: dict[str, Any], body: Any) -> list[str]:
    whole = {**schema, "components": contract()["components"]}
    errors = jsonschema.Draft4Validator(whole).iter_errors(_without_nulls(body))
    return [error.message for error in errors] + _undeclared(schema, body)


def _undeclared(schema: dict[str, Any], value: Any) -> list[str]:
    """Names that a closed type does not have, at any depth; an object may say which it is of."""
    kind = str(value.get("@odata.type", "")).lstrip("#") if isinstance(value, dict) else ""
    if kind in contract()["components"]["schemas"]:
        schema = contract()["components"]["schemas"][kind]
    properties, is_open, item = _declared(schema)
    if isinstance(value, list):
        return [found for one in value for found in _undeclared(item, one)] if item else []
    if not isinstance(value, dict):
        return []
    found: list[str] = []
    for name, inner in value.items():
        if name in properties:
            found += _undeclared(properties[name], inner)
        elif properties and not is_open and "@" not in name:
            found.append(f"'{name}' is not declared")
    return found


def _declared(schema: dict[str, Any]) -> tuple[dict[str, Any], bool, dict[str, Any]]:
    """The properties of a schema with those that it inherits; whether it is open; its items."""
    if "$ref" in schema:
        return _declared(contract()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    properties = dict(schema.get("properties", {}))
    is_open = bool(schema.get("additionalProperties")) or bool(schema.get("x-unresolved"))
    for base in schema.get("allOf", ()):
        inherited, opened, _ = _declared(base)
        properties |= inherited
        is_open |= opened
    return properties, is_open, schema.get("items", {})


def _body_breaches(operation: dict[str, Any], exchange: dict[str, Any], path: str) -> list[str]:
    contents = operation.get("requestBody", {}).get("content", {})
    content = contents.get("application/json") or contents.get("application/scim+json")
    if content is None or exchange["body"] in (None, {}):
        return []
    found = _schema_breaches(content["schema"], exchange["body"])
    return [f"{exchange['method']} {path}: {error}" for error in found]


def _without_nulls(value: Any) -> Any:
    """Graph takes null for any property that can be cleared; the contract does not say so."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
