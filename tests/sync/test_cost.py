"""What a plan is said to cost is what applying it takes, and no plan could take less."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from graph.client import connect
from local.district import generate, next_day
from sync.approval import approve
from sync.config import Config
from sync.cost import Cost
from sync.drop import drop
from sync.preview import Preview, preview
from sync.record import Run, list_runs
from sync.storage import CONFIG, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.worlds import TODAY, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREATE = {"people": {"mode": "create"}}
GROUPS_OFF = dict.fromkeys(("by_role", "by_school_role", "by_grade", "by_school_grade"), False)
NO_GROUPS = {"groups": GROUPS_OFF, "schools": {"enabled": False}}


def thorough(value: Any) -> Any:
    return pytest.param(value, marks=pytest.mark.thorough)


def cost(world: World, **settings: Any) -> Cost:
    return world.plan(**CREATE | settings).cost


def settings(kind: str, membership: str, attribute: str) -> dict[str, Any]:
    ruled = {"membership": membership}
    return {
        "classes": {"kind": kind},
        "schools": ruled,
        "groups": ruled,
        "dynamic": {"attribute": attribute},
    }


class TestFormulas:
    def accounts(self, students: int) -> World:
        """A class of one teacher and some students who all have their accounts."""
        world = World()
        world.school("S1")
        world.class_("C1")
        world.teacher("T1")
        world.account("acc-T1", "T1", primary_role="teacher")
        world.enroll("C1", "T1", "teacher")
        for number in range(students):
            key = f"U{number}"
            world.student(key)
            world.account(f"acc-{key}", key, primary_role="student", grade="09")
            world.enroll("C1", key)
        world.con.execute(
            """UPDATE existing_people SET upn = lower(external_id) || '@contoso.edu',
            given_name = 'Given', surname = external_id, display_name = 'Given ' || external_id"""
        )
        return world

    @pytest.mark.parametrize(
        "references",
        [1, 20, 21, 401, *(thorough(n) for n in (2, 19, 40, 41, 200, 201, 399, 445))],
    )
    def test_a_class_costs_what_its_references_ask_for(self, references: int) -> None:
        world = self.accounts(references - 1)
        plain = cost(world, **NO_GROUPS, classes={"kind": "group"})
        assert plain.writes == plain.least == max(1, math.ceil(references / 20))
        education = cost(world, **NO_GROUPS)
        assert education.writes == education.least == 1 + math.ceil(references / 20)

    def test_a_class_of_nobody_is_one_write(self) -> None:
        world = World()
        world.school("S1")
        world.class_("C1")
        for kind in ("education", "group"):
            made = cost(world, **NO_GROUPS, classes={"kind": kind})
            assert (made.writes, made.least, made.units) == (1, 1, 1)

    @pytest.mark.parametrize("members", [1, 20, 21, thorough(220), thorough(250)])
    def test_a_security_group_is_made_with_its_first_twenty(self, members: int) -> None:
        world = self.accounts(members)
        groups = {"by_school_role": False, "by_grade": False, "by_school_grade": False}
        off = {"schools": {"enabled": False}, "classes": {"enabled": False}}
        made = cost(world, **off, groups=groups)
        staff = 1
        assert made.writes == made.least == staff + 1 + math.ceil(max(0, members - 20) / 20)

    def test_three_references_are_a_unit_by_the_higher_price(self) -> None:
        plain = cost(self.accounts(26), **NO_GROUPS, classes={"kind": "group"})
        assert (plain.writes, plain.units) == (2, 7 + 3)
        education = cost(self.accounts(26), **NO_GROUPS)
        assert (education.writes, education.units) == (3, 1 + 7 + 3)

    def test_a_unit_is_filled_one_by_one_unless_a_rule_does_it(self) -> None:
        world = self.accounts(4)
        off = {"groups": GROUPS_OFF, "classes": {"enabled": False}}
        assert cost(world, **off) == Cost(writes=6, least=6, units=6)
        ruled = {"schools": {"membership": "dynamic"}, "dynamic": {"attribute": "department"}}
        assert cost(world, **off | ruled) == Cost(writes=2 + 5, least=1 + 5, units=2 + 5)

    def test_what_is_held_is_counted_apart(self) -> None:
        world = self.accounts(3)
        world.plan(**CREATE)
        world.apply()
        world.con.execute("DELETE FROM enrollments WHERE role = 'student'")
        world.student("U9")
        limit = {"percent": 0, "count": 0}
        plan = world.plan(**CREATE, guards={"removals": limit})
        assert plan.held_cost == Cost(writes=3, least=3, units=3)
        assert plan.cost.writes == 1 + 1 + 4

    def test_an_attribute_of_users_is_a_write_of_its_own(self) -> None:
        world = World()
        world.school("S1")
        world.student("U1")
        off = {"classes": {"enabled": False}, "schools": {"enabled": False}}
        for attribute, writes in (("department", 1), ("extensionAttribute1", 2)):
            ruled = {"groups": {"membership": "dynamic"}, "dynamic": {"attribute": attribute}}
            groups = 4
            assert cost(world, **off, **ruled).writes == writes + groups


class TestTelling:
    def test_a_long_plan_says_how_long(self) -> None:
        assert str(Cost(writes=147_315, least=147_215, units=307_315)) == (
            "147,315 writes, least possible 147,215 (1.00), 7,366 batches, "
            "about 2 h 0 min at the quota (about 4 h 14 min if each three references count)"
        )

    def test_a_smaller_quota_takes_longer(self) -> None:
        world = World()
        world.school("S1")
        graph = {"writes": 1, "seconds": 100}
        assert cost(world, graph=graph).seconds == 0
        world.school("S2")
        assert cost(world, graph=graph).seconds == 100

    def test_a_short_plan_says_that_it_is_short(self) -> None:
        assert str(Cost(866, 850, 900)) == (
            "866 writes, least possible 850 (1.02), 44 batches, under a minute at the quota"
        )
        assert str(Cost(6000, 6000, 6000)).endswith("300 batches, about 2 min at the quota")

    def test_teams_have_a_quota_of_their_own(self) -> None:
        assert (
            str(Cost(teams=1200))
            == "0 writes; 1,200 requests to Teams, about 2 min at its own quota"
        )

    def test_it_survives_json(self) -> None:
        made = Cost(5000, 4900, 6000, 3)
        assert Cost.from_dict(made.as_dict()) == made
        assert (made.as_dict()["seconds"], made.as_dict()["most_seconds"]) == (100, 150)


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def written(tenant: Entra) -> int:
    return httpx.get(f"{tenant.address}/emulator/counters").json()["writes"]


@pytest.mark.parametrize(
    ("kind", "membership", "attribute", "seed"),
    [
        ("education", "assigned", "department", 5),
        pytest.param("group", "dynamic", "extensionAttribute1", 8, marks=pytest.mark.thorough),
    ],
)
def test_whole_runs_write_exactly_what_their_plans_say(
    storage: Storage, tenant: Entra, tmp_path: Path,
    kind: str, membership: str, attribute: str, seed: int,
) -> None:  # fmt: skip
    config = settings(kind, membership, attribute) | {
        "people": {"mode": "create", "disable_after_days": 0},
        "sources": [{"name": "district"}],
        "guards": {"removals": {"percent": 0, "count": 0}},
    }
    storage.write(CONFIG, "rollcall.yaml", yaml.safe_dump(config).encode())

    def run(day: str) -> Run:
        drop(storage, tmp_path / day, "district")
        work_off(storage)
        return list_runs(storage)[0]

    first_day = generate(people=25, seed=seed, today=TODAY)
    first_day.write(tmp_path / "1")
    next_day(first_day, seed, change=0.3).write(tmp_path / "2")
    first = run("1")
    assert (first.status, first.failed) == ("finished", 0)
    assert first.writes == first.expected_writes == written(tenant)
    second = run("2")
    assert (second.status, second.failed) == ("held", 0)
    assert second.writes == second.expected_writes == written(tenant) - first.writes
    approve(storage, second.run, who="ada", why="all right", checksum=second.checksum)
    work_off(storage)
    [done] = [found for found in list_runs(storage) if found.run == second.run]
    assert (done.status, done.failed) == ("finished", 0)
    assert done.writes == done.expected_writes == written(tenant) - first.writes
    with preview(tmp_path / "2", Config.model_validate(config), graph=connect) as seen:
        assert seen.plan.size == 0
        assert by_rule(seen) == ruled(seen)
        assert bool(ruled(seen)) is (membership == "dynamic")


def ruled(seen: Preview) -> set[tuple[str, str]]:
    """(container, person) as the policy of rules would have it."""
    return set(seen.con.execute("SELECT target, person FROM ruled_members").fetchall())


def by_rule(seen: Preview) -> set[tuple[str, str]]:
    """The same from the directory, where rules decide."""
    query = """SELECT c.target, k.external_id FROM existing_members m
        JOIN (SELECT unit_id AS id, external_id AS target FROM owned_schools
              WHERE membership_rule IS NOT NULL
              UNION ALL SELECT id, unique_name FROM owned_groups
              WHERE membership_rule IS NOT NULL) c ON c.id = m.container_id
        JOIN known_people k ON k.object_id = m.member_id"""
    return set(seen.con.execute(query).fetchall())
