"""A tenant: its directory, identity, domains, limits, and every Graph operation on it in one place.

`perform` is the only door: faults, app role, limits, writes that meet, replication lag, the
operation, the record. HTTP and $batch both come through it.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from local.entra import errors
from local.entra.agenda import Agenda
from local.entra.applications import Applications
from local.entra.capacity import Capacity
from local.entra.clock import Clock, SystemClock, VirtualClock, stamp
from local.entra.concurrency import Concurrency
from local.entra.delta import Deltas
from local.entra.directory import Change, Directory
from local.entra.dynamic import DynamicMembership
from local.entra.errors import GraphError
from local.entra.extensions import Extensions
from local.entra.faults import LOST, Fault, Faults, Reset
from local.entra.features import Features
from local.entra.identity import ALL_ROLES, Identity
from local.entra.index import Index
from local.entra.lag import Lag
from local.entra.licences import Licences
from local.entra.messages import Answer, Json, Request
from local.entra.permissions import check_role
from local.entra.prices import Price, price
from local.entra.principals import Principals
from local.entra.provisioning import Provisioning
from local.entra.quota import Limits
from local.entra.routes import Router
from local.entra.scenario import Scenario, changed
from local.entra.service import Service
from local.entra.teams import Teams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from local.entra.objects import DirectoryObject

PUBLIC = "https://graph.microsoft.com/v1.0"


class Tenant:
    """An Entra tenant. `domains`: verified, the default one first.

    `scenario` says how it behaves; `clock`, `seed` (of all that is chance), `write_quota` (writes
    per 150 s of an app) and `features` go before what the scenario says of them.
    """

    def __init__(
        self,
        domains: Sequence[str] = ("contoso.edu",),
        *,
        clock: Clock | None = None,
        write_quota: int | None = None,
        roles: frozenset[str] = ALL_ROLES,
        record: Path | None = None,
        seed: int | None = None,
        scenario: Scenario | None = None,
        features: Features | None = None,
    ) -> None:
        self.domains = tuple(domains)
        self.scenario = scenario or Scenario()
        if write_quota is not None:
            quotas = self.scenario.quotas.model_copy(update={"writes": write_quota})
            self.scenario = self.scenario.model_copy(update={"quotas": quotas})
        self.chance = random.Random(self.scenario.seed if seed is None else seed)
        self.clock = clock or _clock(self.scenario)
        self.directory = Directory()
        self.features = features or Features.from_json(self.scenario.features)
        self.identity = Identity(str(uuid4()), str(uuid4()), roles, self.clock)
        self.index = Index(self.directory, self.clock, self.chance)
        self.lag = Lag(self.directory, self.clock, self.chance)
        self.concurrency = Concurrency(self.directory)
        self.extensions = Extensions(self)
        self.agenda = Agenda()
        self.dynamic = DynamicMembership(self)
        self.teams = Teams(self)
        self.provisioning = Provisioning(self)
        self.applications = Applications(self)
        self.principals = Principals(self)
        self.licences = Licences(self)
        self.capacity = Capacity(self)
        self.faults = Faults(self.chance, self.scenario.faults)
        self.limits = self._limits()
        self.deltas = Deltas(self)
        self.counters: dict[str, Any] = {
            "requests": 0, "writes": 0, "http": 0, "throttled": 0,
            "batches": 0, "writeUnits": 0, "resourceUnits": 0, "areas": {},
        }  # fmt: skip
        self._router = Router(Service(self), self.deltas, self)
        self._record = record.open("a", encoding="utf-8") if record else None
        self._stamped = (0, "")
        self._error_ids = f"{uuid4()}"[:24]
        self._errors = 0
        self._watch()

    def now(self) -> datetime:
        """The tenant's time."""
        return self.clock.now()

    def stamp(self) -> str:
        """The tenant's time as Graph writes it."""
        second = int(self.clock.seconds())
        if second != self._stamped[0]:
            self._stamped = (second, stamp(self.now()))
        return self._stamped[1]

    def catch_up(self) -> None:
        """Does what the service has to do by itself until now."""
        self._router.catch_up()

    def domain_list(self) -> list[Json]:
        """The verified domains as Graph lists them."""
        return [
            {"id": name, "isDefault": name == self.domains[0], "isVerified": True,
             "isInitial": False, "isAdminManaged": True, "isRoot": True,
             "authenticationType": "Managed", "supportedServices": ["Email"]}
            for name in self.domains
        ]  # fmt: skip

    def change(self, text: str, source: str) -> None:
        """Takes up what a scenario text says; BadInput, and no change, where it is wrong.

        Buckets start full where quotas change; faults replace those still to come.
        """
        self.scenario, given = changed(self.scenario, text, source)
        if "quotas" in given:
            self.limits = self._limits()
        if "features" in given:
            self.features = Features.from_json(self.scenario.features, self.features)
        if "faults" in given:
            self.faults = Faults(self.chance, self.scenario.faults)
        if "lag" in given:
            self.settle()
            self._watch()

    def settle(self) -> None:
        """Everything that was changed so far has been replicated everywhere."""
        self.lag.settle()
        self.index.settle()

    def perform(self, request: Request, *, contended: bool = False) -> Answer | None:
        """The answer to an operation; None when a fault loses it, Reset when one breaks it off.

        `contended`: another operation writes the same object at this moment.
        """
        try:
            answer = self._perform(request, contended)
        except Reset:
            self._write_down(request, None)
            raise
        if self._record is not None:
            self._write_down(request, answer)
        return answer

    def _perform(self, request: Request, contended: bool) -> Answer | None:
        fault = self.faults.next(request)
        if fault and fault.before:
            return self._counted(request, self.failed(fault, request))
        try:
            check_role(request)
            paid, headers = self.limits.charge(request)
            self._check(request, contended)
            answer = self._router.answer(request)
        except GraphError as error:
            return self._counted(request, self.refusal(error, request.headers))
        counted = Answer(
            answer.status,
            answer.body,
            headers | answer.headers if answer.headers else headers,
            fault.settings.slow if fault else 0.0,
        )
        self._counted(request, counted, paid)
        if fault is None or fault.settings.status is None:
            return counted
        failed = self.failed(fault, request)
        self.counters["throttled"] += failed is not None and failed.status == 429
        return failed

    def failed(self, fault: Fault, request: Request) -> Answer | None:
        """The answer that a fault gives; None where it is lost. Raises Reset."""
        error = fault.error()
        if error is None:
            return None
        answer = self.refusal(error, request.headers)
        return Answer(answer.status, answer.body, answer.headers, fault.settings.slow)

    def refusal(self, error: GraphError, headers: dict[str, str]) -> Answer:
        """An error as an answer."""
        self._errors += 1
        own = f"{self._error_ids}{self._errors:012x}"
        body = error.body(self.stamp().removesuffix("Z"), own,
                          headers.get("client-request-id", own))  # fmt: skip
        return Answer(error.status, body, error.headers)

    def _check(self, request: Request, contended: bool) -> None:
        """Refuses a write that meets another one, and what has not been replicated yet."""
        latency = self.scenario.latency
        taken = latency.request if request.batch is None else latency.batch
        if self.scenario.batch.concurrency and (
            contended or self.concurrency.meets(request, self.clock.seconds(), taken)
        ):
            raise errors.concurrency()
        self.lag.check(request)
        self.directory.purge_old(self.now())

    def _counted(
        self, request: Request, answer: Answer | None, paid: Price | None = None
    ) -> Answer | None:
        """Counts an operation: all of them, and of those that succeeded the writes."""
        known = paid or price(request, thirds=False)
        counters, throttled = self.counters, answer is not None and answer.status == 429
        area = counters["areas"].get(known.area)
        if area is None:
            area = counters["areas"][known.area] = {"requests": 0, "writes": 0, "throttled": 0}
        for counts in (counters, area):
            counts["requests"] += 1
            counts["throttled"] += throttled
            if paid and paid.writes:
                counts["writes"] += 1
        if paid:
            counters["writeUnits"] += paid.writes
            counters["resourceUnits"] += paid.units
        return answer

    def _limits(self) -> Limits:
        return Limits(self.scenario.quotas, self.identity.tenant_id, self.clock)

    def _watch(self) -> None:
        """Follows the changes of the directory as long as the scenario has lag."""
        lag = self.scenario.lag
        fresh = lag.reads or lag.references or lag.teams

        def note(noted: DirectoryObject, change: Change, before: dict[str, Any]) -> None:
            whole = change.relation is None and not change.names
            if fresh and whole and noted.id in self.directory.live:
                self.lag.born(lag, noted)
            if lag.index:
                self.index.note(lag.index, noted, change, before)

        self.directory.watch = note if fresh or lag.index else None

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


def _clock(scenario: Scenario) -> Clock:
    if scenario.clock.kind == "virtual":
        return VirtualClock(scenario.clock.start)
    return SystemClock()


def _redacted(body: Any) -> Any:
    """A body without passwords."""
    if isinstance(body, dict):
        found = cast("Json", body)
        return {n: "***" if n == "password" else _redacted(v) for n, v in found.items()}
    if isinstance(body, list):
        return [_redacted(one) for one in cast("list[Any]", body)]
    return body
