"""Each write against the emulator: done, done twice, and done with its answer lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from graph.errors import AmbiguousWrite, NotThere
from graph.references import ReferencesFailed
from roster.errors import Terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from graph.client import Graph
    from graph.writers import Writer
    from tests.graph.conftest import Served


NOBODY, NOBODY_2 = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))


def person(key: str, **fields: Any) -> dict[str, Any]:
    usual = {
        "external_id": key, "upn": f"{key.lower()}@contoso.edu", "mail_nickname": key.lower(),
        "display_name": f"Person {key}", "given_name": "Person", "surname": key,
        "primary_role": "student", "grade": "09", "account_enabled": True,
    }  # fmt: skip
    return usual | fields


def class_(key: str) -> dict[str, Any]:
    return {"external_id": key, "display_name": f"Class {key}", "mail_nickname": f"Section_{key}"}


def group(name: str) -> dict[str, Any]:
    return {"display_name": f"Group {name}", "mail_nickname": f"rollcall-{name}"}


async def people(writer: Writer, count: int) -> list[str]:
    return [await writer.create_person(person(f"P{number}")) for number in range(count)]


class TestPeople:
    async def test_a_person_is_made_with_their_mark(self, writer: Writer, served: Served) -> None:
        object_id = await writer.create_person(person("U1"))
        [user] = [u for u in (await served.dump())["users"] if u["id"] == object_id]
        assert user["userPrincipalName"] == "u1@contoso.edu"
        assert (user["externalId"], user["primaryRole"], user["grade"]) == ("U1", "student", "09")

    async def test_a_teacher_keeps_the_mark_as_a_teacher(
        self, writer: Writer, served: Served
    ) -> None:
        object_id = await writer.create_person(person("T1", primary_role="teacher", grade=None))
        [user] = [u for u in (await served.dump())["users"] if u["id"] == object_id]
        assert (user["externalId"], user["primaryRole"]) == ("T1", "teacher")

    async def test_making_a_person_twice_finds_the_first(
        self, writer: Writer, served: Served
    ) -> None:
        first = await writer.create_person(person("U1"))
        assert await writer.create_person(person("U1")) == first
        assert len((await served.dump())["users"]) == 1

    async def test_somebody_elses_name_is_never_taken_over(self, writer: Writer) -> None:
        await writer.create_person(person("U1"))
        with pytest.raises(Terminal, match="has this name already"):
            await writer.create_person(person("U2", upn="u1@contoso.edu"))

    async def test_a_lost_answer_is_looked_up(self, writer: Writer, served: Served) -> None:
        await served.faults({"method": "POST", "path": "/education/users", "status": 504,
                             "when": "after", "times": 1})  # fmt: skip
        object_id = await writer.create_person(person("U1"))
        assert [u["id"] for u in (await served.dump())["users"]] == [object_id]

    @pytest.mark.parametrize(
        ("status", "when"), [(504, "before"), (504, "after"), (0, "after"), (429, "after")]
    )
    async def test_whatever_becomes_of_the_answer_one_account_is_made(
        self, writer: Writer, served: Served, status: int, when: str
    ) -> None:
        await served.faults({"method": "POST", "path": "/education/users", "status": status,
                             "when": when, "times": 1, "retryAfter": 1})  # fmt: skip
        object_id = await writer.create_person(person("U1"))
        assert [u["id"] for u in (await served.dump())["users"]] == [object_id]

    async def test_a_clash_with_what_is_not_found_yet_may_heal(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = await writer.create_person(person("U1"))

        async def nothing(upn: str) -> None:
            return None

        with monkeypatch.context() as stale:
            stale.setattr(writer, "_find_person", nothing)
            with pytest.raises(NotThere, match="mail nickname already"):
                await writer.create_person(person("U1"))
        assert await writer.create_person(person("U1")) == first

    async def test_only_the_given_fields_are_updated(self, writer: Writer, served: Served) -> None:
        object_id = await writer.create_person(person("U1"))
        await writer.update_person(object_id, {"account_enabled": False})
        await writer.update_person(object_id, {"grade": "10", "primary_role": "student"})
        contact = {"displayName": "G", "emailAddress": "g@x.org", "mobilePhone": None,
                   "relationship": "guardian"}  # fmt: skip
        await writer.update_person(object_id, {"related_contacts": [contact]})
        [user] = (await served.dump())["users"]
        assert (user["accountEnabled"], user["grade"], user["externalId"]) == (False, "10", "U1")
        assert user["displayName"] == "Person U1"
        assert user["relatedContacts"][0]["emailAddress"] == "g@x.org"

    @pytest.mark.parametrize(
        ("attribute", "writes"),
        [("department", 1), ("officeLocation", 1), ("extensionAttribute7", 2)],
    )
    async def test_what_rules_read_is_written_and_cleared(
        self, writer: Writer, graph: Graph, served: Served, attribute: str, writes: int
    ) -> None:
        async def held() -> Any:
            found = await graph.get(
                f"/users/{object_id}?$select=department,officeLocation,displayName,"
                "onPremisesExtensionAttributes"
            )
            assert found["displayName"] == "Person U1"
            return (found | (found["onPremisesExtensionAttributes"] or {})).get(attribute)

        fields = person("U1", **{attribute: ";s1/s09;"})
        object_id = await writer.create_person(fields)
        await writer.complete("person", object_id, fields)
        assert (await served.counters())["writes"] == writes
        assert await held() == ";s1/s09;"
        await writer.update_person(object_id, {attribute: ";s1/s10;"})
        assert (await served.counters())["writes"] == writes + 1
        assert await held() == ";s1/s10;"
        await writer.update_person(object_id, {attribute: None, "grade": "10"})
        assert await held() is None

    async def test_an_unverified_domain_is_final(self, writer: Writer) -> None:
        with pytest.raises(Terminal):
            await writer.create_person(person("U1", upn="u1@elsewhere.org"))


class TestSchoolsAndClasses:
    async def test_a_school_holds_people_one_by_one(self, writer: Writer, served: Served) -> None:
        school = await writer.create_school(
            {"external_id": "S1", "display_name": "Lincoln"}, attempted=False
        )
        ids = await people(writer, 3)
        for _ in range(2):
            await writer.add_references("school", school, ids, [])
        await writer.update_school(school, {"display_name": "Lincoln High"})
        [unit] = (await served.dump())["administrativeUnits"]
        assert (unit["displayName"], unit["externalId"]) == ("Lincoln High", "S1")
        assert set(unit["members"]) == set(ids)
        for _ in range(2):
            await writer.remove_references("school", school, ids[:2], [])
        [unit] = (await served.dump())["administrativeUnits"]
        assert unit["members"] == ids[2:]

    @pytest.mark.parametrize("kind", ["school", "class"])
    async def test_a_second_attempt_finds_the_first(
        self, writer: Writer, served: Served, kind: str
    ) -> None:
        create = writer.create_school if kind == "school" else writer.create_class
        first = await create(class_("X1"), attempted=False)
        assert await create(class_("X1"), attempted=True) == first
        assert await writer.find(kind, "X1") == first
        assert await writer.find(kind, "X2") is None

    @pytest.mark.parametrize("kind", ["school", "class"])
    async def test_a_lost_answer_makes_nothing_twice(
        self, writer: Writer, served: Served, kind: str
    ) -> None:
        create = writer.create_school if kind == "school" else writer.create_class
        path = "/education/schools" if kind == "school" else "/education/classes"
        await served.faults({"method": "POST", "path": path, "status": 0, "when": "after",
                             "times": 1})  # fmt: skip
        made = await create(class_("X1"), attempted=False)
        assert await writer.find(kind, "X1") == made
        await served.faults({"method": "POST", "path": path, "status": 502, "when": "before",
                             "times": 1})  # fmt: skip
        with pytest.raises(AmbiguousWrite):
            await create(class_("X2"), attempted=False)

    async def test_a_class_is_bound_twenty_at_a_time(self, writer: Writer, served: Served) -> None:
        ids = await people(writer, 45)
        group = await writer.create_class(class_("C1"), attempted=False)
        before = (await served.counters())["writes"]
        await writer.add_references("class", group, ids[1:], ids[:1])
        assert (await served.counters())["writes"] - before == 3
        [found] = (await served.dump())["groups"]
        assert found["owners"] == ids[:1]
        assert set(found["members"]) == set(ids[1:])
        assert found["externalId"] == "C1"

    async def test_people_who_are_there_already_do_not_stop_the_others(
        self, writer: Writer, served: Served
    ) -> None:
        ids = await people(writer, 6)
        group = await writer.create_class(class_("C1"), attempted=False)
        await writer.add_references("class", group, ids[:3], ids[:1])
        await writer.add_references("class", group, ids, ids[:2])
        await writer.add_references("class", group, ids, ids[:2])
        [found] = (await served.dump())["groups"]
        assert set(found["members"]) == set(ids)
        assert set(found["owners"]) == set(ids[:2])

    async def test_removing_twice_is_removing_once(self, writer: Writer, served: Served) -> None:
        ids = await people(writer, 3)
        group = await writer.create_class(class_("C1"), attempted=False)
        await writer.add_references("class", group, ids, ids)
        for _ in range(2):
            await writer.remove_references("class", group, ids[:1], ids[:1])
        [found] = (await served.dump())["groups"]
        assert set(found["members"]) == set(found["owners"]) == set(ids[1:])
        assert len((await served.dump())["users"]) == 3

    async def test_the_last_owner_cannot_go_and_does_not_stop_the_others(
        self, writer: Writer, served: Served
    ) -> None:
        first, second = await people(writer, 2)
        group = await writer.create_class(class_("C1"), attempted=False)
        await writer.add_references("class", group, [first, second], [first])
        with pytest.raises(ReferencesFailed) as caught:
            await writer.remove_references("class", group, [second], [first])
        [failed] = caught.value.failed
        assert (failed.action, failed.relation, failed.person) == ("remove", "owner", first)
        assert "last owner" in failed.error
        [found] = (await served.dump())["groups"]
        assert (found["members"], found["owners"]) == ([first], [first])

    async def test_a_units_rule_is_set_and_taken_away(
        self, writer: Writer, graph: Graph, served: Served
    ) -> None:
        async def unit() -> dict[str, Any]:
            return await graph.get(f"/education/schools/{school}/administrativeUnit")

        rule = '(user.department -contains ";s1/")'
        fields = {"external_id": "S1", "display_name": "Lincoln", "membership_rule": rule}
        for attempted in (False, True):
            school = await writer.create_school(fields, attempted=attempted)
            await writer.complete("school", school, fields)
        assert (await unit())["membershipType"] == "Dynamic"
        assert (await unit())["membershipRule"] == rule
        assert (await unit())["membershipRuleProcessingState"] == "On"
        before = (await served.counters())["writes"]
        await writer.update_school(school, {"membership_rule": None})
        assert (await unit())["membershipType"] == "Assigned"
        await writer.update_school(school, {"display_name": "L", "membership_rule": rule})
        assert (await unit())["displayName"] == "L"
        assert (await served.counters())["writes"] - before == 3

    async def test_a_class_is_renamed(self, writer: Writer, served: Served) -> None:
        group = await writer.create_class(class_("C1"), attempted=False)
        await writer.update_class(group, {"display_name": "Geometry", "class_code": "G"})
        [found] = (await served.dump())["groups"]
        assert found["displayName"] == "Geometry"

    @pytest.mark.parametrize("kind", ["class", "school"])
    async def test_people_who_are_not_there_do_not_stop_the_others(
        self, writer: Writer, served: Served, kind: str
    ) -> None:
        ids = await people(writer, 4)
        create = writer.create_school if kind == "school" else writer.create_class
        container = await create(class_("X1"), attempted=False)
        with pytest.raises(ReferencesFailed) as caught:
            await writer.add_references(kind, container, [ids[0], NOBODY, *ids[1:], NOBODY_2], [])
        failed = {(f.action, f.relation, f.person, f.heals) for f in caught.value.failed}
        assert failed == {("add", "member", one, True) for one in (NOBODY, NOBODY_2)}
        dump = await served.dump()
        [found] = dump["administrativeUnits" if kind == "school" else "groups"]
        assert set(found["members"]) == set(ids)

    async def test_a_container_that_is_not_there_is_told_apart_from_its_people(
        self, writer: Writer
    ) -> None:
        ids = await people(writer, 2)
        with pytest.raises(NotThere):
            await writer.add_references("class", NOBODY, ids, [])
        with pytest.raises(NotThere):
            await writer.update_class(NOBODY, {"display_name": "x"})
        await writer.remove_references("class", NOBODY, ids, [])

    async def test_when_somebody_is_quicker_again_the_rest_is_added_one_by_one(
        self, writer: Writer, graph: Graph, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = await people(writer, 6)
        group = await writer.create_class(class_("C1"), attempted=False)
        await writer.add_references("class", group, ids[:2], [])
        pages = graph.pages

        async def stale(url: str, **values: Any) -> AsyncIterator[dict[str, Any]]:
            async for page in pages(url, **values):
                yield page | {"value": page["value"][:1]}

        monkeypatch.setattr(graph, "pages", stale)
        await writer.add_references("class", group, ids, [])
        [found] = (await served.dump())["groups"]
        assert set(found["members"]) == set(ids)

    async def test_a_group_is_filled_up_with_owners_and_the_rest_is_told(
        self, writer: Writer, served: Served
    ) -> None:
        ids = await people(writer, 102)
        group = await writer.create_class(class_("C1"), attempted=False)
        await writer.add_references("class", group, [], ids[:95])
        with pytest.raises(ReferencesFailed) as caught:
            await writer.add_references("class", group, [], ids[80:])
        assert {(f.relation, f.heals) for f in caught.value.failed} == {("owner", False)}
        assert len(caught.value.failed) == 2
        assert "100 owners" in caught.value.failed[0].error
        [found] = (await served.dump())["groups"]
        assert len(found["owners"]) == 100

    async def test_a_class_that_clashes_with_itself_is_found(
        self, writer: Writer, served: Served
    ) -> None:
        first = await writer.create_class(class_("C1"), attempted=False)
        assert await writer.create_class(class_("C1"), attempted=False) == first
        other = class_("C2") | {"mail_nickname": class_("C1")["mail_nickname"]}
        with pytest.raises(Terminal, match="this name already"):
            await writer.create_class(other, attempted=False)
        assert len((await served.dump())["groups"]) == 1

    async def test_a_class_is_found_by_its_mail_nickname_before_its_roster_id(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = await writer.create_class(class_("C1"), attempted=False)

        async def nothing(kind: str, key: str) -> None:
            return None

        monkeypatch.setattr(writer, "find", nothing)
        assert await writer.create_class(class_("C1"), attempted=True) == first


class TestGroups:
    async def test_an_upsert_makes_a_group_with_its_members_once(
        self, writer: Writer, served: Served
    ) -> None:
        ids = await people(writer, 25)
        fields = {"display_name": "All Students", "mail_nickname": "rollcall-role-students"}
        before = (await served.counters())["writes"]
        first = await writer.upsert_group("rollcall-role-students", fields, ids)
        assert (await served.counters())["writes"] - before == 2
        assert await writer.upsert_group("rollcall-role-students", fields, ids) == first
        [found] = (await served.dump())["groups"]
        assert set(found["members"]) == set(ids)
        assert (found["uniqueName"], found["externalId"]) == ("rollcall-role-students", None)
        assert await writer.find("group", "rollcall-role-students") == first

    async def test_groups_that_are_made_again_at_the_same_time_do_not_mix(
        self, writer: Writer, served: Served
    ) -> None:
        ids = await people(writer, 3)
        made = await asyncio.gather(
            *(writer.upsert_group(f"rollcall-{n}", group(n), [NOBODY, *ids]) for n in "abc"),
            return_exceptions=True,
        )
        assert all(isinstance(one, ReferencesFailed) for one in made)
        found = {g["uniqueName"]: g for g in (await served.dump())["groups"]}
        assert {name: g["displayName"] for name, g in found.items()} == {
            f"rollcall-{n}": f"Group {n}" for n in "abc"
        }
        assert all(len(g["members"]) == 3 for g in found.values())

    async def test_a_group_is_made_without_those_who_are_not_there(
        self, writer: Writer, served: Served
    ) -> None:
        ids = await people(writer, 25)
        fields = {"display_name": "A", "mail_nickname": "rollcall-a"}
        with pytest.raises(ReferencesFailed) as caught:
            await writer.upsert_group("rollcall-a", fields, [NOBODY, *ids, NOBODY_2])
        assert {f.person for f in caught.value.failed} == {NOBODY, NOBODY_2}
        [found] = (await served.dump())["groups"]
        assert set(found["members"]) == set(ids)
        assert caught.value.object_id == found["id"]

    @pytest.mark.parametrize(("status", "when"), [(0, "after"), (429, "after"), (503, "before")])
    async def test_whatever_becomes_of_the_answer_one_group_is_made(
        self, writer: Writer, served: Served, status: int, when: str
    ) -> None:
        ids = await people(writer, 3)
        await served.faults({"method": "PATCH", "path": "uniqueName", "status": status,
                             "when": when, "times": 1, "retryAfter": 1})  # fmt: skip
        fields = {"display_name": "A", "mail_nickname": "rollcall-a"}
        await writer.upsert_group("rollcall-a", fields, ids)
        [found] = (await served.dump())["groups"]
        assert set(found["members"]) == set(ids)

    @pytest.mark.parametrize(
        ("owners", "members", "writes"),
        [(0, 0, 1), (1, 0, 1), (1, 19, 1), (1, 20, 2), (2, 40, 3)],
    )
    async def test_a_plain_class_is_made_with_its_first_people(
        self, writer: Writer, served: Served, owners: int, members: int, writes: int
    ) -> None:
        ids = await people(writer, owners + members)
        fields = {"unique_name": "rollcall-class-c1", "display_name": "C", "mail_nickname": "c1"}
        before = (await served.counters())["writes"]
        made = await writer.upsert_class(fields, ids[owners:], ids[:owners])
        assert (await served.counters())["writes"] - before == writes
        [found] = (await served.dump())["groups"]
        assert (found["id"], found["uniqueName"]) == (made, "rollcall-class-c1")
        assert found["owners"] == ids[:owners]
        assert set(found["members"]) == set(ids[owners:])
        assert await writer.upsert_class(fields, ids[owners:], ids[:owners]) == made

    async def test_a_plain_class_is_a_hidden_microsoft_365_group(
        self, writer: Writer, graph: Graph
    ) -> None:
        fields = {"unique_name": "rollcall-class-c1", "display_name": "C", "mail_nickname": "c1"}
        made = await writer.upsert_class(fields, [], [])
        await writer.update_class(made, {"display_name": "D"})
        found = await graph.get(f"/groups/{made}")
        assert (found["groupTypes"], found["visibility"]) == (["Unified"], "HiddenMembership")
        assert (found["mailEnabled"], found["securityEnabled"]) == (True, False)
        assert found["displayName"] == "D"

    async def test_a_plain_class_never_takes_the_address_of_another_group(
        self, writer: Writer, served: Served
    ) -> None:
        fields = {"unique_name": "rollcall-class-c1", "display_name": "C", "mail_nickname": "c1"}
        await writer.upsert_class(fields, [], [])
        with pytest.raises(Terminal, match="has this name already"):
            await writer.upsert_class(fields | {"unique_name": "rollcall-class-c2"}, [], [])

    async def test_a_group_that_takes_the_upsert_no_more_is_found(
        self, writer: Writer, served: Served
    ) -> None:
        ids = await people(writer, 2)
        fields = {"unique_name": "rollcall-class-c1", "display_name": "C", "mail_nickname": "c1"}
        made = await writer.upsert_class(fields, [], ids[:1])
        await served.faults({"method": "PATCH", "path": "uniqueName", "status": 400,
                             "when": "before", "times": 1})  # fmt: skip
        assert await writer.upsert_class(fields, ids[1:], ids[:1]) == made
        [found] = (await served.dump())["groups"]
        assert (found["owners"], found["members"]) == (ids[:1], ids[1:])

    async def test_a_group_with_a_rule_is_one_write_and_can_be_turned(
        self, writer: Writer, graph: Graph, served: Served
    ) -> None:
        rule = '(user.department -contains "/s09;")'
        fields = {"display_name": "Grade 09", "mail_nickname": "rollcall-grade-09"}
        await writer.create_person(person("U1", department=";s1/s09;"))
        before = (await served.counters())["writes"]
        made = await writer.upsert_group(
            "rollcall-grade-09", fields | {"membership_rule": rule}, []
        )
        assert (await served.counters())["writes"] - before == 1

        async def state() -> tuple[Any, ...]:
            found = await graph.get(f"/groups/{made}")
            names = ("groupTypes", "membershipRule", "membershipRuleProcessingState")
            return tuple(found[name] for name in names)

        assert await state() == (["DynamicMembership"], rule, "On")
        await writer.update_group(made, {"membership_rule": None})
        assert (await state())[0] == []
        assert (await state())[2] == "Paused"
        await writer.update_group(made, {"display_name": "G", "membership_rule": rule})
        assert await state() == (["DynamicMembership"], rule, "On")

    async def test_a_group_is_renamed(self, writer: Writer, served: Served) -> None:
        fields = {"display_name": "A", "mail_nickname": "rollcall-a"}
        group = await writer.upsert_group("rollcall-a", fields, [])
        await writer.update_group(group, {"display_name": "B"})
        [found] = (await served.dump())["groups"]
        assert found["displayName"] == "B"


async def test_the_default_domain_comes_first(graph: Graph) -> None:
    assert await graph.verified_domains() == ["contoso.edu"]
