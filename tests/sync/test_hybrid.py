"""Accounts and groups that on-premises Active Directory masters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter

from graph.bodies import person_body
from sync.drop import drop
from sync.plan import list_changes, messages, start_created
from sync.record import Run, list_runs
from sync.storage import CONFIG, Storage, shared_storage
from tests.sync.entra import Entra, entra, use, work_off
from tests.sync.rosters import FILES, write
from tests.worlds import World

if TYPE_CHECKING:
    from pathlib import Path

CREATE = {"people": {"mode": "create", "disable_after_days": 0, "usage_location": "DE"}}
PLANNED = {"external_id", "primary_role", "grade", "usage_location", "related_contacts"}
# https://learn.microsoft.com/graph/api/resources/educationuser: what the cloud masters of them.
WRITABLE = {
    "primaryRole", "externalSource", "externalSourceDetail", "student", "teacher", "usageLocation",
    "relatedContacts",
}  # fmt: skip


@pytest.fixture
def world() -> World:
    """A pupil and a teacher, each with a synced account that a run has marked."""
    world = World()
    world.school("S1")
    world.class_("C1")
    for key, role in (("U1", "student"), ("T1", "teacher")):
        world.user(key)
        world.role(key, role)
        world.enroll("C1", key, role)
        world.account(key.lower(), display_name=f"Given {key}", given_name="Given", surname=key,
                      on_premises_sync=True)  # fmt: skip
    world.plan(**CREATE)
    world.apply()
    return world


def findings(world: World) -> list[tuple[str, str, str]]:
    return world.rows(
        """SELECT rule, entity, value FROM directory_findings
        WHERE rule LIKE '%onpremises%' ORDER BY 1, 2"""
    )


class TestDifferences:
    def test_what_ad_masters_is_a_finding_that_names_both_values(self, world: World) -> None:
        world.con.execute(
            """UPDATE users SET family_name = 'New', username = 'new', given_name = 'Ann'
            WHERE sourced_id = 'U1'"""
        )
        assert world.plan(**CREATE).size == 0
        [(rule, person, value)] = findings(world)
        assert (rule, person) == ("person.onpremises.differs", "U1")
        assert value.split("; ") == [
            'display_name: Active Directory has "Given U1", the roster "Ann New"',
            'given_name: Active Directory has "Given", the roster "Ann"',
            'surname: Active Directory has "U1", the roster "New"',
            'upn: Active Directory has "u1@contoso.edu", the roster "new@contoso.edu"',
        ]

    def test_a_value_that_ad_lacks_is_named_too(self, world: World) -> None:
        world.con.execute("UPDATE existing_people SET given_name = NULL WHERE id = 'u1'")
        world.plan(**CREATE)
        [(_, _, value)] = findings(world)
        assert value == 'given_name: Active Directory has nothing, the roster "Given"'

    def test_what_the_cloud_masters_is_written(self, world: World) -> None:
        world.con.execute("UPDATE roles SET grade = '10' WHERE user_sourced_id = 'U1'")
        world.plan(**CREATE)
        assert "update person U1" in world.changes()
        assert findings(world) == []

    def test_in_mode_match_names_are_nobodys_business(self, world: World) -> None:
        world.con.execute("UPDATE users SET family_name = 'New', active = sourced_id = 'U1'")
        world.con.execute("UPDATE existing_people SET account_enabled = false WHERE id = 'u1'")
        world.plan()
        assert findings(world) == []

    def test_leaving_and_returning_is_for_ad_to_do(self, world: World) -> None:
        world.con.execute("UPDATE users SET active = false WHERE sourced_id = 'U1'")
        world.plan(**CREATE)
        assert "disable person U1" not in world.changes()
        assert findings(world) == [
            ("person.onpremises.left", "U1", "u1@contoso.edu, since 2026-11-24")
        ]
        world.plan(people={"mode": "create", "disable_after_days": 1})
        assert findings(world) == []
        world.con.execute("UPDATE existing_people SET account_enabled = false WHERE id = 'u1'")
        world.plan(**CREATE)
        assert findings(world) == []
        world.con.execute("UPDATE users SET active = true")
        world.add("leavers", external_id="U1", since="2026-11-01", disabled=True)
        world.plan(**CREATE)
        assert "enable person U1" not in world.changes()
        assert findings(world) == [("person.onpremises.disabled", "U1", "u1@contoso.edu")]

    def test_someone_without_a_mark_leaves_too(self, world: World) -> None:
        world.con.execute("UPDATE existing_people SET external_id = NULL, external_source = NULL")
        for key in ("U1", "T1"):
            world.add("identities", external_id=key, object_id=key.lower(), since="2026-09-01",
                      rule="email = mail")  # fmt: skip
        world.con.execute("UPDATE users SET active = false WHERE sourced_id = 'U1'")
        world.plan(**CREATE)
        assert "remove class_membership C1/member/U1" in world.changes()
        assert [rule for rule, _, _ in findings(world)] == ["person.onpremises.left"]

    def test_members_of_a_synced_group_are_never_planned(self, world: World) -> None:
        group = "unique_name = 'rollcall-role-students'"
        world.con.execute(f"UPDATE existing_groups SET on_premises_sync = true WHERE {group}")
        world.con.execute("UPDATE users SET active = false WHERE sourced_id = 'U1'")
        world.student("U2")
        world.plan(**CREATE, guards={})
        assert [c for c in world.changes() if "rollcall-role-students" in c] == []
        assert "remove group_membership rollcall-grade-09/member/U1" in world.changes()
        assert ("group.onpremises", "rollcall-role-students", "All Students") in findings(world)


names = st.sampled_from(("Anna", "Änne", "Bo", "", None))
usernames = st.sampled_from(("u1", "u2", "anna", "änne", "bo.x", "BAD NAME", "u1@x.org"))
people = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(("P1", "P2", "P3", "P4")),
            "username": usernames,
            "given_name": names,
            "family_name": names,
            "email": st.sampled_from((None, "a@x.org", "b@x.org")),
            "active": st.booleans(),
            "role": st.sampled_from(("student", "teacher", "other")),
        }
    ),
    unique_by=lambda person: person["key"],
)
accounts = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(("a1", "a2", "a3", "a4")),
            "upn": st.sampled_from(
                ("u1@contoso.edu", "u2@contoso.edu", "anna@contoso.edu", "anne@contoso.edu")
            ),
            "mail": st.sampled_from((None, "a@x.org", "b@x.org")),
            "given_name": names,
            "surname": names,
            "display_name": names,
            "account_enabled": st.booleans(),
            "on_premises_sync": st.booleans(),
            "external_id": st.sampled_from((None, "P1", "P2", "P5")),
            "external_source": st.sampled_from((None, "sis", "sds", "manual")),
            "primary_role": st.sampled_from((None, "student", "teacher")),
            "sds_anchor": st.sampled_from((None, "Student_P1", "User_P2", "Teacher_P3")),
        }
    ),
    unique_by=(lambda account: account["id"], lambda account: account["upn"]),
)
remembered = st.dictionaries(
    st.sampled_from(("P1", "P2", "P5")), st.sampled_from(("a1", "a2", "a3")), max_size=2
)


def body(fields: dict[str, Any]) -> dict[str, Any]:
    """The JSON that an update of a person sends."""
    writer = JsonSerializationWriter()
    writer.write_object_value(None, person_body(fields))
    return json.loads(writer.get_serialized_content())


@settings(max_examples=20, deadline=None)
@given(
    people, accounts, remembered, st.sampled_from(("match", "create")), st.booleans(),
    st.sampled_from((None, "department", "extensionAttribute3")),
)  # fmt: skip
def test_no_plan_and_no_request_ever_holds_what_ad_masters(
    roster: list[dict[str, Any]],
    directory: list[dict[str, Any]],
    before: dict[str, str],
    mode: str,
    adopt: bool,
    attribute: str | None,
) -> None:
    world = World()
    world.school("S1")
    for person in roster:
        values = {name: person[name] for name in ("username", "given_name", "family_name",
                                                  "email", "active")}  # fmt: skip
        world.user(person["key"], **values)
        world.role(person["key"], person["role"])
        world.add("leavers", external_id=person["key"], since="2026-01-01", disabled=True)
    for account in directory:
        world.add("existing_people", **account)
    for person, account in before.items():
        world.add("identities", external_id=person, object_id=account, since="2026-01-01", rule="")
    policy = {"mode": mode, "disable_after_days": 0, "usage_location": "DE"}
    membership = {"membership": "dynamic" if attribute else "assigned"}
    plan = world.plan(people=policy, adopt={"enabled": adopt}, dynamic={"attribute": attribute},
                      groups=membership, schools=membership)  # fmt: skip
    synced = {account["id"] for account in directory if account["on_premises_sync"]}
    touched = world.rows(
        "SELECT action, after, object_id FROM plan_changes WHERE entity = 'person'"
    )
    for action, after, object_id in touched:
        if object_id in synced:
            assert action == "update"
            assert set(json.loads(after)) <= PLANNED
    start_created(world.con)
    for phase in (1, 2, 3):
        for held in (False, True):
            for message in messages(world.con, plan, phase, held=held):
                if message.kind == "person" and message.object_id in synced:
                    assert set(message.fields) <= PLANNED
                    assert set(body(message.fields)) <= WRITABLE
    assert len({change.id for change in list_changes(world.con)}) == plan.size


@pytest.fixture
def tenant(storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    use(storage, azurite, monkeypatch)
    storage.write(CONFIG, "rollcall.yaml", json.dumps(CREATE).encode())
    with entra(monkeypatch) as tenant:
        yield tenant
    shared_storage.cache_clear()


def run(storage: Storage, folder: Path, files: dict[str, str] = FILES) -> Run:
    drop(storage, write(folder, files), "district")
    work_off(storage)
    return list_runs(storage)[0]


def test_a_whole_run_writes_to_synced_accounts_only_what_entra_takes(
    storage: Storage, tenant: Entra, tmp_path: Path
) -> None:
    seeded = [
        {"userPrincipalName": f"{name}@contoso.edu", "displayName": f"AD {name}", "surname": "AD",
         "mailNickname": name, "onPremisesSyncEnabled": True}
        for name in ("uma", "udo", "tia")
    ]  # fmt: skip
    httpx.post(f"{tenant.address}/emulator/seed", json={"users": seeded}).raise_for_status()
    first = run(storage, tmp_path / "1")
    assert (first.status, first.failed) == ("finished", 0)
    assert first.findings["warning"] == 3
    users = tenant.dump()["users"]
    assert {(u["displayName"], u["surname"], u["usageLocation"]) for u in users} == {
        (f"AD {name}", "AD", "DE") for name in ("uma", "udo", "tia")
    }
    assert {u["externalId"] for u in users} == {"T1", "U1", "U2"}
    [group] = [g for g in tenant.dump()["groups"] if g["externalId"] == "C1"]
    assert len(group["members"]) == 2
    again = run(storage, tmp_path / "2")
    assert (again.writes, again.changes) == (0, {})
