"""Applying a message, with a directory that answers what a test tells it to.

What the real client and the emulated directory do together is in tests/e2e.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from graph.errors import AmbiguousWrite, DirectoryFull, NotThere, Throttled
from graph.passwords import Passwords
from graph.references import FailedReference, ReferencesFailed
from roster.errors import RollcallError, Terminal, Transient, Unfinished
from sync.apply import Applier
from sync.change import ChangeMessage
from sync.outcomes import Outcome, claim, list_outcomes, write_outcome
from sync.record import Run, add_run, get_run, now, update_run
from sync.storage import CHANGES_QUEUE, Storage

Sent = list[tuple[dict[str, Any], float]]
NO_ERROR = Exception("this call succeeds")


@dataclass
class Scripted:
    """Writes down what it is asked for; raises the next of `errors`, if any."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    found: str | None = None
    passwords: list[str] = field(default_factory=list)
    completed: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    incomplete: list[Exception] = field(default_factory=list)
    requests: int = 0
    writes: int = 0
    throttled: int = 0

    async def _ask(self, *call: Any) -> str:
        self.asked.append(call)
        self.requests += 1
        self.writes += 2
        error = self.errors.pop(0) if self.errors else NO_ERROR
        if error is not NO_ERROR:
            raise error
        return "new-id"

    async def find(self, kind: str, key: str) -> str | None:
        self.asked.append(("find", kind, key))
        return self.found

    async def complete(self, kind: str, object_id: str, fields: dict[str, Any]) -> None:
        self.completed.append((kind, object_id, fields))
        if self.incomplete:
            raise self.incomplete.pop(0)

    async def create_person(self, person: dict[str, Any], passwords: Passwords) -> str:
        self.passwords.append(await passwords.issue())
        return await self._ask("create_person", person)

    async def update_person(self, object_id: str, fields: dict[str, Any]) -> None:
        await self._ask("update_person", object_id, fields)

    async def create_school(self, school: dict[str, Any], *, attempted: bool) -> str:
        return await self._ask("create_school", school, attempted)

    async def update_school(self, object_id: str, fields: dict[str, Any]) -> None:
        await self._ask("update_school", object_id, fields)

    async def create_class(self, class_: dict[str, Any], *, attempted: bool) -> str:
        return await self._ask("create_class", class_, attempted)

    async def upsert_class(
        self, class_: dict[str, Any], members: Sequence[str], owners: Sequence[str]
    ) -> str:
        return await self._ask("upsert_class", class_, tuple(members), tuple(owners))

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


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is sent to the queue, with its delay, instead of sending it."""
    sent: Sent = []
    monkeypatch.setattr(Storage, "send", lambda s, q, body, delay: sent.append((body, delay)))
    return sent


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
            message(fields={"unique_name": "u"}, add_members=["m"], add_owners=["o"]),
            [("upsert_class", {"unique_name": "u"}, ("m",), ("o",))],
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
async def test_after_a_crash_what_was_made_is_found(
    storage: Storage, applier: Applier, directory: Scripted, kind: str
) -> None:
    directory.errors = [ConnectionError("lost")]
    with pytest.raises(ConnectionError):
        await apply(applier, message(kind=kind))
    directory.found = "found-id"
    await apply(applier, message(kind=kind))
    assert [call[0] for call in directory.asked] == [f"create_{kind}", "find"]
    assert the_outcome(storage)["object_id"] == "found-id"


async def test_after_a_lost_answer_it_is_looked_for_until_it_must_be_found_then_made_again(
    storage: Storage,
    applier: Applier,
    directory: Scripted,
    sent: Sent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory.errors = [AmbiguousWrite("lost", 1)]
    await apply(applier, message())
    for seconds in (1, 60, 170, 181):
        passed = timedelta(seconds=seconds)
        monkeypatch.setattr("sync.outcomes.now", lambda passed=passed: now() + passed)
        await applier.apply(sent[-1][0], "q")
    asked = [call[0] for call in directory.asked]
    assert asked == ["create_class", "find", "find", "find", "create_class"]
    assert directory.asked[-1] == ("create_class", {}, True)
    assert the_outcome(storage)["status"] == "done"


@pytest.mark.parametrize("kind", ["person", "school", "class"])
async def test_what_follows_a_creation_never_leads_to_a_second_one(
    storage: Storage, applier: Applier, directory: Scripted, sent: Sent, kind: str
) -> None:
    directory.incomplete = [NotThere("not there yet"), Throttled("busy")]
    await apply(applier, message(kind=kind, fields={"x": 1}))
    for n in range(2):
        await applier.apply(sent[n][0], "q")
    assert [call[0] for call in directory.asked] == [f"create_{kind}"]
    assert directory.completed == [(kind, "new-id", {"x": 1})] * 3
    assert (the_outcome(storage)["status"], the_outcome(storage)["object_id"]) == ("done", "new-id")


async def test_what_is_found_after_a_crash_is_completed(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    claim(storage, message(kind="school"), "q")
    directory.found = "found-id"
    await apply(applier, message(kind="school", fields={"x": 1}), "q")
    assert directory.completed == [("school", "found-id", {"x": 1})]


async def test_what_the_directory_keeps_single_is_not_looked_for(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    await apply(applier, message(kind="person"))
    plain = message(id="m2", fields={"unique_name": "u"})
    claim(storage, plain, "q")
    await apply(applier, plain, "q")
    assert [call[0] for call in directory.asked] == ["create_person", "upsert_class"]


async def test_a_copy_that_knows_nothing_of_what_another_one_created_looks_for_it(
    storage: Storage, applier: Applier, directory: Scripted, sent: Sent
) -> None:
    directory.incomplete = [NotThere("not there yet")]
    await apply(applier, message(kind="school", fields={"x": 1}))
    await apply(applier, message(kind="school", fields={"x": 1}), "q2")
    assert [call[0] for call in directory.asked] == ["create_school", "find"]
    assert [body["object_id"] for body, _ in sent] == ["new-id", None]


async def test_copies_that_one_process_gets_at_the_same_time_are_worked_off_one_by_one(
    storage: Storage, applier: Applier, directory: Scripted, sent: Sent
) -> None:
    update = message(action="update", object_id="o1", fields={"x": 1})
    await apply(applier, update.model_copy(update={"id": "m0"}))  # the run's status is known now
    await asyncio.gather(apply(applier, update), apply(applier, update, "q2"))
    assert [call[0] for call in directory.asked] == ["update_class"] * 2
    assert [body["tries"] for body, _ in sent] == [{"waited": 1}]


async def test_a_copy_that_comes_while_the_first_is_in_work_waits(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    claim(storage, message(), "q1")
    await apply(applier, message(), "q2")
    assert directory.asked == []
    assert storage.waiting(CHANGES_QUEUE) == 1
    assert claim(storage, message(), "q3") == "busy"


async def test_what_may_work_later_comes_again_and_may_try_at_once(
    storage: Storage, applier: Applier, directory: Scripted, sent: Sent
) -> None:
    directory.errors = [Transient("busy", 8)]
    await apply(applier, message())
    assert list(list_outcomes(storage, "r1", 2)) == []
    [(again, delay)] = sent
    assert 8 <= delay <= 10
    assert again["tries"] == {"failed": 1}
    await applier.apply(again, "q2")
    assert directory.asked[-1] == ("create_class", {}, True)
    assert the_outcome(storage)["status"] == "done"


async def test_what_is_under_way_elsewhere_comes_again_with_what_is_known_of_it(
    storage: Storage, applier: Applier, directory: Scripted, sent: Sent
) -> None:
    directory.errors = [Unfinished("soon", 31, {"operation": "o1"}), Transient("busy")]
    await apply(applier, message(kind="team", object_id="i"))
    assert 31 <= sent[0][1] <= 31 * 1.25
    await applier.apply(sent[0][0], "q2")
    await applier.apply(sent[1][0], "q3")
    assert [call[-1] for call in directory.asked] == [{}, {"operation": "o1"}, {"operation": "o1"}]
    assert sent[1][0]["tries"] == {"waited": 1, "failed": 1}
    assert the_outcome(storage)["object_id"] == "i"


async def test_a_message_really_goes_back_to_the_queue(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    directory.errors = [Transient("busy", 8)]
    await apply(applier, message())
    assert storage.waiting(CHANGES_QUEUE) == 1


@pytest.mark.parametrize(
    ("tries", "error", "least"),
    [
        ({}, Transient("busy"), 2),
        ({"failed": 1}, Transient("busy"), 4),
        ({"failed": 30}, Transient("busy"), 120),
        ({"failed": 30}, Throttled("busy"), 2),
        ({"waited": 1_000}, Throttled("busy"), 120),
        ({"waited": 1_000}, Throttled("busy", 77), 77),
        ({"absent": 2}, NotThere("not there"), 8),
    ],
)
async def test_waits_grow_by_reason_and_are_spread(
    applier: Applier,
    directory: Scripted,
    sent: Sent,
    tries: dict[str, int],
    error: Transient,
    least: float,
) -> None:
    for _ in range(3):
        directory.errors = [error]
        await apply(applier, message(kind="person", tries=tries))
    delays = {delay for _, delay in sent}
    assert len(delays) == 3
    assert all(least <= delay <= least * 1.25 for delay in delays)


@pytest.mark.parametrize(
    ("tries", "error"),
    [
        ({"failed": 39}, Transient("still busy")),
        ({"waited": 1_999}, Throttled("still throttled")),
        ({"absent": 9}, NotThere("not there")),
    ],
)
async def test_after_many_tries_it_is_given_up(
    storage: Storage,
    applier: Applier,
    directory: Scripted,
    sent: Sent,
    tries: dict[str, int],
    error: Transient,
) -> None:
    directory.errors = [error]
    await apply(applier, message(tries=tries))
    outcome = the_outcome(storage)
    assert outcome["status"] == "failed"
    assert str(error) in outcome["error"]
    assert sent == []


async def test_a_container_that_somebody_deleted_fails_and_says_so(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    directory.errors = [NotThere("PATCH /groups/i answered 404")]
    gone = message(action="members", object_id="i", add_members=["m"], tries={"absent": 9})
    await apply(applier, gone)
    assert "deleted" in the_outcome(storage)["error"]


class TestReferences:
    def failed(self, person: str, *, heals: bool, action: Any = "add") -> FailedReference:
        return FailedReference(action, "member", person, "no account", heals)

    async def test_what_failed_is_tried_again_alone_and_then_told(
        self, storage: Storage, applier: Applier, directory: Scripted, sent: Sent
    ) -> None:
        error = ReferencesFailed([self.failed("p2", heals=True)])
        directory.errors = [NO_ERROR, error]
        await apply(applier, message(fields={"x": 1}, add_members=["p1", "p2"], add_owners=["o"]))
        assert list(list_outcomes(storage, "r1", 2)) == []
        while sent:
            again = sent.pop()[0]
            directory.errors = [error]
            await applier.apply(again, "q")
        assert directory.asked[1] == ("add", "class", "new-id", ("p1", "p2"), ("o",))
        assert directory.asked[2:] == [("add", "class", "new-id", ("p2",), ())] * 9
        outcome = the_outcome(storage)
        assert (outcome["status"], outcome["object_id"]) == ("done", "new-id")
        assert json.loads(outcome["failed_references"]) == {"no account": [["add", "member", "p2"]]}

    async def test_what_does_not_heal_is_told_at_once(
        self, storage: Storage, applier: Applier, directory: Scripted, sent: Sent
    ) -> None:
        directory.errors = [
            ReferencesFailed([self.failed("p2", heals=False)]),
            ReferencesFailed([self.failed("q", heals=False, action="remove")]),
        ]
        asked = message(
            action="members", object_id="i", add_members=["p1", "p2"], remove_members=["q"]
        )
        await apply(applier, asked)
        assert sent == []
        assert json.loads(the_outcome(storage)["failed_references"]) == {
            "no account": [["add", "member", "p2"], ["remove", "member", "q"]]
        }

    async def test_a_group_is_made_without_those_who_are_not_there(
        self, storage: Storage, applier: Applier, directory: Scripted, sent: Sent
    ) -> None:
        directory.errors = [ReferencesFailed([self.failed("p2", heals=True)], "made-id")]
        await apply(applier, message(kind="group", add_members=["p1", "p2"]))
        await applier.apply(sent[-1][0], "q")
        assert directory.asked[1:] == [("add", "group", "made-id", ("p2",), ())]
        assert the_outcome(storage)["object_id"] == "made-id"

    async def test_what_is_written_already_is_not_written_again(
        self, applier: Applier, directory: Scripted, sent: Sent
    ) -> None:
        directory.errors = [NO_ERROR, NO_ERROR, Throttled("busy")]
        asked = message(
            action="update",
            object_id="i",
            fields={"x": 1},
            add_members=["a"],
            remove_members=["r"],
        )
        await apply(applier, asked)
        await applier.apply(sent[0][0], "q")
        assert [call[0] for call in directory.asked] == ["update_class", "add", "remove", "remove"]


async def test_a_full_directory_is_asked_once_in_a_run(
    storage: Storage, applier: Applier, directory: Scripted
) -> None:
    directory.errors = [DirectoryFull("the tenant is full", "Directory_QuotaExceeded")]
    await apply(applier, message(id="m1"))
    await apply(applier, message(id="m2", key="C2", kind="person"))
    await apply(applier, message(id="m3", action="update", object_id="i", fields={"x": 1}))
    assert [call[0] for call in directory.asked] == ["create_class", "update_class"]
    found = {o["message"]: (o["status"], o["code"]) for o in list_outcomes(storage, "r1", 2)}
    full = ("failed", "Directory_QuotaExceeded")
    assert found == {"m1": full, "m2": full, "m3": ("done", "")}


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


async def test_a_pause_that_graph_wants_is_told_once_a_minute(
    applier: Applier,
    directory: Scripted,
    sent: Sent,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory.errors = [Throttled("busy", 77), Throttled("busy"), Throttled("busy")]
    for number in range(2):
        await apply(applier, message(id=f"m{number}"))
    assert len(sent) == 2
    assert caplog.text.count('Rollcall throttled {"run":"r1","seconds":77}') == 1
    monkeypatch.setattr("sync.apply.TELL_THROTTLED_SECONDS", 0.0)
    await apply(applier, message(id="m2"))
    assert caplog.text.count("Rollcall throttled") == 2


async def test_a_change_that_fails_is_told_without_its_key_and_its_error(
    applier: Applier, directory: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    directory.errors = [Terminal("Ada Lovelace is taken", code="Taken")]
    await apply(applier, message(kind="person", key="U-ada"))
    assert (
        'Rollcall change_failed {"run":"r1","change":"m1","kind":"person","action":"create",'
        '"code":"Taken"}'
    ) in caplog.text
    assert "ada" not in caplog.text.lower()
