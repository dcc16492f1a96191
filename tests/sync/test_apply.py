"""Applying a message, with a directory that answers what a test tells it to.

What the real client and the emulated directory do together is in tests/e2e.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from roster.errors import RollcallError, Terminal, Transient, Unfinished
from sync.apply import LARGEST_TRIES, Applier
from sync.change import ChangeMessage
from sync.outcomes import Outcome, claim, list_outcomes, write_outcome
from sync.record import Run, add_run, get_run, update_run
from sync.storage import CHANGES_QUEUE, Storage

Taken = list[dict[str, Any]]


@dataclass
class Scripted:
    """Writes down what it is asked for; raises the next of `errors`, if any."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    requests: int = 0
    writes: int = 0

    async def _ask(self, *call: Any) -> str:
        self.asked.append(call)
        self.requests += 1
        self.writes += 2
        if self.errors:
            raise self.errors.pop(0)
        return "new-id"

    async def create_person(self, person: dict[str, Any]) -> str:
        return await self._ask("create_person", person)

    async def update_person(self, object_id: str, fields: dict[str, Any]) -> None:
        await self._ask("update_person", object_id, fields)

    async def create_school(self, school: dict[str, Any], *, attempted: bool) -> str:
        return await self._ask("create_school", school, attempted)

    async def update_school(self, object_id: str, fields: dict[str, Any]) -> None:
        await self._ask("update_school", object_id, fields)

    async def create_class(self, class_: dict[str, Any], *, attempted: bool) -> str:
        return await self._ask("create_class", class_, attempted)

    async def update_class(self, object_id: str, fields: dict[str, Any]) -> None:
        await self._ask("update_class", object_id, fields)

    async def upsert_group(
        self, unique_name: str, group: dict[str, Any], members: Sequence[str]
    ) -> str:
        return await self._ask("upsert_group", unique_name, group, tuple(members))

    async def update_group(self, object_id: str, fields: dict[str, Any]) -> None:
        await self._ask("update_group", object_id, fields)

    async def change_team(self, action: str, group: str, progress: dict[str, Any]) -> None:
        await self._ask("change_team", action, group, progress)

    async def add_references(
        self, container_kind: str, container_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        await self._ask("add", container_kind, container_id, tuple(members), tuple(owners))

    async def remove_references(
        self, container_kind: str, container_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        await self._ask("remove", container_kind, container_id, tuple(members), tuple(owners))


def message(**values: Any) -> ChangeMessage:
    usual = {"run": "r1", "id": "m1", "phase": 2, "kind": "class", "key": "C1", "action": "create"}
    return ChangeMessage.model_validate(usual | values)


@pytest.fixture
def directory() -> Scripted:
    return Scripted()


@pytest.fixture
def applier(storage: Storage, directory: Scripted) -> Applier:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    add_run(storage, Run("r1", "district", "applying", "wait/2/safe", start))
    return Applier(storage, directory, directory)


async def apply(applier: Applier, asked: ChangeMessage, queue_id: str = "q1") -> None:
    await applier.apply(asked.model_dump(mode="json"), queue_id)


def the_outcome(storage: Storage, phase: int = 2) -> dict[str, Any]:
    [outcome] = list_outcomes(storage, "r1", phase)
    return outcome


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        (
            message(kind="person", fields={"upn": "a@b.c"}),
            [("create_person", {"upn": "a@b.c"})],
        ),
        (message(kind="school", fields={"x": 1}), [("create_school", {"x": 1}, False)]),
        (
            message(fields={"x": 1}, add_members=["m"], add_owners=["o"]),
            [("create_class", {"x": 1}, False), ("add", "class", "new-id", ("m",), ("o",))],
        ),
        (
            message(kind="group", fields={"x": 1}, add_members=[str(n) for n in range(22)]),
            [
                ("upsert_group", "C1", {"x": 1}, tuple(str(n) for n in range(22))),
            ],
        ),
        (
            message(kind="person", action="update", object_id="i", fields={"x": 1}),
            [("update_person", "i", {"x": 1})],
        ),
        (
            message(kind="school", action="update", object_id="i", fields={"x": 1}),
            [("update_school", "i", {"x": 1})],
        ),
        (
            message(action="update", object_id="i", fields={"x": 1}, remove_owners=["o"]),
            [("update_class", "i", {"x": 1}), ("remove", "class", "i", (), ("o",))],
        ),
        (
            message(kind="group", action="update", object_id="i", fields={"x": 1}),
            [("update_group", "i", {"x": 1})],
        ),
        (
            message(action="members", object_id="i", add_members=["m"], remove_members=["n"]),
            [("add", "class", "i", ("m",), ()), ("remove", "class", "i", ("n",), ())],
        ),
        (
            message(kind="team", object_id="i"),
            [("change_team", "create", "i", {})],
        ),
        (
            message(kind="team", action="archive", object_id="i", fields={"archived": True}),
            [("change_team", "archive", "i", {})],
        ),
    ],
)
async def test_each_kind_of_change_becomes_its_writes_and_one_outcome(
    storage: Storage,
    applier: Applier,
    directory: Scripted,
    asked: ChangeMessage,
    calls: list[tuple[Any, ...]],
) -> None:
    await apply(applier, asked)
    assert directory.asked == calls
    outcome = the_outcome(storage)
    assert outcome["status"] == "done"
    assert outcome["object_id"] == asked.object_id or "new-id"
    assert (outcome["requests"], outcome["writes"]) == (len(calls), 2 * len(calls))


@pytest.mark.parametrize("kind", ["class", "person"])
async def test_a_message_that_comes_twice_is_applied_once(
    storage: Storage, applier: Applier, directory: Scripted, kind: str
) -> None:
    await apply(applier, message(kind=kind))
    await apply(applier, message(kind=kind), "q2")
    assert len(directory.asked) == 1
    assert the_outcome(storage)["status"] == "done"


@pytest.mark.parametrize("kind", ["class", "school"])
async def test_after_a_crash_it_is_looked_whether_the_object_was_made(
    storage: Storage, applier: Applier, directory: Scripted, kind: str
) -> None:
    directory.errors = [ConnectionError("lost")]
    with pytest.raises(ConnectionError):
        await apply(applier, message(kind=kind))
    await apply(applier, message(kind=kind))
    assert [call[-1] for call in directory.asked] == [False, True]


async def test_a_copy_that_comes_while_the_first_is_in_work_waits(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    claim(storage, message(), "q1")
    await apply(applier, message(), "q2")
    assert directory.asked == []
    assert storage.waiting(CHANGES_QUEUE) == 1
    assert claim(storage, message(), "q3") == "busy"


async def test_what_may_work_later_comes_again_and_may_try_at_once(
    storage: Storage,
    applier: Applier,
    directory: Scripted,
    take: Callable[[str], Taken],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory.errors = [Transient("throttled", 0.001)]
    sent: list[float] = []
    send = Storage.send
    monkeypatch.setattr(
        Storage, "send", lambda s, q, b, delay: (sent.append(delay), send(s, q, b))[1]
    )
    await apply(applier, message())
    assert list(list_outcomes(storage, "r1", 2)) == []
    assert sent == [0.001]
    [again] = take(CHANGES_QUEUE)
    assert again["attempt"] == 2
    await applier.apply(again, "q2")
    assert directory.asked[-1] == ("create_class", {}, True)
    assert the_outcome(storage)["status"] == "done"


async def test_what_is_under_way_elsewhere_comes_again_with_what_is_known_of_it(
    storage: Storage,
    applier: Applier,
    directory: Scripted,
    take: Callable[[str], Taken],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Storage.send
    monkeypatch.setattr(Storage, "send", lambda s, q, b, delay: send(s, q, b))
    directory.errors = [Unfinished("soon", 31, {"operation": "o1"}), Transient("busy")]
    asked = message(kind="team", object_id="i")
    for queue_id in ("q1", "q2", "q3"):
        await applier.apply(asked.model_dump(mode="json"), queue_id)
        if taken := take(CHANGES_QUEUE):
            asked = ChangeMessage.model_validate(taken[0])
    assert [call[-1] for call in directory.asked] == [{}, {"operation": "o1"}, {"operation": "o1"}]
    assert asked.attempt == 3
    assert the_outcome(storage)["status"] == "done"


async def test_without_a_word_on_when_the_waits_grow(
    applier: Applier, directory: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float] = []
    monkeypatch.setattr(Storage, "send", lambda s, q, b, delay: sent.append(delay))
    for attempt in (1, 2, 3, 20):
        directory.errors = [Transient("busy")]
        await apply(applier, message(kind="person", attempt=attempt))
    assert sent == [2, 4, 8, 120]


async def test_after_many_tries_it_is_given_up(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    directory.errors = [Transient("still throttled")]
    await apply(applier, message(attempt=LARGEST_TRIES))
    outcome = the_outcome(storage)
    assert outcome["status"] == "failed"
    assert outcome["error"] == "Given up after 40 tries: still throttled"
    assert storage.waiting(CHANGES_QUEUE) == 0


async def test_what_cannot_work_is_a_failed_outcome_with_the_code(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    directory.errors = [Terminal("no such licence", "Request_BadRequest")]
    await apply(applier, message(kind="person", action="update", object_id="i", fields={"x": 1}))
    outcome = the_outcome(storage)
    assert (outcome["status"], outcome["code"]) == ("failed", "Request_BadRequest")
    assert outcome["object_id"] == "i"


async def test_what_nobody_foresaw_is_left_to_the_host(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    directory.errors = [RollcallError("?")]
    with pytest.raises(RollcallError):
        await apply(applier, message())
    with pytest.raises(ValidationError):
        await applier.apply({"run": "r1"}, "q1")
    assert list(list_outcomes(storage, "r1", 2)) == []


async def test_more_members_of_a_class_wait_until_the_class_is_made(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    more = message(id="m2", action="members", add_members=["m"])
    await apply(applier, more)
    assert directory.asked == []
    assert storage.waiting(CHANGES_QUEUE) == 1
    await apply(applier, message())
    await apply(applier, more, "q2")
    assert directory.asked[-1] == ("add", "class", "new-id", ("m",), ())


async def test_members_of_a_class_that_could_not_be_made_fail_too(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    write_outcome(storage, message(), Outcome("failed", error="no"))
    await apply(applier, message(id="m2", action="members", add_members=["m"]))
    assert {o["status"] for o in list_outcomes(storage, "r1", 2)} == {"failed"}
    assert directory.asked == []


async def test_a_message_of_a_run_that_is_not_applying_is_dropped(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    update_run(storage, get_run(storage, "r1"), status="failed")
    await apply(applier, message())
    await apply(applier, message(run="unknown"))
    assert directory.asked == []
    update_run(storage, get_run(storage, "r1"), status="applying")
    await apply(applier, message())
    await apply(applier, message(id="m2"))
    assert len(directory.asked) == 2
