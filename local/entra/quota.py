"""The limits of the service: each operation is charged to every bucket that it falls under.

    directory   resource units (app), writes (app), writes (tenant, shared with other apps)
    education   requests (app), and the directory's writes where `educationWritesCount` says so
    teams       requests (app, per row of the table in `prices`), and requests per team
    extensions, reports, bulkUpload   requests (app); extensions are directory requests as well,
                uploads have a number a day as well

All or nothing: an operation that one bucket refuses takes from none. Every item of a batch is
charged by itself. https://learn.microsoft.com/graph/throttling,
https://learn.microsoft.com/graph/throttling-limits
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from local.entra.bucket import Bucket, Window
from local.entra.errors import GraphError
from local.entra.prices import Price, price, teams_limit

if TYPE_CHECKING:
    from local.entra.clock import Clock
    from local.entra.messages import Request
    from local.entra.scenario import Quotas

UNITS = {"S": 3_500, "M": 5_000, "L": 8_000}
DAY = 86_400.0
SUSTAINED = 0.83  # the share of Teams' listed rates that holds in the long run
WARNING = 0.8
# While other apps press on the tenant's writes, the last fifth is not for requests of low priority.
_KEPT_FROM_LOW = 0.2
_MOST_NOISE = 0.95


class _Demand(NamedTuple):
    bucket: Bucket | Window
    cost: int
    scope: str
    information: str
    keep: float = 0.0


class Limits:
    """The buckets of a tenant."""

    def __init__(self, settings: Quotas, tenant_id: str, clock: Clock) -> None:
        self._settings = settings
        self._tenant_id = tenant_id
        self._clock = clock
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self._tenant = Bucket(settings.tenant_writes, 300, clock.seconds())
        self._tenant.drain = min(settings.noise, _MOST_NOISE * self._tenant.rate)
        self._others_until = 0.0
        self._uploads = Window(settings.bulk_uploads_daily, DAY)

    def charge(self, request: Request) -> tuple[Price, dict[str, str]]:
        """The price that was taken, and what headers tell of it; 429 if a limit is reached."""
        now = self._clock.seconds()
        paid = price(request, thirds=self._settings.bind_cost == "thirds")
        demands = self._demands(request, paid, now)
        for demand in demands:
            lack = demand.bucket.lack(demand.cost, now, demand.keep)
            if lack > 1e-9:
                raise self._refusal(request, demand, lack, now)
        for demand in demands:
            demand.bucket.take(demand.cost, now)
        headers = _warning(max((d.bucket.used(now) for d in demands if d.scope), default=0.0))
        if paid.area in ("directory", "extensions"):
            headers["x-ms-resource-unit"] = str(paid.units)
        return paid, headers

    def spend_others(self, writes: float) -> None:
        """Other apps make so many directory writes, now."""
        now = self._clock.seconds()
        self._tenant.lose(writes, now)
        self._others_until = now + self._tenant.seconds

    def _demands(self, request: Request, paid: Price, now: float) -> list[_Demand]:
        settings, app = self._settings, request.app
        match paid.area:
            case "directory":
                return self._directory(request, paid, now)
            case "extensions":
                own = self._request(now, "extensions", app, settings.extensions, 10)
                return [*self._directory(request, paid, now), own]
            case "education":
                own = self._request(now, "education", app, settings.education, 10)
                counted = settings.education_writes_count and paid.writes
                return [own, *(self._writes(request, paid, now) if counted else ())]
            case "reports":
                return [self._request(now, "reports", app, settings.reports, 10)]
            case "bulkUpload":
                calls = self._request(now, "bulkUpload", app, settings.bulk_uploads, 5)
                return [calls, _Demand(self._uploads, 1, "", "")]
            case "teams":
                return self._teams(request, now) if settings.teams else []

    def _directory(self, request: Request, paid: Price, now: float) -> list[_Demand]:
        most = self._settings.units or UNITS[self._settings.tenant_size]
        bucket = self._bucket(now, most, 10, "units", request.app)
        scope = "Tenant_Application/ReadWrite" if paid.writes else "Tenant_Application/Read"
        units = _Demand(bucket, paid.units, scope, "ResourceUnitLimitExceeded")
        return [units, *self._writes(request, paid, now)] if paid.writes else [units]

    def _writes(self, request: Request, paid: Price, now: float) -> tuple[_Demand, _Demand]:
        app = self._bucket(now, self._settings.writes, 150, "writes", request.app)
        low = request.headers.get("x-ms-throttle-priority", "").lower() == "low"
        pressed = self._tenant.drain > 0 or now < self._others_until
        keep = _KEPT_FROM_LOW * self._tenant.capacity if low and pressed else 0.0
        return (
            _Demand(app, paid.writes, "Tenant_Application/Write", "WriteLimitExceeded"),
            _Demand(self._tenant, paid.writes, "Tenant/Write", "WriteLimitExceeded", keep),
        )

    def _teams(self, request: Request, now: float) -> list[_Demand]:
        limit = teams_limit(request)
        row = f"{limit.method} {'/'.join(limit.path)}"
        rate = limit.per_second * SUSTAINED
        demands = [
            _Demand(self._bucket(now, limit.per_second, 1, row, request.app, rate=rate), 1, "", "")
        ]
        if limit.per_team:
            most, seconds = limit.per_team
            team = self._bucket(now, most, seconds, row, "", request.path[1].lower())
            demands.append(_Demand(team, 1, "", ""))
        return demands

    def _request(self, now: float, name: str, app: str, most: int, seconds: float) -> _Demand:
        return _Demand(self._bucket(now, most, seconds, name, app), 1, "", "")

    def _bucket(
        self, now: float, most: int, seconds: float, *key: str, rate: float = 0.0
    ) -> Bucket:
        found = self._buckets.get(key)
        if found is None:
            found = self._buckets[key] = Bucket(most, seconds, now, rate)
        return found

    def _refusal(self, request: Request, demand: _Demand, lack: float, now: float) -> GraphError:
        accrue = self._settings.throttled_accrue
        wait = demand.bucket.refuse(demand.cost, now, lack, accrue=accrue)
        headers: dict[str, str] = {}
        if self._settings.retry_after:
            headers["Retry-After"] = str(max(1, ceil(wait - 1e-6)))
        if demand.scope:  # other services than the directory tell no more than when to come back
            headers["x-ms-throttle-scope"] = f"{demand.scope}/{request.app}/{self._tenant_id}"
            headers["x-ms-throttle-information"] = demand.information
            headers |= _warning(demand.bucket.used(now))
        return GraphError(429, "TooManyRequests", "Too many requests.", headers=headers)


def _warning(used: float) -> dict[str, str]:
    """The early warning, from 80 % on."""
    return {"x-ms-throttle-limit-percentage": f"{used:.2f}"} if used >= WARNING else {}
