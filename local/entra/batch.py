"""$batch: up to twenty operations in one request, each with an answer of its own.

https://learn.microsoft.com/graph/json-batching. Answers come in any order. Items run at the same
time unless `dependsOn` says otherwise; an operation whose `dependsOn` failed is not carried out and
answers 424. Where the scenario wants it, the envelope itself answers 424 if an item was throttled,
with the answers of all items inside.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast

from local.entra.errors import GraphError
from local.entra.faults import LOST
from local.entra.messages import Answer, Json, Request, split_target

if TYPE_CHECKING:
    from local.entra.tenant import Tenant

MOST = 20
_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_INHERITED = ("x-ms-throttle-priority", "client-request-id")


class Batches:
    """Carries out batches on a tenant, numbering them."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._number = 0

    def answer(self, envelope: Request) -> Answer | None:
        """The answer to a whole batch, or None when a fault loses it.

        200; 400 where it cannot be read. Raises Reset when the connection breaks off.
        """
        items = _items(envelope.body)
        self._number += 1
        requests = {str(item["id"]).lower(): self._request(envelope, item) for item in items}
        fault = self._tenant.faults.next_of_envelope(
            [(request.method, "/" + "/".join(request.path)) for request in requests.values()]
        )
        slow = fault.settings.slow if fault else 0.0
        if fault and fault.before:
            return self._tenant.failed(fault, envelope)
        responses, delay = self._carry_out(items, requests)
        if fault and fault.settings.status is not None:
            return self._tenant.failed(fault, envelope)
        return Answer(self._status(responses), {"responses": self._ordered(responses)},
                      delay=max(delay, slow))  # fmt: skip

    def _carry_out(
        self, items: list[Json], requests: dict[str, Request]
    ) -> tuple[list[Json], float]:
        """The responses in the order of the items, and the delay of the slowest."""
        statuses: dict[str, int] = {}
        responses: list[Json] = []
        contended = self._contended(items, requests)
        delay = 0.0
        for item in items:
            key = str(item["id"]).lower()
            request = requests[key]
            needed = [statuses[str(other).lower()] for other in item.get("dependsOn") or ()]
            if all(200 <= status < 400 for status in needed):
                answer = self._tenant.perform(request, contended=key in contended)
            else:
                error = GraphError(424, "FailedDependency", "A request that this needs failed.")
                answer = self._tenant.refusal(error, request.headers)
            statuses[key] = answer.status if answer else LOST
            if answer is not None:
                responses.append(_response(str(item["id"]), answer))
                delay = max(delay, answer.delay)
        return responses, delay

    def _contended(self, items: list[Json], requests: dict[str, Request]) -> set[str]:
        """The items that write what an earlier item is writing at the same time."""
        found: set[str] = set()
        if not self._tenant.scenario.batch.concurrency:
            return found
        writers: dict[str, list[str]] = {}
        before: dict[str, set[str]] = {}
        for item in items:
            key = str(item["id"]).lower()
            needed = [str(other).lower() for other in item.get("dependsOn") or ()]
            before[key] = set(needed).union(*(before[other] for other in needed))
            written = self._tenant.concurrency.object_of(requests[key])
            if not written:
                continue
            others = writers.setdefault(written, [])
            if set(others) - before[key]:
                found.add(key)
            else:
                others.append(key)
        return found

    def _request(self, envelope: Request, item: Json) -> Request:
        target = "/" + str(item["url"]).lstrip("/")
        path, query = split_target(target)
        if path == ("$batch",):
            raise GraphError(400, "BadRequest", "A batch cannot hold another batch.")
        headers = {str(name).lower(): str(value) for name, value in
                   cast("Json", item.get("headers") or {}).items()}  # fmt: skip
        for name in _INHERITED:
            if name in envelope.headers:
                headers.setdefault(name, envelope.headers[name])
        method = str(item["method"]).upper()
        return Request(
            method=method,
            target=target,
            path=path,
            query=query,
            headers=headers,
            body=_body(item, method, headers),
            base=envelope.base,
            roles=envelope.roles,
            app=envelope.app,
            batch=self._number,
        )

    def _status(self, responses: list[Json]) -> int:
        throttled = any(response["status"] == 429 for response in responses)
        return 424 if throttled and self._tenant.scenario.batch.failed_dependency else 200

    def _ordered(self, responses: list[Json]) -> list[Json]:
        order = self._tenant.scenario.batch.order
        if order == "shuffled":
            self._tenant.chance.shuffle(responses)
        elif order == "reversed":
            responses.reverse()
        return responses


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
        if not isinstance(item, dict) or not {"id", "method", "url"} <= set(item):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise GraphError(400, "BadRequest", "Invalid batch payload format.")
        key = str(item["id"]).lower()
        if key in seen:
            raise GraphError(400, "BadRequest", f"Duplicate request id '{key}' in the batch.")
        wanted = {str(other).lower() for other in item.get("dependsOn") or ()}
        if not wanted <= seen:
            raise GraphError(400, "BadRequest", f"Invalid dependency for request Id: {key}.")
        seen.add(key)
    _check_pattern(found)
    return found


def _check_pattern(items: list[Json]) -> None:
    """Dependencies are a chain, each on the one before, or all on the same one."""
    pairs = [(number, [str(one).lower() for one in item.get("dependsOn") or ()])
             for number, item in enumerate(items)]  # fmt: skip
    waiting = [(number, needed) for number, needed in pairs if needed]
    single = all(len(needed) == 1 for _, needed in waiting)
    same = len({tuple(needed) for _, needed in waiting}) <= 1
    chain = all(needed == [str(items[number - 1]["id"]).lower()] for number, needed in waiting)
    if not (single and (same or chain)):
        raise GraphError(
            400,
            "BadRequest",
            "The dependsOn pattern is not supported: requests run in parallel, each after the one "
            "before, or all after the same one.",
        )


def _body(item: Json, method: str, headers: dict[str, str]) -> Any:
    body = item.get("body")
    if method in _WITH_BODY and (body is None or "content-type" not in headers):
        raise GraphError(
            400,
            "BadRequest",
            f"Write request id : {item['id']} does not contain Content-Type header or body.",
        )
    if isinstance(body, str):
        try:
            return json.loads(base64.b64decode(body))
        except ValueError as error:
            raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from error
    return body


def _response(key: str, answer: Answer) -> Json:
    headers = dict(answer.headers)
    if isinstance(answer.body, dict):
        headers["Content-Type"] = "application/json"
    response: Json = {"id": key, "status": answer.status, "headers": headers}
    if answer.body is not None:
        response["body"] = answer.body
    return response
