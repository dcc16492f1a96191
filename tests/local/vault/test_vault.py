"""The emulated vault answers as the vendor's page of the operation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from local.entra import Tenant
from local.vault import Vault, create_app

if TYPE_CHECKING:
    import httpx

VAULT = "https://vault.azure.net"


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(domains=["contoso.edu"])


@pytest.fixture
def vault(tenant: Tenant) -> Vault:
    return Vault(tenant.identity.tenant_id)


def get(
    vault: Vault, token: str = "", path: str = "/secrets/sis/?api-version=7.5"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return TestClient(create_app(vault)).get(path, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("innererror", {}).get("code", "")


def test_without_a_token_it_names_the_authority_and_the_resource(vault: Vault) -> None:
    answer = get(vault)
    assert code(answer) == (401, "Unauthorized", "")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer authorization="https://login.microsoftonline.com/{vault.tenant_id}", '
        f'resource="{VAULT}"'
    )


def test_a_token_for_something_else_is_refused(tenant: Tenant, vault: Vault) -> None:
    graph = tenant.identity.token("https://graph.microsoft.com")["access_token"]
    assert code(get(vault, graph))[0] == 401
    other = Tenant(domains=["fabrikam.edu"]).identity.token(VAULT)["access_token"]
    assert code(get(vault, other))[0] == 401


def test_the_current_version_is_given_or_the_one_that_is_named(
    tenant: Tenant, vault: Vault
) -> None:
    token = tenant.identity.token(VAULT)["access_token"]
    first, second = vault.set("sis", "1"), vault.set("sis", "2")
    answer = get(vault, token).json()
    assert (answer["value"], answer["attributes"]["enabled"]) == ("2", True)
    assert answer["id"].endswith(f"/secrets/sis/{second.version}")
    named = get(vault, token, f"/secrets/SIS/{first.version}?api-version=7.5")
    assert named.json()["value"] == "1"
    assert get(vault, token, "/secrets/sis?api-version=7.5").json()["value"] == "2"


def test_refusals_are_told_apart(tenant: Tenant, vault: Vault) -> None:
    token = tenant.identity.token(VAULT)["access_token"]
    assert code(get(vault, token)) == (404, "SecretNotFound", "")
    assert code(get(vault, token, "/secrets/a_b/?api-version=7.5")) == (400, "BadParameter", "")
    assert code(get(vault, token, "/secrets/sis/")) == (400, "BadParameter", "")
    vault.set("sis", "1", enabled=False)
    assert code(get(vault, token)) == (403, "Forbidden", "SecretDisabled")
    vault.readers = set()
    assert code(get(vault, token)) == (403, "Forbidden", "ForbiddenByRbac")
    vault.closed = True
    assert code(get(vault, token)) == (403, "Forbidden", "ForbiddenByFirewall")
    vault.busy = 1
    answer = get(vault, token)
    assert (code(answer)[0], answer.headers["Retry-After"]) == (429, "1")
