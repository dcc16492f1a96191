"""Replication lag: what is new is not there yet for everybody, and lists show the past."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from local.entra import Tenant
from local.entra.scenario import Lag, Scenario
from tests.local.entra.conftest import Caller, bind, reference, user

if TYPE_CHECKING:
    from local.entra.clock import VirtualClock


def lagging(clock: VirtualClock, **seconds: float) -> Caller:
    return Caller(Tenant(clock=clock, scenario=Scenario(lag=Lag(**seconds))))


async def tries(call: Caller, method: str, path: str, body: Any = None) -> list[int]:
    return [(await call(method, path, body)).status_code for _ in range(20)]


async def ids(call: Caller, path: str) -> set[str]:
    return {one["id"] for one in (await call("GET", path)).json()["value"]}


async def changes(call: Caller, path: str) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    while True:
        page = (await call("GET", path)).json()
        found += page["value"]
        link = page.get("@odata.nextLink") or page["@odata.deltaLink"]
        path = link.partition("/v1.0")[2]
        if "@odata.deltaLink" in page:
            return found, path


class TestNewObjects:
    async def test_reads_meet_replicas_that_do_not_know_it_yet(self, clock: VirtualClock) -> None:
        call = lagging(clock, reads=60)
        key = await call.user("a")
        assert set(await tries(call, "GET", f"/users/{key}")) == {404}
        seen = set[frozenset[int]]()
        for _ in range(60):
            clock.advance(seconds=1)
            seen.add(frozenset(await tries(call, "GET", "/users/a@contoso.edu")))
        assert frozenset({200, 404}) in seen
        assert set(await tries(call, "GET", f"/users/{key}")) == {200}
        assert await ids(call, "/users") == {key}

    async def test_references_to_it_are_refused_with_one_of_two_answers(
        self, clock: VirtualClock
    ) -> None:
        call = lagging(clock, references=60)
        key = await call.class_()
        clock.advance(seconds=60)
        person = await call.user("a")
        path = f"/groups/{key}"
        for method, target, body in (
            ("PATCH", path, {"members@odata.bind": bind(person)}),
            ("POST", f"{path}/members/$ref", reference(person)),
        ):
            assert set(await tries(call, method, target, body)) == {400, 404}
        refused = [await call("PATCH", path, {"members@odata.bind": bind(person)})
                   for _ in range(20)]  # fmt: skip
        texts = {one.status_code: one.json()["error"]["message"] for one in refused}
        assert "objects being referenced do not exist" in texts[400]
        assert person in texts[404]
        clock.advance(seconds=60)
        answer = await call("PATCH", path, {"members@odata.bind": bind(person)})
        assert answer.status_code == 204

    async def test_it_cannot_be_bound_to_or_changed(self, clock: VirtualClock) -> None:
        call = lagging(clock, references=60)
        person = await call.user("a")
        clock.advance(seconds=60)
        key = await call.class_()
        body = {"members@odata.bind": bind(person)}
        assert set(await tries(call, "PATCH", f"/groups/{key}", body)) == {400, 404}
        rename = {"displayName": "x"}
        assert set(await tries(call, "PATCH", f"/education/classes/{key}", rename)) == {404}
        assert (await call("GET", f"/education/classes/{key}")).status_code == 200

    async def test_schools_lag_by_their_own_id(self, clock: VirtualClock) -> None:
        call = lagging(clock, reads=60)
        body = {"displayName": "S", "externalId": "S1"}
        key = (await call("POST", "/education/schools", body)).json()["id"]
        assert (await call("GET", f"/education/schools/{key}")).status_code == 404
        clock.advance(seconds=60)
        assert (await call("GET", f"/education/schools/{key}")).status_code == 200

    async def test_a_group_is_ready_to_be_a_team_later(self, clock: VirtualClock) -> None:
        call = lagging(clock, teams=900)
        keys = [await call.class_(f"C{n}") for n in range(20)]
        lag = call.tenant.lag
        assert not any(lag.team_ready(key) for key in keys)
        clock.advance(seconds=450)
        assert 0 < sum(lag.team_ready(key) for key in keys) < 20
        clock.advance(seconds=450)
        assert all(lag.team_ready(key) for key in keys)

    async def test_what_is_seeded_was_there_before(self, clock: VirtualClock) -> None:
        call = lagging(clock, reads=60, index=60)
        await call.http.post("/emulator/seed", json={"users": [user("a")]})
        assert (await call("GET", "/users/a@contoso.edu")).status_code == 200
        assert len(await ids(call, "/users")) == 1

    async def test_everything_can_be_made_to_arrive(self, clock: VirtualClock) -> None:
        call = lagging(clock, reads=60, index=60)
        key = await call.user("a")
        await call.http.post("/emulator/settle")
        assert (await call("GET", f"/users/{key}")).status_code == 200
        assert await ids(call, "/users") == {key}

    async def test_lag_can_be_switched_while_the_tenant_lives(self, clock: VirtualClock) -> None:
        call = lagging(clock, reads=60)
        await call.http.post("/emulator/scenario", content="lag: {reads: 0}")
        key = await call.user("a")
        assert (await call("GET", f"/users/{key}")).status_code == 200


class TestIndex:
    async def test_lists_filters_counts_and_deltas_learn_later(self, clock: VirtualClock) -> None:
        call = lagging(clock, index=30)
        _, link = await changes(call, "/users/delta")
        key = await call.user("a")
        named = "/users?$filter=userPrincipalName eq 'a@contoso.edu'"
        assert (await call("GET", f"/users/{key}")).status_code == 200
        assert await ids(call, "/users") == await ids(call, named) == set()
        counted = await call("GET", "/users/$count", ConsistencyLevel="eventual")
        assert counted.text == "0"
        found, link = await changes(call, link)
        assert found == []
        assert (await changes(call, "/users/delta"))[0] == []
        clock.advance(seconds=30)
        assert await ids(call, "/users") == await ids(call, named) == {key}
        assert [one["id"] for one in (await changes(call, link))[0]] == [key]

    async def test_a_changed_object_shows_its_past(self, clock: VirtualClock) -> None:
        call = lagging(clock, index=30)
        key = await call.user("a")
        clock.advance(seconds=30)
        await call("PATCH", f"/users/{key}", {"displayName": "new", "mailNickname": "new"})
        assert (await call("GET", f"/users/{key}")).json()["displayName"] == "new"
        for nickname, there in (("a", {key}), ("new", set[str]())):
            assert await ids(call, f"/users?$filter=mailNickname eq '{nickname}'") == there
        [listed] = (await call("GET", "/users")).json()["value"]
        assert listed["displayName"] == "a"
        clock.advance(seconds=30)
        assert await ids(call, "/users?$filter=mailNickname eq 'new'") == {key}

    async def test_a_deleted_object_is_listed_for_a_while(self, clock: VirtualClock) -> None:
        call = lagging(clock, index=30)
        key = await call.user("a")
        clock.advance(seconds=30)
        _, link = await changes(call, "/users/delta")
        await call("DELETE", f"/users/{key}")
        assert (await call("GET", f"/users/{key}")).status_code == 404
        assert await ids(call, "/users") == {key}
        assert (await changes(call, link))[0] == []
        await call("DELETE", f"/directory/deletedItems/{key}")
        assert await ids(call, "/users") == {key}
        clock.advance(seconds=30)
        assert await ids(call, "/users") == set()
        assert (await changes(call, link))[0][0]["@removed"] == {"reason": "deleted"}

    async def test_members_are_those_of_the_past(self, clock: VirtualClock) -> None:
        call = lagging(clock, index=30)
        key, a, b = await call.class_(), await call.user("a"), await call.user("b")
        await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(a)})
        clock.advance(seconds=30)
        await call("PATCH", f"/groups/{key}", {"members@odata.bind": bind(b)})
        await call("DELETE", f"/groups/{key}/members/{a}/$ref")
        assert await ids(call, f"/groups/{key}/members") == {a}
        again = await call("POST", f"/groups/{key}/members/$ref", reference(b))
        assert "already exist" in again.json()["error"]["message"]
        clock.advance(seconds=30)
        assert await ids(call, f"/groups/{key}/members") == {b}

    @pytest.mark.parametrize("seed", range(12))
    async def test_deltas_catch_up_whatever_happened(self, clock: VirtualClock, seed: int) -> None:
        """A mirror folded from lagging deltas is never wrong for good."""
        choose = random.Random(seed)
        call = lagging(clock, index=20)
        key = await call.class_()
        people = [await call.user(f"u{number}") for number in range(6)]
        link, members, live = "/groups/delta?$select=id,members", set[str](), set[str]()
        users = "/users/delta?$select=id"
        for step in range(25):
            person = choose.choice(people)
            deed = choose.random()
            if deed < 0.4:
                await call("POST", f"/groups/{key}/members/$ref", reference(person))
            elif deed < 0.6:
                await call("DELETE", f"/groups/{key}/members/{person}/$ref")
            elif deed < 0.75:
                await call("DELETE", f"/users/{person}")
            elif deed < 0.85:
                await call("POST", f"/directory/deletedItems/{person}/restore", {})
            clock.advance(seconds=choose.choice([0, 3, 25]))
            if step == 24:
                clock.advance(seconds=60)
            found, link = await changes(call, link)
            for entry in (e for one in found for e in one.get("members@delta", ())):
                (members.discard if "@removed" in entry else members.add)(entry["id"])
            found, users = await changes(call, users)
            for one in found:
                (live.discard if "@removed" in one else live.add)(one["id"])
        assert live == await ids(call, "/users")
        assert members == await ids(call, f"/groups/{key}/members?$select=id")
        dump = (await call.http.get("/emulator/dump")).json()
        assert live == {one["id"] for one in dump["users"]}
        assert members == set(dump["groups"][0]["members"])
