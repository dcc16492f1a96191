"""How many objects a directory holds: deleted ones count until they are gone for good, and a
quarter for 30 days after that.

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

    from local.entra.tenant import Tenant

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

    def check(self) -> None:
        """403 where no object more fits in."""
        quota, directory = self._tenant.features.object_quota, self._tenant.directory
        held = len(directory.live) + len(directory.deleted) + self._counting / 4
        if quota and held + 1 > quota:
            raise GraphError(
                403,
                "Directory_QuotaExceeded",
                "The directory object quota limit for the Tenant has been exceeded. Please ask "
                "your administrator to increase the quota limit or delete objects to reduce the "
                "used quota.",
            )
