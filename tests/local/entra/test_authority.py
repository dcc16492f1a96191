"""The emulated sign-in service, spoken to by hand: what it refuses, and how."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from local.entra import Tenant, create_app
from local.entra.authority import (
    ASSERTION,
    AppRegistration,
    Authority,
    create_authority,
    self_signed,
)
from local.entra.identity import EXCHANGE, UserAssigned, claims_of

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTIFICATE = self_signed(KEY, "app")
ROLES = frozenset({"User.Read.All"})


class World:
    def __init__(self) -> None:
        self.tenant = Tenant(domains=["contoso.edu"])
        self.authority = Authority(self.tenant.identity)
        self.app = self.authority.register(
            AppRegistration(ROLES, secrets={"s3cret": datetime.now(UTC) + timedelta(days=1)})
        )
        self.app.certificates.append(CERTIFICATE)
        self.path = f"/{self.tenant.identity.tenant_id}"

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(create_authority(self.authority))
        async with httpx.AsyncClient(transport=transport, base_url="https://login") as client:
            return await client.request(method, path, **options)

    async def token(self, **form: str) -> httpx.Response:
        usual = {
            "grant_type": "client_credentials", "client_id": self.app.app_id,
            "client_secret": "s3cret", "scope": "https://graph.microsoft.com/.default",
        }  # fmt: skip
        data = {name: value for name, value in (usual | form).items() if value}
        return await self.ask("POST", f"{self.path}/oauth2/v2.0/token", data=data)

    async def asserted(self, assertion: str, kind: str = ASSERTION) -> httpx.Response:
        return await self.token(
            client_secret="", client_assertion=assertion, client_assertion_type=kind
        )

    def signed(self, **claims: Any) -> str:
        usual = {
            "aud": f"https://login{self.path}/oauth2/v2.0/token", "iss": self.app.app_id,
            "sub": self.app.app_id, "exp": time.time() + 60,
        }  # fmt: skip
        thumbprint = CERTIFICATE.fingerprint(hashes.SHA256())
        header = {"x5t#S256": jwt.utils.base64url_encode(thumbprint).decode()}
        return jwt.encode(usual | claims, KEY, "PS256", header)


def code(answer: httpx.Response) -> int:
    assert answer.json()["error_description"].startswith(f"AADSTS{answer.json()['error_codes'][0]}")
    return answer.json()["error_codes"][0]


async def test_a_token_is_for_the_app_and_holds_its_roles() -> None:
    world = World()
    answer = await world.token()
    claims = claims_of(answer.json()["access_token"])
    assert (claims["appid"], claims["oid"]) == (world.app.app_id, world.app.object_id)
    assert claims["roles"] == sorted(ROLES)
    assert answer.json()["expires_in"] > 80_000


async def test_clients_find_the_token_endpoint_by_discovery() -> None:
    world = World()
    known = await world.ask("GET", f"{world.path}/v2.0/.well-known/openid-configuration")
    assert known.json()["token_endpoint"] == f"https://login{world.path}/oauth2/v2.0/token"
    unknown = await world.ask("GET", "/elsewhere/v2.0/.well-known/openid-configuration")
    assert (unknown.status_code, code(unknown)) == (400, 90002)


@pytest.mark.parametrize(
    ("form", "number"),
    [
        ({"grant_type": "password"}, 70003),
        ({"client_secret": ""}, 7000218),
        ({"scope": "https://vault.azure.net/.default"}, 1002012),
        ({"client_id": "nobody"}, 700016),
    ],
)
async def test_what_is_wrong_is_refused_by_number(form: dict[str, str], number: int) -> None:
    answer = await World().token(**form)
    assert answer.status_code in (400, 401)
    assert code(answer) == number


async def test_an_assertion_of_a_registered_certificate_is_accepted() -> None:
    world = World()
    assert (await world.asserted(world.signed())).status_code == 200


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"aud": "https://elsewhere"}, 700023),
        ({"exp": time.time() - 60}, 700024),
        ({"iss": "other", "sub": "other"}, 700027),
    ],
)
async def test_an_assertion_that_is_not_for_here_is_refused(
    claims: dict[str, Any], number: int
) -> None:
    world = World()
    assert code(await world.asserted(world.signed(**claims))) == number


async def test_an_assertion_that_was_tampered_with_or_is_none_is_refused() -> None:
    world = World()
    head, _, signature = world.signed().split(".")
    other = world.signed(sub="admin").split(".")[1]
    assert code(await world.asserted(f"{head}.{other}.{signature}")) == 700027
    assert code(await world.asserted("nonsense")) == 50027
    assert code(await world.asserted(world.signed(), kind="password")) == 7000218


async def test_a_user_assigned_identity_is_found_by_any_of_its_ids() -> None:
    tenant = Tenant(domains=["contoso.edu"])
    one = UserAssigned("client-1", "object-1", "/subscriptions/S/identities/One", ROLES)
    tenant.identity.user_assigned.append(one)
    transport = httpx.ASGITransport(create_app(tenant))
    async with httpx.AsyncClient(transport=transport, base_url="http://msi") as client:

        async def ask(**query: str) -> httpx.Response:
            params = {"resource": EXCHANGE, **query}
            return await client.get("/msi/token", params=params, headers={"x-identity-header": "x"})

        for query in (
            {"client_id": "client-1"},
            {"object_id": "object-1"},
            {"mi_res_id": "/subscriptions/s/identities/one"},
        ):
            claims = claims_of((await ask(**query)).json()["access_token"])
            assert (claims["oid"], claims["aud"]) == ("object-1", EXCHANGE)
        refused = await ask(client_id="unknown")
        assert (refused.status_code, refused.json()["statusCode"]) == (400, 400)
        own = claims_of((await ask()).json()["access_token"])
        assert own["oid"] == tenant.identity.object_id
