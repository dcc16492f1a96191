"""$batch: up to twenty operations in one request, each with an answer of its own.

https://learn.microsoft.com/graph/json-batching. Answers come in any order. An operation whose
`dependsOn` failed is not carried out and answers 424.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from local.entra.errors import GraphError
from local.entra.faults import LOST
from local.entra.messages import Answer, Json, Request, split_target

if TYPE_CHECKING:
    from local.entra.tenant import Tenant

MOST = 20


class Batches:
    """Carries out batches on a tenant, numbering them."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._number = 0

    def answer(self, envelope: Request) -> Answer:
        """The answer to a whole batch: 200, or 400 where it cannot be read."""
        items = _items(envelope.body)
        self._number += 1
        statuses: dict[str, int] = {}
        responses: list[Json] = []
        for item in items:
            key = str(item["id"]).lower()
            answer = self._item(envelope, item, statuses)
            statuses[key] = answer.status if answer else LOST
            if answer is not None:
                responses.append(_response(str(item["id"]), answer))
        self._tenant.chance.shuffle(responses)
        return Answer(200, {"responses": responses})

    def _item(self, envelope: Request, item: Json, statuses: dict[str, int]) -> Answer | None:
        if any(not 200 <= statuses[str(key).lower()] < 400 for key in item.get("dependsOn") or ()):
            error = GraphError(424, "FailedDependency", "A request that this depends on failed.")
            return self._tenant.refusal(error, envelope.headers)
        target = "/" + str(item["url"]).lstrip("/")
        path, query = split_target(target)
        headers = {str(name).lower(): str(value) for name, value in
                   cast("Json", item.get("headers") or {}).items()}  # fmt: skip
        request = replace(
            envelope,
            method=str(item["method"]).upper(),
            target=target,
            path=path,
            query=query,
            headers=headers,
            body=_body(item, headers),
            batch=self._number,
        )
        return self._tenant.perform(request)


def _items(body: Any) -> list[Json]:
    items = cast("Json", body).get("requests") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")
    found = cast("list[Json]", items)
    if len(found) > MOST:
        raise GraphError(
            400,
            "MaximumValueExceeded",
            f"Number of batch request steps exceeds the maximum value of {MOST}.",
        )
    seen: set[str] = set()
    for item in found:
        if not {"id", "method", "url"} <= set(item):
            raise GraphError(400, "BadRequest", "Invalid batch payload format.")
        key = str(item["id"]).lower()
        if key in seen:
            raise GraphError(400, "BadRequest", f"Duplicate request id '{key}' in the batch.")
        wanted = {str(other).lower() for other in item.get("dependsOn") or ()}
        if not wanted <= seen:
            raise GraphError(400, "BadRequest", f"Invalid dependency for request Id: {key}.")
        seen.add(key)
    return found


def _body(item: Json, headers: dict[str, str]) -> Any:
    body = item.get("body")
    if body is None:
        return None
    if "content-type" not in headers:
        raise GraphError(
            400, "BadRequest", "Write request in a batch is missing its Content-Type header."
        )
    if isinstance(body, str):
        return json.loads(base64.b64decode(body))
    return body


def _response(key: str, answer: Answer) -> Json:
    response: Json = {"id": key, "status": answer.status}
    headers = dict(answer.headers)
    if isinstance(answer.body, dict):
        headers["Content-Type"] = "application/json"
    response["headers"] = headers
    if answer.body is not None:
        response["body"] = answer.body
    return response
