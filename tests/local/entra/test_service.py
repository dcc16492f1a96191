"""Sign-in, app roles, quota, faults, batches, the record and the dump."""

from __future__ import annotations

import base64
import json
import sys
from asyncio import create_subprocess_exec, subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from azure.identity import ManagedIdentityCredential

from local.entra import Tenant
from local.entra.identity import ALL_ROLES
from tests.local.entra.conftest import Caller, user

if TYPE_CHECKING:
    from pathlib import Path

    from local.entra.clock import VirtualClock


async def batch(call: Caller, *items: dict[str, Any]) -> httpx.Response:
    return await call("POST", "/$batch", {"requests": list(items)})


def item(key: str, method: str = "GET", url: str = "/domains", **rest: Any) -> dict[str, Any]:
    json_body = {"headers": {"Content-Type": "application/json"}} if "body" in rest else {}
    return {"id": key, "method": method, "url": url} | json_body | rest


class TestSignIn:
    @pytest.mark.parametrize("token", ["", "Bearer nonsense", "Basic abc"])
    async def test_without_a_token_of_the_tenant_nothing_is_told(
        self, call: Caller, token: str
    ) -> None:
        call.http.headers["Authorization"] = token
        answer = await call("GET", "/users")
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"

    async def test_another_tenants_token_is_worth_nothing(self, call: Caller) -> None:
        other = Tenant().identity.token("https://graph.microsoft.com")["access_token"]
        call.http.headers["Authorization"] = f"Bearer {other}"
        assert (await call("GET", "/users")).status_code == 401

    async def test_each_area_asks_for_its_role(self) -> None:
        call = Caller(Tenant(roles=ALL_ROLES - {"EduRoster.ReadWrite.All"}))
        refused = await call("GET", "/education/classes")
        assert refused.json()["error"]["code"] == "Authorization_RequestDenied"
        assert (await call("GET", "/users")).status_code == 200

    async def test_the_identity_endpoint_wants_its_header(self, call: Caller) -> None:
        path = "/msi/token?resource=https://graph.microsoft.com"
        assert (await call.http.get(path)).status_code == 401
        header = {"X-IDENTITY-HEADER": "x"}
        assert (await call.http.get(path, headers=header)).json()["token_type"] == "Bearer"
        foreign = await call.http.get("/msi/token?resource=https://vault", headers=header)
        assert foreign.status_code == 500


async def test_the_process_serves_azure_identity_and_ends_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await create_subprocess_exec(
        sys.executable, "-m", "local.entra", "--ready-file", str(tmp_path / "ready"),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port = json.loads(await process.stdout.readline())["port"]
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    token = ManagedIdentityCredential().get_token("https://graph.microsoft.com/.default").token
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        domains = (await http.get(f"http://127.0.0.1:{port}/v1.0/domains")).json()["value"]
    assert [domain["id"] for domain in domains] == ["contoso.edu"]
    process.terminate()
    assert await process.wait() in (0, -15)


class TestBatches:
    async def test_each_item_has_its_answer_in_some_order(self, call: Caller) -> None:
        items = [item(str(n), "POST", "/users", body=user(f"u{n}")) for n in range(20)]
        answers = (await batch(call, *items)).json()["responses"]
        assert {answer["id"] for answer in answers} == {str(n) for n in range(20)}
        assert [answer["id"] for answer in answers] != [str(n) for n in range(20)]
        assert {answer["status"] for answer in answers} == {201}

    async def test_bodies_may_be_base64(self, call: Caller) -> None:
        body = base64.b64encode(json.dumps(user("a")).encode()).decode()
        [answer] = (await batch(call, item("1", "POST", "/users", body=body))).json()["responses"]
        assert answer["status"] == 201

    async def test_what_depends_on_a_failure_is_not_done(self, call: Caller) -> None:
        answers = (await batch(
            call,
            item("a", "GET", "/users/nobody"),
            item("b", "POST", "/users", body=user("b"), dependsOn=["a"]),
        )).json()["responses"]  # fmt: skip
        assert {answer["id"]: answer["status"] for answer in answers} == {"a": 404, "b": 424}

    @pytest.mark.parametrize(
        "items",
        [
            [],
            [item(str(n)) for n in range(21)],
            [item("a"), item("A")],
            [item("a", dependsOn=["b"]), item("b")],
            [{"id": "1"}],
        ],
    )
    async def test_an_envelope_that_cannot_be_read_is_refused(
        self, call: Caller, items: list[dict[str, Any]]
    ) -> None:
        assert (await batch(call, *items)).status_code == 400


class TestQuota:
    async def test_writes_over_the_quota_are_told_when_to_come_back(
        self, clock: VirtualClock
    ) -> None:
        call = Caller(Tenant(clock=clock, write_quota=5))
        answers = [await call("POST", "/users", user(f"u{n}")) for n in range(6)]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429]
        assert answers[4].headers["x-ms-throttle-limit-percentage"] == "1.00"
        assert answers[5].headers["retry-after"] == "30"
        assert answers[5].headers["x-ms-throttle-information"] == "WriteLimitExceeded"
        assert (await call("GET", "/users")).status_code == 200
        clock.advance(seconds=30)
        assert (await call("POST", "/users", user("u5"))).status_code == 201


class TestFaults:
    async def fault(self, call: Caller, **values: Any) -> None:
        await call.http.post(
            "/emulator/faults", json=[{"method": "POST", "path": "/users"} | values]
        )

    @pytest.mark.parametrize(("when", "users"), [("before", 0), ("after", 1)])
    async def test_a_fault_strikes_before_or_after_the_deed(
        self, call: Caller, when: str, users: int
    ) -> None:
        await self.fault(call, status=503, when=when, retryAfter=7)
        answer = await call("POST", "/users", user("a"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert len((await call("GET", "/users")).json()["value"]) == users
        assert (await call("POST", "/users", user("b"))).status_code == 201

    async def test_a_batch_item_can_lose_its_answer(self, call: Caller) -> None:
        await self.fault(call, status=0, when="after")
        found = await batch(call, item("1", "POST", "/users", body=user("a")))
        assert found.json()["responses"] == []
        assert len((await call("GET", "/users")).json()["value"]) == 1

    async def test_faults_can_be_called_off(self, call: Caller) -> None:
        await self.fault(call, status=500)
        await call.http.delete("/emulator/faults")
        assert (await call("POST", "/users", user("a"))).status_code == 201


async def test_the_record_holds_every_exchange_and_no_password(tmp_path: Path) -> None:
    call = Caller(Tenant(record=tmp_path / "record.jsonl"))
    await call("GET", "/domains")
    await batch(call, item("1", "POST", "/users", body=user("a")), item("2"))
    lines = [json.loads(line) for line in (tmp_path / "record.jsonl").read_text().splitlines()]
    assert [(line["method"], line["status"], line["batch"]) for line in lines] == [
        ("GET", 200, None),
        ("POST", 201, 1),
        ("GET", 200, 1),
    ]
    assert lines[1]["url"] == "https://graph.microsoft.com/v1.0/users"
    assert lines[1]["body"]["passwordProfile"] == {"password": "***"}


async def test_counters_and_dump_tell_what_there_is(call: Caller) -> None:
    person = await call.user("a")
    await call("PATCH", f"/education/users/{person}",
               {"primaryRole": "teacher", "teacher": {"externalId": "T1"}})  # fmt: skip
    await call.class_("C1")
    dump = (await call.http.get("/emulator/dump")).json()
    [found] = dump["users"]
    assert (found["id"], found["externalId"], found["accountEnabled"]) == (person, "T1", True)
    [group] = dump["groups"]
    assert (group["externalId"], group["members"], group["owners"]) == ("C1", [], [])
    counters = (await call.http.get("/emulator/counters")).json()
    assert (counters["requests"], counters["writes"]) == (3, 3)


async def test_reading_by_ids_is_no_write_and_every_answer_has_a_request_id(call: Caller) -> None:
    person = await call.user("a")
    found = await call("POST", "/directoryObjects/getByIds", {"ids": [person]})
    assert [one["id"] for one in found.json()["value"]] == [person]
    assert (await call.http.get("/emulator/counters")).json()["writes"] == 1
    assert found.headers["request-id"]
