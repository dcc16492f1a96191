"""Sign-in: the managed-identity endpoint of App Service, and the tokens that it gives.

GET {IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=… with the header X-IDENTITY-HEADER
(https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
Tokens are unsigned JWTs: they prove nothing, and are good for this emulator only.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.entra.errors import GraphError

if TYPE_CHECKING:
    from local.entra.clock import Clock

RESOURCE = "https://graph.microsoft.com"
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


class Identity:
    """The app's identity in the tenant."""

    def __init__(self, tenant_id: str, app_id: str, roles: frozenset[str], clock: Clock) -> None:
        self.tenant_id = tenant_id
        self.app_id = app_id
        self.roles = roles
        self._clock = clock

    def token(self, resource: str) -> dict[str, Any]:
        """The answer of the endpoint: a token for `resource`."""
        if resource.rstrip("/") != RESOURCE:
            raise GraphError(500, "InternalServerError", "The resource is not known.")
        # Clients compare the expiry with their own clock, so it is told by the real one.
        expires = int((datetime.now(UTC) + LIFE).timestamp())
        claims = {
            "aud": RESOURCE, "tid": self.tenant_id, "appid": self.app_id, "idtyp": "app",
            "roles": sorted(self.roles), "exp": expires,
        }  # fmt: skip
        parts = ({"alg": "none", "typ": "JWT"}, claims)
        text = ".".join(_encoded(json.dumps(part)) for part in parts) + "."
        return {
            "access_token": text,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
        }

    def check(self, authorization: str) -> frozenset[str]:
        """The app roles in a request's token; 401 unless it is ours and still good."""
        scheme, _, text = authorization.partition(" ")
        claims = _claims(text) if scheme.lower() == "bearer" else {}
        fresh = claims.get("exp", 0) > datetime.now(UTC).timestamp()
        if claims.get("tid") != self.tenant_id or claims.get("aud") != RESOURCE or not fresh:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty or invalid.")
        return frozenset(claims.get("roles", ()))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _claims(token: str) -> dict[str, Any]:
    try:
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
