"""Batching: twenty to a request, one object at a time, each item retried by itself."""

from __future__ import annotations

import asyncio

import pytest

from graph.batch import Batcher
from graph.errors import AmbiguousWrite
from graph.exchange import GraphRequest, GraphResponse
from graph.pace import Pace
from roster.errors import Transient


class Service:
    """Answers batches as told, and remembers them: a stand-in for the far end of the wire."""

    def __init__(self, *statuses: int | None) -> None:
        self.batches: list[list[GraphRequest]] = []
        self.statuses = list(statuses)
        self.retry_after = "0.01"

    async def post(self, requests: list[GraphRequest]) -> dict[int, GraphResponse]:
        self.batches.append(requests)
        await asyncio.sleep(0.01)
        answers: dict[int, GraphResponse] = {}
        for number, _ in enumerate(requests):
            status = self.statuses.pop(0) if self.statuses else 204
            if status is not None:
                answers[number] = GraphResponse(status, {}, {"retry-after": self.retry_after})
        return answers


def patch(number: int, **values: object) -> GraphRequest:
    return GraphRequest("PATCH", f"/groups/{number}", {}, object=str(number), **values)  # type: ignore[arg-type]


async def send(service: Service, *requests: GraphRequest) -> list[GraphResponse]:
    batcher = Batcher(service.post, Pace())
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


async def test_a_throttled_creation_is_repeated() -> None:
    service = Service(429)
    [answer] = await send(service, patch(1, repeatable=False))
    assert answer.status == 204


async def test_a_long_wait_is_handed_back_with_its_length() -> None:
    service = Service(429)
    service.retry_after = "90"
    with pytest.raises(Transient) as caught:
        await send(service, patch(1))
    assert caught.value.retry_after == 90


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


class TestPace:
    def test_a_burst_goes_at_once_and_the_rest_at_the_rate(self) -> None:
        now = 0.0
        pace = Pace(100, 10, lambda: now)
        assert pace.wait_for(100) == 0
        assert pace.wait_for(10) == pytest.approx(1)
        now = 2.0
        assert pace.wait_for(10) == 0

    def test_a_pause_holds_everything(self) -> None:
        now = 0.0
        pace = Pace(100, 10, lambda: now)
        pace.pause(5)
        assert pace.wait_for(1) == 5
        now = 5.0
        assert pace.wait_for(1) == 0

    async def test_taking_waits(self) -> None:
        pace = Pace(1, 0.01)
        await pace.take(1)
        await pace.take(1)
