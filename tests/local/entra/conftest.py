"""A tenant, and a caller that speaks to it as a client over HTTP would, without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.entra import Tenant, create_app
from local.entra.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = "https://graph.microsoft.com/v1.0"


class Caller:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        token = tenant.identity.token("https://graph.microsoft.com")["access_token"]
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(tenant)),
            base_url="http://emulator",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, f"/v1.0{path}", json=body, headers=sent)

    async def user(self, name: str, **values: Any) -> str:
        return (await self("POST", "/users", user(name) | values)).json()["id"]

    async def seed(self, **objects: Any) -> dict[str, list[str]]:
        answer = await self.http.post("/emulator/seed", json=objects)
        answer.raise_for_status()
        return answer.json()

    async def set(self, **features: Any) -> None:
        (await self.http.post("/emulator/features", json=features)).raise_for_status()

    async def class_(self, key: str = "C1") -> str:
        body = {"displayName": key, "mailNickname": f"Section_{key}", "externalId": key,
                "externalSource": "sis"}  # fmt: skip
        return (await self("POST", "/education/classes", body)).json()["id"]


def user(name: str) -> dict[str, Any]:
    return {
        "accountEnabled": True, "displayName": name, "mailNickname": name,
        "userPrincipalName": f"{name}@contoso.edu", "passwordProfile": {"password": "Sunny-Day-1"},
    }  # fmt: skip


def reference(object_id: str) -> dict[str, str]:
    return {"@odata.id": f"{ROOT}/directoryObjects/{object_id}"}


def bind(*ids: str) -> list[str]:
    return [f"{ROOT}/directoryObjects/{object_id}" for object_id in ids]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def tenant(clock: VirtualClock) -> Tenant:
    return Tenant(["contoso.edu", "students.contoso.edu"], clock=clock)


@pytest.fixture
async def call(tenant: Tenant) -> AsyncIterator[Caller]:
    caller = Caller(tenant)
    yield caller
    await caller.http.aclose()
