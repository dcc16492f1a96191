"""Class teams against the emulator, whose clock the tests move."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from graph.exchange import GraphRequest
from graph.spacing import Spacing
from graph.teams import LADDER
from local.entra import Tenant
from local.entra.clock import VirtualClock
from local.entra.errors import GraphError
from local.entra.features import Features
from roster.errors import Terminal, Transient, Unfinished
from tests.contract import Watch, needs_contract
from tests.graph.test_writers import class_, person

if TYPE_CHECKING:
    from pathlib import Path

    from graph.client import Graph
    from graph.writers import Writer
    from tests.graph.conftest import Served


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def tenant(clock: VirtualClock, tmp_path: Path) -> Tenant:
    features = Features(team_delay=60, team_group_age=20)
    return Tenant(clock=clock, features=features, record=tmp_path / "record.jsonl")


@pytest.fixture
async def group(writer: Writer) -> str:
    """A class group with a teacher, made just now."""
    teacher = await writer.create_person(person("T1", primary_role="teacher"))
    group = await writer.create_class(class_("C1"), attempted=False)
    await writer.add_references("class", group, [], [teacher])
    return group


@pytest.fixture
async def team(writer: Writer, group: str, clock: VirtualClock) -> str:
    await finish(writer, clock, "create", group)
    return group


async def finish(writer: Writer, clock: VirtualClock, action: str, group: str) -> list[float]:
    """Does the change to its end, the waits being given by the clock; the waits."""
    waits: list[float] = []
    progress: dict[str, Any] = {}
    while True:
        try:
            await writer.change_team(action, group, progress)
        except Unfinished as unfinished:
            waits.append(unfinished.retry_after or 0)
            clock.advance(seconds=waits[-1])
            progress = json.loads(json.dumps(unfinished.progress))
        else:
            return waits


class TestMaking:
    async def test_it_waits_for_the_group_and_then_for_the_team(
        self, writer: Writer, graph: Graph, group: str, clock: VirtualClock
    ) -> None:
        assert await finish(writer, clock, "create", group) == [24, 31, 62]
        found = await graph.get(f"/teams/{group}")
        assert found["specialization"] == "educationClass"
        assert found["isMembershipLimitedToOwners"] is True

    async def test_making_it_twice_is_fine(self, writer: Writer, team: str, tmp_path: Path) -> None:
        await writer.change_team("create", team, {})

    async def test_a_lost_answer_costs_another_try(
        self, writer: Writer, served: Served, group: str, clock: VirtualClock
    ) -> None:
        clock.advance(seconds=60)
        await served.faults({"method": "POST", "path": "teams", "status": 0, "when": "after"})
        with pytest.raises(Transient):
            await writer.change_team("create", group, {})
        assert await finish(writer, clock, "create", group) == []

    async def test_a_group_that_stays_unknown_is_given_up_in_the_end(
        self, writer: Writer, clock: VirtualClock
    ) -> None:
        with pytest.raises(Terminal, match=r"404 .* 5 times: .* the next run tries again"):
            await finish(writer, clock, "create", "0b62a5ae-1f4b-4d2b-a7c7-47c0d3d4d3c1")

    async def test_the_waits_are_those_of_the_ladder(
        self, writer: Writer, clock: VirtualClock
    ) -> None:
        waits: list[float | None] = []
        for refusals in range(len(LADDER)):
            with pytest.raises(Unfinished) as raised:
                await writer.change_team("create", "unknown", {"refusals": refusals})
            waits.append(raised.value.retry_after)
            assert raised.value.progress["refusals"] == refusals + 1
        assert waits == [24, 30, 90, 270]

    async def test_a_class_without_an_owner_says_what_to_do(
        self, writer: Writer, clock: VirtualClock
    ) -> None:
        group = await writer.create_class(class_("C1"), attempted=False)
        clock.advance(seconds=60)
        with pytest.raises(Terminal, match="give the class a teacher"):
            await finish(writer, clock, "create", group)

    async def test_an_owner_who_is_seen_late_only_costs_a_wait(
        self, writer: Writer, clock: VirtualClock
    ) -> None:
        group = await writer.create_class(class_("C1"), attempted=False)
        clock.advance(seconds=60)
        with pytest.raises(Unfinished) as raised:
            await writer.change_team("create", group, {})
        teacher = await writer.create_person(person("T1", primary_role="teacher"))
        await writer.add_references("class", group, [], [teacher])
        with pytest.raises(Unfinished, match="works on it"):
            await writer.change_team("create", group, raised.value.progress)

    async def test_without_a_licence_it_is_not_tried_again(
        self, writer: Writer, served: Served, group: str
    ) -> None:
        await served.faults({"method": "POST", "path": "teams", "status": 403})
        with pytest.raises(Terminal, match="licence for Teams"):
            await writer.change_team("create", group, {})

    @pytest.mark.parametrize(
        ("action", "role"), [("create", "Team.Create"), ("archive", "TeamSettings.ReadWrite.All")]
    )
    async def test_a_missing_role_is_named(
        self, writer: Writer, team: str, monkeypatch: pytest.MonkeyPatch, action: str, role: str
    ) -> None:
        def refuse(*_: Any) -> None:
            text = f"Missing role permissions on the request. API requires one of '{role}'."
            raise GraphError(403, "Forbidden", text)

        monkeypatch.setattr("local.entra.tenant.check_role", refuse)
        with pytest.raises(Terminal, match=f"lacks the role {role}"):
            await writer.change_team(action, team, {})

    async def test_what_teams_does_not_understand_is_final(
        self, writer: Writer, served: Served, group: str
    ) -> None:
        await served.faults({"method": "POST", "path": "teams", "status": 400})
        with pytest.raises(Terminal, match="refused the request"):
            await writer.change_team("create", group, {})


class TestFollowingUp:
    async def test_work_that_fails_is_asked_for_again(
        self, writer: Writer, served: Served, group: str, clock: VirtualClock
    ) -> None:
        clock.advance(seconds=60)
        with pytest.raises(Unfinished) as begun:
            await writer.change_team("create", group, {})
        [operation] = served.tenant.teams._teams[group].operations.values()
        operation.ended = "failed"
        with pytest.raises(Unfinished, match="could not do it") as failed:
            await writer.change_team("create", group, begun.value.progress)
        assert failed.value.progress == {"operation": "", "checks": 0, "refusals": 1}

    async def test_work_that_never_ends_is_left_to_the_next_run(
        self, writer: Writer, served: Served, group: str, clock: VirtualClock
    ) -> None:
        clock.advance(seconds=60)
        served.tenant.features = Features(team_delay=86_400)
        before = clock.now()
        with pytest.raises(Terminal, match="still at it"):
            await finish(writer, clock, "create", group)
        minutes = (clock.now() - before).total_seconds() / 60
        assert 20 < minutes < 30
        assert served.tenant.counters["requests"] < 20

    @pytest.mark.parametrize("status", [403, 404])
    async def test_work_that_cannot_be_looked_at_was_taken(
        self, writer: Writer, served: Served, group: str, clock: VirtualClock, status: int
    ) -> None:
        clock.advance(seconds=60)
        await served.faults({"method": "GET", "path": "operations", "status": status})
        assert await finish(writer, clock, "create", group) == [31]

    async def test_a_look_that_fails_is_repeated(
        self, writer: Writer, served: Served, group: str, clock: VirtualClock
    ) -> None:
        clock.advance(seconds=60)
        with pytest.raises(Unfinished) as begun:
            await writer.change_team("create", group, {})
        await served.faults({"method": "GET", "path": "operations", "status": 503})
        with pytest.raises(Transient) as busy:
            await writer.change_team("create", group, begun.value.progress)
        assert not isinstance(busy.value, Unfinished)


class TestArchiving:
    async def test_a_team_is_archived_and_restored(
        self, writer: Writer, graph: Graph, team: str, clock: VirtualClock
    ) -> None:
        for action, archived in (("archive", True), ("archive", True), ("restore", False),
                                 ("restore", False)):  # fmt: skip
            assert await finish(writer, clock, action, team) == [31, 62]
            assert (await graph.get(f"/teams/{team}"))["isArchived"] is archived

    @pytest.mark.parametrize(
        ("action", "message"),
        [
            ("archive", "The team is already archived."),
            ("restore", "The team is not archived."),
        ],
    )
    async def test_what_is_so_already_is_done(
        self, writer: Writer, team: str, served: Served, monkeypatch: pytest.MonkeyPatch,
        action: str, message: str,
    ) -> None:  # fmt: skip
        def refuse(*_: Any, **__: Any) -> None:
            raise GraphError(400, "BadRequest", message)

        monkeypatch.setattr(served.tenant.teams, "_archive", refuse)
        await writer.change_team(action, team, {})

    async def test_a_team_that_is_gone_is_at_rest(
        self, writer: Writer, graph: Graph, team: str, clock: VirtualClock
    ) -> None:
        await graph.alone(_delete(team))
        assert await finish(writer, clock, "archive", team) == []
        with pytest.raises(Terminal, match="404"):
            await finish(writer, clock, "restore", team)


class TestLimits:
    async def test_teams_are_asked_one_by_one_and_cost_no_place_in_a_batch(
        self, writer: Writer, graph: Graph, team: str, tmp_path: Path
    ) -> None:
        lines = [json.loads(x) for x in (tmp_path / "record.jsonl").open(encoding="utf-8")]
        asked = [line for line in lines if "/teams" in line["url"]]
        assert len(asked) >= 3
        assert all(line["batch"] in (None, "") for line in asked)

    async def test_a_refusal_stops_all_for_a_while(
        self, writer: Writer, served: Served, graph: Graph, group: str, clock: VirtualClock
    ) -> None:
        clock.advance(seconds=60)
        await served.faults({"method": "POST", "path": "teams", "status": 429, "retryAfter": 1})
        with pytest.raises(Transient) as busy:
            await writer.change_team("create", group, {})
        assert busy.value.retry_after == 1
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(Unfinished):
            await writer.change_team("create", group, {})
        assert loop.time() - started > 0.9

    async def test_requests_go_out_evenly(self) -> None:
        spacing, loop = Spacing(rate=100), asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(spacing.take(3) for _ in range(6)))
        assert 0.14 < loop.time() - started < 0.4

    async def test_each_refusal_spreads_them_and_quiet_closes_the_ranks(self) -> None:
        spacing, loop = Spacing(rate=1000), asyncio.get_running_loop()
        for _ in range(3):
            spacing.refused(0.01)
            await asyncio.sleep(0.02)
        spacing.refused(0.01)
        spacing.refused(0.01)  # of a request that was under way: it counts once
        started = loop.time()
        await spacing.take(20)
        await spacing.take()
        spread = loop.time() - started
        assert 0.09 < spread < 0.3
        for _ in range(100):
            await spacing.take()
        started = loop.time()
        await spacing.take(20)
        await spacing.take()
        assert loop.time() - started < 0.09


@needs_contract
async def test_requests_and_answers_keep_to_the_contract(
    writer: Writer, team: str, clock: VirtualClock, served: Served
) -> None:
    watch = Watch(served.tenant)
    for action in ("create", "archive", "restore"):
        await finish(writer, clock, action, team)
    assert {("POST", "/teams"), ("GET", "/teams/{team-id}/operations/{teamsAsyncOperation-id}")} < (
        watch.seen
    )
    assert watch.breaches == set()


def _delete(group: str) -> GraphRequest:
    return GraphRequest("DELETE", f"/groups/{group}")
