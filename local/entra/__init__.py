"""An emulator of Microsoft Entra ID behind Microsoft Graph v1.0: stateful, on loopback, in memory.

It behaves as the service is documented, quirks included, so that the client's real code paths run
against it: azure-identity's managed identity, msgraph-sdk, $batch, delta queries.
"""

from local.entra.app import create_app
from local.entra.tenant import Tenant

__all__ = ["Tenant", "create_app"]
