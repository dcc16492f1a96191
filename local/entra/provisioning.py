"""API-driven inbound provisioning: uploads of people, worked off later, and the log of it.

An upload answers 202 and nothing else; `bulkDelay` seconds later each record is matched by its
externalId with an employeeId, and the account is created, updated or disabled. The log tells of it
`logDelay` seconds after that. With the target `on-premises` accounts are those of the on-premises
directory, and reach the cloud `syncDelay` seconds later as synchronized users; one that finds a
cloud account of its user principal name takes that over.
https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-concepts,
https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from local.entra import rules, scim
from local.entra.clock import stamp
from local.entra.errors import GraphError
from local.entra.features import ON_PREMISES
from local.entra.messages import Answer, Json, Request
from local.entra.provisioning_log import Entry, ProvisioningLog
from local.entra.views import USER

if TYPE_CHECKING:
    from datetime import datetime

    from local.entra.objects import DirectoryObject
    from local.entra.tenant import Tenant


@dataclass(slots=True)
class Job:
    """A synchronization job of an enterprise application."""

    id: str
    principal: str
    paused: bool = False
    waiting: list[Json] = field(default_factory=list[Json])
    done: int = 0
    last: datetime | None = None


@dataclass(slots=True)
class Failure:
    """A failure that a test asks for: the next uploads of this person end with it."""

    code: str
    reason: str
    times: int


@dataclass(slots=True)
class Account:
    """An account of the on-premises directory. `user`: its id in the cloud, once it is there."""

    values: Json
    user: str = ""


class Refused(Exception):
    """A record that could not be applied; the log tells the code and the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Provisioning:
    """The provisioning jobs of a tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._directory = tenant.directory
        self._jobs: dict[tuple[str, str], Job] = {}
        self._accounts: dict[str, Account] = {}
        self.log = ProvisioningLog()
        self.failures: dict[str, Failure] = {}

    def define(self, principal: str, job: str) -> None:
        """Sets up a job of an application that is there."""
        self._jobs[principal.lower(), job.lower()] = Job(job, principal)

    def answer(self, request: Request, principal: str, rest: tuple[str, ...]) -> Answer:
        """The answer to a request below /servicePrincipals/{id}/synchronization/jobs."""
        match (request.method, *rest):
            case ("GET",):
                own = [job for (one, _), job in self._jobs.items() if one == principal.lower()]
                return Answer(200, {"value": [_told(job) for job in own]})
            case ("GET", key):
                return Answer(200, _told(self._job(principal, key)))
            case ("POST", key, "bulkUpload"):
                return self._upload(request, self._job(principal, key))
            case ("POST", key, "pause"):
                self._job(principal, key).paused = True
                return Answer(204)
            case ("POST", key, "start"):
                job = self._job(principal, key)
                job.paused = False
                self._schedule(job)
                return Answer(204)
            case _:
                raise GraphError(405, "MethodNotAllowed", "The method or address is not served.")

    def _job(self, principal: str, key: str) -> Job:
        found = self._jobs.get((principal.lower(), key.lower()))
        if found is None:
            raise GraphError(404, "NotFound", f"The synchronization job '{key}' was not found.")
        return found

    def _upload(self, request: Request, job: Job) -> Answer:
        job.waiting += scim.records(request)
        if not job.paused:
            self._schedule(job)
        location = f"{request.base}/auditLogs/provisioning/?$filter=jobid eq '{job.id}'"
        return Answer(202, None, {"Location": location})

    def _schedule(self, job: Job) -> None:
        """Plans the work on what waits; a pause before its time leaves it waiting."""
        count = len(job.waiting)

        def work(due: datetime) -> None:
            if job.paused:
                return
            records, job.waiting = job.waiting[:count], job.waiting[count:]
            for record in records:
                self._apply(job, record, due)

        self._tenant.agenda.put(self._tenant.now(), self._tenant.features.bulk_delay, work)

    def _apply(self, job: Job, record: Json, due: datetime) -> None:
        on_premises = self._tenant.features.provisioning_target == ON_PREMISES
        values = scim.user_values(record)
        entry = Entry(job.id, job.principal, self._tenant.identity.tenant_id, stamp(due), record,
                      on_premises=on_premises)  # fmt: skip
        try:
            self._check_failure(record)
            rules.check_kinds(USER, values)
            if on_premises:
                self._apply_on_premises(record, values, entry, due)
            else:
                self._apply_in_cloud(record, values, entry)
        except Refused as refused:
            entry.fail(refused.code, str(refused))
        except GraphError as error:
            entry.fail(error.details[0]["code"] if error.details else error.code, error.message)
        job.done, job.last = job.done + 1, due
        self._tenant.agenda.put(due, self._tenant.features.log_delay, lambda _: self.log.add(entry))

    def _check_failure(self, record: Json) -> None:
        key = str(record.get("externalId") or "")
        if not key:
            raise Refused("JoiningPropertyValueIsEmpty", "The matching attribute has no value.")
        failure = self.failures.get(key)
        if failure is not None and failure.times > 0:
            failure.times -= 1
            raise Refused(failure.code, failure.reason)

    # The cloud as target

    def _apply_in_cloud(self, record: Json, values: Json, entry: Entry) -> None:
        found = self._directory.find("user", "employeeId", str(record["externalId"]))
        if len(found) > 1:
            raise Refused("DuplicateTargetEntries", "More than one account has this employeeId.")
        values = values | self._principal_name(record)
        changed = found[0] if found else None
        if changed is not None and changed.synced:
            raise Refused(
                "AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises",
                "The account is mastered by an on-premises directory.",
            )
        if changed is None:
            values = self._started(values)
        news = _news(values, changed.values if changed else {})
        rules.check_values(USER, news, self._directory, self._tenant.domains, changed)
        if changed is None:
            changed = self._directory.add("user", values)
            entry.create(changed.id, values)
            return
        entry.update(changed.id, changed.values, news)
        self._directory.update(changed, news)

    def _principal_name(self, record: Json) -> Json:
        """The user principal name by its rule, and the mail nickname that comes of it."""
        told = {"userName": record.get("userName") or "", "externalId": record["externalId"]}
        name = self._tenant.features.upn_rule.format(**told)
        return {"userPrincipalName": name} if name else {}

    def _started(self, values: Json) -> Json:
        """The values of a fresh account."""
        name = str(values.get("userPrincipalName") or "")
        if "@" not in name:
            raise Refused("InvalidValue", "The user principal name has no domain.")
        return {
            "accountEnabled": True, "userType": "Member", "mailNickname": name.partition("@")[0],
            "createdDateTime": self._tenant.stamp(), **values,
        }  # fmt: skip

    # The on-premises directory as target

    def _apply_on_premises(self, record: Json, values: Json, entry: Entry, due: datetime) -> None:
        key = str(record["externalId"])
        account = self._account(key)
        values = values | self._principal_name(record)
        if scim.mail(record):
            values["mail"] = scim.mail(record)
        if account is None:
            values = self._started(values)
            self._check_name(key, values)
            account = self._accounts[key] = Account(self._on_premises(values))
            entry.create(str(account.values["onPremisesDistinguishedName"]), values)
        else:
            news = _news(values, account.values)
            self._check_name(key, news)
            entry.update(str(account.values.get("onPremisesDistinguishedName")), account.values,
                         news)  # fmt: skip
            account.values |= news
        self._tenant.agenda.put(
            due, self._tenant.features.sync_delay, lambda moment: self._arrive(account, moment)
        )

    def _account(self, key: str) -> Account | None:
        """The account of a person: one that came of an upload, or a synchronized user."""
        if key in self._accounts:
            return self._accounts[key]
        found = [one for one in self._directory.find("user", "employeeId", key) if one.synced]
        if len(found) > 1:
            raise Refused("DuplicateTargetEntries", "More than one account has this employeeId.")
        if not found:
            return None
        self._accounts[key] = Account(dict(found[0].values), found[0].id)
        return self._accounts[key]

    def _check_name(self, key: str, values: Json) -> None:
        """Refuses a user principal name that another account on premises has."""
        name = str(values.get("userPrincipalName") or "").lower()
        if not name:
            return
        others = [one.values for other, one in self._accounts.items() if other != key]
        others += [
            one.values
            for one in self._directory.find("user", "userPrincipalName", name)
            if one.synced and one.values.get("employeeId") != key
        ]
        if any(str(one.get("userPrincipalName")).lower() == name for one in others):
            raise Refused("AttributeValueMustBeUnique", "The user principal name is taken.")

    def _on_premises(self, values: Json) -> Json:
        """The values of a fresh account with those that Active Directory gives it."""
        domain, name = self._tenant.domains[0], str(values["userPrincipalName"])
        suffix = ",".join(f"DC={part}" for part in domain.split("."))
        return values | {
            "onPremisesSamAccountName": name.partition("@")[0][:20],
            "onPremisesDomainName": domain, "onPremisesUserPrincipalName": name,
            "onPremisesDistinguishedName": f"CN={values['displayName']},OU=People,{suffix}",
            "onPremisesImmutableId": base64.b64encode(uuid4().bytes_le).decode(),
            "onPremisesSyncEnabled": True,
        }  # fmt: skip

    def _arrive(self, account: Account, moment: datetime) -> None:
        """Synchronizes an account into the cloud, over a cloud account of the same name."""
        values = account.values | {"onPremisesLastSyncDateTime": stamp(moment)}
        name = str(values["userPrincipalName"])
        if name.partition("@")[2].lower() not in {one.lower() for one in self._tenant.domains}:
            values["userPrincipalName"] = f"{name.partition('@')[0]}@{self._tenant.domains[0]}"
        user = self._directory.get("user", account.user) if account.user else None
        if user is None:
            user = self._soft_match(values)
        if user is None:
            account.user = self._directory.add("user", values).id
            return
        account.user = user.id
        self._directory.update(user, values)

    def _soft_match(self, values: Json) -> DirectoryObject | None:
        found = self._directory.find("user", "userPrincipalName", str(values["userPrincipalName"]))
        return next((one for one in found if not one.synced), None)


def _news(values: Json, before: Json) -> Json:
    return {name: value for name, value in values.items() if before.get(name) != value}


def _told(job: Job) -> Json:
    """A job as Graph tells it: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob"""
    code = "Paused" if job.paused else "Active"
    status: dict[str, Any] = {"code": code, "countSuccessiveCompleteFailures": 0,
                              "escrowsPruned": False, "synchronizedEntryCountByType": [
                                  {"key": "User", "value": job.done}]}  # fmt: skip
    if job.last is not None:
        status["lastExecution"] = {"state": "Succeeded", "timeEnded": stamp(job.last)}
    schedule = {"interval": "PT40M", "state": "Paused" if job.paused else "Active"}
    return cast("Json", {"id": job.id, "templateId": job.id.partition(".")[0],
                         "schedule": schedule, "status": status})  # fmt: skip
