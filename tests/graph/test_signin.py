"""Signing in with azure-identity's own classes, against an emulated authority over TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from graph.client import connect
from graph.exchange import GraphRequest
from graph.signin import RENEW_SECONDS, SCOPE, claims_of, sign_in
from graph.signin_errors import ADVICE, explain
from local.entra import Tenant, create_app
from local.entra.authority import (
    AppRegistration,
    Authority,
    Federated,
    Tls,
    create_authority,
    private_pem,
    self_signed,
)
from local.entra.identity import UserAssigned
from local.listening import listen
from roster.errors import RollcallError, Terminal, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLES = frozenset({"Domain.Read.All"})
LATER = datetime.now(UTC) + timedelta(days=1)
VARIABLES = (
    "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
    "AZURE_TOKEN_CREDENTIALS", "ROLLCALL_FEDERATED_IDENTITY", "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER", "MSI_ENDPOINT", "WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID",
    "REQUESTS_CA_BUNDLE", "ROLLCALL_GRAPH_URL",
)  # fmt: skip


class Cloud:
    """An emulated tenant, its authority, and the keys that tests sign with."""

    def __init__(self, tenant: Tenant, authority: Authority, url: str) -> None:
        self.tenant = tenant
        self.authority = authority
        self.url = url
        self.app = authority.register(AppRegistration(ROLES))

    def environment(self, patch: pytest.MonkeyPatch, **more: str) -> None:
        """Names the app registration, and whatever else."""
        patch.setenv("AZURE_TENANT_ID", self.tenant.identity.tenant_id)
        patch.setenv("AZURE_CLIENT_ID", self.app.app_id)
        for name, value in more.items():
            patch.setenv(name, value)

    def managed(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("IDENTITY_ENDPOINT", f"{self.url}/msi/token")
        patch.setenv("IDENTITY_HEADER", "secret")


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[int]:
    """Serves an app on a thread of its own; yields its port."""
    with listen() as listener:
        # An idle client would keep a TLS server from ending for half a minute.
        close = [("connection", "close")]
        config = uvicorn.Config(app, log_level="error", lifespan="off", headers=close, **options)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def cloud(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    tenant = Tenant(domains=["contoso.edu"], roles=ROLES)
    authority = Authority(tenant.identity)
    files = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    with (
        serving(create_app(tenant)) as port,
        serving(create_authority(authority), **files) as secure,
    ):
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://localhost:{secure}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.certificate))
        monkeypatch.setenv("ROLLCALL_GRAPH_URL", f"http://127.0.0.1:{port}/v1.0")
        yield Cloud(tenant, authority, f"http://127.0.0.1:{port}")


def domains() -> list[str]:
    """What Graph answers to whoever is signed in."""

    async def ask() -> list[str]:
        graph = connect()
        try:
            return await graph.verified_domains()
        finally:
            await graph.close()

    return asyncio.run(ask())


def refusal() -> RollcallError:
    with pytest.raises(RollcallError) as caught:
        sign_in().get_token(SCOPE)
    return caught.value


def assertion(key: rsa.RSAPrivateKey, **claims: Any) -> str:
    usual = {
        "iss": "https://token.actions.githubusercontent.com", "sub": "repo:school/rollcall",
        "aud": "api://AzureADTokenExchange", "exp": time.time() + 600,
    }  # fmt: skip
    return jwt.encode(usual | claims, key, "RS256")


def federate(cloud: Cloud, key: rsa.RSAPrivateKey) -> None:
    cloud.app.federated.append(
        Federated(
            "https://token.actions.githubusercontent.com", "repo:school/rollcall", key.public_key()
        )
    )


# The ways ------------------------------------------------------------------------------------


def test_a_client_secret_signs_in(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.app.secrets["s3cret"] = LATER
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="s3cret")
    access = sign_in().access()
    assert access.way == "client secret"
    assert (access.tenant_id, access.app_id) == (
        cloud.tenant.identity.tenant_id, cloud.app.app_id,
    )  # fmt: skip
    assert access.object_id == cloud.app.object_id
    assert access.roles == ROLES
    assert not access.is_person
    assert domains() == ["contoso.edu"]


@pytest.mark.parametrize("password", [None, "pass phrase"])
def test_a_certificate_signs_in(
    cloud: Cloud,
    key: rsa.RSAPrivateKey,
    tmp_path: Path,
    password: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = self_signed(key, "app")
    cloud.app.certificates.append(certificate)
    private = private_pem(key)
    if password:
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
        monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PASSWORD", password)
    file = tmp_path / "app.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    cloud.environment(monkeypatch, AZURE_CLIENT_CERTIFICATE_PATH=str(file))
    assert sign_in().access().way == "client certificate"
    assert domains() == ["contoso.edu"]


def test_a_federated_token_from_a_file_signs_in(
    cloud: Cloud, key: rsa.RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federate(cloud, key)
    file = tmp_path / "token"
    file.write_text(assertion(key))
    cloud.environment(monkeypatch, AZURE_FEDERATED_TOKEN_FILE=str(file))
    assert sign_in().access().way == "workload identity federation"
    assert domains() == ["contoso.edu"]


def test_the_system_assigned_identity_signs_in(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.managed(monkeypatch)
    access = sign_in().access()
    assert access.way == "managed identity"
    assert access.object_id == cloud.tenant.identity.object_id
    assert domains() == ["contoso.edu"]


def test_the_user_assigned_identity_that_is_named_signs_in(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = UserAssigned("11111111-2222-4333-8444-555555555555", "oid-1", "/subscriptions/x", ROLES)
    cloud.tenant.identity.user_assigned.append(one)
    cloud.managed(monkeypatch)
    monkeypatch.setenv("AZURE_CLIENT_ID", one.client_id)
    assert sign_in().access().object_id == "oid-1"
    monkeypatch.setenv("AZURE_CLIENT_ID", "99999999-2222-4333-8444-555555555555")
    error = refusal()
    assert isinstance(error, Terminal)
    assert "AZURE_CLIENT_ID" in str(error)


def test_a_managed_identity_is_the_federated_credential_of_an_app(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = UserAssigned("11111111-2222-4333-8444-555555555555", "oid-1", "/s", frozenset())
    cloud.tenant.identity.user_assigned.append(one)
    cloud.app.federated.append(Federated(cloud.tenant.identity.issuer, "oid-1", None))
    cloud.managed(monkeypatch)
    cloud.environment(monkeypatch, ROLLCALL_FEDERATED_IDENTITY=one.client_id)
    access = sign_in().access()
    assert "federated credential" in access.way
    assert access.app_id == cloud.app.app_id
    monkeypatch.setenv("ROLLCALL_FEDERATED_IDENTITY", "99999999-2222-4333-8444-555555555555")
    assert "the managed identity that is the app's federated credential" in str(refusal())


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH: what command-line tools there are, a test writes."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_tool(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{body}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def az(cloud: Cloud, calls: Path) -> str:
    """An Azure CLI that is signed in as a person, and counts its calls."""
    head, payload = {"alg": "none"}, {"tid": cloud.tenant.identity.tenant_id, "oid": "person"}
    payload |= {"aud": "https://graph.microsoft.com", "scp": "User.Read.All", "appid": "cli"}
    payload |= {"exp": int(time.time()) + 3600, "roles": []}
    token = jwt.encode(payload, None, "none", head)
    return f"""
import json, sys
assert sys.argv[1:3] == ["account", "get-access-token"], sys.argv
assert "https://graph.microsoft.com" in sys.argv
open({str(calls)!r}, "a").write("x")
print(json.dumps({{"accessToken": {token!r}, "expires_on": {int(time.time()) + 3600}}}))"""


def test_az_login_signs_in_a_person_and_starts_one_process_for_many_requests(
    cloud: Cloud, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    write_tool(tools, "az", az(cloud, calls))
    signed = sign_in()
    access = signed.access()
    assert access.way == "az login"
    assert access.is_person
    assert access.object_id == "person"
    for _ in range(3):
        signed.get_token(SCOPE)
    assert calls.read_text() == "x"


def test_without_any_tool_the_ways_that_were_tried_are_listed(cloud: Cloud, tools: Path) -> None:
    text = str(refusal())
    for word in ("az login", "azd auth login", "Connect-AzAccount", "AZURE_CLIENT_SECRET"):
        assert word in text


def test_a_tool_that_is_not_signed_in_is_passed_over(
    cloud: Cloud, tools: Path, tmp_path: Path
) -> None:
    write_tool(tools, "az", "import sys; sys.exit('Please run az login to setup account.')")
    assert "run `az login" in str(refusal())


# What the environment decides ------------------------------------------------------------------


def test_what_belongs_together_has_to_be_set_together(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cret")
    with pytest.raises(Terminal, match="needs AZURE_TENANT_ID and AZURE_CLIENT_ID"):
        sign_in()


def test_a_function_app_without_identity_says_how_to_get_one(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "rollcall-app")
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "1")
    with pytest.raises(Terminal, match="az functionapp identity assign --name rollcall-app"):
        sign_in()


@pytest.mark.parametrize(
    ("wanted", "ways"),
    [
        ("", ["client secret"]),
        ("prod", ["client secret"]),
        ("EnvironmentCredential", ["client secret"]),
        ("ManagedIdentityCredential", ["managed identity"]),
        ("AzureCliCredential", ["az login"]),
        ("dev", ["az login", "azd auth login", "Connect-AzAccount"]),
    ],
)
def test_the_choice_is_narrowed_as_azure_identity_does_it(
    cloud: Cloud, wanted: str, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="s3cret", AZURE_TOKEN_CREDENTIALS=wanted)
    assert [way.name for way in sign_in().ways] == ways


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("nonsense", "use prod, dev, WorkloadIdentityCredential"),
        ("WorkloadIdentityCredential", "AZURE_FEDERATED_TOKEN_FILE, which is not set"),
    ],
)
def test_a_choice_that_leads_nowhere_is_refused(
    cloud: Cloud, wanted: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", wanted)
    with pytest.raises(Terminal, match=told):
        sign_in()


def test_nothing_is_looked_for_in_azure_but_the_identity(
    cloud: Cloud, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tool(tools, "az", f"open({str(tmp_path / 'called')!r}, 'w')")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{cloud.url}/msi/nothing")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    assert "managed identity" in str(refusal())
    assert not (tmp_path / "called").exists()


# Refusals --------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told_as_one_without_telling_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.app.secrets["right"] = LATER
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="wr0ng-secret")
    error = refusal()
    assert isinstance(error, Terminal)
    assert error.code == "AADSTS7000215"
    assert "the secret's value, not its id" in str(error)
    assert "wr0ng-secret" not in str(error) + caplog.text


def refused_by(cloud: Cloud, what: str, patch: pytest.MonkeyPatch) -> None:
    cloud.app.secrets |= {"right": LATER, "old": datetime.now(UTC) - timedelta(days=1)}
    cloud.environment(patch, AZURE_CLIENT_SECRET="old" if what == "7000222" else "right")
    if what == "700016":
        patch.setenv("AZURE_CLIENT_ID", "00000000-1111-4222-8333-444444444444")
    if what == "90002":
        patch.setenv("AZURE_TENANT_ID", "00000000-1111-4222-8333-444444444444")
    if what == "7000112":
        cloud.app.disabled = True


@pytest.mark.parametrize("code", ["7000222", "700016", "90002", "7000112"])
def test_each_refusal_says_what_to_mend(
    cloud: Cloud, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_by(cloud, code, monkeypatch)
    error = refusal()
    assert isinstance(error, Terminal)
    assert f"AADSTS{code}" in str(error)
    assert ADVICE[code] in str(error)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"sub": "repo:other/rollcall"}, "700213"),
        ({"iss": "https://elsewhere"}, "700211"),
        ({"aud": "other"}, "700212"),
        ({"exp": time.time() - 10}, "700024"),
    ],
)
def test_a_federated_token_that_does_not_fit_says_where(
    cloud: Cloud,
    key: rsa.RSAPrivateKey,
    tmp_path: Path,
    claims: dict[str, Any],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    federate(cloud, key)
    file = tmp_path / "token"
    file.write_text(assertion(key, **claims))
    cloud.environment(monkeypatch, AZURE_FEDERATED_TOKEN_FILE=str(file))
    assert f"AADSTS{code}" in str(refusal())


def test_a_federated_token_signed_by_someone_else_is_refused(
    cloud: Cloud, key: rsa.RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federate(cloud, key)
    file = tmp_path / "token"
    file.write_text(assertion(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    cloud.environment(monkeypatch, AZURE_FEDERATED_TOKEN_FILE=str(file))
    assert "AADSTS700027" in str(refusal())


def test_a_certificate_that_is_not_registered_is_refused(
    cloud: Cloud, key: rsa.RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "app.pem"
    certificate = self_signed(key, "other").public_bytes(serialization.Encoding.PEM)
    file.write_bytes(private_pem(key) + certificate)
    cloud.environment(monkeypatch, AZURE_CLIENT_CERTIFICATE_PATH=str(file))
    assert ADVICE["700027"] in str(refusal())


@pytest.mark.parametrize(
    "variable", ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"]
)
def test_a_file_that_cannot_be_used_is_named_by_its_variable(
    cloud: Cloud, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.environment(monkeypatch, **{variable: str(tmp_path / "nothing")})
    error = refusal()
    assert isinstance(error, Terminal)
    assert variable in str(error)


def test_an_authority_that_is_busy_or_away_is_tried_again_later(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.app.secrets["right"] = LATER
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="right")
    cloud.authority.busy = 9
    assert isinstance(refusal(), Transient)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://localhost:{port}")
    error = refusal()
    assert isinstance(error, Transient)
    assert "AZURE_AUTHORITY_HOST" in str(error)


def test_a_refused_sign_in_ends_a_request_with_its_reason(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="wrong")
    with pytest.raises(Terminal, match="AADSTS7000215"):
        domains()


def test_a_refused_sign_in_ends_what_waits_in_a_batch_with_its_reason(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="wrong")

    async def ask() -> None:
        graph = connect()
        try:
            await asyncio.wait_for(graph.send(GraphRequest("GET", "/domains")), 20)
        finally:
            await graph.close()

    with pytest.raises(Terminal, match="AADSTS7000215"):
        asyncio.run(ask())


def test_a_code_that_is_not_in_the_table_leads_to_its_page() -> None:
    text = str(explain("client secret", ValueError("AADSTS424242: odd")))
    assert "error?code=424242" in text


# Renewal ---------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_while_it_is_good(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.app.secrets["s3cret"] = LATER
    cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="s3cret")
    signed = sign_in()
    assert len({signed.get_token(SCOPE).token for _ in range(5)}) == 1
    assert cloud.authority.issued == 1


@pytest.mark.parametrize("way", ["secret", "managed"])
def test_a_run_longer_than_a_token_goes_on(
    cloud: Cloud, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.tenant.identity.life = timedelta(seconds=1)
    cloud.app.secrets["s3cret"] = LATER
    if way == "managed":
        cloud.managed(monkeypatch)
    else:
        cloud.environment(monkeypatch, AZURE_CLIENT_SECRET="s3cret")

    async def work() -> list[list[str]]:
        graph = connect()
        found: list[list[str]] = []
        for _ in range(3):
            found.append(await graph.verified_domains())
            await asyncio.sleep(1.1)
        await graph.close()
        return found

    assert asyncio.run(work()) == [["contoso.edu"]] * 3


def test_a_token_that_soon_ends_is_renewed_before_it_does(
    cloud: Cloud, tools: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    soon = int(time.time()) + RENEW_SECONDS - 10
    write_tool(
        tools,
        "az",
        f"import json; open({str(calls)!r}, 'a').write('x');"
        f"print(json.dumps({{'accessToken': 'a.b.c', 'expires_on': {soon}}}))",
    )
    signed = sign_in()
    signed.get_token(SCOPE)
    signed.get_token(SCOPE)
    assert calls.read_text() == "xx"


def test_what_is_no_token_has_no_claims() -> None:
    assert claims_of("") == claims_of("a.b.c") == claims_of("opaque") == {}
    assert os.environ.get("AZURE_CLIENT_SECRET") is None
