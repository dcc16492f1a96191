"""The directory: reachable, an education tenant, its domains, licences, size, and what syncs it.

Everything is read, nothing written. What may not be read is a warning that says so, because the
doctor must not take "not allowed to see" for "not there".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from graph.exchange import as_object
from roster.errors import RollcallError

from .check import Check
from .features import domains, features

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from graph.direct import Direct, Heard

    from ..config import Config

AREA = "Directory"
SLOW_SECONDS = 3.0
SKEW_SECONDS, SKEW_LIMIT = 60, 300
# https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions
SMALL_QUOTA, QUOTA = 50_000, 300_000
NEARLY_FULL = 0.8
_COUNTED = ("/users", "/groups", "/directory/administrativeUnits")
_EVENTUAL = {"ConsistencyLevel": "eventual"}
# Service plans of https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
_PREMIUM = ("AAD_PREMIUM", "AAD_PREMIUM_P2")
_TEAMS = ("TEAMS1",)
_LICENCES: dict[str, tuple[tuple[str, ...], str]] = {
    "rules": (_PREMIUM, "memberships by rule need Entra ID P1 for each person"),
    "provisioning": (_PREMIUM, "API-driven provisioning needs Entra ID P1"),
    "teams": (_TEAMS, "class teams need Teams, as in Microsoft 365 A1, A3 or A5"),
}


@dataclass
class Examined:
    """What one check learnt that another needs."""

    verified: tuple[str, ...] = ()


async def check_directory(line: Direct, config: Config, say: Callable[[str], None]) -> list[Check]:
    """All checks of the directory; only the first one if it does not answer."""
    known = Examined()
    say("Asking Graph")
    try:
        heard = await line.get("/domains?$select=id,isDefault,isVerified")
    except RollcallError as error:
        return [
            Check(
                AREA, "reachable", "problem", str(error),
                "check this machine's network and proxy: graph.microsoft.com, port 443",
            )
        ]  # fmt: skip
    checks = [_reachable(heard), *_clock(heard), *_domains(heard, config, known)]
    steps: tuple[tuple[str, Callable[[], Awaitable[list[Check]]]], ...] = (
        ("Asking for the organisation", lambda: _organization(line)),
        ("Asking for the education roster", lambda: _education(line)),
        ("Asking for licences", lambda: _licences(line, config)),
        ("Counting objects", lambda: _size(line, known)),
        ("Asking for changes", lambda: _delta(line)),
    )
    for what, step in steps:
        say(what)
        try:
            checks += await step()
        except RollcallError as error:
            checks.append(Check(AREA, what, "problem", str(error), "run the doctor again"))
    return [*checks, _load(line)]


def _reachable(heard: Heard) -> Check:
    found = f"answers in {heard.seconds * 1000:,.0f} ms"
    if heard.response.status in (401, 429) or heard.response.status >= 500:
        found += f" with {heard.response.status} {heard.response.code}"
        return Check(AREA, "reachable", "problem", found, _refusal_advice(heard))
    if heard.seconds > SLOW_SECONDS:
        return Check(AREA, "reachable", "warning", found, "a run takes longer at this speed")
    return Check(AREA, "reachable", "ok", found)


def _refusal_advice(heard: Heard) -> str:
    if heard.response.status == 401:
        return "Graph does not accept the token: check the tenant, and sign in again"
    return "the service is busy: run the doctor again in a few minutes"


def _clock(heard: Heard) -> list[Check]:
    told = heard.response.headers.get("date")
    if not told:
        return []
    skew = time.time() - parsedate_to_datetime(told).timestamp() - heard.seconds / 2
    found = f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} Microsoft's"
    if abs(skew) < SKEW_SECONDS:
        return [Check(AREA, "clock", "ok", "as Microsoft's")]
    state = "problem" if abs(skew) > SKEW_LIMIT else "warning"
    advice = "set this machine's clock by NTP: tokens and certificates depend on the time"
    return [Check(AREA, "clock", state, found, advice)]


def _domains(heard: Heard, config: Config, known: Examined) -> list[Check]:
    if not heard.response.ok:
        return [_unreadable("domains", heard, "Domain.Read.All")]
    listed: list[dict[str, Any]] = heard.response.body["value"]
    listed = sorted(listed, key=lambda domain: (not domain.get("isDefault"), domain["id"]))
    known.verified = tuple(d["id"].lower() for d in listed if d.get("isVerified"))
    checks = [Check(AREA, "verified domains", "ok", ", ".join(known.verified))]
    for domain, settings in domains(config).items():
        if domain not in known.verified:
            checks.append(
                Check(
                    AREA, f"domain {domain}", "problem",
                    f"not verified in this tenant, but set in {', '.join(settings)}",
                    "verify it under Entra > Custom domain names, or mend the setting",
                )
            )  # fmt: skip
    return checks


async def _organization(line: Direct) -> list[Check]:
    heard = await line.get("/organization")
    if not heard.response.ok:
        return [_unreadable("directory sync", heard, "Organization.Read.All")]
    listed: list[dict[str, Any]] = heard.response.body["value"]
    about = listed[0] if listed else dict[str, Any]()
    name = Check(AREA, "tenant", "ok", str(about.get("displayName", "")))
    if about.get("onPremisesSyncEnabled"):
        found = (
            "on: accounts from on-premises AD are matched and joined to classes and groups; what "
            "AD owns of them is never written, and differences are findings"
        )
        return [name, Check(AREA, "directory sync", "ok", found)]
    return [name, Check(AREA, "directory sync", "ok", "off: accounts live in the cloud only")]


async def _education(line: Direct) -> list[Check]:
    # A filter on a roster property is what tells tenants with and without the roster apart.
    heard = await line.get("/education/classes?$filter=externalId eq 'rollcall'&$select=id")
    if heard.response.ok:
        return [Check(AREA, "education roster", "ok", "there")]
    if "Education_ObjectType" in heard.response.message:
        advice = (
            "the tenant needs an education subscription (Office 365 A1 is free); without it "
            "classes and schools cannot be made"
        )
        return [Check(AREA, "education roster", "problem", "not an education tenant", advice)]
    return [_unreadable("education roster", heard, "EduRoster.ReadWrite.All")]


async def _licences(line: Direct, config: Config) -> list[Check]:
    wanted = {name: what for name, what in _LICENCES.items() if name in features(config)}
    heard = await line.get("/subscribedSkus")
    if not heard.response.ok:
        return [_unreadable("licences", heard, "Organization.Read.All")]
    skus: list[dict[str, Any]] = heard.response.body["value"]
    active = [sku for sku in skus if sku.get("capabilityStatus", "Enabled") == "Enabled"]
    found = ", ".join(f"{sku['skuPartNumber']} ({_units(sku)})" for sku in active) or "none"
    checks = [Check(AREA, "licences", "ok", found)]
    plans = {plan["servicePlanName"] for sku in active for plan in sku.get("servicePlans", ())}
    for feature, (names, why) in wanted.items():
        if not plans & set(names):
            checks.append(
                Check(AREA, f"licence for {feature}", "problem", f"none with {names[0]}", why)
            )
    return checks


def _units(sku: dict[str, Any]) -> str:
    enabled = as_object(sku.get("prepaidUnits")).get("enabled", 0)
    return f"{sku.get('consumedUnits', 0):,} of {enabled:,} used"


async def _size(line: Direct, known: Examined) -> list[Check]:
    total = 0
    for collection in _COUNTED:
        heard = await line.get(f"{collection}/$count", _EVENTUAL)
        if not heard.response.ok:
            role = {"/users": "User.Read.All", "/groups": "Group.Read.All"}.get(
                collection, "AdministrativeUnit.Read.All"
            )
            return [_unreadable("size", heard, role)]
        total += int(heard.text.lstrip("\ufeff"))
    own = any(not name.endswith(".onmicrosoft.com") for name in known.verified)
    quota = QUOTA if own else SMALL_QUOTA
    found = f"{total:,} people, groups and units of {quota:,} objects that a tenant may hold"
    if total < NEARLY_FULL * quota:
        return [Check(AREA, "size", "ok", found)]
    advice = "deleted objects count for 30 days too; Microsoft's support raises the quota"
    if not own:
        advice = f"a verified domain of your own raises it to {QUOTA:,}"
    return [Check(AREA, "size", "warning", found, advice)]


async def _delta(line: Direct) -> list[Check]:
    heard = await line.get("/users/delta?$select=id&$deltaToken=latest")
    if heard.response.ok and "@odata.deltaLink" in heard.response.body:
        return [Check(AREA, "delta queries", "ok", "work")]
    return [_unreadable("delta queries", heard, "User.Read.All")]


def _load(line: Direct) -> Check:
    if not line.most_load:
        return Check(AREA, "quota", "ok", "under 80 % of the request quota is in use")
    found = f"{line.most_load:.0%} of a request quota is in use right now"
    advice = "another app, or a run, is busy in this tenant; Rollcall makes way for it"
    return Check(AREA, "quota", "warning", found, advice)


def _unreadable(name: str, heard: Heard, role: str) -> Check:
    response = heard.response
    if response.status in (401, 403):
        state = "warning" if role == "Organization.Read.All" else "problem"
        return Check(AREA, name, state, "cannot be read", f"it needs the app role {role}")
    found = f"cannot be read: {response.status} {response.code}".rstrip()
    advice = "run the doctor again in a few minutes"
    if response.status in (400, 404):
        advice = "this cloud does not seem to offer it; look in the admin centre"
    return Check(AREA, name, "warning", found, advice)
