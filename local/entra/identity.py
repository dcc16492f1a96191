"""Sign-in: the managed-identity endpoint of App Service, and the tokens that it gives.

GET {IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=… with the header X-IDENTITY-HEADER
(https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
Tokens are unsigned JWTs: they prove nothing, and are good for this emulator only.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from local.entra.delegation import TEMPLATES, effective
from local.entra.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Collection

    from local.entra.clock import Clock

RESOURCE = "https://graph.microsoft.com"
RESOURCE_MANAGER = "https://management.azure.com"
EXCHANGE = "api://AzureADTokenExchange"  # what a federated credential hands in as assertion
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
VAULT = "https://vault.azure.net"
LIFE = timedelta(hours=24)
ALL_ROLES = frozenset(
    {
        "User.ReadWrite.All",
        "Group.ReadWrite.All",
        "EduRoster.ReadWrite.All",
        "AdministrativeUnit.ReadWrite.All",
        "Member.Read.Hidden",
        "Domain.Read.All",
        "Organization.Read.All",
        "Application.ReadWrite.OwnedBy",
        "Team.Create",
        "TeamSettings.ReadWrite.All",
        "TeamMember.ReadWrite.All",
        "SynchronizationData-User.Upload",
        "Synchronization.ReadWrite.All",
        "ProvisioningLog.Read.All",
        "LicenseAssignment.ReadWrite.All",
    }
)


@dataclass
class UserAssigned:
    """A user-assigned identity that is assigned to the app."""

    client_id: str
    object_id: str
    resource_id: str
    roles: frozenset[str]


class Identity:
    """The app's identity in the tenant: system-assigned, and user-assigned ones beside it.

    `life`: how long its tokens live. `issuer`: who signs them, as federated credentials name it.
    """

    def __init__(self, tenant_id: str, app_id: str, roles: frozenset[str], clock: Clock) -> None:
        self.tenant_id = tenant_id
        self.app_id = app_id
        self.resource_id = ""
        self.roles = roles
        self.object_id = str(uuid4())
        self.issuer = f"https://login.microsoftonline.com/{tenant_id}/v2.0"
        self.life = LIFE
        self.user_assigned: list[UserAssigned] = []
        self._clock = clock

    def token(
        self, resource: str, wanted: str = "", missing: Collection[str] = ()
    ) -> dict[str, Any]:
        """The answer of the endpoint: a token for `resource`, without the `missing` roles.

        `wanted`: client, object or resource id of a user-assigned identity; '' means the app's own.
        """
        if resource.rstrip("/") not in (RESOURCE, RESOURCE_MANAGER, EXCHANGE, VAULT):
            raise GraphError(500, "InternalServerError", "The resource is not known.")
        own = UserAssigned(self.app_id, self.object_id, "", self.roles)
        chosen = own if not wanted else self._assigned(wanted)
        text, expires = self.issue(
            resource.rstrip("/"),
            chosen.client_id,
            chosen.object_id,
            chosen.roles.difference(missing),
        )
        return {
            "access_token": text,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
        }

    def issue(
        self, audience: str, app_id: str, object_id: str, roles: frozenset[str]
    ) -> tuple[str, int]:
        """A token for an app of this tenant, and when it ends (seconds since 1970)."""
        # Clients compare the expiry with their own clock, so it is told by the real one.
        expires = int((datetime.now(UTC) + self.life).timestamp())
        claims = {
            "aud": audience, "iss": self.issuer, "tid": self.tenant_id, "appid": app_id,
            "oid": object_id, "sub": object_id, "idtyp": "app", "roles": sorted(roles),
            "exp": expires,
        }  # fmt: skip
        return _signed(claims), expires

    def person(
        self,
        scopes: Collection[str],
        directory_roles: Collection[str] = (),
        audience: str = RESOURCE,
    ) -> str:
        """A token of a person who uses a tool. `directory_roles`: names of `TEMPLATES`."""
        expires = int((datetime.now(UTC) + self.life).timestamp())
        return _signed(
            {"aud": audience, "iss": self.issuer, "tid": self.tenant_id, "oid": str(uuid4()),
             "appid": AZURE_CLI, "idtyp": "user", "scp": " ".join(scopes), "exp": expires,
             "wids": [TEMPLATES[name] for name in directory_roles]}
        )  # fmt: skip

    @property
    def client_id(self) -> str:
        """The client id of the app's own identity, as of those beside it."""
        return self.app_id

    def _assigned(self, wanted: str) -> UserAssigned:
        for one in self.user_assigned:
            if wanted.lower() in (one.client_id, one.object_id, one.resource_id.lower()):
                return one
        raise GraphError(
            400,
            "BadRequest",
            "No User Assigned or Delegated Managed Identity found for specified "
            "ClientId/ResourceId/PrincipalId.",
        )

    def check(self, authorization: str) -> frozenset[str]:
        """The app roles in a request's token, or what its person may do in words of app roles.

        401 unless the token is ours and still good.
        """
        scheme, _, text = authorization.partition(" ")
        claims = claims_of(text) if scheme.lower() == "bearer" else {}
        fresh = claims.get("exp", 0) > datetime.now(UTC).timestamp()
        if claims.get("tid") != self.tenant_id or claims.get("aud") != RESOURCE or not fresh:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty or invalid.")
        if "scp" in claims:
            return effective(claims["scp"].split(), claims.get("wids", ()))
        return frozenset(claims.get("roles", ()))


def _signed(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(_encoded(json.dumps(part)) for part in parts) + "."


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified; {} if it is none."""
    try:
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
