"""How many objects a directory holds: deleted ones count until they are gone for good, and a
quarter for 30 days after that. An object is in 30 administrative units at most.

50,000 at first, 300,000 with a verified domain:
https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from local.entra.errors import GraphError

if TYPE_CHECKING:
    from datetime import datetime

    from local.entra.messages import Json
    from local.entra.tenant import Tenant

MOST_UNITS = 30
MOST_RESTRICTED = 100
REMEMBERED = timedelta(days=30)


class Capacity:
    """Counts the objects of a tenant against its object quota."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._purged: deque[tuple[datetime, int]] = deque()
        self._seen = 0
        self._counting = 0

    def notice(self, now: datetime) -> None:
        """Keeps in mind when objects went for good."""
        fresh = len(self._tenant.directory.purged) - self._seen
        if fresh > 0:
            self._purged.append((now, fresh))
            self._counting += fresh
            self._seen += fresh
        while self._purged and self._purged[0][0] + REMEMBERED <= now:
            self._counting -= self._purged.popleft()[1]

    def check_unit(self, body: Json) -> None:
        """Refuses one more unit of restricted management than a tenant can have."""
        if not body.get("isMemberManagementRestricted"):
            return
        units = (unit for _, unit in self._tenant.directory.page("administrativeUnit", 0))
        restricted = sum(bool(unit.values.get("isMemberManagementRestricted")) for unit in units)
        if restricted >= MOST_RESTRICTED:
            raise _too_many("restricted management administrative units", MOST_RESTRICTED)

    def check_membership(self, member: str) -> None:
        """Refuses one more unit than an object can be in."""
        live = self._tenant.directory.live
        containers = live[member].containers if member in live else ()
        units = sum(live[one].kind == "administrativeUnit" for one, _ in containers if one in live)
        if units >= MOST_UNITS:
            raise _too_many("administrative units of one object", MOST_UNITS)

    def check(self) -> None:
        """403 where no object more fits in."""
        quota, directory = self._tenant.features.object_quota, self._tenant.directory
        held = len(directory.live) + len(directory.deleted) + self._counting / 4
        if quota and held + 1 > quota:
            raise _full(quota)


def _full(quota: int) -> GraphError:
    return GraphError(
        403,
        "Directory_QuotaExceeded",
        f"The directory object quota limit has been exceeded ({quota} objects). Please ask your "
        "administrator to increase the quota limit or delete objects to reduce the used quota.",
    )


def _too_many(what: str, most: int) -> GraphError:
    """403 for one object that is refused, while the tenant takes others."""
    return GraphError(
        403,
        "Directory_QuotaExceeded",
        "The directory object has reached its quota: the request would exceed the maximum quota "
        f"count '{most}' for {what}.",
    )
