"""$batch: patterns of dependence, order, and writes of one object that meet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local.entra import Tenant
from local.entra.clock import VirtualClock
from local.entra.scenario import Batch, Latency, Scenario
from tests.local.entra.conftest import Caller, bind, reference

JSON = {"Content-Type": "application/json"}


def item(key: str, method: str, url: str, body: Any = None, **rest: Any) -> dict[str, Any]:
    with_body = {"headers": JSON, "body": body} if body is not None else {}
    return {"id": key, "method": method, "url": url} | with_body | rest


async def batch(call: Caller, *items: dict[str, Any]) -> dict[str, int]:
    answer = await call("POST", "/$batch", {"requests": list(items)})
    assert answer.status_code == 200, answer.text
    return {one["id"]: one["status"] for one in answer.json()["responses"]}


@pytest.mark.parametrize("order", ["given", "reversed"])
async def test_responses_come_in_an_order_of_the_scenario(order: Any) -> None:
    call = Caller(Tenant(scenario=Scenario(batch=Batch(order=order))))
    found = await batch(call, *(item(str(n), "GET", "/domains") for n in range(9)))
    assert list(found) == sorted(found, reverse=order == "reversed")


@pytest.mark.parametrize(
    "pattern",
    [
        {"b": ["a"], "c": ["b"]},
        {"b": ["a"], "c": ["a"]},
        {"c": ["b"]},
    ],
)
async def test_a_chain_and_one_for_all_are_patterns_of_dependence(
    call: Caller, pattern: dict[str, list[str]]
) -> None:
    items = [item(k, "GET", "/domains", dependsOn=pattern.get(k, [])) for k in "abc"]
    assert await batch(call, *items) == {"a": 200, "b": 200, "c": 200}


@pytest.mark.parametrize(
    "items",
    [
        [item("a", "GET", "/x"), item("b", "GET", "/x"),
         item("c", "GET", "/x", dependsOn=["a", "b"])],
        [item("a", "GET", "/x"), item("b", "GET", "/x", dependsOn=["a"]),
         item("c", "GET", "/x", dependsOn=["a"]), item("d", "GET", "/x", dependsOn=["c"])],
        [item("a", "POST", "/$batch", {"requests": []})],
        [item("a", "POST", "/users")],
        [item("a", "POST", "/users", "not base64!")],
        [{"id": "a", "method": "PATCH", "url": "/users/x", "body": {"surname": "x"}}],
        ["a"],
    ],
)  # fmt: skip
async def test_what_no_batch_can_hold_fails_the_envelope(call: Caller, items: list[Any]) -> None:
    assert (await call("POST", "/$batch", {"requests": items})).status_code == 400


class TestWritesThatMeet:
    async def test_two_of_one_group_in_a_batch(self, call: Caller) -> None:
        key, a, b = await call.class_(), await call.user("a"), await call.user("b")
        found = await batch(
            call,
            item("1", "PATCH", f"/groups/{key}", {"members@odata.bind": bind(a)}),
            item("2", "POST", f"/groups/{key.upper()}/members/$ref", reference(b)),
            item("3", "PATCH", f"/education/classes/{key}", {"displayName": "x"}),
            item("4", "PATCH", f"/users/{a}", {"surname": "x"}),
            item("5", "PATCH", "/education/users/a@contoso.edu", {"surname": "y"}),
            item("6", "GET", f"/groups/{key}"),
        )
        assert found == {"1": 204, "2": 409, "3": 409, "4": 204, "5": 409, "6": 200}
        assert (await call("GET", f"/users/{a}")).json()["surname"] == "x"

    async def test_the_answer_names_concurrency(self, call: Caller) -> None:
        key = await call.user("a")
        items = [item(n, "PATCH", f"/users/{key}", {"surname": n}) for n in "12"]
        answers = (await call("POST", "/$batch", {"requests": items})).json()["responses"]
        [refused] = [one for one in answers if one["status"] == 409]
        assert refused["body"]["error"]["code"] == "Directory_ConcurrencyViolation"

    async def test_one_that_waits_for_the_other_does_not_meet_it(self, call: Caller) -> None:
        key = await call.user("a")
        first = item("1", "PATCH", f"/users/{key}", {"surname": "x"})
        second = item("2", "PATCH", f"/users/{key}", {"surname": "y"}, dependsOn=["1"])
        assert await batch(call, first, second) == {"1": 204, "2": 204}

    async def test_people_of_one_school_do_not_meet(self, call: Caller) -> None:
        body = {"displayName": "S", "externalId": "S1"}
        school = (await call("POST", "/education/schools", body)).json()["id"]
        a, b = await call.user("a"), await call.user("b")
        path = f"/education/schools/{school}/users/$ref"
        found = await batch(
            call,
            item("1", "POST", path, reference(a)),
            item("2", "POST", path, reference(b)),
            item("3", "POST", path, reference(b)),
        )
        assert found == {"1": 204, "2": 204, "3": 409}

    async def test_two_upserts_of_one_name(self, call: Caller) -> None:
        body = {"displayName": "G", "mailNickname": "g", "mailEnabled": False,
                "securityEnabled": True, "groupTypes": []}  # fmt: skip
        wish = {"headers": JSON | {"Prefer": "create-if-missing"}}
        items = [item(n, "PATCH", "/groups(uniqueName='x')", body) | wish for n in "12"]
        assert await batch(call, *items) == {"1": 201, "2": 409}

    async def test_it_can_be_switched_off(self) -> None:
        call = Caller(Tenant(scenario=Scenario(batch=Batch(concurrency=False))))
        key = await call.user("a")
        items = [item(n, "PATCH", f"/users/{key}", {"surname": n}) for n in "12"]
        assert await batch(call, *items) == {"1": 204, "2": 204}

    async def test_requests_meet_while_the_first_is_under_way(self) -> None:
        clock = VirtualClock()
        tenant = Tenant(clock=clock)
        call = Caller(tenant)
        key = await call.user("a")
        tenant.scenario = tenant.scenario.model_copy(update={"latency": Latency(request=2)})
        asked = [asyncio.create_task(call("PATCH", f"/users/{key}", {"surname": n})) for n in "12"]
        await asyncio.sleep(0.05)
        clock.advance(seconds=2)
        statuses = sorted([(await one).status_code for one in asked])
        assert statuses == [204, 409]
        later = asyncio.create_task(call("PATCH", f"/users/{key}", {"surname": "3"}))
        await asyncio.sleep(0.05)
        clock.advance(seconds=2)
        assert (await later).status_code == 204
