"""Batching: twenty to a request, one object at a time, each item retried by itself."""

from __future__ import annotations

import asyncio

import pytest

from graph.batch import HOLD, Batcher
from graph.errors import AmbiguousWrite, EnvelopeRefused, NotSent, Throttled
from graph.exchange import GraphRequest, GraphResponse
from graph.pace import Pace
from graph.quota import BindCost, Quota
from roster.errors import Transient
from roster.spans import span
from tests.collected import collecting
from tests.graph.virtual import run

CONCURRENT = GraphResponse(409, {"error": {"code": "Directory_ConcurrencyViolation"}}, {})


class Service:
    """Answers batches as told, and remembers them: a stand-in for the far end of the wire."""

    def __init__(self, *statuses: int | Exception | GraphResponse | None) -> None:
        self.batches: list[list[GraphRequest]] = []
        self.statuses = list(statuses)
        self.retry_after = "0.01"

    async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
        self.batches.append(requests)
        await asyncio.sleep(0.01)
        answers: dict[int, GraphResponse] = {}
        for number, _ in enumerate(requests):
            status = self.statuses.pop(0) if self.statuses else 204
            if isinstance(status, Exception):
                raise status
            if isinstance(status, GraphResponse):
                answers[number] = status
            elif status is not None:
                answers[number] = GraphResponse(status, {}, {"retry-after": self.retry_after})
        return answers


def patch(number: int, **values: object) -> GraphRequest:
    return GraphRequest("PATCH", f"/groups/{number}", {}, object=str(number), **values)  # type: ignore[arg-type]


async def send(service: Service, *requests: GraphRequest) -> list[GraphResponse]:
    batcher = Batcher(service.post, Pace(None, asyncio.get_running_loop().time))
    try:
        return await asyncio.gather(*(batcher.send(request) for request in requests))
    finally:
        await batcher.close()


async def test_what_waits_together_goes_out_twenty_at_a_time() -> None:
    service = Service()
    await send(service, *(patch(number) for number in range(45)))
    assert [len(batch) for batch in service.batches] == [20, 20, 5]


async def test_two_operations_on_one_object_never_share_a_batch_and_keep_their_order() -> None:
    service = Service()
    await send(service, *(patch(number % 3, headers={"n": str(number)}) for number in range(9)))
    for batch in service.batches:
        assert len({request.object for request in batch}) == len(batch)
    order = [int(r.headers["n"]) for batch in service.batches for r in batch if r.object == "0"]
    assert order == [0, 3, 6]


async def test_only_the_throttled_item_is_sent_again() -> None:
    service = Service(204, 429, 204)
    answers = await send(service, *(patch(number) for number in range(3)))
    assert [answer.status for answer in answers] == [204, 204, 204]
    assert [len(batch) for batch in service.batches] == [3, 1]


async def test_an_item_without_an_answer_is_sent_again_if_that_does_no_harm() -> None:
    service = Service(None)
    [answer] = await send(service, patch(1))
    assert answer.status == 204


@pytest.mark.parametrize("status", [None, 500, 504])
async def test_a_lost_answer_of_a_creation_is_not_repeated(status: int | None) -> None:
    service = Service(status)
    with pytest.raises(AmbiguousWrite):
        await send(service, patch(1, repeatable=False))
    assert len(service.batches) == 1


async def test_a_creation_that_was_throttled_is_in_doubt_too() -> None:
    service = Service(429)
    with pytest.raises(AmbiguousWrite):
        await send(service, patch(1, repeatable=False))
    assert len(service.batches) == 1


async def test_a_creation_that_never_went_out_is_sent_again() -> None:
    service = Service(NotSent("no connection"))
    [answer] = await send(service, patch(1, repeatable=False))
    assert answer.status == 204


async def test_a_creation_that_met_a_concurrent_change_is_sent_again() -> None:
    service = Service(CONCURRENT)
    [answer] = await send(service, patch(1, repeatable=False))
    assert answer.status == 204


def test_a_long_wait_is_handed_back_after_a_few_seconds() -> None:
    service = Service(429)
    service.retry_after = "90"

    async def timed() -> float:
        with pytest.raises(Throttled) as caught:
            await send(service, patch(1))
        assert caught.value.retry_after is not None
        assert 80 <= caught.value.retry_after <= 90 * 1.25
        return asyncio.get_running_loop().time()

    assert HOLD <= run(timed()) <= HOLD + 1


def test_during_a_long_wait_what_comes_new_is_handed_back_too() -> None:
    service = Service(429)
    service.retry_after = "90"

    async def both() -> None:
        loop = asyncio.get_running_loop()
        batcher = Batcher(service.post, Pace(None, loop.time))
        first = asyncio.create_task(batcher.send(patch(1)))
        await asyncio.sleep(5)
        second = asyncio.create_task(batcher.send(patch(2)))
        for task in (first, second):
            with pytest.raises(Throttled):
                await task
        await asyncio.sleep(110)
        assert (await batcher.send(patch(3))).status == 204
        await batcher.close()

    run(both())
    assert [len(batch) for batch in service.batches] == [1, 1]


def test_the_longest_wait_of_a_batch_counts() -> None:
    service = Service(429, 429, 204)
    waits = iter(("2", "7", "2"))

    class Different(Service):
        async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
            answers = await service.post(requests)
            return {
                n: GraphResponse(a.status, {}, {"retry-after": next(waits, "0")})
                for n, a in answers.items()
            }

    async def timed() -> float:
        await send(Different(), *(patch(number) for number in range(3)))
        return asyncio.get_running_loop().time()

    assert 7 <= run(timed()) <= 9.5


async def test_a_service_that_stays_busy_is_handed_back() -> None:
    service = Service(*[429] * 5)
    with pytest.raises(Transient, match="busy"):
        await send(service, patch(1))
    assert len(service.batches) == 5


async def test_errors_are_answers_too() -> None:
    [answer] = await send(Service(400), patch(1))
    assert answer.status == 400


async def test_a_connection_that_breaks_is_no_answer() -> None:
    class Broken(Service):
        async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
            if not self.batches:
                self.batches.append(requests)
                raise ConnectionResetError
            return await super().post(requests)

    service = Broken()
    [answer] = await send(service, patch(1))
    assert answer.status == 204


async def test_an_item_that_spoils_its_batch_does_not_spoil_the_others() -> None:
    class Picky(Service):
        async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
            if any(request.object == "7" for request in requests):
                self.batches.append(requests)
                raise EnvelopeRefused(GraphResponse(400, {"error": {"code": "BadRequest"}}, {}))
            return await super().post(requests)

    answers = await send(Picky(), *(patch(number) for number in range(20)))
    assert [n for n, answer in enumerate(answers) if answer.status == 400] == [7]
    assert [answer.status for answer in answers].count(204) == 19


async def test_an_error_that_nobody_foresaw_reaches_whoever_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        await send(Service(ZeroDivisionError()), patch(1))


async def test_nobody_waits_for_ever_when_the_connection_is_closed() -> None:
    class Slow(Service):
        async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
            await asyncio.sleep(60)
            return {}

    batcher = Batcher(Slow().post, Pace())
    requests = [patch(1), patch(1), patch(2, repeatable=False)]
    waiting = [asyncio.create_task(batcher.send(request)) for request in requests]
    await asyncio.sleep(0.1)
    await batcher.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Transient, Transient, AmbiguousWrite]
    with pytest.raises(Transient, match="closed"):
        await batcher.send(patch(3))


def test_a_service_that_is_down_and_says_until_when_is_left_alone() -> None:
    service = Service(503)
    service.retry_after = "7"

    async def timed() -> float:
        await send(service, patch(1))
        return asyncio.get_running_loop().time()

    assert 7 <= run(timed()) <= 9.5


async def test_errors_of_the_service_are_no_reason_to_go_faster() -> None:
    async def nothing(seconds: float) -> None:
        await asyncio.sleep(0)

    pace = Pace(sleep=nothing)
    service = Service(*[500] * 5)
    batcher = Batcher(service.post, pace)
    before = pace.rate
    with pytest.raises(Transient, match="500"):
        await batcher.send(patch(1))
    await batcher.close()
    assert pace.rate == before


async def test_what_nobody_wants_any_more_is_not_sent() -> None:
    service = Service()
    batcher = Batcher(service.post, Pace())
    task = asyncio.create_task(batcher.send(patch(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await batcher.send(patch(2))
    await batcher.close()
    assert [[request.object for request in batch] for batch in service.batches] == [["2"]]


async def test_parts_of_an_object_go_side_by_side_until_the_directory_objects() -> None:
    parts = [GraphRequest("POST", f"/groups/g/{n}", {}, object=f"g/{n}") for n in range(4)]
    service = Service(204, CONCURRENT)
    await send(service, *parts)
    assert [len(batch) for batch in service.batches] == [4, 1]
    service = Service(204, CONCURRENT)
    batcher = Batcher(service.post, Pace())
    await asyncio.gather(*(batcher.send(part) for part in parts))
    await asyncio.gather(*(batcher.send(part) for part in parts))
    await batcher.close()
    assert [len(batch) for batch in service.batches] == [4, 1, 1, 1, 1, 1]


async def test_after_some_objections_parts_of_no_object_of_the_kind_go_side_by_side() -> None:
    service = Service()
    batcher = Batcher(service.post, Pace())

    async def add_three(kind: str, group: int, *statuses: int | GraphResponse) -> list[int]:
        service.batches.clear()
        service.statuses = [*statuses]
        names = [f"{group}/{n}" for n in range(3)]
        added = [GraphRequest("POST", f"/{kind}/{name}", {}, object=name) for name in names]
        await asyncio.gather(*map(batcher.send, added))
        return [len(batch) for batch in service.batches]

    for group in range(3):
        assert await add_three("groups", group, 204, CONCURRENT) == [3, 1]
    assert await add_three("groups", 4) == [1, 1, 1]
    assert await add_three("education", 5) == [3]
    await batcher.close()


async def test_a_whole_and_its_parts_never_go_together() -> None:
    service = Service()
    names = ["g", "g/1", "g/2", "g", "g/3", "h"]
    await send(service, *(GraphRequest("PATCH", "/x", {}, object=name) for name in names))
    sent = [[request.object for request in batch] for batch in service.batches]
    assert sent == [["g", "h"], ["g/1", "g/2"], ["g"], ["g/3"]]


async def test_one_object_that_is_slow_does_not_stop_the_others() -> None:
    service = Service()
    requests = [patch(1) for _ in range(3)] + [patch(number) for number in range(2, 21)]
    await send(service, *requests)
    assert [len(batch) for batch in service.batches] == [20, 1, 1]


async def test_reading_costs_no_write() -> None:
    pace = Pace(Quota(writes=1, seconds=1_000))
    service = Service()
    batcher = Batcher(service.post, pace)
    reads = [GraphRequest("GET", f"/groups/{number}") for number in range(50)]
    reads += [GraphRequest("POST", "/directoryObjects/getByIds", {"ids": []})]
    await asyncio.wait_for(asyncio.gather(*map(batcher.send, reads)), 5)
    await batcher.close()


@pytest.mark.parametrize(("bind_cost", "cost"), [("one", 1), ("thirds", 7)])
def test_a_bind_costs_what_is_set(bind_cost: BindCost, cost: int) -> None:
    body = {"members@odata.bind": ["a"] * 12, "owners@odata.bind": ["b"] * 8, "x@odata.bind": "t"}
    quota = Quota(bind_cost=bind_cost)
    assert quota.cost(GraphRequest("PATCH", "/groups/1", body)) == cost
    assert quota.cost(GraphRequest("PATCH", "/groups/1", {"displayName": "x"})) == 1
    assert quota.cost(GraphRequest("GET", "/groups/1")) == 0


@pytest.mark.parametrize(
    "url",
    [
        "/groups/1/members/2",
        "/groups/1/owners/2?x=y",
        "/education/schools/1/users/2",
        "/directory/administrativeUnits/1/members/2",
        "/education/classes/1/teachers/2",
    ],
)
def test_a_removal_that_would_delete_the_person_cannot_be_made(url: str) -> None:
    with pytest.raises(ValueError, match=r"/\$ref"):
        GraphRequest("DELETE", url)
    GraphRequest("DELETE", url.partition("?")[0] + "/$ref")
    GraphRequest("DELETE", "/groups/1")


def test_the_priority_stands_on_each_item() -> None:
    item = GraphRequest("PATCH", "/groups/1", {}, {"Prefer": "x"}).as_item(3, {"priority": "low"})
    assert item["headers"] == {
        "priority": "low", "Prefer": "x", "Content-Type": "application/json"
    }  # fmt: skip


async def test_a_batch_is_a_span_below_the_first_that_it_serves_and_linked_to_the_others() -> None:
    service = Service(204, 429, 204)
    batcher = Batcher(service.post, Pace(None, asyncio.get_running_loop().time))

    async def work(number: int) -> None:
        with span(f"work {number}"):
            await batcher.send(patch(number))

    with collecting() as collected:
        await asyncio.gather(*(work(number) for number in range(3)))
        await batcher.close()
    works = {one.name: one.context.span_id for one in collected.spans if "work" in one.name}
    first, again = [one for one in collected.spans if one.name == "graph batch"]
    assert first.parent is not None
    assert first.parent.span_id == works["work 0"]
    assert {link.context.span_id for link in first.links} == {works["work 1"], works["work 2"]}
    assert dict(first.attributes or {}) == {"operations": 3, "throttled": 1}
    assert again.parent is not None
    assert again.parent.span_id == works["work 1"]
    assert dict(again.attributes or {}) == {"operations": 1, "throttled": 0}
