"""What Graph tells of the tenant itself: domains, organization, licences, extensions.

https://learn.microsoft.com/graph/api/organization-list,
https://learn.microsoft.com/graph/api/domain-list
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.entra.messages import Answer
from local.entra.service import body_of
from local.entra.views import USER

if TYPE_CHECKING:
    from local.entra.messages import Json, Request
    from local.entra.service import Service
    from local.entra.tenant import Tenant


class Company:
    """The tenant as an organization."""

    def __init__(self, tenant: Tenant, service: Service) -> None:
        self._tenant = tenant
        self._service = service

    def domains(self, request: Request) -> Answer:
        """GET /domains."""
        return self._service.listed(request, "domains", self._tenant.domain_list(), None)

    def organization(self, request: Request) -> Answer:
        """GET /organization."""
        syncing = self._tenant.features.on_premises_sync
        body: Json = {
            "id": self._tenant.identity.tenant_id, "displayName": "Contoso Schools",
            "tenantType": "AAD", "onPremisesSyncEnabled": syncing or None,
            "onPremisesLastSyncDateTime": self._tenant.stamp() if syncing else None,
            "verifiedDomains": [
                {"name": domain["id"], "isDefault": domain["isDefault"],
                 "isInitial": domain["isInitial"], "type": domain["authenticationType"]}
                for domain in self._tenant.domain_list()
            ],
        }  # fmt: skip
        return self._service.listed(request, "organization", [body], None)

    def extension_properties(self, request: Request, app: str) -> Answer:
        """GET and POST /applications/{id}/extensionProperties; ids of application and app are one.

        https://learn.microsoft.com/graph/api/application-post-extensionproperty
        """
        extensions = self._tenant.extensions
        path = f"applications('{app}')/extensionProperties"
        if request.method == "GET":
            return self._service.listed(request, path, extensions.of_app(app), None)
        body = body_of(request)
        name = f"extension_{app.replace('-', '').lower()}_{body.get('name')}"
        made = extensions.define(name, body.get("dataType", "String"), body["targetObjects"])
        return Answer(201, {"@odata.context": f"{request.base}/$metadata#{path}/$entity"} | made)

    def subscriptions(self, request: Request) -> Answer:
        """GET /subscribedSkus."""
        return self._service.listed(request, "subscribedSkus", self._tenant.licences.told(), None)

    def assign_licence(self, request: Request, key: str) -> Answer:
        """POST /users/{id}/assignLicense: 200 with the user."""
        user = self._service.find(USER, key)
        self._tenant.licences.assign(user, body_of(request))
        return Answer(200, self._service.told(request, USER, user))

    def licence_details(self, request: Request, key: str) -> Answer:
        """GET /users/{id}/licenseDetails."""
        details = self._tenant.licences.of_user(self._service.find(USER, key))
        return self._service.listed(request, f"users('{key}')/licenseDetails", details, None)
