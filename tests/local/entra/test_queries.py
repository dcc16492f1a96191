"""Lists, filters, pages and delta queries."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.entra.conftest import Caller, bind, reference

if TYPE_CHECKING:
    from local.entra import Tenant
    from local.entra.clock import VirtualClock


async def everything(call: Caller, path: str) -> tuple[list[dict[str, Any]], str]:
    """All records from `path` on, and the delta link at the end."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await call("GET", path)).json()
        found += page["value"]
        following = page.get("@odata.nextLink")
        if following is None:
            return found, page.get("@odata.deltaLink", "").partition("/v1.0")[2]
        path = following.partition("/v1.0")[2]


async def test_pages_follow_each_other(call: Caller) -> None:
    ids = {await call.user(f"u{number}") for number in range(25)}
    found, _ = await everything(call, "/users?$top=10&$select=id")
    assert {one["id"] for one in found} == ids
    assert len(found) == 25
    assert set(found[0]) == {"id"}


async def test_a_filter_with_many_hits_has_pages_too(call: Caller) -> None:
    for number in range(7):
        await call.user(f"u{number}", displayName="same")
    found, _ = await everything(call, "/education/users?$filter=mail eq null&$top=3")
    assert len({one["id"] for one in found}) == len(found) == 7
    for number in range(7):
        body = {"displayName": "twin", "mailNickname": f"t{number}"}
        await call("POST", "/education/classes", body)
    found, _ = await everything(call, "/groups?$filter=displayName eq 'twin'&$top=3")
    assert len({one["id"] for one in found}) == len(found) == 7


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("userPrincipalName eq 'A@contoso.edu'", {"a"}),
        ("displayName in ('a', 'b')", {"a", "b"}),
        ("startsWith(displayName, 'a')", {"a", "ab"}),
        ("displayName eq 'a' or displayName eq 'b'", {"a", "b"}),
        ("startsWith(displayName,'a') and not (displayName eq 'ab')", {"a"}),
        ("accountEnabled eq false", {"b"}),
        ("displayName ne 'a' and accountEnabled eq true", {"ab"}),
        ("displayName eq 'o''neil'", set[str]()),
    ],
)
async def test_filters(call: Caller, text: str, names: set[str]) -> None:
    for name in ("a", "ab"):
        await call.user(name)
    await call.user("b", accountEnabled=False)
    found = (await call("GET", f"/users?$filter={text}")).json()["value"]
    assert {one["displayName"] for one in found} == names


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/users?$filter=displayName in ("
         + ",".join(f"'{n}'" for n in range(16)) + ")", "Request_UnsupportedQuery"),
        ("/users?$filter=nothing eq 'x'", "Request_BadRequest"),
        ("/users?$filter=displayName eq", "Request_UnsupportedQuery"),
        ("/users?$filter=displayName like 'x'", "Request_UnsupportedQuery"),
        ("/users?$top=1000", "Request_UnsupportedQuery"),
        ("/users?$select=colour", "Request_BadRequest"),
        ("/users/delta?$top=5", "Request_UnsupportedQuery"),
        ("/users/$count", "Request_BadRequest"),
        ("/nowhere", "BadRequest"),
        ("/users?$skiptoken=x", "BadRequest"),
    ],
)  # fmt: skip
async def test_queries_that_are_not_served(call: Caller, path: str, code: str) -> None:
    answer = await call("GET", path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_counting_is_an_advanced_query(call: Caller) -> None:
    await call.user("a")
    assert (await call("GET", "/users/$count", ConsistencyLevel="eventual")).text == "1"


class TestDelta:
    async def test_the_first_round_lists_and_the_next_only_what_changed(self, call: Caller) -> None:
        first, second = await call.user("a"), await call.user("b")
        found, link = await everything(call, "/users/delta?$select=id,displayName")
        assert {one["id"] for one in found} == {first, second}
        await call("PATCH", f"/users/{second}", {"displayName": "new"})
        found, link = await everything(call, link)
        assert {one["id"] for one in found} == {second}
        await call("PATCH", f"/users/{second}", {"surname": "not asked for"})
        found, link = await everything(call, link)
        assert found == []
        await call("DELETE", f"/users/{second}")
        found, _ = await everything(call, link)
        assert found[0] == {"id": second, "@removed": {"reason": "changed"}}

    async def test_what_came_into_being_is_told_although_it_changed_at_once(
        self, call: Caller
    ) -> None:
        _, link = await everything(call, "/users/delta?$select=id,displayName")
        key = await call.user("a")
        await call("PATCH", f"/users/{key}", {"surname": "not asked for"})
        found, _ = await everything(call, link)
        assert {one["id"] for one in found} == {key}

    async def test_latest_gives_only_a_link(self, call: Caller) -> None:
        await call.user("a")
        found, link = await everything(call, "/users/delta?$deltatoken=latest")
        assert found == []
        later = await call.user("b")
        found, _ = await everything(call, link)
        assert {one["id"] for one in found} == {later}

    async def test_big_groups_come_in_slices(self, call: Caller) -> None:
        key = await call.class_()
        ids = [await call.user(f"u{number}") for number in range(250)]
        for start in range(0, 250, 20):
            await call(
                "PATCH", f"/groups/{key}", {"members@odata.bind": bind(*ids[start : start + 20])}
            )
        found, _ = await everything(call, "/groups/delta?$select=id,members")
        told = [entry["id"] for one in found for entry in one.get("members@delta", ())]
        assert set(told) == set(ids)
        assert max(len(one.get("members@delta", ())) for one in found) <= 100

    async def test_a_member_who_leaves_between_two_pages_hides_nobody(self, call: Caller) -> None:
        key = await call.class_()
        ids = [await call.user(f"u{number}") for number in range(150)]
        for start in range(0, 150, 20):
            binds = {"members@odata.bind": bind(*ids[start : start + 20])}
            await call("PATCH", f"/groups/{key}", binds)
        page = (await call("GET", "/groups/delta?$select=id,members")).json()
        told = {entry["id"] for one in page["value"] for entry in one["members@delta"]}
        await call("DELETE", f"/groups/{key}/members/{ids[0]}/$ref")
        rest, _ = await everything(call, page["@odata.nextLink"].partition("/v1.0")[2])
        told |= {entry["id"] for one in rest for entry in one.get("members@delta", ())}
        assert told == set(ids)

    async def test_links_live_seven_days(self, call: Caller, clock: VirtualClock) -> None:
        _, link = await everything(call, "/users/delta")
        clock.advance(days=7, seconds=1)
        answer = await call("GET", link)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "syncStateNotFound")

    async def test_a_forced_resync_is_410(self, call: Caller, tenant: Tenant) -> None:
        _, link = await everything(call, "/users/delta")
        tenant.deltas.resync = True
        answer = await call("GET", link)
        assert answer.status_code == 410
        assert answer.headers["location"].endswith("/v1.0/users/delta")

    async def test_minimal_answers_hold_only_what_changed(self, call: Caller) -> None:
        key = await call.user("a")
        _, link = await everything(call, "/users/delta?$select=id,displayName,surname")
        await call("PATCH", f"/users/{key}", {"surname": "Lee"})
        page = (await call("GET", link, Prefer="return=minimal")).json()
        assert page["value"][0] == {"id": key, "surname": "Lee"}

    async def test_deleted_classes_are_left_out(self, call: Caller) -> None:
        key = await call.class_()
        _, classes = await everything(call, "/education/classes/delta")
        _, groups = await everything(call, "/groups/delta")
        await call("DELETE", f"/groups/{key}")
        assert (await everything(call, classes))[0] == []
        assert "@removed" in (await everything(call, groups))[0][0]

    @pytest.mark.parametrize("seed", range(8))
    async def test_folded_deltas_equal_the_members(self, call: Caller, seed: int) -> None:
        choose = random.Random(seed)
        key = await call.class_()
        ids = [await call.user(f"u{number}") for number in range(8)]
        link, mirror = "/groups/delta?$select=id,members", set[str]()
        for _ in range(6):
            for _ in range(choose.randint(0, 6)):
                person = choose.choice(ids)
                if choose.random() < 0.5:
                    await call("POST", f"/groups/{key}/members/$ref", reference(person))
                else:
                    await call("DELETE", f"/groups/{key}/members/{person}/$ref")
            found, link = await everything(call, link)
            for entry in (e for one in found for e in one.get("members@delta", ())):
                (mirror.discard if "@removed" in entry else mirror.add)(entry["id"])
            members = (await call("GET", f"/groups/{key}/members?$select=id")).json()["value"]
            assert mirror == {one["id"] for one in members}
