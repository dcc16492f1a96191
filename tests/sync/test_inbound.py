"""Mode inbound: what is handed over to the provisioning service, how often, and what is said."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from sync.inbound import UPLOADS
from sync.plan import messages, start_created
from tests.worlds import TODAY, World

JOB = {"service_principal": "7a1c9f9e-6c1e-4c0f-9a55-0d3f2f7b1d10", "job": "API2AD.1"}
SETTINGS: dict[str, Any] = {"people": {"mode": "inbound", "disable_after_days": 2}, "inbound": JOB}


@pytest.fixture
def world() -> World:
    world = World()
    UPLOADS.start(world.con)
    world.school()
    return world


def plan(world: World, today: date = TODAY, **inbound: Any) -> list[str]:
    world.plan(today, **SETTINGS | {"inbound": JOB | inbound})
    return [c for c in world.changes() if " person " in c]


def records(world: World, made: Any) -> list[dict[str, Any]]:
    start_created(world.con)
    return [
        record
        for message in messages(world.con, made, 1, held=False)
        if message.kind == "inbound"
        for record in message.fields["records"]
    ]


def sent(
    world: World, key: str, day: date, status: str = "sent", reason: str | None = None
) -> None:
    """Remembers that today's record of a person went out on a day."""
    world.con.execute("DELETE FROM uploads WHERE external_id = ?", [key])
    world.con.execute(
        """INSERT INTO uploads SELECT external_id, sha256(record::VARCHAR), ?, ?, ?
        FROM needed_records WHERE external_id = ?""",
        [day, status, reason, key],
    )


def findings(world: World) -> list[tuple[str, str]]:
    return world.rows("SELECT rule, entity FROM directory_findings ORDER BY ALL")


def test_someone_without_an_account_is_handed_over_and_joins_nothing_yet(world: World) -> None:
    world.student("P1", given_name="Ada", family_name="Byron")
    made = world.plan(**SETTINGS)
    assert [c for c in world.changes() if "P1" in c] == ["create person P1"]
    assert records(world, made) == [
        {
            "external_id": "P1", "upn": "p1@contoso.edu", "display_name": "Ada Byron",
            "given_name": "Ada", "surname": "Byron", "primary_role": "student",
            "school": "School S1", "grade": "09", "account_enabled": True,
        }
    ]  # fmt: skip


def test_fifty_people_travel_in_one_message(world: World) -> None:
    for number in range(120):
        world.student(f"P{number:03}")
    made = world.plan(**SETTINGS)
    start_created(world.con)
    found = [m for m in messages(world.con, made, 1, held=False) if m.kind == "inbound"]
    assert sorted(m.count for m in found) == [20, 50, 50]
    assert len({m.id for m in found}) == 3
    assert len(records(world, made)) == 120


def test_a_record_that_went_out_goes_again_only_when_it_changed_or_nothing_came_of_it(
    world: World,
) -> None:
    world.student("P1")
    plan(world)
    sent(world, "P1", TODAY)
    assert plan(world, TODAY + timedelta(days=1)) == []
    assert plan(world, TODAY + timedelta(days=2)) == ["create person P1"]
    assert ("person.inbound.waiting", "P1") in findings(world)
    sent(world, "P1", TODAY, "failed", "no such OU")
    assert plan(world, TODAY) == []
    assert ("person.inbound.failed", "P1") in findings(world)
    assert plan(world, TODAY + timedelta(days=1)) == ["create person P1"]
    sent(world, "P1", TODAY)
    world.con.execute("UPDATE users SET given_name = 'Grace'")
    assert plan(world, TODAY) == ["create person P1"]


def test_a_difference_of_an_account_from_ad_is_handed_over_and_not_written(world: World) -> None:
    world.student("P1", given_name="Ada", family_name="Byron")
    world.account("p1", "P1", on_premises_sync=True, display_name="Ada Old", given_name="Ada",
                  surname="Old", primary_role="student", grade="09")  # fmt: skip
    made = world.plan(**SETTINGS)
    assert [c for c in world.changes() if "person" in c] == ["update person P1"]
    [record] = records(world, made)
    assert (record["surname"], record["upn"]) == ("Byron", "p1@contoso.edu")
    world.con.execute("UPDATE existing_people SET surname='Byron', display_name='Ada Byron'")
    assert plan(world) == []


def test_a_leaver_is_disabled_by_a_record_and_enabled_by_one_on_return(world: World) -> None:
    world.account("p1", "P1", on_premises_sync=True, display_name="Given P1", given_name="Given",
                  surname="P1", primary_role="student", grade="09")  # fmt: skip
    world.add("leavers", external_id="P1", since=TODAY - timedelta(days=2), disabled=False)
    made = world.plan(**SETTINGS)
    assert [c for c in world.changes() if "person" in c] == ["disable person P1"]
    assert records(world, made) == [
        {
            "external_id": "P1", "upn": "p1@contoso.edu", "display_name": "Given P1",
            "given_name": "Given", "surname": "P1", "primary_role": "student",
            "account_enabled": False,
        }
    ]  # fmt: skip
    world.con.execute("UPDATE existing_people SET account_enabled = false")
    world.con.execute("UPDATE leavers SET disabled = true")
    assert plan(world) == []
    world.student("P1")
    assert plan(world) == ["enable person P1"]


def test_an_id_that_no_employee_id_can_hold_is_reported_and_stays(world: World) -> None:
    world.student("P" * 17)
    assert plan(world) == []
    assert ("person.inbound.id", "P" * 17) in findings(world)


def test_what_exceeds_a_days_calls_follows_on_the_next_run(world: World) -> None:
    for number in range(51):
        world.student(f"P{number:03}")
    assert len(plan(world, daily_calls=1)) == 50
    assert findings(world) == [("person.inbound.tomorrow", "P050")]
    for number in range(50):
        sent(world, f"P{number:03}", TODAY)
    assert plan(world, daily_calls=1) == []
    assert plan(world, TODAY + timedelta(days=1), daily_calls=1) == ["create person P050"]


def test_the_mode_needs_its_job() -> None:
    with pytest.raises(ValueError, match="service_principal and job"):
        World().plan(people={"mode": "inbound"})
