"""The tenant of a history: who is there before, what is done by hand, what must be in the end."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from local.entra import Tenant
from local.entra.scenario import Lag, Scenario
from local.entra.seeding import seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from local.entra.clock import VirtualClock
    from local.entra.objects import DirectoryObject
    from tests.histories.district import District

DOMAIN = "contoso.edu"
_OWN = (
    "userPrincipalName", "displayName", "accountEnabled", "mailNickname", "givenName", "surname",
    "department", "officeLocation", "onPremisesExtensionAttributes",
)  # fmt: skip


class Tenancy:
    """A tenant with accounts from on-premises AD, a privileged one in each district, strangers."""

    def __init__(
        self, number: int, chance: Random, clock: VirtualClock, districts: Sequence[District]
    ) -> None:
        self.chance, self.districts = chance, districts
        lag = chance.choice((Lag(), Lag(), Lag(reads=6, references=8, index=20, teams=15)))
        self.tenant = Tenant([DOMAIN], clock=clock, seed=number, scenario=Scenario(lag=lag))
        seed(self.tenant, {
            "users": [
                *(_account(p, onPremisesSyncEnabled=True) for d in districts for p in d.synced),
                *(_account(d.privileged, directoryRoles=["Helpdesk Administrator"])
                  for d in districts),
                _account("stranger"),
            ],
            "groups": [{
                "displayName": "Chess club", "mailNickname": "chess", "securityEnabled": True,
                "mailEnabled": False, "members": [f"stranger@{DOMAIN}"],
            }],
        })  # fmt: skip
        self.tenant.lag.settle()
        [self.stranger] = self.tenant.directory.find(
            "user", "userPrincipalName", f"stranger@{DOMAIN}"
        )
        [(_, self.club)] = self.tenant.directory.page("group", 0)
        self._before = self._untouched()
        self.edits = Counter[str]()
        # People whose account was restored when they may have had another one: theirs to sort out.
        self.restored: set[str | None] = set()

    def calm(self, seconds: float) -> None:
        """No fault is left, and everything was written long ago."""
        self.tenant.faults.coming.clear()
        self.tenant.clock.advance(seconds=seconds)  # type: ignore[attr-defined]

    # What an administrator does by hand

    def edit(self) -> None:
        """One edit by hand of an object that Rollcall keeps."""
        kind = self.chance.choice(
            ("remove", "add", "rename", "delete", "stranger", "delete person", "restore", "purge")
        )
        if getattr(self, "_" + kind.replace(" ", "_"))():
            self.edits[f"{kind} by hand"] += 1

    def _remove(self) -> bool:
        chosen = self._container(assigned=True)
        if chosen is None or not chosen.members:
            return False
        self.tenant.directory.unlink(chosen, "members", self.chance.choice(list(chosen.members)))
        return True

    def _add(self) -> bool:
        user = self.chance.choice([u for _, u in self.tenant.directory.page("user", 0)])
        return self._link(user)

    def _stranger(self) -> bool:
        return self._link(self.stranger)

    def _link(self, user: DirectoryObject) -> bool:
        chosen = self._container(assigned=True)
        if chosen is None or user.id in chosen.members:
            return False
        self.tenant.directory.link(chosen, "members", user.id)
        return True

    def _rename(self) -> bool:
        chosen = self._container()
        if chosen is not None:
            self.tenant.directory.update(chosen, {"displayName": "By hand"})
        return chosen is not None

    def _delete(self) -> bool:
        chosen = self._container()
        if chosen is not None:
            self.tenant.directory.delete(chosen, self.tenant.now())
        return chosen is not None

    def _delete_person(self) -> bool:
        ours = [u for _, u in self.tenant.directory.page("user", 0)
                if _key(u) and not u.synced and not u.values.get("directoryRoles")]  # fmt: skip
        if ours:
            self.tenant.directory.delete(self.chance.choice(ours), self.tenant.now())
        return bool(ours)

    def _restore(self) -> bool:
        gone = [one for one in self.tenant.directory.deleted.values() if one.kind == "user"]
        if gone:
            back = self.chance.choice(gone)
            self.tenant.directory.restore(back)
            self.restored.add(_key(back))
        return bool(gone)

    def _purge(self) -> bool:
        gone = list(self.tenant.directory.deleted.values())
        if gone:
            self.tenant.directory.purge(self.chance.choice(gone))
        return bool(gone)

    def _container(self, *, assigned: bool = False) -> DirectoryObject | None:
        directory = self.tenant.directory
        found = [g for _, g in directory.page("group", 0) if g is not self.club]
        found += [u for _, u in directory.page("administrativeUnit", 0)]
        if assigned:
            found = [one for one in found if not one.values.get("membershipRule")]
        return self.chance.choice(found) if found else None

    # What has to be so in the end

    def differences(self, *, ruled: bool) -> list[str]:
        """How the directory differs from what the rosters say; and what was harmed.

        `ruled`: units and security groups have rules, which accounts from AD do not meet, because
        AD owns the attribute that the rules read.
        """
        there, wanted = self._memberships(), self._wanted(ruled=ruled)
        twice = {what for what, n in self._counts() if n > 1}
        left = {key for key in self.restored if f"user {key}" in twice}
        # A class for which no teacher is known keeps those whom it has.
        taught = {one[0] for one in wanted if one[2] == "owners" and one[1] not in left}
        there = {one for one in there if one[2] != "owners" or one[0] in taught}
        found = [f"missing {one}" for one in sorted(wanted - there) if one[1] not in left]
        found += [f"too much {one}" for one in sorted(there - wanted) if one[1] not in left]
        if self._untouched() != self._before:
            found.append("something that is not ours was changed")
        return found + [f"{w} exists twice" for w in sorted(twice - {f"user {k}" for k in left})]

    def _memberships(self) -> set[tuple[str, str, str]]:
        directory = self.tenant.directory
        keys = {user.id: _key(user) for _, user in directory.page("user", 0)}
        found: set[tuple[str, str, str]] = set()
        for _, unit in directory.page("administrativeUnit", 0):
            name = f"unit {unit.values['externalId']}"
            found |= {(name, keys[m], "members") for m in unit.members if keys[m]}
        for _, group in directory.page("group", 0):
            name = group.values.get("uniqueName") or f"class {group.values.get('externalId')}"
            name = name.replace("rollcall-class-", "class ")
            for relation in ("members", "owners"):
                found |= {(name, keys[m], relation) for m in group.links(relation) if keys[m]}
        return found

    def _wanted(self, *, ruled: bool) -> set[tuple[str, str, str]]:
        wanted = {one for district in self.districts for one in district.expected()}
        # Whose account lies in the recycle bin gets no second one.
        gone = {_key(u) for u in self.tenant.directory.deleted.values() if u.kind == "user"}
        gone -= {_key(user) for _, user in self.tenant.directory.page("user", 0)}
        synced = {person for district in self.districts for person in district.synced}
        return {
            (container, person, relation)
            for container, person, relation in wanted
            if person not in gone
            and not (ruled and person in synced and not container.startswith("class "))
        }

    def _untouched(self) -> str:
        """What nobody but its owner may change, as text."""
        synced = {f"{p}@{DOMAIN}" for district in self.districts for p in district.synced}
        users = [
            [user.values.get(name) for name in _OWN]
            for _, user in self.tenant.directory.page("user", 0)
            if user.values["userPrincipalName"] in synced or user is self.stranger
        ]
        privileged = [
            [user.values["userPrincipalName"], user.values["accountEnabled"]]
            for _, user in self.tenant.directory.page("user", 0)
            if user.values.get("directoryRoles")
        ]
        club = [self.club.values, sorted(self.club.members)]
        return json.dumps([users, privileged, club], sort_keys=True)

    def _counts(self) -> Iterator[tuple[str, int]]:
        directory = self.tenant.directory
        found = Counter(f"user {_key(user)}" for _, user in directory.page("user", 0))
        for kind in ("group", "administrativeUnit"):
            found.update(
                f"{kind} {key}"
                for _, one in directory.page(kind, 0)
                if (key := one.values.get("externalId") or one.values.get("uniqueName"))
            )
        del found["user None"]
        yield from found.items()


def _account(name: str, **values: object) -> dict[str, object]:
    return {"userPrincipalName": f"{name}@{DOMAIN}", "displayName": "From before",
            "mailNickname": name, "accountEnabled": True} | values  # fmt: skip


def _key(user: DirectoryObject) -> str | None:
    return user.value("student/externalId") or user.value("teacher/externalId")
