"""Extension attributes, directory extensions, education attributes, and who may write them."""

from __future__ import annotations

from typing import Any

import pytest

from local.entra import Tenant
from local.entra.features import Features
from tests.local.entra.conftest import Caller, user

EDUCATION = "extension_fe2174665583431c953114ff7268b7b3_Education_"
OWN = "extension_0123456789abcdef0123456789abcdef_sisId"


def message(answer: Any) -> str:
    return answer.json()["error"]["message"]


async def synced(call: Caller, **values: Any) -> str:
    person = {"userPrincipalName": "syn@contoso.edu", "displayName": "S", "mailNickname": "syn",
              "onPremisesSyncEnabled": True}  # fmt: skip
    return (await call.seed(users=[person | values]))["users"][0]


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("department", 64),
        ("companyName", 64),
        ("jobTitle", 128),
        ("officeLocation", 128),
        ("employeeId", 16),
    ],
)
async def test_texts_have_their_lengths(call: Caller, name: str, longest: int) -> None:
    key = await call.user("ann")
    assert (await call("PATCH", f"/users/{key}", {name: "x" * longest})).status_code == 204
    refused = await call("PATCH", f"/users/{key}", {name: "x" * (longest + 1)})
    assert (refused.status_code, name in message(refused)) == (400, True)


@pytest.mark.parametrize(
    "values", [{"department": 5}, {"accountEnabled": "true"}, {"ageGroup": "Old"}]
)
async def test_values_have_their_types(call: Caller, values: dict[str, Any]) -> None:
    assert (await call("POST", "/users", user("ann") | values)).status_code == 400


class TestExtensionAttributes:
    async def test_a_patch_changes_only_what_it_names(self, call: Caller) -> None:
        key = await call.user("ann", onPremisesExtensionAttributes={"extensionAttribute1": "a"})
        change = {"onPremisesExtensionAttributes": {"extensionAttribute10": "S1"}}
        assert (await call("PATCH", f"/users/{key}", change)).status_code == 204
        told = (await call("GET", f"/users/{key}?$select=onPremisesExtensionAttributes")).json()
        attributes = told["onPremisesExtensionAttributes"]
        assert len(attributes) == 15
        assert {n: v for n, v in attributes.items() if v} == {
            "extensionAttribute1": "a",
            "extensionAttribute10": "S1",
        }
        path = "/users?$filter=onPremisesExtensionAttributes/extensionAttribute10 eq 's1'"
        assert [one["id"] for one in (await call("GET", path)).json()["value"]] == [key]

    @pytest.mark.parametrize(
        "attributes", [{"extensionAttribute1": "x" * 1025}, {"extensionAttribute16": "x"}]
    )
    async def test_too_long_or_unknown_is_refused(
        self, call: Caller, attributes: dict[str, str]
    ) -> None:
        body = user("ann") | {"onPremisesExtensionAttributes": attributes}
        assert (await call("POST", "/users", body)).status_code == 400

    @pytest.mark.parametrize("sync_enabled", [True, False])
    async def test_they_are_read_only_on_accounts_that_are_or_were_synced(
        self, call: Caller, *, sync_enabled: bool
    ) -> None:
        key = await synced(call, onPremisesSyncEnabled=sync_enabled)
        change = {"onPremisesExtensionAttributes": {"extensionAttribute1": "x"}}
        assert "on-premises mastered" in message(await call("PATCH", f"/users/{key}", change))


class TestDirectoryExtensions:
    async def test_only_what_an_app_defined_can_be_written_and_filtered(self, call: Caller) -> None:
        refused = await call("POST", "/users", user("ann") | {OWN: "U1"})
        assert "does not exist as a declared property" in message(refused)
        assert (await call("GET", f"/users?$filter={OWN} eq 'U1'")).status_code == 400
        await call.seed(extensions=[OWN])
        key = await call.user("ann", **{OWN: "U1"})
        assert OWN not in (await call("GET", f"/users/{key}")).json()
        assert (await call("GET", f"/users/{key}?$select=id,{OWN}")).json()[OWN] == "U1"
        found = (await call("GET", f"/users?$filter={OWN} eq 'u1'")).json()["value"]
        assert [one["id"] for one in found] == [key]
        assert (await call("PATCH", f"/users/{key}", {OWN: "x" * 257})).status_code == 400
        assert (await call("PATCH", f"/users/{key}", {OWN: 5})).status_code == 400

    async def test_they_stay_writable_on_synced_accounts(self, call: Caller) -> None:
        await call.seed(extensions=[OWN])
        key = await synced(call)
        assert (await call("PATCH", f"/users/{key}", {OWN: "U1"})).status_code == 204

    async def test_they_are_for_the_targets_they_were_defined_for(self, call: Caller) -> None:
        await call.seed(extensions=[{"name": OWN, "targetObjects": ["Group"]}])
        assert (await call("POST", "/users", user("ann") | {OWN: "U1"})).status_code == 400

    async def test_units_tell_them_by_default(self, call: Caller) -> None:
        await call.seed(extensions=[OWN])
        body = {"displayName": "Lincoln", OWN: "S1"}
        key = (await call("POST", "/directory/administrativeUnits", body)).json()["id"]
        assert (await call("GET", f"/directory/administrativeUnits/{key}")).json()[OWN] == "S1"

    async def test_an_app_defines_its_own(self, call: Caller) -> None:
        app = "01234567-89ab-cdef-0123-456789abcdef"
        body = {"name": "sisId", "dataType": "String", "targetObjects": ["User"]}
        path = f"/applications/{app}/extensionProperties"
        assert (await call("POST", path, body)).json()["name"] == OWN
        assert [one["name"] for one in (await call("GET", path)).json()["value"]] == [OWN]
        assert await call.user("ann", **{OWN: "U1"})


class TestEducationAttributes:
    async def told(self, call: Caller, path: str, *names: str) -> list[str | None]:
        select = ",".join(EDUCATION + name for name in names)
        found = (await call("GET", f"{path}?$select={select}")).json()
        return [found.get(EDUCATION + name) for name in names]

    async def test_education_writes_set_them(self, call: Caller) -> None:
        key = await call.user("ann")
        mark = {"primaryRole": "student", "student": {"externalId": "U1", "grade": "09"},
                "externalSource": "sis"}  # fmt: skip
        await call("PATCH", f"/education/users/{key}", mark)
        names = ("ObjectType", "SyncSource", "SyncSource_StudentId", "Grade")
        assert await self.told(call, f"/users/{key}", *names) == ["Student", "SIS", "U1", "09"]
        await call("PATCH", f"/education/users/{key}", {"primaryRole": "none"})
        assert await self.told(call, f"/users/{key}", "ObjectType", "Grade") == [None, "09"]
        group = await call.class_("C1")
        names = ("ObjectType", "SyncSource_SectionId")
        assert await self.told(call, f"/groups/{group}", *names) == ["Section", "C1"]
        school = (await call("POST", "/education/schools", {"displayName": "L",
                  "externalId": "S1"})).json()["id"]  # fmt: skip
        unit = (await call("GET", f"/education/schools/{school}/administrativeUnit")).json()
        assert unit[f"{EDUCATION}ObjectType"] == "School"
        assert unit[f"{EDUCATION}SyncSource_SchoolId"] == "S1"

    async def test_they_can_be_filtered_and_followed(self, call: Caller) -> None:
        path = f"/users/delta?$select=id,{EDUCATION}SyncSource_StudentId"
        link = (await call("GET", path)).json()["@odata.deltaLink"].partition("/v1.0")[2]
        key = await call.user("ann")
        await call("PATCH", f"/education/users/{key}", {"student": {"externalId": "U1"}})
        [one] = (await call("GET", link)).json()["value"]
        assert one[f"{EDUCATION}SyncSource_StudentId"] == "U1"
        path = f"/users?$filter={EDUCATION}SyncSource_StudentId eq 'U1'"
        assert [one["id"] for one in (await call("GET", path)).json()["value"]] == [key]

    async def test_nobody_else_writes_them(self, call: Caller) -> None:
        answer = await call("POST", "/users", user("ann") | {f"{EDUCATION}Grade": "09"})
        assert "read-only" in message(answer)
        change = {f"{EDUCATION}ObjectType": "Section"}
        assert (await call("PATCH", f"/groups/{await call.class_()}", change)).status_code == 400

    async def test_objects_of_school_data_sync_are_education_objects(self, call: Caller) -> None:
        def attributes(**values: str) -> dict[str, str]:
            return {EDUCATION + name: value for name, value in values.items()}

        made = await call.seed(
            users=[{"userPrincipalName": "ann@contoso.edu", "displayName": "Ann"} | attributes(
                ObjectType="Student", AnchorId="Student_U1", SyncSource_StudentId="U1")],
            groups=[{"displayName": "Maths", "mailNickname": "Section_C1"} | attributes(
                ObjectType="Section", AnchorId="Section_C1", SyncSource="SIS",
                SyncSource_SectionId="C1")],
            administrativeUnits=[{"displayName": "Lincoln", "members": ["ann@contoso.edu"]}
                | attributes(ObjectType="School", SyncSource_SchoolId="S1")],
        )  # fmt: skip
        person = (await call("GET", f"/education/users/{made['users'][0]}")).json()
        assert (person["primaryRole"], person["student"]) == ("student", {"externalId": "U1"})
        found = (await call("GET", "/education/classes?$filter=externalId eq 'C1'")).json()["value"]
        assert [(one["id"], one["externalSource"]) for one in found] == [(made["groups"][0], "sis")]
        schools = (await call("GET", "/education/schools")).json()["value"]
        assert [one["externalId"] for one in schools] == ["S1"]
        [anchor] = await self.told(call, f"/users/{made['users'][0]}", "AnchorId")
        assert anchor == "Student_U1"

    async def test_without_the_education_schema_nothing_of_it_is_there(self) -> None:
        call = Caller(Tenant(features=Features(education=False)))
        for path in ("/education/classes?$filter=externalId eq 'C1'",
                     f"/users?$filter={EDUCATION}ObjectType eq 'Student'"):  # fmt: skip
            answer = await call("GET", path)
            assert answer.status_code == 400
            assert f"{EDUCATION}ObjectType" in message(answer)
        await call.set(education=True)
        assert (await call("GET", "/education/classes")).status_code == 200


MASTERED: dict[str, Any] = {
    "accountEnabled": False, "displayName": "x", "givenName": "x", "surname": "x",
    "userPrincipalName": "x@contoso.edu", "mailNickname": "x", "department": "x",
    "companyName": "x", "jobTitle": "x", "officeLocation": "x", "employeeId": "x",
    "employeeType": "x", "mobilePhone": "1", "businessPhones": ["1"], "city": "x",
    "state": "x", "country": "x", "postalCode": "x", "streetAddress": "x",
    "preferredLanguage": "en", "onPremisesImmutableId": "x", "otherMails": ["a@b.c"],
    "passwordProfile": {"password": "Sunny-Day-1"},
}  # fmt: skip


class TestSyncedAccounts:
    @pytest.mark.parametrize("name", MASTERED)
    async def test_each_mastered_attribute_is_refused(self, call: Caller, name: str) -> None:
        key, change = await synced(call), {name: MASTERED[name]}
        assert "on-premises mastered" in message(await call("PATCH", f"/users/{key}", change))

    @pytest.mark.parametrize(
        "change", [{"givenName": "x"}, {"onPremisesInfo": {"immutableId": "x"}}]
    )
    async def test_through_education_too(self, call: Caller, change: dict[str, Any]) -> None:
        answer = await call("PATCH", f"/education/users/{await synced(call)}", change)
        assert "on-premises mastered" in message(answer)

    async def test_synced_groups_keep_their_members(self, call: Caller) -> None:
        group = {"displayName": "G", "mailNickname": "g", "onPremisesSyncEnabled": True}
        [key] = (await call.seed(groups=[group]))["groups"]
        reference = {"@odata.id": f"https://x/directoryObjects/{await call.user('ann')}"}
        answer = await call("POST", f"/groups/{key}/members/$ref", reference)
        assert "on-premises mastered" in message(answer)
        answer = await call("PATCH", f"/groups/{key}", {"displayName": "H"})
        assert "on-premises mastered" in message(answer)


async def test_an_address_of_somebody_elses_is_taken(call: Caller) -> None:
    taken = {"displayName": "A", "userPrincipalName": "a@contoso.edu",
             "proxyAddresses": ["SMTP:ann@contoso.edu"]}  # fmt: skip
    await call.seed(users=[taken])
    answer = await call("POST", "/users", user("ann"))
    assert answer.json()["error"]["details"][0]["target"] == "proxyAddresses"


async def test_an_unknown_switch_is_refused_by_name(call: Caller) -> None:
    answer = await call.http.post("/emulator/features", json={"ruleDelays": 1})
    assert (answer.status_code, "ruleDelay," in answer.json()["message"]) == (400, True)
    for values in ({"ruleDelay": -1}, {"education": 1}, {"provisioningTarget": "moon"}):
        assert (await call.http.post("/emulator/features", json=values)).status_code == 400
    await call.set(ruleDelay=5)
    assert (await call.http.get("/emulator/features")).json()["ruleDelay"] == 5
