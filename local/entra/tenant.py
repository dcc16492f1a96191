"""A tenant: its directory, identity, domains, quota, and every Graph operation on it in one place.

`perform` is the only door: sign-in, app role, faults, quota, the operation, the record. HTTP and
$batch both come through it.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from local.entra.agenda import Agenda
from local.entra.clock import Clock, SystemClock, stamp
from local.entra.delta import Deltas
from local.entra.directory import Directory
from local.entra.errors import GraphError
from local.entra.extensions import Extensions
from local.entra.faults import LOST, Fault, Faults
from local.entra.features import Features
from local.entra.identity import ALL_ROLES, Identity, check_role
from local.entra.messages import Answer, Json, Request
from local.entra.quota import WRITES, WriteQuota
from local.entra.routes import Router
from local.entra.service import Service

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

READS = frozenset({"GET", "HEAD"})
# POSTs that only read: https://learn.microsoft.com/graph/throttling-limits
READING_POSTS = frozenset({("directoryObjects", "getByIds")})
PUBLIC = "https://graph.microsoft.com/v1.0"


class Tenant:
    """An Entra tenant. `domains`: verified, the default one first. `seed` fixes what is chance."""

    def __init__(
        self,
        domains: Sequence[str] = ("contoso.edu",),
        *,
        clock: Clock | None = None,
        write_quota: int = WRITES,
        roles: frozenset[str] = ALL_ROLES,
        record: Path | None = None,
        seed: int = 1,
        features: Features | None = None,
    ) -> None:
        self.domains = tuple(domains)
        self.chance = random.Random(seed)
        self.directory = Directory()
        self.features = features or Features()
        self.extensions = Extensions(self)
        self.agenda = Agenda()
        self._clock = clock or SystemClock()
        self.identity = Identity(str(uuid4()), str(uuid4()), roles, self._clock)
        self.faults = Faults()
        self.deltas = Deltas(self)
        self.counters = {"requests": 0, "writes": 0, "http": 0, "throttled": 0}
        self._quota = WriteQuota(self._clock, write_quota)
        self._router = Router(Service(self), self.deltas, self)
        self._record = record.open("a", encoding="utf-8") if record else None

    def now(self) -> datetime:
        """The tenant's time."""
        return self._clock.now()

    def stamp(self) -> str:
        """The tenant's time as Graph writes it."""
        return stamp(self.now())

    def settle(self) -> None:
        """Does what the service has to do by itself until now."""
        self._router.settle()

    def domain_list(self) -> list[Json]:
        """The verified domains as Graph lists them."""
        return [
            {"id": name, "isDefault": name == self.domains[0], "isVerified": True,
             "isInitial": False, "isAdminManaged": True, "isRoot": True,
             "authenticationType": "Managed", "supportedServices": ["Email"]}
            for name in self.domains
        ]  # fmt: skip

    def perform(self, request: Request) -> Answer | None:
        """The answer to an operation; None when a fault loses it."""
        answer = self._perform(request)
        self._write_down(request, answer)
        return answer

    def _perform(self, request: Request) -> Answer | None:
        self.counters["requests"] += 1
        fault = self.faults.next(request)
        try:
            if fault and fault.when == "before":
                return _failed(fault, self, request)
            check_role(request.path, request.roles)
            if _writes(request):
                self._quota.spend(f"{self.identity.app_id}/{self.identity.tenant_id}")
            self.directory.purge_old(self.now())
            answer = self._router.answer(request)
        except GraphError as error:
            self.counters["throttled"] += error.status == 429
            return self.refusal(error, request.headers)
        self.counters["writes"] += _writes(request)
        if fault:
            return _failed(fault, self, request)
        headers = self._quota.headers() | {"x-ms-resource-unit": "1"}
        return Answer(answer.status, answer.body, headers | answer.headers)

    def refusal(self, error: GraphError, headers: dict[str, str]) -> Answer:
        """An error as an answer."""
        body = error.body(
            self.now().strftime("%Y-%m-%dT%H:%M:%S"),
            str(uuid4()),
            headers.get("client-request-id", str(uuid4())),
        )
        return Answer(error.status, body, error.headers)

    def _write_down(self, request: Request, answer: Answer | None) -> None:
        if self._record is None:
            return
        line = {
            "method": request.method,
            "url": f"{PUBLIC}{request.target}",
            "body": _redacted(request.body),
            "status": answer.status if answer else LOST,
            "batch": request.batch,
        }
        self._record.write(json.dumps(line) + "\n")
        self._record.flush()


def _writes(request: Request) -> bool:
    """Whether an operation counts against the write quota."""
    return request.method not in READS and request.path not in READING_POSTS


def _failed(fault: Fault, tenant: Tenant, request: Request) -> Answer | None:
    if fault.status == LOST:
        return None
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    error = GraphError(fault.status, "UnknownError", "A fault that was asked for.", headers=headers)
    return tenant.refusal(error, request.headers)


def _redacted(body: Any) -> Any:
    """A body without passwords."""
    if isinstance(body, dict):
        found = cast("Json", body)
        return {n: "***" if n == "password" else _redacted(v) for n, v in found.items()}
    if isinstance(body, list):
        return [_redacted(one) for one in cast("list[Any]", body)]
    return body
