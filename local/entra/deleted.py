"""Deleted items: what was deleted in the last 30 days can be listed, restored, or purged.

https://learn.microsoft.com/graph/api/directory-deleteditems-list,
https://learn.microsoft.com/graph/api/directory-deleteditems-restore
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from local.entra import errors, privileges, query, rules
from local.entra.clock import stamp
from local.entra.messages import Answer
from local.entra.service import NO_CONTENT, PLAIN

if TYPE_CHECKING:
    from local.entra.messages import Json, Request
    from local.entra.objects import DirectoryObject
    from local.entra.service import Service
    from local.entra.tenant import Tenant
    from local.entra.views import View


class DeletedItems:
    """The deleted items of a tenant."""

    def __init__(self, tenant: Tenant, service: Service) -> None:
        self._tenant = tenant
        self._directory = tenant.directory
        self._service = service

    def list(self, request: Request, view: View) -> Answer:
        """GET /directory/deletedItems/microsoft.graph.{type}, with $select, $filter and paging."""
        self._tenant.extensions.check_query(request.query.get("$filter", ""))
        select, size = query.selected(request, view), query.page_size(request)
        start, test = query.start(request), query.test_of(request, view)
        gone = [
            one
            for one in self._directory.deleted.values()
            if view.shows(one) and (test is None or test(one))
        ]
        page = [
            _renamed(view.body(one, select), one) | {"deletedDateTime": stamp(one.deleted_at)}
            for one in gone[start : start + size]
            if one.deleted_at is not None
        ]
        following = start + size if len(gone) > start + size else None
        return self._service.listed(request, view.path, page, following)

    def restore(self, request: Request, key: str) -> Answer:
        """POST /directory/deletedItems/{id}/restore; a name taken meanwhile is a conflict."""
        gone = self._find(key)
        privileges.check_deletion(self._directory, gone, request.roles)
        view, values = PLAIN[gone.kind], dict(gone.values)
        body = cast("Json", request.body or {})
        if gone.kind == "user" and body.get("newUserPrincipalName"):
            values["userPrincipalName"] = body["newUserPrincipalName"]
        if body.get("autoReconcileProxyConflict"):
            addresses = cast("list[str]", values.get("proxyAddresses") or [])
            values["proxyAddresses"] = [
                one for one in addresses if not rules.is_taken(self._directory, one, gone)
            ]
        rules.check_values(view, values, self._directory, self._tenant.domains, gone)
        self._directory.restore(gone)
        self._directory.update(gone, values)
        return Answer(200, self._service.told(request, view, gone))

    def purge(self, request: Request, key: str) -> Answer:
        """DELETE /directory/deletedItems/{id}: for good."""
        gone = self._find(key)
        privileges.check_deletion(self._directory, gone, request.roles)
        self._directory.purge(gone)
        return NO_CONTENT

    def _find(self, key: str) -> DirectoryObject:
        found = self._directory.deleted.get(key.lower())
        if found is None:
            raise errors.not_found(key)
        return found


def _renamed(body: Json, gone: DirectoryObject) -> Json:
    """A deleted account is listed with its object id before its name, which is free again."""
    name = body.get("userPrincipalName")
    return body | {"userPrincipalName": gone.id.replace("-", "") + name} if name else body
