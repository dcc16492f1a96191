"""The doctor looks at an emulated tenant and a real (local) storage account."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from graph.roles import needed
from graph.signin import sign_in
from local.entra import Tenant, create_app
from local.entra.faults import LOST, Fault, FaultSettings
from local.listening import listen
from sync.config import Config
from sync.doctor import directory
from sync.doctor.account import check_storage
from sync.doctor.check import Check, worst
from sync.doctor.examination import check_key, examine
from sync.doctor.features import domains, features
from sync.sealing import SETTING
from sync.storage import CONTAINERS, Storage

LEAST = frozenset(need.role for need in needed(["matching", "schools", "classes", "groups"]))
DEAD = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
    "BlobEndpoint=http://127.0.0.1:9/x;QueueEndpoint=http://127.0.0.1:9/x;"
    "TableEndpoint=http://127.0.0.1:9/x;"
)


def fault(method: str, path: str, status: int, **more: Any) -> Fault:
    """A fault that the emulator is to answer with."""
    return Fault(FaultSettings(method=method, path=path, status=status, **more))


@contextmanager
def serving(app: Any, patch: pytest.MonkeyPatch, *, dated: bool = True) -> Iterator[str]:
    """Serves an app on this machine and makes it the Graph of this process."""
    with listen() as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off", date_header=dated)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        patch.setenv("ROLLCALL_GRAPH_URL", f"{address}/v1.0")
        patch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
        patch.setenv("IDENTITY_HEADER", "secret")
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    tenant = Tenant(domains=["contoso.edu", "students.contoso.edu"], roles=LEAST)
    # The app's service principal, which may own groups.
    tenant.directory.add("user", {"accountEnabled": True}, object_id=tenant.identity.object_id)
    with serving(create_app(tenant), monkeypatch):
        yield tenant


def look(file: Path | None = None, storage: Storage | None = None) -> dict[str, Check]:
    """The checks by area and name."""
    said: list[str] = []
    checks = asyncio.run(examine(file, storage, sign_in, said.append))
    assert said
    return {f"{check.area}: {check.name}": check for check in checks}


def written(folder: Path, text: str) -> Path:
    file = folder / "rollcall.yaml"
    file.write_text(text, encoding="utf-8")
    return file


# The whole -----------------------------------------------------------------------------------


def test_where_all_is_there_nothing_is_a_problem_and_nothing_is_written(
    tenant: Tenant, storage: Storage, tmp_path: Path
) -> None:
    storage.write("config", "rollcall.yaml", b"people: {mode: match}")
    checks = look(storage=storage)
    assert [c for c in checks.values() if c.state == "problem"] == []
    assert "valid" in checks["Configuration: config/rollcall.yaml"].found
    assert checks["Sign-in: way"].found.startswith("managed identity, token good for 23 h")
    assert tenant.identity.app_id in checks["Sign-in: app"].found
    assert checks["Directory: verified domains"].found == "contoso.edu, students.contoso.edu"
    assert checks["Directory: education roster"].found == "there"
    assert checks["Directory: delta queries"].found == "work"
    assert checks["Directory: clock"].state == "ok"
    assert tenant.counters["writes"] == 0


def test_a_wrong_configuration_is_told_and_the_rest_is_checked_all_the_same(
    tenant: Tenant, tmp_path: Path
) -> None:
    file = written(tmp_path, "people: {mode: destroy}")
    checks = look(file)
    assert checks[f"Configuration: {file}"].state == "problem"
    assert "destroy" in checks[f"Configuration: {file}"].advice
    assert checks["Directory: reachable"].state == "ok"


def test_without_an_account_the_defaults_are_checked_and_that_is_said(tenant: Tenant) -> None:
    checks = look()
    assert checks["Storage: account"].state == "warning"
    assert checks["Configuration: config/rollcall.yaml"].state == "warning"


@pytest.mark.parametrize(
    ("mode", "key", "state", "found"),
    [
        ("create", "", "warning", "not set here"),
        ("create", "secret-stuff", "problem", "not a key"),
        ("create", "A" * 43 + "=", "ok", "set"),
        ("match", "", None, None),
    ],
)
def test_the_key_for_first_passwords_is_looked_for_where_there_will_be_some(
    mode: str, key: str, state: str | None, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, key)
    checks = check_key(Config.model_validate({"people": {"mode": mode}}))
    assert [(check.state, check.found) for check in checks] == ([(state, found)] if state else [])
    assert "secret-stuff" not in str(checks)


@pytest.mark.parametrize(
    ("states", "state"),
    [([], "ok"), (["ok", "warning"], "warning"), (["problem", "warning"], "problem")],
)
def test_the_worst_check_decides(states: list[Any], state: str) -> None:
    assert worst(Check("a", "b", one, "c") for one in states) == state


def test_a_check_tells_only_what_it_has() -> None:
    told = Check("a", "b", "ok", "c").as_dict()
    assert told == {"area": "a", "name": "b", "state": "ok", "found": "c"}


# Storage -------------------------------------------------------------------------------------


def test_what_is_missing_in_the_account_is_named(account: Storage) -> None:
    account.queues.delete_queue("arrivals-poison")
    try:
        states = {check.name: check for check in check_storage(account)}
    finally:
        time.sleep(0.1)
        account.create_missing()
    assert states["blobs"].found == f"all {len(CONTAINERS)} are there"
    assert states["queues"].found == "missing: arrivals-poison"
    assert states["queues"].state == "warning"


def test_an_account_that_does_not_answer_is_told_soon(tenant: Tenant) -> None:
    began = time.monotonic()
    checks = look(storage=Storage.from_connection_string(DEAD))
    assert time.monotonic() - began < 60
    assert "does not answer" in checks["Storage: blobs"].found
    assert checks["Configuration: config/rollcall.yaml"].state == "warning"


def answering(status: int, body: str, patch: pytest.MonkeyPatch, code: str = "") -> list[Check]:
    """What is said of an account each service of which answers so."""

    async def answer(_: Any) -> Response:
        headers = {"x-ms-error-code": code} if code else {}
        return PlainTextResponse(body, status, headers, "application/xml")

    everything = Starlette(routes=[Route("/{rest:path}", answer, methods=["GET"])])
    with serving(everything, patch) as address:
        connection = DEAD.replace("http://127.0.0.1:9", address)
        return check_storage(Storage.from_connection_string(connection))


@pytest.mark.parametrize(
    ("status", "found"), [(401, "refused"), (403, "refused"), (409, "answered 409")]
)
def test_what_the_account_refuses_is_told_as_that(
    status: int, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "<Error><Code>Nothing</Code><Message>no</Message></Error>"
    checks = answering(status, body, monkeypatch)
    assert {check.state for check in checks} == {"problem"}
    assert all(found in check.found for check in checks), checks


def test_a_configuration_that_may_not_be_read_is_no_valid_one(
    tenant: Tenant, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.core.exceptions import HttpResponseError

    def refuse(*_: Any) -> None:
        raise HttpResponseError("AuthorizationPermissionMismatch")

    monkeypatch.setattr(Storage, "read", refuse)
    check = look(storage=storage)["Configuration: config/rollcall.yaml"]
    assert (check.state, check.found) == ("problem", "cannot be read (HttpResponseError)")


# Sign-in and roles ---------------------------------------------------------------------------


def test_an_incomplete_environment_is_a_problem_of_sign_in(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cret")
    monkeypatch.delenv("AZURE_TENANT_ID", raising=False)
    checks = look()
    assert "AZURE_TENANT_ID" in checks["Sign-in: way"].advice
    assert "Directory: reachable" not in checks


def test_a_refused_sign_in_ends_the_examination(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "99999999-2222-4333-8444-555555555555")
    checks = look()
    assert checks["Sign-in: way"].state == "problem"
    assert "Directory: reachable" not in checks


def test_each_role_that_is_missing_comes_with_the_command_that_grants_them(
    tenant: Tenant,
) -> None:
    tenant.identity.roles = LEAST - {"Member.Read.Hidden", "Organization.Read.All"}
    checks = look()
    missing = checks["App roles: Member.Read.Hidden"]
    assert missing.state == "problem"
    assert f"ID={tenant.identity.object_id};" in missing.command
    assert "for ROLE in Member.Read.Hidden Organization.Read.All;" in missing.command
    assert checks["App roles: Organization.Read.All"].state == "warning"


def test_roles_that_nothing_needs_are_a_warning(tenant: Tenant) -> None:
    tenant.identity.roles = LEAST | {"User.ReadWrite.All"} - {"User.Read.All"}
    checks = look()
    assert checks["App roles: more than needed"].found == "User.ReadWrite.All"
    tenant.identity.roles = LEAST - {"User.Read.All"} | {"User.ReadWrite.All"}
    assert look()["App roles: User.Read.All"].found == "granted by User.ReadWrite.All"


def test_in_mode_create_writing_accounts_is_needed(tenant: Tenant, tmp_path: Path) -> None:
    file = written(tmp_path, "people: {mode: create}")
    assert look(file)["App roles: User.ReadWrite.All"].state == "problem"


def test_a_person_cannot_see_the_roles_of_the_app(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = {"tid": tenant.identity.tenant_id, "aud": "https://graph.microsoft.com"}
    claims |= {"scp": "User.Read.All", "oid": "me", "roles": sorted(LEAST)}
    token = jwt.encode(claims | {"exp": int(time.time()) + 3600}, None, "none")
    told = json.dumps({"accessToken": token, "expires_on": int(time.time()) + 3600})
    tool = tmp_path / "az"
    tool.write_text(f"#!/bin/sh\necho '{told}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    checks = look()
    assert checks["Sign-in: way"].found.startswith("az login")
    assert checks["App roles: all"].state == "warning"
    assert "ID=OBJECT_ID;" in checks["App roles: all"].command
    assert checks["Directory: reachable"].state == "ok"


# The directory -------------------------------------------------------------------------------


def test_a_domain_of_the_settings_that_is_not_verified_is_named_with_them(
    tenant: Tenant, tmp_path: Path
) -> None:
    file = written(
        tmp_path,
        "people: {mode: create, domains: {staff: contoso.edu, students: wrong.edu}}\n"
        "matching:\n  students:\n"
        "    - {from: username, to: userPrincipalName, domain: wrong.edu}\n"
        "    - {from: email, to: mail}\n",
    )
    check = look(file)["Directory: domain wrong.edu"]
    assert check.state == "problem"
    assert "people.domains.students, matching.students[0]" in check.found


def test_what_may_not_be_read_is_not_taken_for_absent(tenant: Tenant) -> None:
    tenant.identity.roles = frozenset()
    checks = look()
    for name in ("domains", "education roster", "size", "delta queries"):
        assert checks[f"Directory: {name}"].state == "problem", name
        assert "app role" in checks[f"Directory: {name}"].advice


def test_a_service_that_is_away_is_the_last_thing_that_is_told(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_GRAPH_URL", "http://127.0.0.1:9/v1.0")
    checks = look()
    assert "no answer from Graph" in checks["Directory: reachable"].found
    assert "Directory: size" not in checks


def test_a_lost_answer_ends_one_check_only(tenant: Tenant) -> None:
    tenant.faults.coming.append(fault("GET", "/organization", LOST))
    checks = look()
    assert "no answer" in checks["Directory: Asking for the organisation"].found
    assert checks["Directory: delta queries"].state == "ok"


class Answers:
    """A Graph that says what a test wants, to see what the doctor makes of it."""

    def __init__(self, **answers: tuple[int, Any]) -> None:
        usual = {
            "domains": (200, {"value": [
                {"id": "school.onmicrosoft.com", "isVerified": True, "isDefault": True},
                {"id": "pending.edu", "isVerified": False},
            ]}),
            "organization": (200, {"value": [{"displayName": "S", "onPremisesSyncEnabled": True}]}),
            "classes": (200, {"value": []}),
            "subscribedSkus": (200, {"value": []}),
            "$count": (200, "10"),
            "delta": (200, {"@odata.deltaLink": "x"}),
        }  # fmt: skip
        self.answers: dict[str, tuple[int, Any]] = usual | answers
        self.headers: dict[str, str] = {}
        self.identity = Tenant(roles=LEAST).identity

    async def token(self, http: Any) -> Response:
        return JSONResponse(self.identity.token(http.query_params["resource"]))

    async def graph(self, http: Any) -> Response:
        status, body = self.answers[http.url.path.rpartition("/")[2]]
        if isinstance(body, str):
            return PlainTextResponse(body, status, self.headers)
        return JSONResponse(body, status, self.headers)

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/msi/token", self.token), Route("/v1.0/{rest:path}", self.graph)]
        )


def told(answers: Answers, patch: pytest.MonkeyPatch, file: Path | None = None) -> dict[str, Check]:
    with serving(answers.app(), patch, dated="date" not in answers.headers):
        return look(file)


def error(code: str, message: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def test_directory_sync_is_told_with_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(Answers(), monkeypatch)["Directory: directory sync"].found
    assert found.startswith("on:")
    assert "never written" in found


def test_a_tenant_without_roster_is_no_education_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "Property 'extension_x_Education_ObjectType' does not exist"
    answers = Answers(classes=(400, error("Request_BadRequest", message)))
    check = told(answers, monkeypatch)["Directory: education roster"]
    assert (check.state, check.found) == ("problem", "not an education tenant")


@pytest.mark.parametrize(
    ("plans", "is_there"), [(["AAD_PREMIUM_P2"], True), (["EXCHANGE_S_STANDARD"], False)]
)
def test_memberships_by_rule_need_entra_p1(
    plans: list[str], is_there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sku = {
        "skuPartNumber": "M365EDU_A3", "consumedUnits": 1200, "prepaidUnits": {"enabled": 2000},
        "servicePlans": [{"servicePlanName": plan} for plan in plans],
    }  # fmt: skip
    old = sku | {"skuPartNumber": "OLD", "capabilityStatus": "Suspended"}
    monkeypatch.setattr(directory, "features", lambda _: {"rules"})
    checks = told(Answers(subscribedSkus=(200, {"value": [sku, old]})), monkeypatch)
    assert checks["Directory: licences"].found == "M365EDU_A3 (1,200 of 2,000 used)"
    assert ("Directory: licence for rules" not in checks) is is_there


@pytest.mark.parametrize(
    ("status", "advice"), [(400, "does not seem to offer"), (404, "offer"), (500, "again")]
)
def test_licences_that_a_tenant_does_not_tell_are_a_warning(
    status: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = told(Answers(subscribedSkus=(status, error("BadRequest"))), monkeypatch)
    assert checks["Directory: licences"].state == "warning"
    assert f"{status} BadRequest" in checks["Directory: licences"].found
    assert advice in checks["Directory: licences"].advice


def test_optional_rights_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = (403, error("Authorization_RequestDenied"))
    checks = told(Answers(subscribedSkus=denied, organization=denied), monkeypatch)
    assert checks["Directory: licences"].state == "warning"
    assert checks["Directory: directory sync"].state == "warning"


@pytest.mark.parametrize(
    ("domain", "count", "told_quota", "advice"),
    [
        ("school.onmicrosoft.com", "15000", "50,000", "a verified domain of your own"),
        ("school.edu", "90000", "300,000", "Microsoft's support"),
    ],
)
def test_a_tenant_that_is_nearly_full_is_a_warning(
    domain: str, count: str, told_quota: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = {"value": [{"id": domain, "isVerified": True, "isDefault": True}]}
    answers = Answers(domains=(200, listed), **{"$count": (200, f"\ufeff{count}")})
    check = told(answers, monkeypatch)["Directory: size"]
    assert check.state == "warning"
    assert told_quota in check.found
    assert advice in check.advice


def test_only_verified_domains_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(Answers(), monkeypatch)["Directory: verified domains"].found
    assert found == "school.onmicrosoft.com"


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "does not accept the token"), (429, "busy"), (503, "busy")]
)
def test_a_service_that_refuses_is_not_reachable(
    status: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = told(Answers(domains=(status, error("X"))), monkeypatch)["Directory: reachable"]
    assert check.state == "problem"
    assert advice in check.advice


def test_a_slow_service_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "SLOW_SECONDS", 0.0)
    assert told(Answers(), monkeypatch)["Directory: reachable"].state == "warning"


@pytest.mark.parametrize(
    ("minutes", "state", "told_as"),
    [(-2, "warning", "ahead of"), (10, "problem", "behind"), (0, "ok", "as Microsoft's")],
)
def test_a_clock_that_is_wrong_is_told(
    minutes: int, state: str, told_as: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers()
    answers.headers["date"] = format_datetime(
        datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True
    )
    check = told(answers, monkeypatch)["Directory: clock"]
    assert check.state == state
    assert told_as in check.found


async def test_an_answer_without_date_tells_nothing_of_the_clock() -> None:
    from graph.direct import Heard
    from graph.exchange import GraphResponse

    assert directory._clock(Heard(GraphResponse(200, {}, {}), 0.1)) == []


def test_a_quota_that_is_nearly_used_up_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers()
    answers.headers["x-ms-throttle-limit-percentage"] = "0.93"
    check = told(answers, monkeypatch)["Directory: quota"]
    assert (check.state, check.found[:4]) == ("warning", "93% ")


# Features ------------------------------------------------------------------------------------


def test_features_follow_from_the_settings() -> None:
    nothing = {
        "schools": {"enabled": False}, "classes": {"enabled": False},
        "groups": {f"by_{k}": False for k in ("role", "school_role", "grade", "school_grade")},
    }  # fmt: skip
    assert features(Config.model_validate(nothing)) == {"matching"}
    assert features(Config.model_validate(nothing | {"people": {"mode": "create"}})) == {
        "matching", "accounts",
    }  # fmt: skip
    assert features(Config()) == {"matching", "schools", "classes", "groups"}
    assert domains(Config()) == {}
